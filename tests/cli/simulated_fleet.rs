//! Any number of simulated hosts on loopback, and a project whose target `web` consists of them.

use std::{collections::BTreeSet, fs, net::Ipv4Addr, path::Path};

use fleetwide_simulator::ssh::{Behaviour, ClientKey, RunningHost, SshHost, SshHosts, SshHostsConfig};

use super::project::{Finished, Project};

/// Hosts `web-000`, `web-001` …, each an address of 127.0.0.0/8 with its own home folder.
#[derive(Debug)]
pub(crate) struct SimulatedFleet {
    /// The project that deploys to them.
    pub(crate) project: Project,
    hosts: SshHosts,
}

/// A fleet to start.
#[derive(Debug)]
pub(crate) struct FleetBuilder {
    behaviours: Vec<Behaviour>,
    zones: usize,
}

impl FleetBuilder {
    /// How each host behaves, by its number; like a normal host by default.
    pub(crate) fn behaving(mut self, behaviour: impl Fn(usize) -> Behaviour) -> Self {
        self.behaviours = (0..self.behaviours.len()).map(behaviour).collect();
        self
    }

    /// The number of zones over which the hosts are distributed in turn; one by default.
    pub(crate) fn zones(mut self, zones: usize) -> Self {
        self.zones = zones;
        self
    }

    /// Starts the fleet. `deploy` is added to `[targets.web.deploy]`, and may continue with other tables.
    pub(crate) async fn start(self, deploy: &str) -> SimulatedFleet {
        let project = Project::new();
        let key = ClientKey::create(&project.path("")).expect("a key");
        let host = |(number, behaviour): (usize, Behaviour)| SshHost {
            address: own_address(u8::try_from(number + 1).expect("a small fleet")),
            name: format!("web-{number:03}"),
            behaviour,
        };
        let hosts = SshHosts::start(SshHostsConfig {
            hosts: self.behaviours.into_iter().enumerate().map(host).collect(),
            user: "deploy".to_owned(),
            authorized_keys: vec![key.public.clone()],
            homes: project.path("homes"),
            allow_forwarding: false,
        })
        .await
        .expect("simulated hosts");
        let line = |(number, host): (usize, &RunningHost)| {
            let zone = number % self.zones;
            format!("  {{ name = \"{}\", address = \"{}\", zone = \"zone-{zone}\" }},\n", host.name(), host.address())
        };
        let listed: String = hosts.hosts().iter().enumerate().map(line).collect();
        project.write("ssh_config", "");
        project.write(
            "fleetwide.toml",
            &format!(
                "[targets.web]\nselect = [ {{ provider = \"static\", hosts = [\n{listed}] }} ]\n\
                 [targets.web.ssh]\nuser = \"deploy\"\nport = {}\nidentity_file = \"{}\"\nconfig_file = \"ssh_config\"\n\
                 [targets.web.deploy]\nscript = \"deploy.sh\"\n{deploy}",
                hosts.port(),
                key.path.display(),
            ),
        );
        SimulatedFleet { project, hosts }
    }
}

impl SimulatedFleet {
    /// A fleet of this many hosts.
    pub(crate) fn of(hosts: usize) -> FleetBuilder {
        FleetBuilder { behaviours: vec![Behaviour::Normal; hosts], zones: 1 }
    }

    /// All hosts.
    pub(crate) fn hosts(&self) -> &[RunningHost] {
        self.hosts.hosts()
    }

    /// The host of this name.
    pub(crate) fn host(&self, name: &str) -> &RunningHost {
        self.hosts.host(name).expect("a host of the fleet")
    }

    /// Runs the binary while the hosts keep running.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Finished {
        self.project.run_beside(arguments).await
    }

    /// Stops the fleet, and waits until it has ended.
    pub(crate) async fn shutdown(self) {
        self.hosts.shutdown().await;
    }
}

/// An address that no other test uses at the same time, because it contains the number of this process. A fleet uses
/// those from 1 on.
pub(crate) fn own_address(last: u8) -> Ipv4Addr {
    let [_, _, high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 128 | high, low, last)
}

/// The revision that a simulated host has on record for the app `web`, and the names of the runs there.
pub(crate) fn recorded(home: &Path) -> (Option<String>, BTreeSet<String>) {
    let state = home.join(".local/state/fleetwide/web");
    let revision = fs::read_to_string(state.join("revision")).ok().map(|text| text.trim().to_owned());
    let runs = fs::read_dir(state.join("runs")).into_iter().flatten();
    (revision, runs.map(|run| run.expect("a run").file_name().to_string_lossy().into_owned()).collect())
}
