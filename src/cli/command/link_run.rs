//! `link run`: the near end of a remote profile's link without SSH, in the foreground. The supervisor runs it; by hand
//! it goes through the same looks and claims.

use tokio::sync::mpsc;

use super::supervisor_run::stop_signal;
use super::trust;
use crate::access::{Endpoint, EndpointSource, reach};
use crate::base::{Error, Kind, Result};
use crate::cli::{Context, block_on, chosen, survey};
use crate::client::explain::{Named, explain};
use crate::daemon::{self, Occasion};
use crate::host::inherit::{self, CLAIM_VARIABLE};
use crate::link::forward::{Far, Near};
use crate::link::gateway::Trouble;
use crate::link::tls::{Mistrust, Trust};
use crate::profile::{Profile, Registry};

/// Connections that failed and are still to be told of; of more nobody reads.
const TROUBLES_KEPT: usize = 32;

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// [`Kind::Usage`] for a profile without such a link; [`Kind::Unavailable`] when the far end is not reached;
/// [`Kind::Config`] when it shows another certificate than is pinned, [`Kind::Denied`] one that no authority vouches for.
pub fn run(context: &Context) -> Result<()> {
    let registry = survey::registry(context)?;
    let profile = registry.load(&chosen::selection(context)?.name)?;
    let far = far(&profile, reach::names_allowed(&context.environment))?;
    let inherited = context.environment.get(CLAIM_VARIABLE);
    let claimed = inherited.is_some_and(|value| inherit::is_claim_on(value, &profile.paths.state_dir));
    let cleared =
        if claimed { None } else { Some(daemon::clear(&registry, profile.clone(), Occasion::Asked)?) };
    let outcome = block_on(serve(context, &registry, &profile, far));
    drop(cleared);
    outcome
}

fn far(profile: &Profile, names: bool) -> Result<Far> {
    let remote = profile.remote.as_ref();
    let Some((remote, url)) = remote.and_then(|remote| Some((remote, remote.url.as_ref()?))) else {
        let what = format!("`{}` has no link that this program forwards itself", profile.name);
        return Err(Error::new(Kind::Usage, "link_none", what)
            .profile(&profile.name)
            .remedy(format!("openclaw profile start {}", profile.name)));
    };
    let endpoint = Endpoint::new(url, EndpointSource::Manifest);
    reach::check(&endpoint, names).map_err(|error| error.profile(&profile.name))?;
    let trust = url.is_tls().then(|| Trust::of(remote.tls_fingerprint.as_ref()));
    Ok(Far { host: url.host().to_owned(), port: url.port(), trust })
}

async fn serve(context: &Context, registry: &Registry<'_>, profile: &Profile, far: Far) -> Result<()> {
    let stop = stop_signal()?;
    tokio::pin!(stop);
    let url = profile.remote.as_ref().and_then(|remote| remote.url.as_ref()).map_or("", |url| url.as_str());
    let named = Named {
        who: format!("the gateway at {url}"),
        profile: Some(profile.name.clone()),
        url: url.to_owned(),
        credential: String::new(),
        is_own: false,
    };
    // A far end that cannot be reached now is told by the exit, not by the first client.
    let reached = tokio::select! {
        () = &mut stop => return Ok(()),
        reached = far.reach() => reached.map_err(|trouble| error_of(&named, trouble))?,
    };
    if let Some(certificate) = reached.certificate() {
        // Without it the next change can be told less well, and that is all.
        let _ = trust::keep(registry, profile, certificate);
    }
    drop(reached);
    let near = Near::bind(profile.port).await.map_err(|error| error.profile(&profile.name))?;
    context.render.notice(&format!("link up: 127.0.0.1:{} to {url}", profile.port));
    let (sender, mut troubles) = mpsc::channel::<Trouble>(TROUBLES_KEPT);
    let told = named.clone();
    let telling = async move {
        while let Some(trouble) = troubles.recv().await {
            context.render.notice(&format!("a connection failed: {}", explain(&told, trouble).message()));
        }
    };
    let forwarding = near.serve(far, stop, move |trouble| drop(sender.try_send(trouble.clone())));
    tokio::select! {
        outcome = forwarding => outcome.map_err(|mistrust| error_of(&named, Trouble::Mistrusted(mistrust))),
        () = telling => Ok(()),
    }
}

/// A gateway that is known by its pin and shows another certificate stays refused until somebody decides; one that no
/// authority vouches for may be that of a hotel's network.
fn error_of(named: &Named, trouble: Trouble) -> Error {
    let is_for_good = matches!(trouble, Trouble::Mistrusted(Mistrust::Pin { .. }));
    let error = explain(named, trouble);
    if !is_for_good {
        return error;
    }
    Error::new(Kind::Config, "tls_fingerprint_mismatch", error.message())
        .remedy(error.remedy_text().unwrap_or_default())
}
