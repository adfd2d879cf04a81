//! Where host keys are remembered: one file per instance, named by its id in its cloud.
//!
//! Addresses are recycled, ids are not. `HostKeyAlias` makes `ssh` look a key up by id, and `%k` in
//! `UserKnownHostsFile` gives each id its own file: no false alarm when a new machine gets an old address, no
//! contention for one file, and only one line to read.
//!
//! Both modes of trust look in the same places: this folder, and the global file of the user's configuration
//! (`/etc/ssh/ssh_known_hosts`), where an administrator may put keys under these aliases in advance
//! (`static+db1 ssh-ed25519 …`) or a `@cert-authority` for all hosts. The user's own `~/.ssh/known_hosts` is not read:
//! its entries are by address, so they are not reliable.
//!
//! If a key cannot be written down, `ssh` continues, and accepts any key again at every login. So the folder is tested
//! before it is used, and a login whose key was not stored is ended (see `ssh_log`).

use std::{
    fmt::Write as _,
    fs::{self, DirBuilder},
    io::{self, Write as _},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use provider_core::HostKey;
use sha2::{Digest, Sha256};

use crate::{config::HostKeys, inventory::HostId};

/// A file name may be 255 bytes long; the difference leaves room for suffixes that tools append.
const LONGEST: usize = 200;

/// The folder of known host keys.
#[derive(Clone, Debug)]
pub struct KnownHosts {
    folder: PathBuf,
    /// As the value of `UserKnownHostsFile`.
    option: String,
}

/// The folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KnownHostsError {
    /// It cannot be created.
    #[error("cannot create the folder of known host keys, {}", folder.display())]
    Create {
        /// Which folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Nothing can be written in it, so that no key would ever be remembered.
    #[error("cannot write in the folder of known host keys, {}, and so cannot remember the keys of new hosts", folder.display())]
    Write {
        /// Which folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// `ssh_config` cannot express such a path.
    #[error("the folder of known host keys, {}, cannot be told to ssh: use a path without quotes, backslashes, `${{` and line breaks", folder.display())]
    Unspeakable {
        /// Which folder.
        folder: PathBuf,
    },
}

impl KnownHosts {
    /// Opens the folder. Creates it if needed, and tests that it is writable if `trust` requires that.
    ///
    /// # Errors
    /// When it cannot be created or written in, or when `ssh_config` cannot express its path.
    pub fn open(folder: &Path, trust: HostKeys) -> Result<Self, KnownHostsError> {
        // `ssh` splits the value at blanks unless it is quoted, and expands `%`, `${…}` and a first `~` in it.
        let folder = std::path::absolute(folder)
            .map_err(|source| KnownHostsError::Create { folder: folder.to_owned(), source })?;
        let unspeakable = || KnownHostsError::Unspeakable { folder: folder.clone() };
        let path = folder.to_str().ok_or_else(unspeakable)?;
        if path.contains(['"', '\\']) || path.contains("${") || path.contains(char::is_control) {
            return Err(unspeakable());
        }
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(|source| KnownHostsError::Create { folder: folder.clone(), source })?;
        match trust {
            HostKeys::AcceptNew | HostKeys::Cloud => {
                try_to_write(&folder).map_err(|source| KnownHostsError::Write { folder: folder.clone(), source })?;
            }
            // No key is ever added: keys in a read-only image are enough.
            HostKeys::Strict => {}
        }
        let option = format!("\"{}/%k\"", path.replace('%', "%%"));
        Ok(Self { folder, option })
    }

    /// The value of `UserKnownHostsFile`.
    pub(super) fn option(&self) -> &str {
        &self.option
    }

    /// The file of one host.
    pub fn file(&self, id: &HostId) -> PathBuf {
        self.folder.join(alias(id))
    }
}

/// The keys in one host's file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remembered {
    /// Every plain key, in the file's order.
    pub keys: Vec<HostKey>,
    /// When the file was written last.
    pub since: Option<Timestamp>,
}

impl KnownHosts {
    /// The content of one host's file; empty if it cannot be read, which `ssh` will report.
    pub fn remembered(&self, id: &HostId) -> Remembered {
        let file = self.file(id);
        let text = fs::read_to_string(&file).unwrap_or_default();
        let since = fs::metadata(&file).and_then(|it| it.modified()).ok().and_then(|time| time.try_into().ok());
        let key = |line: &str| line.split_once(' ').and_then(|(_, key)| key.parse().ok());
        Remembered { keys: lines(&text).filter_map(key).collect(), since }
    }

    /// Whether the file of one host contains anything by which `ssh` could check its key.
    pub fn holds_a_key(&self, id: &HostId) -> bool {
        fs::read_to_string(self.file(id)).is_ok_and(|text| lines(&text).next().is_some())
    }

    /// Replaces the keys in one host's file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn remember(&self, id: &HostId, keys: &[HostKey]) -> Result<(), KnownHostsError> {
        let failed = |source| KnownHostsError::Write { folder: self.folder.clone(), source };
        let alias = alias(id);
        let text: String = keys.iter().map(|key| format!("{alias} {key}\n")).collect();
        // Replaced atomically, because an `ssh` may be reading it.
        let mut file = tempfile::Builder::new().prefix(".new").tempfile_in(&self.folder).map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
        file.persist(self.file(id)).map_err(|error| failed(error.error))?;
        Ok(())
    }

    /// Forgets the keys of one host, and returns whether there were any.
    ///
    /// # Errors
    /// When its file cannot be removed.
    pub fn forget(&self, id: &HostId) -> Result<bool, KnownHostsError> {
        match fs::remove_file(self.file(id)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(KnownHostsError::Write { folder: self.folder.clone(), source }),
        }
    }
}

/// The lines that are neither blank nor comments.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Creates a file and removes it. The file is not empty, because a full disk still accepts empty ones.
fn try_to_write(folder: &Path) -> io::Result<()> {
    let mut probe = tempfile::Builder::new().prefix(".probe").tempfile_in(folder)?;
    probe.write_all(b"can a key be remembered here?\n")?;
    probe.close()
}

/// The host's name in its known-hosts file, which is also that file's name.
///
/// Lower-case letters, digits, `.`, `_` and `-` stay; `:` becomes `+`; everything else becomes `=` and its two
/// hexadecimal digits. That includes capitals, because neither `ssh` nor every file system distinguishes `A` from `a`.
/// So two ids never share a name, and no name has a meaning to `known_hosts` (`,`, `*`, `?`, `!`, `|`, `@`) or in a
/// path. A name that would be too long ends in its digest.
pub(super) fn alias(id: &HostId) -> String {
    let mut name = String::new();
    for byte in id.as_str().bytes() {
        // Writing to a string cannot fail.
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' => name.push(char::from(byte)),
            b':' => name.push('+'),
            _ => _ = write!(name, "={byte:02x}"),
        }
    }
    if name.len() > LONGEST {
        let digest = Sha256::digest(&name);
        name.truncate(LONGEST - 2 - 2 * digest.len());
        let _ = write!(name, "=~{digest:x}");
    }
    name
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use provider_core::{InstanceId, ProviderName};

    use super::*;

    fn id(text: &str) -> HostId {
        HostId::new(&ProviderName::new("static"), &InstanceId::new(text))
    }

    #[test]
    fn an_alias_is_readable() {
        assert_eq!(alias(&id("db1")), "static+db1");
        assert_eq!(alias(&id("i-0abc_1.x")), "static+i-0abc_1.x");
        assert_eq!(alias(&id("A/b:c *")), "static+=41=2fb+c=20=2a");
    }

    #[test]
    fn a_long_id_is_cut_and_stays_itself() {
        let (one, two) = (alias(&id(&"a".repeat(300))), alias(&id(&"a".repeat(301))));
        assert_eq!((one.len(), two.len()), (LONGEST, LONGEST));
        assert_ne!(one, two);
    }

    #[test]
    fn a_folder_with_blanks_and_percents_is_quoted() {
        let home = tempfile::tempdir().expect("a folder");
        let open = |folder: &str| KnownHosts::open(&home.path().join(folder), HostKeys::AcceptNew);
        let known = open("a b%k/known").expect("opens");
        assert!(known.option().ends_with("/a b%%k/known/%k\""), "{}", known.option());
        assert!(home.path().join("a b%k/known").is_dir());
        assert!(open("a\"b").is_err());
        assert!(open("${HOME}").is_err());
    }

    #[test]
    fn a_folder_that_takes_no_file_will_do_for_known_keys_only() {
        // Not even root can create a file there.
        let folder = Path::new("/proc/self");
        let error = KnownHosts::open(folder, HostKeys::AcceptNew).expect_err("cannot be written in");
        assert!(matches!(error, KnownHostsError::Write { .. }), "{error:?}");
        KnownHosts::open(folder, HostKeys::Strict).expect("nothing is written");
    }

    #[test]
    fn a_trial_leaves_nothing_behind() {
        let home = tempfile::tempdir().expect("a folder");
        KnownHosts::open(home.path(), HostKeys::AcceptNew).expect("opens");
        assert_eq!(home.path().read_dir().expect("reads").count(), 0);
    }

    proptest! {
        #[test]
        fn aliases_are_safe_and_never_collide(one in ".{0,120}", two in ".{0,120}") {
            let (a, b) = (alias(&id(&one)), alias(&id(&two)));
            prop_assert_eq!(one == two, a == b);
            prop_assert!(a.bytes().all(|c| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' | b'+' | b'=' | b'~')));
            prop_assert!(a.len() <= LONGEST && !a.starts_with(['.', '-']));
        }
    }
}
