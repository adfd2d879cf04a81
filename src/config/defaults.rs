//! The built-in defaults, and the reason for each.

use std::{
    num::{NonZeroU32, NonZeroUsize},
    time::Duration,
};

use super::{
    file::{DeployTable, SshTable},
    target::{Deploy, Ssh},
    values::{AddressKind, FailureLimit, OnLost, Unaddressed},
    ways::Way,
};

/// Hosts that must be found. Finding none is never a success.
pub const MIN_HOSTS: NonZeroUsize = NonZeroUsize::MIN;

/// Hosts at once. One `ssh` costs about 11 ms of CPU and a few file descriptors, so fifty are no load for the smallest
/// pipeline runner, and a fleet of some hundreds still takes only a few rounds.
pub const CONCURRENCY: NonZeroUsize = NonZeroUsize::new(50).expect("50 is not 0");

/// Handshakes at once. Key exchange takes most of the CPU (up to 90 ms each), and a bastion's sshd begins to drop
/// unauthenticated connections at random from 10, and all of them from 100 (`MaxStartups 10:30:100`). 16 seldom meets
/// that.
pub const HANDSHAKES: NonZeroUsize = NonZeroUsize::new(16).expect("16 is not 0");

/// A script's time. Deploys pull images and run migrations, which takes minutes; a hang must still end within the
/// patience of a pipeline.
pub const TIMEOUT: Duration = Duration::from_mins(10);

/// Time to connect. A host that does not answer in 10 s is down or behind a firewall that drops packets.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Time to log in. Directory services and slow reverse DNS (`UseDNS`) take seconds; OpenSSH's own `LoginGraceTime`
/// is 120 s, but a login that needs more than 20 is waiting for a person.
pub const AUTH_TIMEOUT: Duration = Duration::from_secs(20);

/// Time between TERM and KILL: what Docker and most init scripts give a process to put things in order.
pub const KILL_GRACE: Duration = Duration::from_secs(10);

/// After four of these without an answer, a host counts as lost: within a minute.
pub const KEEPALIVE: Duration = Duration::from_secs(15);

/// Further tries where the script never started. Two outlast a switch's reboot or one dropped handshake; at the third
/// failed login in a row, servers begin to ban clients.
pub const RETRIES: u32 = 2;

/// Hosts that may fail. None: a deploy must report anything less than the whole fleet.
pub const MAX_FAILURES: FailureLimit = FailureLimit::Hosts(0);

/// When contact is lost in a deploy: half a deploy is worse than a whole one.
pub const ON_LOST: OnLost = OnLost::Finish;

/// The address kinds. Private first: most deploys run inside the network, and must then not leave it.
pub const ADDRESS: [AddressKind; 2] = [AddressKind::PrivateIpv4, AddressKind::PublicIpv4];

/// A hook's time. Draining connections takes minutes; one that hangs must not hold a host for ever.
pub const HOOK_TIMEOUT: Duration = Duration::from_mins(5);

/// How long a person may take to approve.
pub const APPROVE_TIMEOUT: Duration = Duration::from_hours(1);

/// Between two answers of a check: a service that restarts is healthy again within a few of these.
pub const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// An answer that takes longer is a bad one.
pub const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// A check that is undecided for this long stays undecided.
pub const CHECK_DEADLINE: Duration = Duration::from_mins(5);

/// One good answer is enough.
pub const CHECK_PASSES: NonZeroU32 = NonZeroU32::MIN;

/// One bad answer may be chance, or a service that is still starting.
pub const CHECK_FAILURES: NonZeroU32 = NonZeroU32::new(3).expect("3 is not 0");

/// Fills in what no layer sets.
pub(super) fn ssh(said: SshTable, unaddressed: Option<Unaddressed>) -> Ssh {
    let SshTable { user, port, address, jump, proxy_command, identity_file, config_file, host_keys, keepalive } = said;
    Ssh {
        user,
        port,
        address: address.unwrap_or_else(|| ADDRESS.to_vec()),
        unaddressed: unaddressed.unwrap_or_default(),
        // `layers` ensures that at most one is set.
        way: match (jump, proxy_command) {
            (Some(jump), _) => Way::Jump(jump),
            (None, Some(command)) => Way::Command(command),
            (None, None) => Way::Ssh,
        },
        identity_file,
        config_file,
        host_keys: host_keys.unwrap_or_default(),
        keepalive: keepalive.map_or(KEEPALIVE, Into::into),
    }
}

/// Fills in what no layer sets.
pub(super) fn deploy(said: DeployTable) -> Deploy {
    let steps = said.steps.unwrap_or_default();
    let concurrency = said.concurrency.unwrap_or(CONCURRENCY);
    Deploy {
        script: said.script,
        parts: said.parts.unwrap_or_default(),
        rollback: said.rollback,
        canary: said.canary.map(|canary| canary.tags),
        survey: said.survey.unwrap_or(true),
        slow_start: said.slow_start.unwrap_or(true),
        on_stop: said.on_stop.unwrap_or_default(),
        on_failure: said.on_failure.unwrap_or_default(),
        late_hosts: said.late_hosts.unwrap_or_default(),
        approve_timeout: said.approve_timeout.map_or(APPROVE_TIMEOUT, Into::into),
        args: said.args.unwrap_or_default(),
        env: said.env,
        timeout: said.timeout.map_or(TIMEOUT, Into::into),
        connect_timeout: said.connect_timeout.map_or(CONNECT_TIMEOUT, Into::into),
        auth_timeout: said.auth_timeout.map_or(AUTH_TIMEOUT, Into::into),
        idle_timeout: said.idle_timeout.map(Into::into),
        kill_grace: said.kill_grace.map_or(KILL_GRACE, Into::into),
        on_lost: said.on_lost.unwrap_or(ON_LOST),
        concurrency: steps.concurrency.map_or(concurrency, |most| concurrency.min(most)),
        steps,
        handshakes: said.handshakes.unwrap_or(HANDSHAKES),
        retries: said.retries.unwrap_or(RETRIES),
        sudo: said.sudo.unwrap_or(false),
        idempotent: said.idempotent.unwrap_or(false),
        max_failures: said.max_failures.unwrap_or(MAX_FAILURES),
        confirm_over: said.confirm_over,
    }
}
