//! A real `sshd` that plays many hosts, and a project whose target `web` consists of them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{project::Project, sshd::Sshd};

/// Hosts on 127.x.y.z of one `sshd`, each with a state folder of its own.
#[derive(Debug)]
pub struct SshFleet {
    /// The project that deploys to them.
    pub project: Project,
    sshd: Sshd,
    names: Vec<String>,
}

impl SshFleet {
    /// Starts hosts of these names and tags; `deploy` is added to `[targets.web.deploy]`.
    pub fn start(hosts: &[(String, Vec<(&str, String)>)], deploy: &str) -> Self {
        let sshd = Sshd::start(hosts.len());
        let listed: Vec<String> = hosts
            .iter()
            .enumerate()
            .map(|(number, (name, tags))| {
                let tags: Vec<String> = tags.iter().map(|(key, value)| format!("{key} = {}", serde_json::json!(value))).collect();
                let address = sshd.address(number);
                format!("  {{ name = \"{name}\", address = \"{address}\", tags = {{ {} }} }},\n", tags.join(", "))
            })
            .collect();
        let project = Project::with_config(&format!(
            "[targets.web]\napp = \"shop\"\nselect = [ {{ provider = \"static\", hosts = [\n{}] }} ]\n\
             [targets.web.ssh]\nuser = {:?}\nport = {}\nidentity_file = {:?}\n[targets.web.deploy]\nscript = \"deploy.sh\"\n{deploy}",
            listed.concat(),
            sshd.user(),
            sshd.port(),
            sshd.key(),
        ));
        Self { project, sshd, names: hosts.iter().map(|(name, _)| name.clone()).collect() }
    }

    /// Where a host keeps Fleetwide's state.
    pub fn state(&self, name: &str) -> PathBuf {
        let number = self.names.iter().position(|known| known == name).expect("a host of the fleet");
        self.sshd.state_home(number).join("fleetwide")
    }

    /// The folder that holds every host's state: no process of the hosts is without it in its environment.
    pub fn states(&self) -> PathBuf {
        self.sshd.folder().to_owned()
    }

    /// The folder of the only run that a host has had.
    pub fn only_run(&self, name: &str) -> PathBuf {
        let runs = self.state(name).join("shop/runs");
        let mut runs: Vec<_> = fs::read_dir(&runs).expect("runs").map(|run| run.expect("a run").path()).collect();
        assert_eq!(runs.len(), 1, "{runs:?}");
        runs.remove(0)
    }

    /// `user@address:port` of a host.
    pub fn address(&self, name: &str) -> String {
        let number = self.names.iter().position(|known| known == name).expect("a host of the fleet");
        format!("{}@{}:{}", self.sshd.user(), self.sshd.address(number), self.sshd.port())
    }

    /// The private key that logs in.
    pub fn key(&self) -> PathBuf {
        self.sshd.key().to_owned()
    }

    /// Stops the server.
    pub fn stop(&self) {
        self.sshd.stop();
    }

    /// All log files below a folder of the project, joined.
    pub fn logs(&self, folder: &str) -> String {
        let mut text = String::new();
        collect(&self.project.path(folder), &mut text);
        assert!(!text.is_empty(), "there are logs");
        text
    }
}

fn collect(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder of logs") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, text);
        } else {
            text.push_str(&String::from_utf8_lossy(&fs::read(&path).expect("a log")));
        }
    }
}
