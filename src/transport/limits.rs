//! How many hosts this process can connect to at once under the operating system's limit of open files.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors of one host at its most expensive moment: the master's leash, output and log (3), the control connection
/// (1), the script's streams (3), and the far ends of those while they are passed to the master (3).
const PER_HOST: u64 = 10;

/// Descriptors for everything else: the runtime, the log files, cloud connections.
const RESERVE: u64 = 100;

/// The least that is requested. Otherwise it is twice what the hosts need, because late hosts, checks and log files
/// need some too.
const AT_LEAST: u64 = 4096;

/// macOS reports "no limit" but enforces this (`OPEN_MAX`).
const OPEN_MAX: u64 = 10_240;

/// How many files this process may have open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenFiles {
    /// The current limit.
    pub soft: u64,
    /// The limit up to which it can be raised.
    pub hard: u64,
}

impl OpenFiles {
    /// How many hosts can be connected at once.
    pub const fn hosts(self) -> u64 {
        let hosts = self.soft.saturating_sub(RESERVE) / PER_HOST;
        if hosts == 0 { 1 } else { hosts }
    }
}

/// Raises the limit of open files to what `hosts` at once need, or as near as possible without privileges, and returns
/// the result. It goes no further, because hooks, checks and every `ssh` inherit the limit, and some programs close
/// every descriptor up to it, which takes minutes if the hard limit is a thousand million.
pub fn raise_nofile_limit(hosts: usize) -> OpenFiles {
    let need = RESERVE.saturating_add(PER_HOST.saturating_mul(hosts as u64)).saturating_mul(2).max(AT_LEAST);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < need) {
        for most in [u64::MAX, OPEN_MAX] {
            let wanted = need.min(most).min(maximum.unwrap_or(u64::MAX));
            // A refusal changes nothing; the actual limit is read below.
            if current < Some(wanted) && setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }).is_ok()
            {
                break;
            }
        }
    }
    let limit = getrlimit(Resource::Nofile);
    OpenFiles { soft: limit.current.unwrap_or(u64::MAX), hard: limit.maximum.unwrap_or(u64::MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_as_far_as_hosts_need_and_never_lowered() {
        let maximum = getrlimit(Resource::Nofile).maximum;
        setrlimit(Resource::Nofile, Rlimit { current: Some(256), maximum }).expect("lowered");
        let limit = raise_nofile_limit(50);
        assert_eq!(limit.soft, limit.hard.min(AT_LEAST));
        let more = raise_nofile_limit(1000);
        assert_eq!(more.soft, more.hard.min(20_200));
        assert_eq!(raise_nofile_limit(20), more);
        let most = raise_nofile_limit(usize::MAX);
        assert!(most.soft == most.hard || most.soft == OPEN_MAX, "{most:?}");
    }

    #[test]
    fn at_least_one_host_can_always_be_tried() {
        assert_eq!(OpenFiles { soft: 1024, hard: 4096 }.hosts(), 92);
        assert_eq!(OpenFiles { soft: 16, hard: 16 }.hosts(), 1);
    }
}
