//! A real `sshd` that stands for many hosts, and a project whose target `web` consists of them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{project::Project, sshd::Sshd};

/// Hosts on 127.x.y.z of one `sshd`, each with its own state folder.
#[derive(Debug)]
pub(crate) struct SshFleet {
    /// The project that deploys to them.
    pub(crate) project: Project,
    sshd: Sshd,
    folder: PathBuf,
    key: PathBuf,
    addresses: Vec<String>,
    states: Vec<PathBuf>,
    names: Vec<String>,
}

impl SshFleet {
    /// Starts hosts with these names and tags. The target has no slow start, so all hosts of a stage start at once.
    /// `deploy` is added to `[targets.web.deploy]`.
    pub(crate) fn start(hosts: &[(String, Vec<(&str, String)>)], deploy: &str) -> Self {
        let sshd = Sshd::builder().hosts(u8::try_from(hosts.len()).expect("a small fleet")).start();
        let listed: Vec<String> = hosts
            .iter()
            .zip(sshd.addresses())
            .map(|((name, tags), address)| {
                let tags: Vec<String> =
                    tags.iter().map(|(key, value)| format!("{key} = {}", serde_json::json!(value))).collect();
                format!("  {{ name = \"{name}\", address = \"{address}\", tags = {{ {} }} }},\n", tags.join(", "))
            })
            .collect();
        let (port, key) = (sshd.port(), sshd.login_key());
        let project = Project::with_config(&format!(
            "[targets.web]\napp = \"shop\"\nselect = [ {{ provider = \"static\", hosts = [\n{}] }} ]\n\
             [targets.web.ssh]\nport = {port}\nidentity_file = \"{}\"\nconfig_file = \"{}\"\n\
             [targets.web.deploy]\nscript = \"deploy.sh\"\nslow_start = false\n{deploy}",
            listed.concat(),
            key.display(),
            sshd.client_config().display(),
        ));
        Self {
            project,
            folder: sshd.dir().to_owned(),
            key,
            addresses: sshd.addresses().iter().map(|address| format!("{address}:{port}")).collect(),
            states: (0..hosts.len()).map(|host| sshd.state(host)).collect(),
            names: hosts.iter().map(|(name, _)| name.clone()).collect(),
            sshd,
        }
    }

    /// Cuts all connections to all hosts.
    pub(crate) fn cut_connections(&self) {
        self.sshd.cut_connections();
    }

    /// The folder in which a host keeps Fleetwide's state.
    pub(crate) fn state(&self, name: &str) -> PathBuf {
        self.states[self.number(name)].join("fleetwide")
    }

    /// The beginning of every host's state folder: each process that a host runs has such a path in its environment,
    /// and no other process has.
    pub(crate) fn states(&self) -> PathBuf {
        self.folder.join("state-")
    }

    /// The folder of the only run on record on a host.
    pub(crate) fn only_run(&self, name: &str) -> PathBuf {
        let runs = self.state(name).join("shop/runs");
        let mut runs: Vec<_> = fs::read_dir(&runs).expect("runs").map(|run| run.expect("a run").path()).collect();
        assert_eq!(runs.len(), 1, "{runs:?}");
        runs.remove(0)
    }

    /// `address:port` of a host.
    pub(crate) fn address(&self, name: &str) -> String {
        self.addresses[self.number(name)].clone()
    }

    /// A private key that may log in.
    pub(crate) fn key(&self) -> PathBuf {
        self.key.clone()
    }

    /// An empty client configuration.
    pub(crate) fn client_config(&self) -> PathBuf {
        self.folder.join("ssh_config")
    }

    fn number(&self, name: &str) -> usize {
        self.names.iter().position(|known| known == name).expect("a host of the fleet")
    }

    /// All log files below a folder of the project, joined.
    pub(crate) fn logs(&self, folder: &str) -> String {
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
