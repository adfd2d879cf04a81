//! A place for running commands of the documentation: a project, a home, and the machines of its target. The default
//! one, `shop`, is the one that pages describe: three clouds, a checkout, a deploy script.

use std::{any::Any, fs, os::unix::fs::symlink, path::Path, process::Command};

use fleetwide_simulator::{
    Cloud,
    world::{AZURE_SUBSCRIPTION, GCP_PROJECT, World, WorldConfig},
};
use tokio::runtime::Runtime;

use super::{mistakes, plain::plain, project::Project, sshd::Sshd};

/// The default deploy script.
const SCRIPT: &str = "#!/bin/sh\nset -eu\necho \"shop $FLEETWIDE_REVISION is running\"\n";

/// The place, and everything that it needs while in use.
#[derive(Debug)]
pub(crate) struct Sandbox {
    /// The project.
    pub(crate) project: Project,
    words: Vec<(String, String)>,
    /// Environment variables for every command.
    variables: Vec<(&'static str, String)>,
    /// Servers that end with the sandbox.
    held: Vec<Box<dyn Any>>,
}

impl Sandbox {
    /// The sandbox with this name.
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "empty" => Self::empty(),
            "shop" => Self::shop(),
            name => mistakes::sandbox(name),
        }
    }

    /// A project with a deploy script and nothing else.
    pub(crate) fn empty() -> Self {
        let project = Project::new();
        fs::create_dir(project.home().join("bin")).expect("a folder");
        symlink(env!("CARGO_BIN_EXE_fleetwide"), project.home().join("bin/fleetwide")).expect("a link");
        project.write("deploy.sh", SCRIPT);
        let mut sandbox = Self { project, words: Vec::new(), variables: Vec::new(), held: Vec::new() };
        for (path, shown) in [(sandbox.project.path(""), "/srv/shop/"), (sandbox.project.home(), "/home/ada")] {
            let path = path.to_str().expect("a path is text").to_owned();
            sandbox.show(&path, shown);
            sandbox.show(path.trim_end_matches('/'), shown.trim_end_matches('/'));
        }
        sandbox
    }

    /// An empty sandbox with this configuration.
    pub(crate) fn with_config(text: &str) -> Self {
        let sandbox = Self::empty();
        sandbox.project.write("fleetwide.toml", text);
        sandbox
    }

    /// Three clouds with six servers of target `web`, in a checkout.
    fn shop() -> Self {
        let (sandbox, world) = Self::clouds("");
        let mut sandbox = sandbox.checkout();
        sandbox.hold(world);
        sandbox
    }

    /// Three clouds, and a target `web` that queries them; `deploy` is added to its deploy table.
    pub(crate) fn clouds(deploy: &str) -> (Self, Clouds) {
        let mut sandbox = Self::empty();
        let runtime = Runtime::new().expect("a runtime");
        let folder = sandbox.project.home().join("clouds");
        fs::create_dir(&folder).expect("a folder");
        let config = WorldConfig { wanted: 6, user: "deploy".to_owned(), folder, allow_forwarding: false };
        let world = runtime.block_on(World::start(config)).expect("three clouds");
        let [aws, gcp, azure] = [Cloud::Aws, Cloud::Gcp, Cloud::Azure].map(|cloud| world.endpoint(cloud));
        let tags = r#"tags = { role = "web", env = "prod" }, deadline = "20s""#;
        let select = format!(
            "select = [\n  {{ provider = \"aws\", regions = [\"eu-west-1\", \"us-east-1\"], {tags}, endpoint = \"{aws}\" }},\n  \
             {{ provider = \"gcp\", projects = [\"{GCP_PROJECT}\"], {tags}, endpoint = \"{gcp}\" }},\n  \
             {{ provider = \"azure\", subscriptions = [\"{AZURE_SUBSCRIPTION}\"], {tags}, endpoint = \"{azure}\" }},\n]\n"
        );
        let ssh = [
            ("user", "\"deploy\"".to_owned()),
            ("port", world.ssh().port().to_string()),
            ("identity_file", format!("\"{}\"", world.key().display())),
            ("config_file", "\"ssh_config\"".to_owned()),
        ];
        sandbox.project.write("ssh_config", "");
        sandbox.write_config(&format!("app = \"shop\"\n{select}"), &ssh, deploy);
        for (number, machine) in world.wanted().iter().enumerate() {
            let address = machine.private_ipv4.expect("an address").to_string();
            sandbox.show(&address, &format!("10.0.0.{}", 11 + number));
            let id = match machine.cloud {
                Cloud::Aws => format!("i-0a1b2c3d4e5f6071{number}"),
                Cloud::Gcp => format!("524018836720145931{number}"),
                Cloud::Azure => format!("3f6c1d20-7a94-4be1-a35d-08c2b7e6f91{number}"),
            };
            sandbox.show(&machine.id, &id);
        }
        sandbox.show(&world.ssh().port().to_string(), "22");
        for (endpoint, shown) in
            [(&aws, "ec2.amazonaws.com"), (&gcp, "compute.googleapis.com"), (&azure, "management.azure.com")]
        {
            sandbox.show(endpoint.trim_start_matches("http://").trim_end_matches('/'), shown);
        }
        sandbox.variables = vec![
            ("AWS_ENDPOINT_URL_EC2", aws),
            ("AWS_REGION", "eu-west-1".to_owned()),
            ("FLEETWIDE_GCP_ENDPOINT", gcp),
            ("FLEETWIDE_AZURE_ENDPOINT", azure),
        ];
        (sandbox, Clouds { world, _runtime: runtime })
    }

    /// Hosts `web-1`, `web-2` … of one real `sshd`, and a target `web` that lists them.
    pub(crate) fn hosts(sshd: &Sshd, ssh: &[(&str, String)], deploy: &str) -> Self {
        let mut sandbox = Self::empty();
        let mut listed = String::new();
        for (number, address) in sshd.addresses().iter().enumerate() {
            let name = format!("web-{}", number + 1);
            listed.push_str(&format!("  {{ name = \"{name}\", address = \"{address}\" }},\n"));
            sandbox.show(&address.to_string(), &format!("10.0.0.{}", 11 + number));
        }
        let mut lines = vec![
            ("port", sshd.port().to_string()),
            ("identity_file", format!("\"{}\"", sshd.login_key().display())),
            ("config_file", format!("\"{}\"", sshd.client_config().display())),
        ];
        lines.retain(|(key, _)| !ssh.iter().any(|(other, _)| other == key));
        lines.extend(ssh.iter().cloned());
        sandbox.write_config(
            &format!("app = \"shop\"\nselect = [ {{ provider = \"static\", hosts = [\n{listed}] }} ]\n"),
            &lines,
            deploy,
        );
        sandbox.show(sshd.login_key().to_str().expect("text"), "/home/ada/.ssh/deploy");
        sandbox.show(sshd.stranger_key().to_str().expect("text"), "/home/ada/.ssh/id_ed25519");
        for host in 0..sshd.addresses().len() {
            sandbox.show(sshd.state(host).to_str().expect("text"), "/home/deploy/.local/state");
        }
        sandbox.show(&sshd.port().to_string(), "22");
        sandbox
    }

    fn write_config(&self, target: &str, ssh: &[(&str, String)], deploy: &str) {
        let ssh: String = ssh.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        let script = if deploy.contains("script =") { "" } else { "script = \"deploy.sh\"\n" };
        let deploy = format!("{script}{deploy}");
        self.project.write(
            "fleetwide.toml",
            &format!("[targets.web]\n{target}\n[defaults.ssh]\n{ssh}\n[targets.web.deploy]\n{deploy}\n"),
        );
    }

    /// Makes a checkout of the project.
    pub(crate) fn checkout(self) -> Self {
        self.project.write(".gitignore", "*.json\nlogs/\n");
        let git = "git init -q && git add -A && git -c user.name=ada -c user.email=ada@example.com commit -q -m shop";
        let (code, said) = self.run(git);
        assert_eq!(code, 0, "{said}");
        self
    }

    /// Sets the replacement for a word on the page.
    pub(crate) fn show(&mut self, word: &str, shown: &str) {
        self.words.push((word.to_owned(), shown.to_owned()));
        // A path may contain an address, so the longer word must be replaced first.
        self.words.sort_by_key(|(word, _)| std::cmp::Reverse(word.len()));
    }

    /// Keeps something as long as the sandbox.
    pub(crate) fn hold(&mut self, thing: impl Any) {
        self.held.push(Box::new(thing));
    }

    /// The same, for the end of a method chain.
    pub(crate) fn holding(mut self, thing: impl Any) -> Self {
        self.hold(thing);
        self
    }

    /// A command line in this sandbox, ready to run.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        let path =
            format!("{}:{}", self.project.home().join("bin").display(), std::env::var("PATH").unwrap_or_default());
        command
            .args(["-c", line])
            .current_dir(self.project.path(""))
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.project.home())
            .env("COLUMNS", "100")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("GIT_CEILING_DIRECTORIES", self.project.path("").parent().unwrap_or(Path::new("/")))
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(std::process::Stdio::null());
        command
    }

    /// Runs a line as a shell would; returns its exit code and all of its output, as a page shows it.
    pub(crate) fn run(&self, line: &str) -> (i32, String) {
        let line = line.replace("cargo run -- ", "fleetwide ");
        let output = self.command(&format!("exec 2>&1\n{line}")).output().expect("sh runs");
        let printed = String::from_utf8_lossy(&output.stdout);
        (output.status.code().unwrap_or(-1), plain(&printed, &self.words))
    }
}

/// Three clouds, and the runtime that runs them.
#[derive(Debug)]
pub(crate) struct Clouds {
    /// The clouds.
    pub(crate) world: World,
    _runtime: Runtime,
}
