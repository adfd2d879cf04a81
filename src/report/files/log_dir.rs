//! `--log-dir DIR`: the complete output of each host, in a file of its own, `DIR/<run>/<name>--<id>.log`; the output of
//! a later rollback goes to a file beside it, `<name>--<id>.undo.log`.
//!
//! The files hold what hosts printed, byte for byte except for the stars of secrets, standard output and standard error
//! in the order of their arrival. Each run has a new folder, and Fleetwide itself creates every file in it, so no link
//! planted beforehand is followed. Names are foreign text: only harmless letters are kept.

use std::{
    collections::{HashMap, HashSet},
    fs::{DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;

use crate::{
    inventory::{Host, HostId},
    plan::{Plan, RunId},
};

/// The longest part of a file's name that comes from a host's name or its id. In bytes; file systems allow 255 in
/// total.
const LONGEST_PART: usize = 100;

/// The log files of one run.
#[derive(Debug)]
pub(in crate::report) struct LogDir {
    folder: PathBuf,
    logs: HashMap<HostId, Logs>,
    /// The names in use, in lower case.
    taken: HashSet<String>,
    /// Hosts are being rolled back: what they print now is not part of the run's own work.
    undoing: bool,
    failures: Failures,
}

/// The files of one host.
#[derive(Debug)]
struct Logs {
    own: Log,
    undo: Log,
}

#[derive(Debug)]
struct Log {
    path: PathBuf,
    state: LogState,
}

#[derive(Debug)]
enum LogState {
    /// The host has printed nothing.
    Waiting,
    /// Being written.
    Open(File),
    /// The host has finished, as far as is known.
    Closed,
    /// Writing failed; the file is incomplete.
    Broken,
    /// The file could not be created.
    Missing,
}

/// What went wrong.
#[derive(Debug, Default)]
struct Failures {
    first: Option<(PathBuf, io::Error)>,
    /// The number of files with a failure.
    files: usize,
}

impl LogDir {
    /// Makes the run's folder in `dir`, and `dir` itself where it is missing.
    ///
    /// # Errors
    /// When that is not possible, or the run's folder already exists.
    pub(in crate::report) fn create(dir: &Path, plan: &Plan) -> io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let folder = run_folder(dir, plan.run);
        // Output of hosts may hold what others must not read.
        DirBuilder::new().mode(0o700).create(&folder)?;
        let mut logs =
            Self { folder, logs: HashMap::new(), taken: HashSet::new(), undoing: false, failures: Failures::default() };
        plan.hosts().for_each(|host| logs.join(host));
        Ok(logs)
    }

    /// Adds a host, which may have joined late.
    pub(in crate::report) fn join(&mut self, host: &Host) {
        let [own, undo] = free_names(&host.instance.name, &host.id, &mut self.taken)
            .map(|name| Log { path: self.folder.join(name), state: LogState::Waiting });
        self.logs.insert(host.id.clone(), Logs { own, undo });
    }

    /// Output from now on belongs to the rollback.
    pub(in crate::report) fn begin_undo(&mut self) {
        self.undoing = true;
    }

    /// Appends to `host`'s file; true when this created the file.
    pub(in crate::report) fn write(&mut self, host: &HostId, bytes: &[u8]) -> bool {
        let Some(logs) = self.logs.get_mut(host) else { return false };
        let log = if self.undoing { &mut logs.undo } else { &mut logs.own };
        let was_there = log.path().is_some();
        log.write(bytes, &mut self.failures);
        !was_there && log.path().is_some()
    }

    /// Closes the files of a host that has finished.
    pub(in crate::report) fn close(&mut self, host: &HostId) {
        let Some(logs) = self.logs.get_mut(host) else { return };
        for log in [&mut logs.own, &mut logs.undo] {
            if let LogState::Open(_) = log.state {
                log.state = LogState::Closed;
            }
        }
    }

    /// The path of `host`'s log, once the file exists.
    pub(in crate::report) fn log(&self, host: &HostId) -> Option<&Path> {
        self.logs.get(host)?.own.path()
    }

    /// The path of the log of `host`'s rollback, once the file exists.
    pub(in crate::report) fn undo_log(&self, host: &HostId) -> Option<&Path> {
        self.logs.get(host)?.undo.path()
    }

    /// The failures of all files, in one line.
    pub(in crate::report) fn trouble(&self) -> Option<String> {
        let (path, error) = self.failures.first.as_ref()?;
        let others = match self.failures.files {
            0 | 1 => String::new(),
            n => format!(", nor {} other log files", n - 1),
        };
        Some(format!("cannot write {}{others}: {error}; the output of these hosts is not whole", path.display()))
    }
}

impl Log {
    fn write(&mut self, bytes: &[u8], failures: &mut Failures) {
        let opened = match &mut self.state {
            LogState::Open(file) => {
                if let Err(error) = file.write_all(bytes) {
                    self.fail(LogState::Broken, error, failures);
                }
                return;
            }
            LogState::Broken | LogState::Missing => return,
            LogState::Waiting => {
                let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.path);
                made.map_err(|error| (LogState::Missing, error))
            }
            // The host had not finished after all.
            LogState::Closed => {
                #[expect(clippy::cast_possible_wrap, reason = "a flag of open(2), which takes an int")]
                let no_link = OFlags::NOFOLLOW.bits() as i32;
                let opened = OpenOptions::new().append(true).custom_flags(no_link).open(&self.path);
                opened.map_err(|error| (LogState::Broken, error))
            }
        };
        match opened {
            Ok(file) => {
                self.state = LogState::Open(file);
                self.write(bytes, failures);
            }
            Err((state, error)) => self.fail(state, error, failures),
        }
    }

    fn fail(&mut self, state: LogState, error: io::Error, failures: &mut Failures) {
        self.state = state;
        failures.files += 1;
        failures.first.get_or_insert_with(|| (self.path.clone(), error));
    }

    fn path(&self) -> Option<&Path> {
        match self.state {
            LogState::Open(_) | LogState::Closed | LogState::Broken => Some(&self.path),
            LogState::Waiting | LogState::Missing => None,
        }
    }
}

/// The folder with the logs of `run`.
pub(in crate::report) fn run_folder(dir: &Path, run: RunId) -> PathBuf {
    dir.join(run.to_string())
}

/// Two file names that no other host has, even on file systems that ignore case: one for the host's output, one for
/// that of its rollback.
fn free_names(name: &str, id: &HostId, taken: &mut HashSet<String>) -> [String; 2] {
    let stem = format!("{}--{}", safe(name), safe(id.as_str()));
    let mut number = 1;
    loop {
        let stem = if number == 1 { stem.clone() } else { format!("{stem}-{number}") };
        let names = [format!("{stem}.log"), format!("{stem}.undo.log")];
        let small = names.each_ref().map(|name| name.to_ascii_lowercase());
        if !small.iter().any(|name| taken.contains(name)) {
            taken.extend(small);
            return names;
        }
        number += 1;
    }
}

/// Keeps letters, digits, `.`, `_` and `-`; the result is neither a hidden file nor mistaken for an option.
fn safe(text: &str) -> String {
    let harmless = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '_' };
    let mut safe: String = text.chars().map(harmless).take(LONGEST_PART).collect();
    if safe.starts_with(['.', '-']) {
        safe.replace_range(..1, "_");
    }
    if safe.is_empty() { "unnamed".to_owned() } else { safe }
}

#[cfg(test)]
mod tests {
    use provider_core::{InstanceId, ProviderName};

    use super::*;

    fn id(n: usize) -> HostId {
        HostId::new(&ProviderName::new("aws"), &InstanceId::new(format!("i-{n}")))
    }

    fn log(path: impl Into<PathBuf>, state: LogState) -> Log {
        Log { path: path.into(), state }
    }

    fn dir(logs: impl IntoIterator<Item = (HostId, Logs)>) -> LogDir {
        LogDir {
            folder: PathBuf::new(),
            logs: logs.into_iter().collect(),
            taken: HashSet::new(),
            undoing: false,
            failures: Failures::default(),
        }
    }

    /// `/dev/full` is a disk without room.
    #[test]
    fn a_full_disk_is_told_once_for_all_hosts() {
        let full = |n| {
            let file = OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
            let own = log(format!("{n}.log"), LogState::Open(file));
            (id(n), Logs { own, undo: log(format!("{n}.undo.log"), LogState::Waiting) })
        };
        let mut logs = dir((0..3).map(full));
        assert_eq!(logs.trouble(), None);
        for n in [1, 1, 0, 2] {
            logs.write(&id(n), b"lost");
        }
        let told = logs.trouble().expect("it failed");
        assert!(told.starts_with("cannot write 1.log, nor 2 other log files: No space left"), "{told}");
    }

    #[test]
    fn what_comes_after_the_end_is_appended_but_never_through_a_link() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.log");
        let mut logs =
            dir([(id(1), Logs { own: log(&path, LogState::Waiting), undo: log("undo.log", LogState::Waiting) })]);
        for text in ["one\n", "two\n"] {
            logs.write(&id(1), text.as_bytes());
            logs.close(&id(1));
        }
        assert_eq!(std::fs::read_to_string(&path).expect("there"), "one\ntwo\n");
        let trap = folder.path().join("trap");
        std::fs::rename(&path, &trap).expect("ours");
        std::os::unix::fs::symlink(&trap, &path).expect("ours");
        logs.write(&id(1), b"three\n");
        assert_eq!(std::fs::read_to_string(&trap).expect("there"), "one\ntwo\n");
        assert!(logs.trouble().is_some_and(|told| told.contains("a.log")), "{logs:?}");
    }

    #[test]
    fn names_are_safe_and_different() {
        let mut taken = HashSet::new();
        let mut names = |name: &str, id: &HostId| free_names(name, id, &mut taken);
        let own = ["Web", "web", ".hidden", "-rf", "", "a/../b", "ü"].map(|name| names(name, &id(1))[0].clone());
        let expected = [
            "Web--aws_i-1",
            "web--aws_i-1-2",
            "_hidden--aws_i-1",
            "_rf--aws_i-1",
            "unnamed--aws_i-1",
            "a_.._b--aws_i-1",
            "_--aws_i-1",
        ];
        assert_eq!(own, expected.map(|stem| format!("{stem}.log")));
        // A host whose log would have the name of another host's undo log.
        let odd = HostId::new(&ProviderName::new("aws"), &InstanceId::new("i-1.undo"));
        assert_eq!(names("Web", &odd), ["Web--aws_i-1.undo-2.log", "Web--aws_i-1.undo-2.undo.log"]);
        assert!(names(&"x".repeat(1000), &id(1)).iter().all(|name| name.len() < 255));
    }
}
