//! `--log-dir DIR`: all that each host printed, in a file of its own, `DIR/<run>/<name>--<id>.log`.
//!
//! Raw bytes as they came, standard output and standard error in the order of their arrival. The
//! folder is new for each run and every file in it is created, never opened, so no link that
//! somebody laid beforehand is followed. Names are foreign text: only harmless letters are kept.

use std::{
    collections::{HashMap, HashSet},
    fs::{DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::{
    inventory::HostId,
    plan::{Plan, RunId},
};

/// The longest part of a file's name that comes from a host's name, and from its id. In bytes; file
/// systems allow 255 for the whole.
const LONGEST_PART: usize = 100;

/// The log files of one run.
#[derive(Debug)]
pub(in crate::report) struct LogDir {
    logs: HashMap<HostId, Log>,
    /// The first failure, and how many files had one.
    trouble: Option<(PathBuf, io::Error)>,
    broken: usize,
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
    /// The host is done with.
    Closed,
    /// Writing failed; what the file holds is not all.
    Broken,
}

impl LogDir {
    /// Makes the run's folder in `dir`, and `dir` itself where it is missing.
    ///
    /// # Errors
    /// When that is not possible, or something is there already.
    pub(in crate::report) fn create(dir: &Path, plan: &Plan) -> io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let folder = run_folder(dir, plan.run);
        // What hosts print may hold what others must not read.
        DirBuilder::new().mode(0o700).create(&folder)?;
        let mut taken = HashSet::new();
        let logs = plan.hosts().map(|host| {
            let name = free_name(&host.instance.name, &host.id, &mut taken);
            (host.id.clone(), Log { path: folder.join(name), state: LogState::Waiting })
        });
        Ok(Self { logs: logs.collect(), trouble: None, broken: 0 })
    }

    /// Appends to `host`'s file, which is made when this is the first time; gives its path then.
    pub(in crate::report) fn write(&mut self, host: &HostId, bytes: &[u8]) -> Option<&Path> {
        let log = self.logs.get_mut(host)?;
        let fresh = matches!(log.state, LogState::Waiting);
        if fresh {
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&log.path) {
                Ok(file) => log.state = LogState::Open(file),
                Err(error) => {
                    log.fail(error, &mut self.trouble, &mut self.broken);
                    return None;
                }
            }
        }
        if let LogState::Open(file) = &mut log.state
            && let Err(error) = file.write_all(bytes)
        {
            log.fail(error, &mut self.trouble, &mut self.broken);
        }
        fresh.then_some(log.path.as_path())
    }

    /// The host is done with.
    pub(in crate::report) fn close(&mut self, host: &HostId) {
        if let Some(log) = self.logs.get_mut(host)
            && let LogState::Open(_) = log.state
        {
            log.state = LogState::Closed;
        }
    }

    /// What went wrong, in one line, however many files it struck.
    pub(in crate::report) fn trouble(&self) -> Option<String> {
        let (path, error) = self.trouble.as_ref()?;
        let others = match self.broken {
            0 | 1 => String::new(),
            n => format!(", nor {} other log files", n - 1),
        };
        Some(format!("cannot write {}{others}: {error}; the output of these hosts is not whole", path.display()))
    }
}

impl Log {
    fn fail(&mut self, error: io::Error, trouble: &mut Option<(PathBuf, io::Error)>, broken: &mut usize) {
        self.state = LogState::Broken;
        *broken += 1;
        trouble.get_or_insert_with(|| (self.path.clone(), error));
    }
}

/// Where the logs of `run` are.
pub(in crate::report) fn run_folder(dir: &Path, run: RunId) -> PathBuf {
    dir.join(run.to_string())
}

/// A file name for a host that no other has, on file systems that ignore case as well.
fn free_name(name: &str, id: &HostId, taken: &mut HashSet<String>) -> String {
    let stem = format!("{}--{}", safe(name), safe(id.as_str()));
    let mut candidate = format!("{stem}.log");
    let mut number = 1;
    while !taken.insert(candidate.to_ascii_lowercase()) {
        number += 1;
        candidate = format!("{stem}-{number}.log");
    }
    candidate
}

/// Letters, digits, `.`, `_` and `-` stay; neither hidden nor mistaken for an option.
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

    /// `/dev/full` is a disk without room.
    #[test]
    fn a_full_disk_is_told_once_for_all_hosts() {
        let full = |n| {
            let file = OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
            (id(n), Log { path: format!("{n}.log").into(), state: LogState::Open(file) })
        };
        let mut logs = LogDir { logs: (0..3).map(full).collect(), trouble: None, broken: 0 };
        assert_eq!(logs.trouble(), None);
        for n in [1, 1, 0, 2] {
            assert_eq!(logs.write(&id(n), b"lost"), None);
        }
        let told = logs.trouble().expect("it failed");
        assert!(told.starts_with("cannot write 1.log, nor 2 other log files: No space left"), "{told}");
    }

    #[test]
    fn names_are_safe_and_different() {
        let mut taken = HashSet::new();
        let names = ["Web", "web", ".hidden", "-rf", "", "a/../b", "ü"].map(|name| free_name(name, &id(1), &mut taken));
        let expected = [
            "Web--aws_i-1",
            "web--aws_i-1-2",
            "_hidden--aws_i-1",
            "_rf--aws_i-1",
            "unnamed--aws_i-1",
            "a_.._b--aws_i-1",
            "_--aws_i-1",
        ];
        assert_eq!(names, expected.map(|stem| format!("{stem}.log")));
        assert!(free_name(&"x".repeat(1000), &id(1), &mut taken).len() < 255);
    }
}
