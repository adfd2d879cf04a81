//! How a script reaches a host.
//!
//! A [`Transport`] opens a [`Session`] to a host; a session runs one guarded job and reports how it ended in its own
//! words ([`RemoteExit`], [`Lost`], [`ConnectError`]). `rollout`, above, decides what that means for a run.
//!
//! Reading order: `session` and `connect_error` (those words); then the transport over OpenSSH: `openssh` (the
//! transport itself), `ssh_client` (the user's `ssh`), `jump` (the hosts on the way), `gate`, `pacing`, [`Backoff`] and
//! [`Halt`] (when a handshake may begin), `ssh_command` and `ssh_by_hand` (the command lines), `master` (the process
//! and its phases) on its `process_group`, `ssh_log` and `ssh_words` (why a login failed), `known_hosts` and
//! `host_key_facts`, `vouched` (which hosts are not connected to); then `exchange`, the `conversation` with the guard,
//! its `barriers`, its `listener` and the `milestones` of what the listener hears. Those last five know nothing of SSH.
//!
//! Not here: retries, budgets, outcomes.

mod backoff;
mod barriers;
mod connect_error;
mod conversation;
mod exchange;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod gate;
mod halt;
mod host_key_facts;
mod jump;
mod known_hosts;
mod limits;
mod listener;
mod master;
mod milestones;
mod openssh;
mod pacing;
mod process_group;
mod session;
mod ssh_by_hand;
mod ssh_client;
mod ssh_command;
mod ssh_log;
mod ssh_words;
mod stop;
#[cfg(test)]
mod tests_sshd;
mod vouched;
mod wishes;

pub use self::{
    backoff::Backoff,
    connect_error::{ConnectError, ConnectFailure},
    halt::Halt,
    known_hosts::{KnownHosts, KnownHostsError},
    limits::{OpenFiles, raise_nofile_limit},
    openssh::{OfferedKey, OpenSsh, OpenSshConfig, OpenSshError},
    session::{Connected, Job, Lost, OutputSink, RemoteExit, RunAs, Session, Stream, Transport, YEAR},
    ssh_by_hand::{HostBlock, Terminal},
    ssh_client::SshClient,
    stop::Stop,
    vouched::{NoKey, Vouched},
    wishes::Wishes,
};
