//! How many hosts the operating system lets one process talk to at once.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors of one host at its most expensive moment: the master's leash, output and log (3), the
/// control connection (1), the script's streams (3), and the far ends of those while they are handed over (3).
const PER_HOST: u64 = 10;

/// Descriptors for everything else: the runtime, the log files, cloud connections.
const RESERVE: u64 = 100;

/// macOS says "no limit" and means this (`OPEN_MAX`).
const OPEN_MAX: u64 = 10_240;

/// How many files this process may have open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenFiles {
    /// What holds now.
    pub soft: u64,
    /// How far it could be raised.
    pub hard: u64,
}

impl OpenFiles {
    /// How many hosts can be talked to at once.
    pub const fn hosts(self) -> u64 {
        let hosts = self.soft.saturating_sub(RESERVE) / PER_HOST;
        if hosts == 0 { 1 } else { hosts }
    }
}

/// Raises the limit of open files as far as it goes without privileges, and says where it stands.
pub fn raise_nofile_limit() -> OpenFiles {
    let limit = getrlimit(Resource::Nofile);
    for wanted in [limit.maximum, Some(OPEN_MAX)] {
        // A refusal changes nothing: what is read below is what holds.
        if setrlimit(Resource::Nofile, Rlimit { current: wanted, maximum: limit.maximum }).is_ok() {
            break;
        }
    }
    let limit = getrlimit(Resource::Nofile);
    OpenFiles { soft: limit.current.unwrap_or(u64::MAX), hard: limit.maximum.unwrap_or(u64::MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_as_far_as_it_goes() {
        let limit = raise_nofile_limit();
        assert!(limit.soft == limit.hard || limit.soft == OPEN_MAX);
        assert_eq!(raise_nofile_limit(), limit);
    }

    #[test]
    fn at_least_one_host_can_always_be_tried() {
        assert_eq!(OpenFiles { soft: 1024, hard: 4096 }.hosts(), 92);
        assert_eq!(OpenFiles { soft: 16, hard: 16 }.hosts(), 1);
    }
}
