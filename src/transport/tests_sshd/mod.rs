//! The transport against a real OpenSSH server.

mod login;
mod parts;
mod processes;
mod scripts;
#[expect(dead_code, reason = "the tests of the whole program use the rest of it")]
#[path = "../../../tests/harness/sshd.rs"]
mod sshd;
mod ways;

use std::{collections::BTreeMap, future::Future, path::Path, time::Duration};

use tokio::sync::watch;

use self::sshd::Sshd;
use super::{
    ConnectError, Connected, Job, Lost, OpenSsh, OpenSshConfig, OutputSink, RemoteExit, RunAs, Session, Stop, Stream,
    Transport, Wishes,
};
use crate::{
    config::{HostKeys, Way},
    guard::{GuardRequest, OnLost, PartEnd, Work},
    inventory::{Host, testing},
};

/// The transport as the tests use it, without the user's own configuration.
fn transport(sshd: &Sshd, change: impl FnOnce(&mut OpenSshConfig)) -> OpenSsh {
    let mut config = config(sshd.dir());
    change(&mut config);
    OpenSsh::new(config).expect("ssh is installed")
}

/// The configuration for the server that has this folder.
fn config(dir: &Path) -> OpenSshConfig {
    OpenSshConfig {
        way: Way::Ssh,
        identity_file: Some(dir.join("login")),
        config_file: Some(dir.join("ssh_config")),
        host_keys: HostKeys::AcceptNew,
        known_hosts_dir: dir.join("known_hosts"),
        target_words: "web".into(),
        connect_timeout: Duration::from_mins(1),
        auth_timeout: Duration::from_mins(1),
        keepalive: Duration::from_secs(15),
        handshakes: 10,
    }
}

/// The host that one of the server's addresses stands for.
fn host(sshd: &Sshd, number: usize) -> Host {
    let mut host = testing::host(&format!("i-{number}"), &format!("web{number}"));
    host.address.host = sshd.addresses()[number].to_string();
    host.address.port = Some(sshd.port());
    host.address.user = None;
    host
}

async fn session(sshd: &Sshd) -> Box<dyn Session> {
    let Connected { session, .. } = transport(sshd, |_| {}).connect(&host(sshd, 0)).await.expect("logs in");
    session
}

async fn refusal(transport: &OpenSsh, host: &Host) -> ConnectError {
    in_time(transport.connect(host)).await.expect_err("cannot log in")
}

fn job(command: &str) -> Job {
    Job {
        request: GuardRequest {
            work: Work::Run { command: command.to_owned(), input: None },
            deadline: Duration::from_mins(10),
            grace: Duration::from_mins(1),
            on_lost: OnLost::Kill,
            env: BTreeMap::new(),
            args: Vec::new(),
        },
        idle_timeout: None,
        run_as: RunAs::Login,
    }
}

/// Runs a job without stopping it.
async fn run(session: &mut dyn Session, job: &Job) -> (Result<RemoteExit, Lost>, Output) {
    let (_stop, hear) = watch::channel(Stop::No);
    let mut out = Output::default();
    let end = in_time(session.run(job, &mut out, Wishes::to_stop(hear))).await;
    (end, out)
}

/// Makes a hanging test fail. No test depends on how long it waits.
async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_mins(2), future).await.expect("the test does not hang")
}

/// A script's output, with channels to follow it while the script runs.
#[derive(Debug, Default)]
struct Output {
    group: Option<u32>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    /// All of stdout so far.
    seen: watch::Sender<Vec<u8>>,
    /// The progress of its parts, each with the amount of output before it.
    told: watch::Sender<String>,
}

impl OutputSink for Output {
    fn started(&mut self, group: u32, _previous_revision: Option<&str>) {
        self.group = Some(group);
    }

    fn output(&mut self, stream: Stream, bytes: &[u8]) {
        match stream {
            Stream::Stdout => {
                self.stdout.extend_from_slice(bytes);
                if self.seen.receiver_count() > 0 {
                    self.seen.send_replace(self.stdout.clone());
                }
            }
            Stream::Stderr => self.stderr.extend_from_slice(bytes),
        }
    }

    fn part_begun(&mut self, part: u32) {
        self.told.send_modify(|told| *told += &format!("begun {part}, "));
    }

    fn part_ended(&mut self, end: &PartEnd) {
        let status = &end.status;
        let (stdout, stderr) = (self.stdout.len(), self.stderr.len());
        self.told.send_modify(|told| *told += &format!("after {stdout}+{stderr}: {status}, "));
    }

    fn held(&mut self, barrier: u32) {
        self.told.send_modify(|told| *told += &format!("held {barrier}, "));
    }
}

/// Runs a script, and does `then` when it has written a line to stdout.
async fn run_until_ready(
    session: &mut dyn Session,
    job: &Job,
    then: impl FnOnce(&watch::Sender<Stop>),
) -> (Result<RemoteExit, Lost>, Output) {
    let (stop, hear) = watch::channel(Stop::No);
    let mut out = Output::default();
    let mut seen = out.seen.subscribe();
    let ready = async {
        seen.wait_for(|stdout| stdout.ends_with(b"\n")).await.expect("the script writes a line");
        then(&stop);
        std::future::pending::<()>().await;
    };
    let end = in_time(async {
        tokio::select! {
            end = session.run(job, &mut out, Wishes::to_stop(hear)) => end,
            () = ready => unreachable!("it waits for ever"),
        }
    })
    .await;
    (end, out)
}
