//! Hosts for the tests of this module and of those above it.

use std::{collections::BTreeMap, num::NonZeroUsize, time::Duration};

use provider_core::{Addresses, Instance, InstanceId, InstanceState, ProviderName};

use super::host::{Host, HostId, SshAddress};
use crate::config::{
    AddressKind, Deploy, FailureLimit, Hooks, HostKeys, LateHosts, OnFailure, OnLost, OnStop, Select, Ssh, Strategy,
    Target, Unaddressed, Way,
};

/// A running AWS instance at 10.0.0.1.
pub(crate) fn instance(id: &str, name: &str) -> Instance {
    Instance {
        id: InstanceId::new(id),
        provider: ProviderName::new("aws"),
        account: "123456789012".into(),
        region: "eu-west-1".into(),
        zone: "eu-west-1a".into(),
        name: name.into(),
        addresses: Addresses { private_ipv4: Some([10, 0, 0, 1].into()), ..Addresses::default() },
        state: InstanceState::Running,
        image: None,
        image_name: None,
        resource_id: None,
        tag_keys: provider_core::TagKeys::Exact,
        launched: None,
        tags: BTreeMap::from([("role".into(), "web".into())]),
    }
}

/// The host of [`instance`].
pub(crate) fn host(id: &str, name: &str) -> Host {
    let instance = instance(id, name);
    Host {
        id: HostId::new(&instance.provider, &instance.id),
        address: SshAddress { host: "10.0.0.1".into(), port: None, user: Some("deploy".into()) },
        instance,
        selector: 0,
    }
}

/// Plain settings.
pub(crate) fn ssh() -> Ssh {
    Ssh {
        user: "deploy".parse().ok(),
        port: None,
        address: vec![AddressKind::PrivateIpv4],
        unaddressed: Unaddressed::Fail,
        way: Way::Ssh,
        identity_file: None,
        config_file: None,
        host_keys: HostKeys::AcceptNew,
        keepalive: Duration::from_secs(15),
    }
}

/// A target with these selectors, otherwise plain.
pub(crate) fn target(select: Vec<Select>) -> Target {
    let one = NonZeroUsize::MIN;
    Target {
        name: "web".into(),
        words: "web".into(),
        app: "shop".parse().expect("app"),
        min_hosts: one,
        select,
        exclude: Vec::new(),
        ssh: ssh(),
        deploy: Deploy {
            parts: Vec::new(),
            script: None,
            rollback: None,
            steps: Strategy::default(),
            canary: None,
            survey: true,
            slow_start: true,
            on_stop: OnStop::Finish,
            on_failure: OnFailure::Stop,
            late_hosts: LateHosts::CatchUp,
            approve_timeout: Duration::from_hours(1),
            args: Vec::new(),
            env: BTreeMap::new(),
            timeout: Duration::from_mins(10),
            connect_timeout: Duration::from_secs(10),
            auth_timeout: Duration::from_secs(20),
            idle_timeout: None,
            kill_grace: Duration::from_secs(10),
            on_lost: OnLost::Finish,
            concurrency: one,
            handshakes: one,
            retries: 2,
            sudo: false,
            idempotent: false,
            max_failures: FailureLimit::Hosts(0),
            confirm_over: None,
        },
        checks: BTreeMap::new(),
        hooks: Hooks::default(),
    }
}
