//! One strange host, and the result of a deploy to it.

use std::{fs, thread, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::{
    project::{Finished, Project, eventually, processes_with},
    sshd::Sshd,
};

/// The only argument of the script, full of characters that a shell would interpret.
const ARGUMENT: &str = "it's \"$HOME\" `id` \\ !x ü";

/// Succeeds for `v1`, and otherwise exits with a status that looks like a signal.
pub(super) const SCRIPT: &str = r#"#!/bin/sh
echo ran >>"$PROOF"
printf '%s\n' "to $FLEETWIDE_REVISION from $FLEETWIDE_PREVIOUS_REVISION with $1"
echo loud >&2
[ "$FLEETWIDE_REVISION" = v1 ] || exit 143
"#;

/// The same in parts; the second part waits at a barrier for all hosts.
const PARTS: &str = r#"parts = [
  { name = "fetch", run = 'echo ran >>"$PROOF"', barrier = true },
  { name = "end", run = """
printf '%s\\n' "to $FLEETWIDE_REVISION from $FLEETWIDE_PREVIOUS_REVISION with $1"
echo loud >&2
[ "$FLEETWIDE_REVISION" = v1 ] || exit 143
""" },
]"#;

/// The expected result of a host.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    /// Both the succeeding and the failing script run once, and are reported truly.
    Works,
    /// The script never starts, and the message contains these words.
    Unreachable(&'static str),
    /// The same, and the program that hangs in place of the script does so until the test ends it.
    Hangs(&'static str),
}

/// A host to start. Its settings take effect when it starts.
#[derive(Clone, Debug)]
pub(super) struct StrangeHost {
    shell: String,
    user: u32,
    home: String,
    path: String,
    environment: Vec<String>,
    setup: String,
    options: Vec<String>,
    files: Vec<(String, String)>,
    payload: &'static str,
    deploy: String,
}

impl StrangeHost {
    /// An ordinary host.
    pub(super) fn new() -> Self {
        Self {
            shell: "/bin/bash".to_owned(),
            user: 0,
            home: "$DIR/home".to_owned(),
            path: "/usr/bin:/bin".to_owned(),
            environment: Vec::new(),
            setup: String::new(),
            options: Vec::new(),
            files: Vec::new(),
            payload: "script = \"deploy.sh\"",
            deploy: String::new(),
        }
    }

    /// The login shell.
    pub(super) fn shell(mut self, path: &str) -> Self {
        path.clone_into(&mut self.shell);
        self
    }

    /// The user id of the account; root by default.
    pub(super) fn user(mut self, id: u32) -> Self {
        self.user = id;
        self
    }

    /// The account's home folder, which is then not created.
    pub(super) fn home(mut self, path: &str) -> Self {
        path.clone_into(&mut self.home);
        self
    }

    /// The `PATH` of a login. `$DIR` is the host's own folder.
    pub(super) fn path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// `NAME=value` in the environment of a login.
    pub(super) fn env(mut self, variable: &str) -> Self {
        self.environment.push(variable.to_owned());
        self
    }

    /// Lines for `sh`, run as root in a mount namespace that only this host sees.
    pub(super) fn setup(mut self, lines: &str) -> Self {
        self.setup.push_str(lines);
        self.setup.push('\n');
        self
    }

    /// A line of the server's configuration.
    pub(super) fn option(mut self, line: &str) -> Self {
        self.options.push(line.to_owned());
        self
    }

    /// A file in the home folder.
    pub(super) fn file(mut self, name: &str, text: &str) -> Self {
        self.files.push((name.to_owned(), text.to_owned()));
        self
    }

    /// Deploys in parts instead.
    pub(super) fn in_parts(mut self) -> Self {
        self.payload = PARTS;
        self
    }

    /// A line of the target's deploy table.
    pub(super) fn deploy(mut self, line: &str) -> Self {
        self.deploy.push_str(line);
        self.deploy.push('\n');
        self
    }

    /// The whole content of sudoers, for a login that is not root. Root has the host's own home folder, whose name
    /// begins like the login's, so that root's processes are found too.
    pub(super) fn sudoers(self, rules: &str) -> Self {
        self.user(4711).setup(&format!(
            "sed \"s|^root:.*|root:x:0:0::$DIR/home-of-root:/bin/sh|\" $DIR/passwd >$DIR/accounts\n\
             mount --bind $DIR/accounts /etc/passwd; mkdir $DIR/home-of-root\n\
             cp /etc/shadow $DIR/shadow; echo 'strange:*:19000::::::' >>$DIR/shadow\n\
             mount --bind $DIR/shadow /etc/shadow\n\
             cat >$DIR/sudoers <<END\nDefaults !mailerpath, !syslog\n{rules}\nEND\n\
             chmod 440 $DIR/sudoers; mount --bind $DIR/sudoers /etc/sudoers",
        ))
    }

    /// Only these tools of this machine. `name=program` is a program under another name.
    pub(super) fn only(self, tools: &[&str]) -> Self {
        let mut links = "mkdir -p $DIR/bin\n".to_owned();
        for tool in tools {
            let (name, program) = tool.split_once('=').unwrap_or((tool, tool));
            links.push_str(&format!("ln -s \"$(command -v {program})\" $DIR/bin/{name}\n"));
        }
        self.setup(&links).path("$DIR/bin")
    }

    /// A tool that replaces the real one of that name, and comes first in the path.
    pub(super) fn shim(self, name: &str, script: &str) -> Self {
        let path = self.path.clone();
        let quoted = format!("#!/bin/sh\n{script}\n").replace('\'', "'\\''");
        let made =
            format!("mkdir -p $DIR/shims\nprintf '%s' '{quoted}' >$DIR/shims/{name}\nchmod 755 $DIR/shims/{name}");
        let host = self.setup(&made);
        if path.starts_with("$DIR/shims:") { host } else { host.path(&format!("$DIR/shims:{path}")) }
    }

    /// Starts the host, with a project that deploys to it.
    pub(super) fn start(&self) -> Stage {
        assert!(rustix::process::getuid().is_root(), "strange hosts are made with mounts: run these tests as root");
        let account = format!(
            "cp /etc/passwd $DIR/passwd; echo \"strange:x:{0}:{0}::{1}:{2}\" >>$DIR/passwd\n\
             mount --bind $DIR/passwd /etc/passwd; chmod 755 $DIR; touch $DIR/proof; chmod 666 $DIR/proof\n",
            self.user, self.home, self.shell
        );
        let mut world = account;
        if self.home == "$DIR/home" {
            world.push_str(&format!("mkdir $DIR/home; chown {} $DIR/home\n", self.user));
        }
        for (name, text) in &self.files {
            let quoted = text.replace('\'', "'\\''");
            world.push_str(&format!(
                "mkdir -p \"$(dirname $DIR/home/{name})\"; printf '%s\\n' '{quoted}' >$DIR/home/{name}\n"
            ));
        }
        world.push_str(&self.setup);
        let variables: Vec<_> = self.environment.iter().map(|it| format!("\"{it}\"")).collect();
        // One line, because sshd obeys only the first.
        let environment = format!("SetEnv \"PATH={}\" {}", self.path, variables.join(" "));
        // The second address is for tests that need a second host.
        let mut builder = Sshd::builder().hosts(2).within(&world).option(&environment);
        for option in &self.options {
            builder = builder.option(option);
        }
        Stage::new(builder.start(), self.payload, &self.deploy)
    }
}

/// A running strange host, and a project with only that host.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) sshd: Sshd,
    pub(super) project: Project,
}

impl Stage {
    fn new(sshd: Sshd, payload: &str, deploy: &str) -> Self {
        let project = Project::with_config(&format!(
            "[targets.web]\napp = \"shop\"\n\
             select = [ {{ provider = \"static\", hosts = [ {{ name = \"strange\", address = \"{}\" }} ] }} ]\n\
             [targets.web.ssh]\nuser = \"strange\"\nport = {}\nidentity_file = \"{}\"\nconfig_file = \"{}\"\n\
             [targets.web.deploy]\n{payload}\nargs = [ {} ]\nenv = {{ PROOF = \"{}\" }}\n\
             retries = 0\nconnect_timeout = \"1m\"\nauth_timeout = \"1m\"\ntimeout = \"2m\"\nkill_grace = \"2s\"\nmax_failures = \"100%\"\n{deploy}",
            sshd.addresses()[0],
            sshd.port(),
            sshd.login_key().display(),
            sshd.client_config().display(),
            json!(ARGUMENT),
            sshd.dir().join("proof").display(),
        ));
        project.write("deploy.sh", SCRIPT);
        Self { sshd, project }
    }

    /// Deploys a revision, and returns the host's part of the report.
    pub(super) fn deploy(&self, revision: &str) -> Value {
        let Finished { code, stdout, stderr } =
            self.project.run(&["deploy", "web", "--revision", revision, "--report", "report.json"]);
        assert!(matches!(code, Some(0 | 8)), "exit code {code:?}\n-- stdout\n{stdout}\n-- stderr\n{stderr}");
        self.project.report("report.json")["hosts"][0].clone()
    }

    /// Deploys this script instead.
    pub(super) fn deploy_script(&self, script: impl AsRef<[u8]>) -> Value {
        fs::write(self.project.path("deploy.sh"), script).expect("a script");
        self.deploy("v1")
    }

    /// How often a script has run.
    pub(super) fn runs(&self) -> usize {
        fs::read_to_string(self.sshd.dir().join("proof")).expect("the proof").lines().count()
    }

    /// Waits until no process of the host is left.
    pub(super) fn await_silence(&self) {
        let mark = self.sshd.dir().join("home");
        eventually(
            Duration::from_secs(30),
            || processes_with(&mark).is_empty().then_some(()),
            || format!("still running: {:#?}", processes_with(&mark)),
        );
    }

    /// Checks that the host has this result.
    pub(super) fn meets(&self, fate: Fate) {
        let first = self.deploy("v1");
        match fate {
            Fate::Works => {
                ran(&first, "succeeded", 0, &format!("to v1 from  with {ARGUMENT}"));
                let second = self.deploy("v2");
                ran(&second, "failed", 143, &format!("to v2 from v1 with {ARGUMENT}"));
                assert_eq!(self.runs(), 2, "each attempt runs once");
            }
            Fate::Unreachable(reason) | Fate::Hangs(reason) => {
                unreachable(&first, reason);
                assert_eq!(self.runs(), 0, "what is unreachable has not run: {first:#}");
            }
        }
        if let Fate::Hangs(_) = fate {
            // The server has dropped the process, so nothing else will end it.
            for process in processes_with(&self.sshd.dir().join("home")) {
                let pid = process.split(' ').next().and_then(|pid| pid.parse().ok()).and_then(Pid::from_raw);
                // It may have ended with the one before it.
                let _ = kill_process(pid.expect("a process id"), Signal::KILL);
            }
        }
        self.await_silence();
    }
}

/// Checks the true end of a script that ran.
pub(super) fn ran(host: &Value, outcome: &str, status: u8, stdout: &str) {
    assert_eq!((&host["outcome"], &host["exit_status"]), (&json!(outcome), &json!(status)), "{host:#}");
    assert_eq!(host["stdout_tail"], stdout, "{host:#}");
    assert_eq!(host["stderr_tail"], "loud", "{host:#}");
}

/// Checks that nothing started, and that this is the only reason.
pub(super) fn unreachable(host: &Value, reason: &str) {
    assert_eq!(host["outcome"], "unreachable", "{host:#}");
    let message = host["message"].as_str().expect("a reason");
    assert!(message.contains(reason), "not for {reason:?}: {host:#}");
    assert_eq!(message.lines().count(), 1, "{host:#}");
}

/// Tries every host, a few at a time, and fails with the names of those with another result.
pub(super) fn all(rows: &[(&'static str, StrangeHost, Fate)]) {
    let mut failed = Vec::new();
    for some in rows.chunks(4) {
        thread::scope(|scope| {
            let running: Vec<_> = some
                .iter()
                .map(|(name, host, fate)| {
                    let meets = move || host.start().meets(*fate);
                    let named = thread::Builder::new().name((*name).to_owned());
                    (name, named.spawn_scoped(scope, meets).expect("a thread"))
                })
                .collect();
            failed.extend(running.into_iter().filter_map(|(name, row)| row.join().is_err().then_some(*name)));
        });
    }
    assert!(failed.is_empty(), "these hosts did not meet their fate, for the reasons above: {failed:#?}");
}
