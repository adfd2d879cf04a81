//! The way through jump hosts: one master to each, shared by all hosts behind it.
//!
//! `ssh -J` logs in on every jump host anew for every host, which a bastion's `MaxStartups` does not put up with. Here
//! each jump host is logged in on once, when the first host needs it, through the master of the one before it; hosts
//! are then reached by forwards over the last one's master (`ssh -W`), which neither `MaxStartups` nor `MaxSessions`
//! counts. A master that has died is started again for whoever comes next; one that cannot be started is not tried
//! again at once, and everybody hears the same reason.
//!
//! A jump host is logged in on as the user's own `ssh` would: its host key, login and key come from `ssh_config` and
//! `known_hosts`, and the target's `identity_file` is offered besides.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tempfile::TempDir;
use tokio::{
    net::UnixStream,
    sync::{Mutex, MutexGuard},
    time::Instant,
};

use super::{
    Backoff, ConnectError, ConnectFailure, Halt,
    master::{Clocks, Master, NotStarted, Started},
    ssh_command::{Login, Via},
    ssh_log::{Carried, Diagnosis, SshLog},
    ssh_words::hint_of,
};
use crate::config::Hop;

/// How long the reason of a jump host's failure stands before it is tried again.
const REST: Backoff = Backoff { first: Duration::from_millis(500), most: Duration::from_secs(30) };

/// What it takes to start a master.
#[derive(Debug)]
pub(super) struct Starter {
    pub(super) ssh: PathBuf,
    pub(super) login: Login,
    pub(super) clocks: Clocks,
    /// Shared with every master, so that it is removed after the last one.
    sockets: Arc<TempDir>,
    next: AtomicU32,
}

impl Starter {
    pub(super) fn new(ssh: PathBuf, login: Login, clocks: Clocks, sockets: TempDir) -> Self {
        Self { ssh, login, clocks, sockets: Arc::new(sockets), next: AtomicU32::new(0) }
    }

    /// A path that no other master listens at.
    pub(super) fn socket(&self) -> PathBuf {
        self.sockets.path().join(self.next.fetch_add(1, Ordering::Relaxed).to_string())
    }

    /// The folder of the sockets, to be held for as long as one is needed.
    pub(super) fn folder(&self) -> Arc<TempDir> {
        Arc::clone(&self.sockets)
    }
}

/// A chain of jump hosts.
#[derive(Debug)]
pub(super) struct Jumps {
    chain: Vec<(Hop, Mutex<State>)>,
}

#[derive(Debug)]
enum State {
    /// Never tried.
    Untried,
    Up(Arc<JumpMaster>),
    Down {
        error: ConnectError,
        /// Until when this stands; for good, if trying again cannot help.
        until: Option<Instant>,
        /// How many times in a row.
        times: u32,
    },
}

/// A login on a jump host, held open.
#[derive(Debug)]
pub(super) struct JumpMaster {
    name: String,
    master: Master,
    /// The one that carries this one.
    _before: Option<Arc<JumpMaster>>,
    _sockets: Arc<TempDir>,
}

impl Jumps {
    pub(super) fn new(hops: &[Hop]) -> Self {
        Self { chain: hops.iter().map(|hop| (hop.clone(), Mutex::new(State::Untried))).collect() }
    }

    /// The master of the last jump host, with all before it logged in on. None when there is no jump host.
    ///
    /// # Errors
    /// When one of them cannot be logged in on (the message names it), and when the run halts before that is begun.
    pub(super) async fn last(&self, starter: &Starter, halt: &Halt) -> Result<Option<Arc<JumpMaster>>, ConnectError> {
        let mut before = None;
        for (hop, state) in &self.chain {
            let mut halt = halt.clone();
            // Whoever comes first logs in; the others wait for what comes of it.
            let mut state = tokio::select! {
                biased;
                () = halt.comes() => return Err(ConnectError::halted()),
                state = state.lock() => state,
            };
            before = Some(up(hop, &mut state, before, starter).await?);
        }
        Ok(before)
    }
}

async fn up(
    hop: &Hop,
    state: &mut MutexGuard<'_, State>,
    before: Option<Arc<JumpMaster>>,
    starter: &Starter,
) -> Result<Arc<JumpMaster>, ConnectError> {
    let times = match &**state {
        State::Up(master) if master.lives().await => return Ok(Arc::clone(master)),
        State::Down { error, until, .. } if until.is_none_or(|until| until > Instant::now()) => {
            return Err(error.clone());
        }
        State::Down { times, .. } => *times,
        State::Up(_) | State::Untried => 0,
    };
    match start(hop, before, starter).await {
        Ok(master) => {
            let master = Arc::new(master);
            **state = State::Up(Arc::clone(&master));
            Ok(master)
        }
        Err(error) => {
            // A jump host that boots refuses logins for a while; each try may count as a failed one, so they are few.
            let rest = if error.kind.is_transient() { REST.after(times) } else { REST.most };
            let until = error.kind.may_pass().then(|| Instant::now() + rest);
            **state = State::Down { error: error.clone(), until, times: times + 1 };
            Err(error)
        }
    }
}

async fn start(hop: &Hop, before: Option<Arc<JumpMaster>>, starter: &Starter) -> Result<JumpMaster, ConnectError> {
    let name = hop.to_string();
    let socket = starter.socket();
    let via = before.as_deref().map_or(Via::Ssh, |before| Via::Master(before.socket()));
    let args = starter.login.arguments_of_jump(&starter.ssh, hop, via, &socket);
    // Its login is tried once for all hosts behind it, whatever others come to.
    let log = SshLog::of_jump_host();
    match Master::start(&starter.ssh, &args, socket, log, starter.clocks, || {}).await {
        Ok(Started { master, .. }) => Ok(JumpMaster { name, master, _before: before, _sockets: starter.folder() }),
        Err(failed) => {
            let ConnectError { kind, message, hint } = match before {
                Some(before) => before.explain(failed).await,
                None => failed.error,
            };
            Err(ConnectError { kind, message: format!("jump host {name}: {message}"), hint })
        }
    }
}

impl JumpMaster {
    /// Where it listens.
    pub(super) fn socket(&self) -> &Path {
        self.master.socket()
    }

    /// Whether it still listens.
    async fn lives(&self) -> bool {
        match UnixStream::connect(self.socket()).await {
            Ok(_) => true,
            // It listens, with more waiting than it takes at once.
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        }
    }

    /// Adds what this jump host knows to the failure of a login that went through it.
    pub(super) async fn explain(&self, failed: NotStarted) -> ConnectError {
        let NotStarted { error, carried } = failed;
        let Some(Carried { to, refused }) = carried else { return error };
        let name = &self.name;
        if refused && let Some(Diagnosis { kind, message, hint }) = self.master.refused_forward(&to).await {
            return ConnectError { kind, message: format!("jump host {name} cannot reach {to}: {message}"), hint };
        }
        let (kind, message) = match (self.lives().await, refused) {
            (false, _) => (ConnectFailure::Other, format!("the connection to jump host {name} was lost")),
            (true, true) => (ConnectFailure::Other, format!("jump host {name} cannot reach {to}, and gave no reason")),
            (true, false) => {
                (ConnectFailure::ClosedEarly, format!("{to}, behind {name}, closed the connection at once"))
            }
        };
        let hint = hint_of(kind).map_or_else(|| format!("look at sshd's log on {name}"), str::to_owned);
        ConnectError { kind, message, hint: Some(hint) }
    }
}
