//! A short-lived cache of discovery, only for `hosts` and only on request: a script or a completion that asks ten times
//! a minute need not query three clouds ten times. Nothing that touches a host ever reads it.

use std::{
    fs::{self, DirBuilder},
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use provider_core::Instance;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Host, Inventory};
use crate::config::Target;

/// The version of the file's format.
const SCHEMA: u32 = 1;

/// The environment variables that decide which identity and endpoint the clouds see. Names of things, no secrets.
const ASKED_AS: [&str; 17] = [
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_ROLE_ARN",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_EC2",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_CLOUD_PROJECT",
    "CLOUDSDK_CONFIG",
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_SUBSCRIPTION_ID",
    "AZURE_CONFIG_DIR",
    "HOME",
];

/// The cache file for one target and one way of asking.
#[derive(Clone, Debug)]
pub struct Cache {
    file: PathBuf,
}

/// The content of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    schema: u32,
    asked: Timestamp,
    hosts: Vec<Host>,
    unaddressed: Vec<Instance>,
}

/// A cache file that exists and cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("what was remembered in {} cannot be used: {why}", file.display())]
pub struct BadCache {
    file: PathBuf,
    why: String,
}

impl Cache {
    /// The cache of `target` in `folder`. Every setting, flag, endpoint and login has its own.
    pub fn new(folder: &Path, target: &Target, env: &dyn Fn(&str) -> Option<String>) -> Self {
        let mut digest = Sha256::new();
        digest.update(format!("{} {target:?}", env!("CARGO_PKG_VERSION")));
        for name in ASKED_AS {
            digest.update(format!("\n{name}={:?}", env(name)));
        }
        Self { file: folder.join(format!("hosts-{:x}.json", digest.finalize())) }
    }

    /// The hosts found at most `age` before `now`, and their age.
    ///
    /// # Errors
    /// When the file exists and cannot be read.
    pub fn read(&self, age: Duration, now: Timestamp) -> Result<Option<(Inventory, Duration)>, BadCache> {
        let bad = |why: String| BadCache { file: self.file.clone(), why };
        let bytes = match fs::read(&self.file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(bad(error.to_string())),
        };
        let kept: Kept = serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?;
        if kept.schema != SCHEMA {
            return Err(bad(format!("it has schema {}, not {SCHEMA}", kept.schema)));
        }
        // After a clock was set back, the file may seem to come from the future; its age is then unknown.
        let old = Duration::try_from(now.duration_since(kept.asked)).ok().filter(|old| *old <= age);
        let inventory = Inventory { hosts: kept.hosts, missing: Vec::new(), unaddressed: kept.unaddressed };
        Ok(old.map(|old| (inventory, old)))
    }

    /// Stores `found`, readable by this user only. An incomplete answer is not stored.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, found: &Inventory, now: Timestamp) -> io::Result<()> {
        if !found.missing.is_empty() {
            return Ok(());
        }
        let folder = self.file.parent().unwrap_or(Path::new("."));
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let kept =
            Kept { schema: SCHEMA, asked: now, hosts: found.hosts.clone(), unaddressed: found.unaddressed.clone() };
        // Replaced atomically, so that a reader never sees half of it.
        let mut file = tempfile::Builder::new().prefix(".hosts-").tempfile_in(folder)?;
        file.write_all(&serde_json::to_vec(&kept)?)?;
        file.persist(&self.file)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::inventory::testing::{host, target};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("in range")
    }

    fn found() -> Inventory {
        Inventory { hosts: vec![host("i-1", "web-1")], ..Inventory::default() }
    }

    #[test]
    fn what_is_young_enough_is_given_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::new(&folder.path().join("fleetwide"), &target(Vec::new()), &|_| None);
        let minute = Duration::from_mins(1);
        assert!(cache.read(minute, at(100)).expect("nothing yet").is_none());
        cache.write(&found(), at(100)).expect("written");
        let (inventory, age) = cache.read(minute, at(142)).expect("readable").expect("young");
        assert_eq!((inventory.hosts, age), (found().hosts, Duration::from_secs(42)));
        assert!(cache.read(minute, at(161)).expect("readable").is_none(), "too old");
        assert!(cache.read(minute, at(99)).expect("readable").is_none(), "from the future");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&cache.file), mode(cache.file.parent().expect("a folder"))), (0o600, 0o700));
    }

    #[test]
    fn another_way_of_asking_is_another_memory() {
        let file = |change: &dyn Fn(&mut Target), env: &dyn Fn(&str) -> Option<String>| {
            let mut target = target(Vec::new());
            change(&mut target);
            Cache::new(Path::new("/x"), &target, env).file
        };
        let plain = file(&|_| {}, &|_| None);
        assert_eq!(plain, file(&|_| {}, &|_| None));
        assert_ne!(plain, file(&|target| target.ssh.user = None, &|_| None));
        assert_ne!(plain, file(&|_| {}, &|name| (name == "AWS_ENDPOINT_URL").then(|| "http://127.0.0.1:1".into())));
    }

    #[test]
    fn what_is_damaged_or_from_another_version_is_an_error_and_can_be_written_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::new(folder.path(), &target(Vec::new()), &|_| None);
        for text in ["", "{", "[]", r#"{"schema":9,"asked":"2027-01-01T00:00:00Z","hosts":[],"unaddressed":[]}"#] {
            fs::write(&cache.file, text).expect("written");
            cache.read(Duration::MAX, at(0)).expect_err(text);
        }
        cache.write(&found(), at(0)).expect("written");
        assert!(cache.read(Duration::MAX, at(0)).expect("readable").is_some());
    }
}
