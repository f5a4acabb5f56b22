//! What is kept of this user's devices: one key per profile, or per endpoint where no profile is meant, and the tokens
//! that gateways gave them. It lies in the supervisor's own state folder, never in a gateway's: the real OpenClaw keeps
//! its own in a database that a living gateway has open, and its key under its own client's description.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::base::{Error, Kind, ProfileName, Result, Secret};
use crate::host::files;
use crate::profile::SupervisorPaths;
use crate::wire::device::DeviceKey;

/// How the files of tokens begin.
const TOKEN: &str = "token-";

/// The folder of kept keys and tokens.
#[derive(Clone, Debug)]
pub struct Keep(PathBuf);

/// What a token was given for: it is used for nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Purpose {
    /// The endpoint's URL, and what stands beyond it.
    pub endpoint: String,
    /// `operator`.
    pub role: String,
    /// The device that it was given to.
    pub device_id: String,
}

/// One token, as it is written.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    #[serde(flatten)]
    purpose: Purpose,
    token: String,
}

impl Keep {
    /// The folder of this user.
    pub fn new(paths: &SupervisorPaths) -> Keep {
        Keep(paths.state_dir.join("devices"))
    }

    /// The key of `profile`, or of the endpoint at `url` where there is none; made when it is needed first.
    ///
    /// # Errors
    /// [`Kind::Config`], code `device_key_damaged`, naming the file; and what reading and writing it returns.
    pub fn key(&self, profile: Option<&ProfileName>, url: &str) -> Result<DeviceKey> {
        let path = match profile {
            Some(profile) => self.own(profile),
            None => self.0.join(format!("endpoint-{}.key", digest(url))),
        };
        if files::read(&path)?.is_none() {
            let seed = Secret::generate().map_err(|error| {
                Error::new(Kind::Failed, "no_randomness", "the system gave no random bytes").caused_by(error)
            })?;
            files::private_dir(&self.0)?;
            files::create_once(&path, seed.expose())?;
        }
        // Whoever made it: what lies there now is the key.
        read(&path)?.ok_or_else(|| {
            let what = format!("{} does not hold the key of a device", path.display());
            Error::new(Kind::Config, "device_key_damaged", what)
                .remedy("move it away; a new one is made, which must be approved on the gateway's host again")
        })
    }

    /// What is kept for `profile` alone: its key, and the tokens that were given to it. Those of a key that is damaged
    /// cannot be told from others, and are of no use to anybody.
    ///
    /// # Errors
    /// When the folder cannot be listed, or the key not be read.
    pub fn of(&self, profile: &ProfileName) -> Result<Vec<PathBuf>> {
        let path = self.own(profile);
        if !files::is_there(&path) {
            return Ok(Vec::new());
        }
        let id = read(&path)?.map(|key| key.id());
        let tokens = files::entries(&self.0)?.into_iter().filter(|file| file.starts_with(TOKEN));
        let tokens = tokens.map(|file| self.0.join(file));
        let its = |file: &PathBuf| kept(file).is_some_and(|kept| Some(kept.purpose.device_id) == id);
        // The key comes last: until it is gone, the rest can be found again.
        Ok(tokens.filter(its).chain([path]).collect())
    }

    /// The token that was given for exactly this purpose. A file that cannot be read is none: the gateway gives
    /// another.
    pub fn token(&self, purpose: &Purpose) -> Option<Secret> {
        let kept = kept(&self.place(purpose))?;
        (kept.purpose == *purpose).then(|| Secret::new(kept.token))
    }

    /// Keeps a token in place of an older one.
    ///
    /// # Errors
    /// As [`files::write_atomic`].
    pub fn remember(&self, purpose: &Purpose, token: &Secret) -> Result<()> {
        let kept = Kept { purpose: purpose.clone(), token: token.expose().to_owned() };
        files::private_dir(&self.0)?;
        files::write_atomic(&self.place(purpose), &(serde_json::to_string(&kept).unwrap_or_default() + "\n"))
    }

    /// Forgets a token that is refused.
    pub fn forget(&self, purpose: &Purpose) {
        files::remove(&self.place(purpose));
    }

    fn own(&self, profile: &ProfileName) -> PathBuf {
        self.0.join(format!("profile-{profile}.key"))
    }

    fn place(&self, purpose: &Purpose) -> PathBuf {
        let Purpose { endpoint, role, device_id } = purpose;
        self.0.join(format!("{TOKEN}{}.json", digest(&format!("{endpoint}\n{role}\n{device_id}"))))
    }
}

/// The key in a file, where it holds one.
fn read(path: &Path) -> Result<Option<DeviceKey>> {
    let text = files::read(path)?.unwrap_or_default();
    let seed: Option<[u8; 32]> =
        URL_SAFE_NO_PAD.decode(text.trim()).ok().and_then(|seed| seed.try_into().ok());
    Ok(seed.map(|seed| DeviceKey::from_seed(&seed)))
}

/// The token in a file, where it holds one.
fn kept(path: &Path) -> Option<Kept> {
    serde_json::from_str(&files::read(path).ok()??).ok()
}

/// A file's name for a text that may hold anything: 32 hexadecimal digits.
fn digest(text: &str) -> String {
    Sha256::digest(text).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn purpose(endpoint: &str) -> Purpose {
        Purpose { endpoint: endpoint.into(), role: "operator".into(), device_id: "d".into() }
    }

    #[test]
    fn a_profile_and_an_endpoint_have_one_key_each_and_keep_it() {
        let dir = tempfile::tempdir().unwrap();
        let keep = Keep(dir.path().join("devices"));
        let (work, play) = ("work".parse().unwrap(), "play".parse().unwrap());
        let id = |profile, url| keep.key(profile, url).unwrap().id();
        let ids =
            [id(Some(&work), "ws://a"), id(Some(&play), "ws://a"), id(None, "ws://a"), id(None, "ws://b")];
        assert_eq!(id(Some(&work), "ws://b"), ids[0], "of the profile, wherever it is");
        assert_eq!(id(None, "ws://a"), ids[2]);
        let different: std::collections::BTreeSet<&String> = ids.iter().collect();
        assert_eq!(different.len(), 4);
        for entry in std::fs::read_dir(dir.path().join("devices")).unwrap() {
            assert_eq!(entry.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        std::fs::write(dir.path().join("devices/profile-work.key"), "short").unwrap();
        let Err(error) = keep.key(Some(&work), "ws://a") else { panic!("expected an error") };
        assert_eq!((error.kind(), error.code()), (Kind::Config, "device_key_damaged"));
    }

    #[test]
    fn a_token_is_kept_for_its_purpose_only_and_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let keep = Keep(dir.path().join("devices"));
        let (here, there) = (purpose("wss://here"), purpose("wss://there"));
        assert!(keep.token(&here).is_none());
        keep.remember(&here, &Secret::new("t1")).unwrap();
        keep.remember(&here, &Secret::new("t2")).unwrap();
        assert_eq!(keep.token(&here).unwrap().expose(), "t2");
        assert!(keep.token(&there).is_none());
        // A file under another's name is not believed.
        std::fs::copy(keep.place(&here), keep.place(&there)).unwrap();
        assert!(keep.token(&there).is_none());
        keep.forget(&here);
        assert!(keep.token(&here).is_none());
    }

    #[test]
    fn what_is_one_profiles_alone_is_its_key_and_the_tokens_given_to_it() {
        let dir = tempfile::tempdir().unwrap();
        let keep = Keep(dir.path().join("devices"));
        let (work, play) = ("work".parse().unwrap(), "play".parse().unwrap());
        assert!(keep.of(&work).unwrap().is_empty());
        let given = |profile: &ProfileName, endpoint: &str| {
            let device_id = keep.key(Some(profile), endpoint).unwrap().id();
            let purpose = Purpose { endpoint: endpoint.into(), role: "operator".into(), device_id };
            keep.remember(&purpose, &Secret::new("t")).unwrap();
            keep.place(&purpose)
        };
        let mut its = vec![given(&work, "wss://a"), given(&work, "wss://b")];
        let other = given(&play, "wss://a");
        keep.key(None, "wss://a").unwrap();
        its.sort();
        let mut found = keep.of(&work).unwrap();
        assert_eq!(found.pop().unwrap(), keep.own(&work));
        found.sort();
        assert_eq!(found, its);
        std::fs::write(keep.own(&play), "damaged").unwrap();
        assert_eq!(keep.of(&play).unwrap(), [keep.own(&play)]);
        assert!(other.exists());
    }
}
