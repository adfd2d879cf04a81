//! One `ssh` master process: an open login on a host, which listens on a socket for commands.
//!
//! It is started here and not by the `openssh` crate, so that it gets our options, a leash ([`ProcessGroup`]), and our
//! own clocks: `ConnectTimeout` alone would let a host hang in the key exchange or the login forever. Its log comes
//! through a pipe, line by line, and reveals the phases and the reason of a failure; nothing is polled.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use provider_core::lock;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{ChildStderr, ChildStdout},
    sync::Notify,
    task::JoinHandle,
    time::{Instant, sleep_until, timeout},
};

use super::{
    ConnectError, ConnectFailure,
    process_group::ProcessGroup,
    ssh_log::{Carried, Diagnosis, Phase, SshLog, Standing},
};

/// How long to wait for the rest of the log once `ssh` is gone.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Longer lines are cut: what comes through a `ProxyCommand` need not be text.
const LONGEST_LINE: usize = 4096;

/// How long each phase may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clocks {
    /// To the end of the key exchange, jump hosts included.
    pub(super) connect: Duration,
    /// From there to the end of the login.
    pub(super) auth: Duration,
}

/// An open login.
#[derive(Debug)]
pub(super) struct Master {
    group: ProcessGroup,
    socket: PathBuf,
    log: Arc<Log>,
    reader: JoinHandle<()>,
}

/// The log of a master after its login.
#[derive(Debug)]
struct Log {
    said: Mutex<SshLog>,
    more: Notify,
}

/// A master, and how long its phases took.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) master: Master,
    pub(super) connect: Duration,
    pub(super) auth: Duration,
}

/// The master did not start.
#[derive(Debug)]
pub(super) struct NotStarted {
    /// Why.
    pub(super) error: ConnectError,
    /// The login ended on the forward of another master, which knows the reason.
    pub(super) carried: Option<Carried>,
}

impl From<ConnectError> for NotStarted {
    fn from(error: ConnectError) -> Self {
        Self { error, carried: None }
    }
}

impl Master {
    /// Starts `ssh` with `args`, and waits until it is logged in and listens on `socket`. Calls `answered` when the
    /// host has answered, before the login.
    pub(super) async fn start(
        ssh: &Path,
        args: &[OsString],
        socket: PathBuf,
        log: SshLog,
        clocks: Clocks,
        answered: impl Fn(),
    ) -> Result<Started, NotStarted> {
        let began = Instant::now();
        let (group, stdout, stderr) = ProcessGroup::spawn(ssh, args).map_err(|error| cannot_run(ssh, &error))?;
        let mut login = Login { lines: LogLines::new(stderr), log, began, authenticating: None };
        match login.wait(stdout, &socket, clocks, answered).await {
            End::Ready => {
                let now = Instant::now();
                let connected = login.authenticating.unwrap_or(now);
                login.log.clear();
                let log = Arc::new(Log { said: Mutex::new(login.log), more: Notify::new() });
                let reader = tokio::spawn(keep_reading(login.lines, Arc::clone(&log)));
                let master = Self { group, socket, log, reader };
                Ok(Started { master, connect: connected - began, auth: now - connected })
            }
            End::Gone => {
                // The group is ended first: a ProxyCommand may hold the log open.
                group.end().await;
                login.read_rest().await;
                let Diagnosis { kind, message, hint } = login.log.diagnosis();
                Err(NotStarted { error: ConnectError { kind, message, hint }, carried: login.log.carried() })
            }
            End::TimedOut => {
                let error = login.too_slow(clocks);
                group.end().await;
                Err(error.into())
            }
        }
    }

    /// The path of its socket.
    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Its last words since the login, for an error about lost contact.
    pub(super) async fn last_words(&mut self) -> Option<String> {
        // The log ends with the master; a master that is still running has no last words.
        if !self.reader.is_finished() {
            let _ = timeout(LAST_WORDS, &mut self.reader).await;
        }
        self.log.lock().last_words().map(str::to_owned)
    }

    /// Why it refused a forward to `host:port`: the `ssh` that requested the forward is not told.
    pub(super) async fn refused_forward(&self, to: &str) -> Option<Diagnosis> {
        let told = async {
            loop {
                let more = self.log.more.notified();
                tokio::pin!(more);
                // From here on, no notification is missed.
                more.as_mut().enable();
                if let Some(found) = self.log.lock().refused_forward(to) {
                    return found;
                }
                more.await;
            }
        };
        timeout(LAST_WORDS, told).await.ok()
    }

    /// Logs out, and waits until no process is left.
    pub(super) async fn end(self) {
        self.group.end().await;
    }
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, SshLog> {
        lock(&self.said)
    }
}

/// A login in progress.
struct Login {
    lines: LogLines,
    log: SshLog,
    began: Instant,
    /// Since when the login proper is in progress.
    authenticating: Option<Instant>,
}

/// How waiting for a login ended.
enum End {
    Ready,
    /// `ssh` has ended, or must be ended.
    Gone,
    TimedOut,
}

impl Login {
    async fn wait(&mut self, mut stdout: ChildStdout, socket: &Path, clocks: Clocks, answered: impl Fn()) -> End {
        let (mut stdout_open, mut nothing) = (true, [0]);
        loop {
            let deadline = match self.authenticating {
                None => self.began + clocks.connect,
                Some(since) => since + clocks.auth,
            };
            let line = tokio::select! {
                line = self.lines.next() => line,
                // `ssh` closes its output when it ends, but also when it has begun to listen.
                _ = stdout.read(&mut nothing), if stdout_open => {
                    if !socket.exists() {
                        return End::Gone;
                    }
                    stdout_open = false;
                    continue;
                }
                () = sleep_until(deadline) => return End::TimedOut,
            };
            let Ok(Some(line)) = line else { return End::Gone };
            let before = self.log.reached();
            let phase = self.log.push(&line);
            if self.log.reached() && !before {
                answered();
            }
            if self.log.forgot_the_key() {
                return End::Gone;
            }
            match phase {
                Phase::Auth => {
                    self.authenticating.get_or_insert_with(Instant::now);
                }
                // `ssh` gives the socket its name only once it listens, and logs more lines after that.
                Phase::LoggedIn if socket.exists() => return End::Ready,
                Phase::Connect | Phase::LoggedIn => {}
            }
        }
    }

    async fn read_rest(&mut self) {
        let rest = async {
            while let Ok(Some(line)) = self.lines.next().await {
                self.log.push(&line);
            }
        };
        // A process that left the group may hold the log open forever.
        let _ = timeout(LAST_WORDS, rest).await;
    }

    fn too_slow(&self, clocks: Clocks) -> ConnectError {
        let (doing, limit, hint) = match (self.authenticating, self.log.where_it_stands()) {
            (None, Standing::Connection) => (
                "no connection",
                clocks.connect,
                "does a firewall or security group let this machine in, is the host overloaded, or is connect_timeout too short?",
            ),
            (None, Standing::Banner) => (
                "connected, but no SSH banner",
                clocks.connect,
                "is the host overloaded or out of memory, is this its SSH port, or is connect_timeout too short?",
            ),
            (None, Standing::BannerThroughJump) => (
                "no SSH banner came through the jump host",
                clocks.connect,
                "does the host let the jump host in, is the address one that the jump host reaches, or is the host overloaded?",
            ),
            (None, Standing::KeyExchange) => (
                "connected, but no end of the key exchange",
                clocks.connect,
                "is the host overloaded, or does the network lose large packets (the MTU of a VPN or tunnel)?",
            ),
            (Some(_), _) => (
                "connected, but no login",
                clocks.auth,
                "is the host overloaded, does its directory service (LDAP, SSSD) or DNS hang, or does a key wait for a touch?",
            ),
        };
        let standing = self.log.standing().map(|line| format!(" (ssh stands at: {line})")).unwrap_or_default();
        ConnectError {
            kind: ConnectFailure::TimedOut,
            message: format!("{doing} within {limit:?}{standing}"),
            hint: Some(hint.to_owned()),
        }
    }
}

/// Keeps the log's pipe from filling, and stores the log for later questions.
async fn keep_reading(mut lines: LogLines, log: Arc<Log>) {
    while let Ok(Some(line)) = lines.next().await {
        log.lock().push(&line);
        log.more.notify_waiters();
    }
}

fn cannot_run(ssh: &Path, error: &io::Error) -> ConnectError {
    ConnectError {
        kind: ConnectFailure::LocalSsh,
        message: format!("cannot start {}: {error}", ssh.display()),
        hint: Some("too many processes or open files? raise the limits, or lower concurrency".to_owned()),
    }
}

/// Reads lines of a log that may be neither text nor short.
struct LogLines {
    reader: BufReader<ChildStderr>,
    line: Vec<u8>,
}

impl LogLines {
    fn new(stderr: ChildStderr) -> Self {
        Self { reader: BufReader::new(stderr), line: Vec::new() }
    }

    /// The next line. Dropping the future loses nothing.
    async fn next(&mut self) -> io::Result<Option<String>> {
        loop {
            let chunk = self.reader.fill_buf().await?;
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let at_eof = chunk.is_empty();
            let part = &chunk[..end.unwrap_or(chunk.len())];
            self.line.extend_from_slice(&part[..part.len().min(LONGEST_LINE - self.line.len())]);
            let used = end.map_or(chunk.len(), |end| end + 1);
            self.reader.consume(used);
            if end.is_some() || at_eof && !self.line.is_empty() {
                let line = String::from_utf8_lossy(&self.line).into_owned();
                self.line.clear();
                return Ok(Some(line));
            }
            if at_eof {
                return Ok(None);
            }
        }
    }
}
