//! The transport over OpenSSH: the user's own `ssh`, with everything it can do.
//!
//! The only file that names the `openssh` crate. A login is a [`Master`] that we start; the crate speaks the
//! multiplexing protocol on its socket, which needs no process and no handshake per command. Only the guard reports how
//! a script ended. The exit status of the remote command is read only when the guard said nothing, to find out what ran
//! in its place. (The crate turns status 127 into an error, and does not distinguish a killed process from a lost
//! connection.)

use std::{
    env, fmt, fs,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use openssh::{Child, Error as MuxError, Session as Mux, Stdio};
use provider_core::HostKey;
use tempfile::TempDir;
use tokio::time::timeout;

use super::{
    ConnectError, ConnectFailure, Connected, Halt, Job, Lost, OutputSink, RemoteExit, RunAs, Session, Stop, Transport,
    Wishes,
    conversation::{BrokenOff, Guard},
    exchange::{Streams, exchange},
    gate::Gate,
    host_key_facts::HostKeyFacts,
    jump::{JumpMaster, Jumps, Starter},
    known_hosts::{KnownHosts, KnownHostsError, Remembered, alias},
    master::{Clocks, Master, Started},
    ssh_client::{SshClient, unfillable},
    ssh_command::Via,
    ssh_log::SshLog,
    ssh_words::{hint_of, recognise},
};
use crate::{
    config::{HostKeys, Target, Way},
    guard::Refusal,
    inventory::{Doorstep, Host, proxy_command},
    local::until,
    plan::quoted,
};

/// The longest socket path that works on every system, with the suffix that `ssh` adds.
const LONGEST_SOCKET: usize = 61;

/// How long a logged-in host may take to start the guard.
const OPEN: Duration = Duration::from_secs(30);

/// How long to wait for the exit status of a broken-off conversation, and for the check of its connection.
const REASON: Duration = Duration::from_secs(2);

/// What to look at when the remote command ends by itself.
const WHERE_TO_LOOK: &str = "look at this user's login shell there and what it reads when it starts, and for a ForceCommand in sshd's configuration";

/// How to log in on the hosts of a target.
#[derive(Clone, Debug)]
pub struct OpenSshConfig {
    /// What a connection goes through.
    pub way: Way,
    /// The private key. If set, no other keys are offered than it and those of the user's configuration.
    pub identity_file: Option<PathBuf>,
    /// The `ssh_config` to read instead of the user's.
    pub config_file: Option<PathBuf>,
    /// How to treat a host key that was never seen.
    pub host_keys: HostKeys,
    /// The folder that remembers host keys, one file per instance.
    pub known_hosts_dir: PathBuf,
    /// The words that select the target on a command line, for the command that accepts a changed key.
    pub target_words: String,
    /// How long the connection may take, up to the end of the key exchange, jump hosts included.
    pub connect_timeout: Duration,
    /// How long the login may take after that.
    pub auth_timeout: Duration,
    /// How often a silent host is asked whether it is still there; after four unanswered questions it counts as gone.
    pub keepalive: Duration,
    /// How many logins may be in progress at once.
    pub handshakes: usize,
}

impl OpenSshConfig {
    /// The settings of a target.
    pub fn of(target: &Target, known_hosts_dir: PathBuf) -> Self {
        let (ssh, deploy) = (&target.ssh, &target.deploy);
        Self {
            way: ssh.way.clone(),
            identity_file: ssh.identity_file.clone(),
            config_file: ssh.config_file.clone(),
            host_keys: ssh.host_keys,
            known_hosts_dir,
            target_words: target.words.clone(),
            connect_timeout: deploy.connect_timeout,
            auth_timeout: deploy.auth_timeout,
            keepalive: ssh.keepalive,
            handshakes: deploy.handshakes.get(),
        }
    }
}

/// SSH cannot be used on this machine.
#[derive(Debug, thiserror::Error)]
pub enum OpenSshError {
    /// There is no `ssh`.
    #[error("there is no `ssh` in PATH: install the OpenSSH client")]
    NoSsh,
    /// A file that the configuration names cannot be read.
    #[error("cannot read the {what} {}", path.display())]
    Unreadable {
        /// What it is.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Host keys cannot be remembered.
    #[error(transparent)]
    KnownHosts(#[from] KnownHostsError),
    /// There is no place for the control sockets.
    #[error("cannot create a short private folder for ssh's control sockets in {}", base.display())]
    NoSockets {
        /// Where it was to be created.
        base: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Opens sessions with the user's `ssh`.
pub struct OpenSsh {
    starter: Starter,
    way: Way,
    jumps: Jumps,
    gate: Gate,
    target_words: String,
}

impl OpenSsh {
    /// Finds `ssh`, and prepares the folders it needs.
    ///
    /// # Errors
    /// When no host can be reached in this way, for a reason on this machine.
    pub fn new(config: OpenSshConfig) -> Result<Self, OpenSshError> {
        let clocks = Clocks { connect: config.connect_timeout, auth: config.auth_timeout };
        let (handshakes, target_words) = (config.handshakes, config.target_words.clone());
        let SshClient { ssh, login, way } = SshClient::new(config)?;
        let hops = match &way {
            Way::Jump(jump) => jump.hops.as_slice(),
            Way::Ssh | Way::Command(_) => &[],
        };
        Ok(Self {
            jumps: Jumps::new(hops),
            gate: Gate::new(handshakes),
            way,
            target_words,
            starter: Starter::new(ssh, login, clocks, socket_folder()?),
        })
    }

    /// The file that remembers the key of `host`.
    pub fn known_hosts_file(&self, host: &Host) -> PathBuf {
        self.starter.login.known_hosts.file(&host.id)
    }
}

/// The key that a host shows on connection.
#[derive(Debug)]
pub enum OfferedKey {
    /// This key.
    Key(HostKey),
    /// No key was shown.
    None(ConnectError),
}

impl OpenSsh {
    /// Connects to `host` as a login would, and returns the key it shows. Remembered keys are neither trusted nor
    /// changed, but a key of the same type is requested.
    ///
    /// # Errors
    /// When this machine cannot try it.
    pub async fn offered_key(mut config: OpenSshConfig, host: &Host) -> Result<OfferedKey, OpenSshError> {
        let Remembered { keys, .. } = KnownHosts::open(&config.known_hosts_dir, HostKeys::Strict)?.remembered(&host.id);
        let scratch = socket_folder()?;
        config.known_hosts_dir = scratch.path().join("known_hosts");
        config.host_keys = HostKeys::AcceptNew;
        let mut prober = Self::new(config)?;
        prober.starter.login.prefer = keys.first().map(HostKey::kind);
        let end = prober.connect(host).await;
        // `ssh` writes the key down before the login, so the login's result does not matter.
        let shown = prober.starter.login.known_hosts.remembered(&host.id).keys.pop();
        Ok(match (shown, end) {
            (Some(key), Ok(connected)) => {
                connected.session.close().await;
                OfferedKey::Key(key)
            }
            (Some(key), Err(_)) => OfferedKey::Key(key),
            (None, Err(error)) => OfferedKey::None(error),
            (None, Ok(connected)) => {
                connected.session.close().await;
                OfferedKey::None(ConnectError {
                    kind: ConnectFailure::Other,
                    message:
                        "it was logged in on without showing a plain key: does a certificate authority vouch for it?"
                            .to_owned(),
                    hint: None,
                })
            }
        })
    }

    fn facts(&self, host: &Host, alias: String) -> HostKeyFacts {
        let known_hosts = &self.starter.login.known_hosts;
        let Remembered { keys, since } = known_hosts.remembered(&host.id);
        HostKeyFacts {
            alias,
            file: known_hosts.file(&host.id),
            remembered: keys,
            since,
            launched: host.instance.launched,
            accept: format!("fleetwide host-keys {} --hosts {} --accept", self.target_words, quoted(host.id.as_str())),
        }
    }
}

impl fmt::Debug for OpenSsh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenSsh").field("starter", &self.starter).field("way", &self.way).finish_non_exhaustive()
    }
}

#[async_trait]
impl Transport for OpenSsh {
    async fn connect_unless(&self, halt: Halt, host: &Host) -> Result<Connected, ConnectError> {
        let jump = self.jumps.last(&self.starter, &halt).await?;
        let doorstep = Doorstep::of(host, &self.way).map_err(|error| unfillable(&error))?;
        let command = match &self.way {
            Way::Command(command) => Some(proxy_command(command, host).map_err(|error| unfillable(&error))?),
            Way::Ssh | Way::Jump(_) => None,
        };
        loop {
            let alias = alias(&host.id);
            let (via, log) = match (&jump, &command, &self.way) {
                (Some(jump), _, _) => (Via::Master(jump.socket()), SshLog::behind_master(&alias)),
                (None, Some(command), _) => (Via::Command(command), SshLog::new(&alias)),
                (None, None, Way::Jump(_)) => (Via::Nothing, SshLog::new(&alias)),
                (None, None, Way::Ssh | Way::Command(_)) => (Via::Ssh, SshLog::new(&alias)),
            };
            let log = log.knowing(self.facts(host, alias));
            let Starter { ssh, login, clocks, .. } = &self.starter;
            let socket = self.starter.socket();
            let args = login.arguments(ssh, host, via, &socket)?;
            // The clocks start when the gate opens.
            let pass = self.gate.pass(host.address.user.as_deref(), halt.clone()).await?;
            let started = tokio::select! {
                started = Master::start(ssh, &args, socket, log, *clocks, || pass.answered()) => started,
                () = pass.turned_away() => continue,
            };
            return match started {
                Ok(Started { master, connect, auth }) => {
                    pass.logged_in(doorstep);
                    let mux = Mux::resume_mux(master.socket().into(), None);
                    let session = OpenSshSession { mux, master, _jump: jump, _sockets: self.starter.folder() };
                    Ok(Connected { session: Box::new(session), connect, auth })
                }
                Err(failed) => {
                    let error = match jump {
                        Some(jump) => jump.explain(failed).await,
                        None => failed.error,
                    };
                    Err(pass.failed(doorstep, error))
                }
            };
        }
    }
}

/// A login, held open by a master. Dropping it leaves no process.
#[derive(Debug)]
struct OpenSshSession {
    mux: Mux,
    master: Master,
    /// The jump host that carries it.
    _jump: Option<Arc<JumpMaster>>,
    _sockets: Arc<TempDir>,
}

#[async_trait]
impl Session for OpenSshSession {
    async fn run(&mut self, job: &Job, out: &mut dyn OutputSink, wishes: Wishes) -> Result<RemoteExit, Lost> {
        let mut command = self.mux.raw_command(job.run_as.command());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut stopped = wishes.stop.clone();
        let opened = tokio::select! {
            opened = timeout(OPEN, command.spawn()) => opened,
            // A job that follows a running script must pass the wish on to it.
            _ = until(&mut stopped, |wish| wish > Stop::No), if !job.request.follows() => {
                return Err(Lost::before_sending("stopped before the script was sent".to_owned()));
            }
        };
        let mut child = match opened {
            Ok(Ok(child)) => child,
            Ok(Err(error)) => {
                return Err(Lost::before_sending(why_not_opened(&error, self.master.last_words().await)));
            }
            Err(_) => {
                let message = format!("logged in, but no command could be started within {OPEN:?}");
                return Err(Lost::before_sending(message));
            }
        };
        // The streams are taken first: waiting for the child would close the lifeline.
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin().take(), child.stdout().take(), child.stderr().take())
        else {
            return Err(Lost::before_sending("the ssh client gave no streams for the command".to_owned()));
        };
        match exchange(Streams { stdin, stdout, stderr }, job, out, wishes).await {
            Ok(exit) => Ok(exit),
            Err(broken_off) => {
                let end = command_end(&self.mux, child).await;
                // `sudo` always prints its reason. A login shell that ends by itself prints nothing, or a text that
                // says so.
                if let (RunAs::Root, Guard::Mute, CommandEnd::Exited(1 | 126 | 127), Some(text)) =
                    (job.run_as, broken_off.guard, end, broken_off.remark.clone())
                {
                    return Ok(RemoteExit::Refused { reason: Refusal::NoSudo, text });
                }
                let last_words = match end {
                    CommandEnd::Exited(_) | CommandEnd::Running => None,
                    CommandEnd::Untold => self.master.last_words().await,
                };
                Err(explained(broken_off, end, last_words))
            }
        }
    }

    async fn close(self: Box<Self>) {
        self.master.end().await;
    }
}

/// How the remote command ended, if the guard did not say.
#[derive(Clone, Copy, Debug)]
enum CommandEnd {
    /// With this status, over a connection that is still there.
    Exited(i32),
    /// By a signal, or with the connection.
    Untold,
    /// It is still running: this side gave the conversation up.
    Running,
}

async fn command_end(mux: &Mux, child: Child<&Mux>) -> CommandEnd {
    let status = match timeout(REASON, child.wait()).await {
        Ok(Ok(status)) => status.code(),
        Ok(Err(MuxError::Remote(_))) => Some(127),
        Ok(Err(_)) => None,
        Err(_) => return CommandEnd::Running,
    };
    // A status may arrive before the last output. The output is complete only if the connection is still alive.
    match status {
        Some(status) if matches!(timeout(REASON, mux.check()).await, Ok(Ok(()))) => CommandEnd::Exited(status),
        Some(_) | None => CommandEnd::Untold,
    }
}

/// The description of a broken-off conversation, with everything that can still be learned.
fn explained(broken_off: BrokenOff, end: CommandEnd, last_words: Option<String>) -> Lost {
    let BrokenOff { mut lost, guard, .. } = broken_off;
    let reason = match (end, guard) {
        (CommandEnd::Exited(status), Guard::Mute) => {
            Some(format!("the remote command ended with exit status {status}; {WHERE_TO_LOOK}"))
        }
        (CommandEnd::Exited(status), Guard::Spoke | Guard::NotAwaited) => {
            Some(format!("the remote command ended with exit status {status}"))
        }
        (CommandEnd::Untold, _) => last_words,
        (CommandEnd::Running, Guard::Mute) => Some(WHERE_TO_LOOK.to_owned()),
        (CommandEnd::Running, Guard::Spoke | Guard::NotAwaited) => None,
    };
    if let Some(reason) = reason {
        lost.message = format!("{} ({reason})", lost.message);
    }
    lost
}

fn why_not_opened(error: &MuxError, last_words: Option<String>) -> String {
    let source = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
    let reason = last_words.as_deref().and_then(recognise).and_then(hint_of);
    let reason = reason.map(|reason| format!("; {reason}")).unwrap_or_default();
    let words = last_words.map(|words| format!(" ({words})")).unwrap_or_default();
    format!("logged in, but no command could be started: {error}{source}{words}{reason}")
}

/// A private folder with a short path: in the user's runtime folder if possible, else in `/tmp`.
fn socket_folder() -> Result<TempDir, OpenSshError> {
    let folder_in = |base: &Path| {
        tempfile::Builder::new().prefix("fw").permissions(fs::Permissions::from_mode(0o700)).tempdir_in(base)
    };
    let runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|base| is_short_and_plain(base));
    if let Some(Ok(folder)) = runtime.as_deref().map(folder_in) {
        return Ok(folder);
    }
    let base = Path::new("/tmp");
    folder_in(base).map_err(|source| OpenSshError::NoSockets { base: base.to_owned(), source })
}

/// Leaves room for `/fwXXXXXX/4294967295`, and contains nothing that `ssh` expands in a control path.
fn is_short_and_plain(base: &Path) -> bool {
    const OURS: usize = "/fwXXXXXX/4294967295".len();
    let path = base.as_os_str().as_bytes();
    base.is_absolute() && path.len() + OURS <= LONGEST_SOCKET && !path.iter().any(|byte| matches!(byte, b'%' | b'$'))
}
