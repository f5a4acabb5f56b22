//! `profile trust`: what certificate a gateway elsewhere shows, beside the one that is trusted, and taking the new one
//! on when a person says so. Only the TLS handshake is begun for that; nothing is ever trusted by itself.

use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use super::create::turn;
use crate::base::certificate::{Certificate, Change, pem};
use crate::base::{Error, Kind, Pin, Pins, Result};
use crate::cli::args::{PinArg, TrustArgs};
use crate::cli::{Context, survey};
use crate::client::explain::{Named, explain};
use crate::gateway::date::http_date;
use crate::host::{clock, files};
use crate::link::gateway::{Opening, Trouble};
use crate::link::tls::Shown;
use crate::link::tls::Trust;
use crate::profile::resolved::Transport;
use crate::profile::{Profile, Registry, create_remote};

/// How long one look may take.
const LOOK: Duration = Duration::from_secs(10);

/// Looks, tells, and writes what was agreed to.
///
/// # Errors
/// [`Kind::Usage`] for a profile without such a link; [`Kind::Unavailable`] when nothing is reached;
/// [`Kind::Denied`], code `fingerprint_differs`, when another certificate is shown than was agreed to.
pub async fn run(context: &Context, asked: &TrustArgs) -> Result<()> {
    let registry = survey::registry(context)?;
    let profile = registry.load(&asked.name)?;
    let Some(remote) = &profile.remote else {
        let what =
            format!("the gateway of `{}` runs on this machine and is known by its own file", asked.name);
        return Err(Error::new(Kind::Usage, "profile_local", what).profile(&asked.name));
    };
    if remote.transport == Transport::Ssh && remote.tls_fingerprint.is_none() {
        return host_keys(context, &profile).await;
    }
    let place = Place::of(&profile)?;
    let shown = place.look().await?;
    let found = Found::new(&registry, &profile, &place, shown).await?;
    let pin = found.pin(&profile, asked.pin)?;
    let pins = found.pins(&pin, asked.keep_old);
    let wanted = asked.fingerprint.as_deref().map(|text| {
        let why = |why| Error::new(Kind::Usage, "fingerprint_invalid", format!("--fingerprint: {why}"));
        text.parse::<Pin>().map_err(why)
    });
    let wanted = wanted.transpose()?;
    if let Some(wanted) = wanted.filter(|wanted| ![pin, found.now.fingerprint].contains(wanted)) {
        let what =
            format!("{} shows {}, and not {wanted}; nothing was changed", place.who(), found.now.fingerprint);
        return Err(Error::new(Kind::Denied, "fingerprint_differs", what)
            .profile(&profile.name)
            .remedy("ask whoever looks after the gateway for the fingerprint of its certificate"));
    }
    if !context.render.is_json() {
        context.render.text(&found.told(&place, asked));
    }
    let is_news = profile.remote.as_ref().and_then(|remote| remote.tls_fingerprint.as_ref()) != Some(&pins);
    let agreed = is_news && ((asked.yes && wanted.is_some()) || asks(context, &pin));
    if agreed {
        write(&registry, &profile, &pins).await?;
        keep(&registry, &profile, &found.der)?;
        if asked.pin == PinArg::Leaf {
            mirror(&registry, &profile, &pin)?;
        }
    }
    let name = &profile.name;
    let document = json!({
        "ok": true, "profile": name, "url": place.url(), "trusted": found.is_trusted || agreed, "changed": agreed,
        "change": found.change, "pinned": found.pinned, "before": found.before, "shown": found.now,
        "authorities": found.above, "vouchedFor": found.is_vouched_for, "pin": pin,
    });
    let sentence = match (agreed, is_news) {
        (true, _) => format!("{name} trusts {pins} from now on; a link that waited for it is taken up again"),
        (false, false) => "Nothing is to be changed.".to_owned(),
        (false, true) => format!(
            "Nothing was changed. Compare the fingerprint with the gateway's own; only if it is the same: openclaw \
             profile trust {name} --yes --fingerprint {pin}{}",
            word(asked.pin)
        ),
    };
    context.render.done(document, &sentence);
    Ok(())
}

/// The flag for a kind of pin; none for the usual one.
const fn word(pin: PinArg) -> &'static str {
    match pin {
        PinArg::Leaf => "",
        PinArg::Key => " --pin key",
        PinArg::Authority => " --pin authority",
    }
}

/// Whether the one at the terminal agrees.
fn asks(context: &Context, pin: &Pin) -> bool {
    let answer = context.render.question(&format!(
        "Is {pin} what the gateway's own administrator told you? Type yes, or the fingerprint itself:"
    ));
    answer.is_some_and(|answer| answer == "yes" || answer.parse() == Ok(*pin))
}

/// Writes the pins into the manifest, comments kept.
async fn write(registry: &Registry<'_>, profile: &Profile, pins: &Pins) -> Result<()> {
    let _turn = turn(registry).await?;
    // The file itself, not a link to it, is what is written anew.
    let file = files::real_path(&registry.paths().manifest(&profile.name));
    let Some(text) = registry.text(&file)? else {
        let what = format!("`{}` has no manifest; its link is described by its openclaw.json", profile.name);
        return Err(Error::new(Kind::Config, "manifest_missing", what).profile(&profile.name).remedy(
            format!(
                "set gateway.remote.tlsFingerprint to \"{pins}\" in {}",
                profile.paths.config_path.display()
            ),
        ));
    };
    files::write_atomic(&file, &create_remote::with_pins(&text, pins)?)
}

/// The real OpenClaw has its own copy in the `openclaw.json`, and knows leaves alone: one that stands there is replaced,
/// and nothing else of the file is touched.
fn mirror(registry: &Registry<'_>, profile: &Profile, leaf: &Pin) -> Result<()> {
    let file = files::real_path(&profile.paths.config_path);
    let Some(old) = registry.config(&file)?.remote.tls_fingerprint else { return Ok(()) };
    let (text, old) = (registry.text(&file)?.unwrap_or_default(), format!("\"{old}\""));
    match text.matches(&old).count() {
        1 => files::write_atomic(&file, &text.replacen(&old, &format!("\"{leaf}\""), 1)),
        _ => Ok(()),
    }
}

/// Keeps what is trusted, so that the next change can be told.
pub fn keep(registry: &Registry<'_>, profile: &Profile, der: &[u8]) -> Result<()> {
    let (file, text) = (registry.paths().trusted(&profile.name), pem(der));
    if registry.text(&file)?.as_ref() == Some(&text) {
        return Ok(());
    }
    files::private_dir(&registry.paths().records_dir)?;
    files::write_atomic(&file, &text)
}

/// For a link whose other end is known by its host key: that is OpenSSH's, and stays so.
async fn host_keys(context: &Context, profile: &Profile) -> Result<()> {
    let name = &profile.name;
    let remote = profile.remote.as_ref();
    let target = remote.and_then(|remote| remote.target.clone()).unwrap_or_default();
    let known = remote.and_then(|remote| remote.known_hosts.as_ref());
    let known = known.map_or_else(|| "~/.ssh/known_hosts".to_owned(), |file| file.display().to_string());
    let status = survey::one(context, name).await?;
    let error = status.and_then(|status| status.link).and_then(|link| link.last_error);
    let told = error.as_deref().map(|error| format!("The link says: {error}\n")).unwrap_or_default();
    let sentence = format!(
        "{name} goes through SSH to {target}; who is there is decided by the host keys in {known}, which this program \
         never changes.\n{told}To compare by hand: ssh-keygen -lf {known}, and on the server: ssh-keygen -lf \
         /etc/ssh/ssh_host_ed25519_key.pub"
    );
    let document = json!({
        "ok": true, "profile": name, "target": target, "knownHosts": known, "lastError": error, "changed": false,
    });
    context.render.done(document, &sentence);
    Ok(())
}

/// Where the certificate is shown.
struct Place {
    host: String,
    port: u16,
    named: Named,
}

impl Place {
    fn of(profile: &Profile) -> Result<Place> {
        let url = profile.remote.as_ref().and_then(|remote| remote.url.as_ref());
        if url.is_some_and(|url| !url.is_tls()) {
            let what = format!(
                "the gateway of `{}` is reached without TLS; there is nothing to trust",
                profile.name
            );
            return Err(Error::new(Kind::Usage, "link_plain", what).profile(&profile.name));
        }
        // Through a tunnel it is at the near end.
        let (host, port) = url.map_or_else(
            || ("127.0.0.1".to_owned(), profile.port),
            |url| (url.host().to_owned(), url.port()),
        );
        let named = Named {
            who: format!("the gateway at {host}:{port}"),
            profile: Some(profile.name.clone()),
            url: format!("wss://{host}:{port}"),
            credential: String::new(),
            is_own: false,
        };
        Ok(Place { host, port, named })
    }

    fn who(&self) -> &str {
        &self.named.who
    }

    fn url(&self) -> &str {
        &self.named.url
    }

    async fn look(&self) -> Result<Shown> {
        let look = async { Opening::reach(&self.host, self.port).await?.shown(&self.host).await };
        self.within(look).await.map_err(|trouble| explain(&self.named, trouble))
    }

    /// Whether what is shown convinces `trust`.
    async fn convinces(&self, trust: &Trust) -> bool {
        let secured = async { Opening::reach(&self.host, self.port).await?.secured(&self.host, trust).await };
        self.within(secured).await.is_ok()
    }

    async fn within<T>(
        &self,
        work: impl Future<Output = std::result::Result<T, Trouble>>,
    ) -> std::result::Result<T, Trouble> {
        let late = || Trouble::Refused(format!("no answer within {} s", LOOK.as_secs()));
        timeout(LOOK, work).await.unwrap_or_else(|_| Err(late()))
    }
}

/// What was found.
struct Found {
    der: Vec<u8>,
    now: Certificate,
    above: Vec<Certificate>,
    before: Option<Certificate>,
    pinned: Option<Pins>,
    change: Change,
    is_trusted: bool,
    is_vouched_for: bool,
}

impl Found {
    async fn new(registry: &Registry<'_>, profile: &Profile, place: &Place, shown: Shown) -> Result<Found> {
        let mut all = shown.chain.iter().map(|der| Certificate::read(der));
        let Some(now) = all.next().flatten() else {
            let what = format!("{} shows something that is no X.509 certificate", place.who());
            return Err(Error::new(Kind::Denied, "certificate_invalid", what).profile(&profile.name));
        };
        let above = all.flatten().collect();
        let pinned = profile.remote.as_ref().and_then(|remote| remote.tls_fingerprint.clone());
        let trust = Trust::of(pinned.as_ref());
        let is_trusted = place.convinces(&trust).await;
        let text = registry.text(&registry.paths().trusted(&profile.name))?;
        // It is of use only while it is what the pins stand for, or stood for before they were typed anew.
        let before = text.as_deref().and_then(Certificate::of_pem);
        let change = Change::between(before.as_ref(), &now, is_trusted, pinned.is_some());
        let der = shown.chain.into_iter().next().unwrap_or_default();
        Ok(Found {
            der,
            now,
            above,
            before,
            pinned,
            change,
            is_trusted,
            is_vouched_for: shown.is_vouched_for,
        })
    }

    /// What would be trusted.
    fn pin(&self, profile: &Profile, kind: PinArg) -> Result<Pin> {
        match kind {
            PinArg::Leaf => Ok(self.now.fingerprint),
            PinArg::Key => Ok(self.now.key_fingerprint),
            PinArg::Authority => self.above.last().map(|top| top.fingerprint).ok_or_else(|| {
                let what =
                    "the gateway shows no certificate above its own, so there is no authority to trust";
                Error::new(Kind::Usage, "authority_missing", what)
                    .profile(&profile.name)
                    .remedy("take --pin key, which outlives a renewal with the same key")
            }),
        }
    }

    /// The new pin, with the latest of the old ones where that is kept.
    fn pins(&self, pin: &Pin, keep_old: bool) -> Pins {
        let old = self.pinned.as_ref().filter(|_| keep_old);
        Pins::rotating(*pin, old)
    }

    fn told(&self, place: &Place, asked: &TrustArgs) -> String {
        let now_ms = clock::epoch_ms();
        let mut text = format!("{} of profile {}\n\n", place.who(), asked.name);
        let pinned = self.pinned.as_ref().map_or_else(|| "nothing".to_owned(), Pins::to_string);
        text.push_str(&format!("pinned now:  {pinned}\n"));
        if let Some(before) = self.before.as_ref().filter(|_| self.change != Change::None) {
            text.push_str(&format!("\nlast trusted:\n{}", described(before, now_ms)));
        }
        text.push_str(&format!("\nshown now:\n{}", described(&self.now, now_ms)));
        for above in &self.above {
            text.push_str(&format!("  vouched for by {} ({})\n", above.subject, above.fingerprint));
        }
        let vouched = if self.is_vouched_for { "vouch" } else { "do not vouch" };
        text.push_str(&format!("  the authorities of this system {vouched} for it\n\n"));
        let expired = |one: &Certificate| i128::from(one.valid_until_ms) < i128::from(now_ms);
        let ended = self.before.as_ref().is_some_and(expired) && self.change != Change::None;
        let ended = if ended { "; the one of before has expired" } else { "" };
        text + &format!("what happened: {}{ended}\n\n", self.change.sentence())
    }
}

fn described(one: &Certificate, now_ms: u64) -> String {
    let until = u64::try_from(one.valid_until_ms).unwrap_or(0);
    let ended = if until < now_ms { "expired" } else { "valid until" };
    format!(
        "  fingerprint  {}\n  key          {}\n  subject      {}\n  names        {}\n  issuer       {}{}\n  validity     {ended} {}\n",
        one.fingerprint,
        one.key_fingerprint,
        one.subject,
        if one.names.is_empty() { "none".to_owned() } else { one.names.join(", ") },
        one.issuer,
        if one.is_own_issuer() { " (signs itself)" } else { "" },
        http_date(until),
    )
}
