//! The way through jump hosts: one master to each, shared by all hosts behind it.
//!
//! `ssh -J` logs in on every jump host again for every host, which a bastion's `MaxStartups` does not tolerate. Here,
//! each jump host gets one login, when the first host needs it, through the master of the jump host before it. Hosts
//! are then reached by forwards over the last master (`ssh -W`), which count neither for `MaxStartups` nor for
//! `MaxSessions`. A master that died is started again for the next host. A master that cannot be started is not tried
//! again at once, and every host behind it gets the same reason.
//!
//! A login on a jump host is like one by the user's own `ssh`: its host key, login and key come from `ssh_config` and
//! `known_hosts`; the target's `identity_file` is offered in addition.

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

/// How long a jump host's failure stands before it is tried again.
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

    /// The folder of the sockets, to be kept as long as a socket is needed.
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
        /// Until when the error stands; `None` if trying again cannot help.
        until: Option<Instant>,
        /// How many failures in a row.
        times: u32,
    },
}

/// A login on a jump host, held open.
#[derive(Debug)]
pub(super) struct JumpMaster {
    name: String,
    master: Master,
    /// The master that carries this one.
    _before: Option<Arc<JumpMaster>>,
    _sockets: Arc<TempDir>,
}

impl Jumps {
    pub(super) fn new(hops: &[Hop]) -> Self {
        Self { chain: hops.iter().map(|hop| (hop.clone(), Mutex::new(State::Untried))).collect() }
    }

    /// The master of the last jump host, after logins on all before it. `None` if there are no jump hosts.
    ///
    /// # Errors
    /// When a login on one of them fails (the message names it), or when the run halts before it begins.
    pub(super) async fn last(&self, starter: &Starter, halt: &Halt) -> Result<Option<Arc<JumpMaster>>, ConnectError> {
        let mut before = None;
        for (hop, state) in &self.chain {
            let mut halt = halt.clone();
            // The first task logs in; the others wait for its result.
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
            // A booting jump host refuses logins for a while; each try may count as a failed login, so tries are few.
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
    // One login serves all hosts behind it, so the gate does not count it.
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
    /// The path of its socket.
    pub(super) fn socket(&self) -> &Path {
        self.master.socket()
    }

    /// Whether it still listens.
    async fn lives(&self) -> bool {
        match UnixStream::connect(self.socket()).await {
            Ok(_) => true,
            // It listens; its backlog is full.
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
