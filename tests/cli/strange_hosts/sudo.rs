//! `sudo`, around the script and inside it, for a login that is not root.

use std::{fs, path::PathBuf, process::Command, thread, time::Duration};

use serde_json::{Value, json};

use super::host::{Fate, Stage, StrangeHost, all};
use crate::project::{Finished, eventually, processes_with};

const ALL: &str = "strange ALL=(ALL) NOPASSWD: ALL";

/// A host whose script runs as root, with these lines of sudoers.
fn root(rules: &str) -> StrangeHost {
    StrangeHost::new().sudoers(rules).deploy("sudo = true")
}

/// A host with every needed tool except `sudo`.
fn without_sudo() -> StrangeHost {
    let tools = ["sh", "awk", "cat", "chmod", "head", "mkdir", "mv", "rm", "setsid", "sleep", "wc"];
    root(ALL).only(&tools)
}

pub(super) fn rows() -> Vec<(&'static str, StrangeHost, Fate)> {
    let and_all = |defaults: &str| root(&format!("Defaults {defaults}\n{ALL}"));
    let password = Fate::Unreachable("no root on the host: sudo: a password is required");
    let missing = |words| Fate::Unreachable(words);
    vec![
        ("sudo without a password", root(ALL), Fate::Works),
        ("sudo without a password, and login shell fish", root(ALL).shell("/usr/bin/fish"), Fate::Works),
        ("sudo without a password, and login shell tcsh", root(ALL).shell("/usr/bin/tcsh"), Fate::Works),
        ("sudo to root only", root("strange ALL=(root) NOPASSWD: ALL"), Fate::Works),
        ("sudo with use_pty", and_all("use_pty"), Fate::Works),
        ("sudo that logs input and output", and_all("log_input, log_output, iolog_dir=$DIR/io"), Fate::Works),
        ("sudo, and a home of root's that is not there", root(ALL).setup("rmdir $DIR/home-of-root"), Fate::Works),
        ("sudo asks for a password", root("strange ALL=(ALL) ALL"), password),
        ("not in sudoers", root(""), password),
        ("sudo for some commands only", root("strange ALL=(ALL) NOPASSWD: /bin/true"), password),
        ("sudo to somebody else only", root("strange ALL=(nobody) NOPASSWD: ALL"), password),
        (
            "sudo with requiretty",
            and_all("requiretty"),
            Fate::Unreachable("no root on the host: sudo: sorry, you must have a tty to run sudo"),
        ),
        (
            "sudo whose secure_path has no sh",
            and_all("secure_path=/nowhere"),
            Fate::Unreachable("no root on the host: sudo: sh: command not found"),
        ),
        ("no sudo", without_sudo(), missing("sudo: not found")),
        ("no sudo, and login shell fish", without_sudo().shell("/usr/bin/fish"), missing("sudo")),
        ("no sudo, and login shell tcsh", without_sudo().shell("/usr/bin/tcsh"), missing("sudo: Command not found.")),
        (
            "sudo that the login may not start",
            root(ALL).setup("mount --bind /dev/null \"$(command -v sudo)\""),
            Fate::Unreachable("no root on the host: bash: line 1: "),
        ),
        (
            "sudo, and .bashrc exits 1",
            root(ALL).file(".bashrc", "exit 1"),
            Fate::Unreachable("exit status 1; look at this user's login shell there and what it reads"),
        ),
    ]
}

#[test]
fn every_sudo() {
    all(&rows());
}

/// A deploy with `--sudo` instead of the key, and a command.
#[test]
fn the_flag_does_what_the_key_does() {
    let stage = StrangeHost::new().sudoers(ALL).start();
    let whoami = ["run", "web", "--report", "report.json", "--sudo", "--", "id", "-u"];
    stage.project.run(&whoami).expect(0);
    assert_eq!(stage.project.report("report.json")["hosts"][0]["stdout_tail"], "0");
    let whoami = ["run", "web", "--report", "report.json", "--", "id", "-u"];
    stage.project.run(&whoami).expect(0);
    assert_eq!(stage.project.report("report.json")["hosts"][0]["stdout_tail"], "4711");

    stage.project.run(&["deploy", "web", "--revision", "v1", "--sudo"]).expect(0);
    assert!(stage.sshd.dir().join("home-of-root/.local/state/fleetwide/shop/revision").exists());
    assert!(!stage.sshd.dir().join("home/.local").exists(), "the login has no record of what root did");
}

#[test]
fn the_ends_of_what_root_runs_are_exact() {
    let stage = root(ALL).start();
    for status in [1, 126, 127, 130, 255] {
        let host = stage.deploy_script(format!("#!/bin/sh\nexit {status}\n"));
        assert_eq!((&host["outcome"], &host["exit_status"]), (&json!("failed"), &json!(status)), "{host:#}");
    }
    for signal in ["TERM", "KILL", "SEGV"] {
        let host = stage.deploy_script(format!("#!/bin/sh\nkill -s {signal} $$\n"));
        assert_eq!((&host["signal"], &host["exit_status"]), (&json!(signal), &Value::Null), "{host:#}");
    }
}

/// Each reason has its own hint, printed once, for a script as for a command.
#[test]
fn what_would_let_it_be_root_is_said() {
    for (host, hint) in [
        (root(""), "NOPASSWD"),
        (root(&format!("Defaults requiretty\n{ALL}")), "!requiretty"),
        (root(&format!("Defaults secure_path=/nowhere\n{ALL}")), "secure_path"),
        (without_sudo(), "install sudo there"),
        (without_sudo().shell("/usr/bin/fish"), "install sudo there"),
        (without_sudo().shell("/usr/bin/tcsh"), "install sudo there"),
    ] {
        let stage = host.start();
        stage.project.run(&["run", "web", "--", "id"]).expect(7).says(hint);
        let host = stage.deploy("v1");
        assert!(host["hint"].as_str().is_some_and(|it| it.contains(hint)), "{host:#}");
        assert_eq!(host["cause"], "refused-by-host", "{host:#}");
    }
}

/// Losing contact also loses `sudo`; the host is asked again through `sudo`.
#[test]
fn what_root_runs_is_taken_up_again() {
    for rules in [ALL.to_owned(), format!("Defaults use_pty\n{ALL}")] {
        let stage = root(&rules).start();
        let script = "#!/bin/sh\necho begun\nuntil [ -e \"$PROOF.go\" ]; do sleep 0.1; done\nid -u\nexit 9\n";
        stage.project.write("deploy.sh", script);
        let mut deploy = stage.project.start(&["deploy", "web", "--revision", "v1", "--report", "report.json"]);
        deploy.await_events("output", 1);
        stage.sshd.cut_connections();
        deploy.await_events("host-lost", 1);
        fs::write(stage.sshd.dir().join("proof.go"), "").expect("a file");
        deploy.finish().expect(8);
        let host = &stage.project.report("report.json")["hosts"][0];
        assert_eq!((&host["outcome"], &host["exit_status"]), (&json!("failed"), &json!(9)), "{rules}: {host:#}");
        assert_eq!((&host["reattached"], &host["stdout_tail"]), (&json!(1), &json!("begun\n0")), "{rules}: {host:#}");
        stage.await_silence();
    }
}

/// The cause of a script's end.
#[derive(Clone, Copy, Debug)]
enum End {
    CtrlC,
    Timeout,
}

/// A stage, and everything that its scripts leave running on this machine, which ends with the value.
struct Left {
    stage: Stage,
    mark: PathBuf,
}

impl Left {
    fn on(host: &StrangeHost) -> Self {
        let stage = host.start();
        let mark = stage.sshd.dir().join("proof");
        Self { stage, mark }
    }

    /// Deploys a script that prints `begun`, and ends it; returns the report about it, and the output for people.
    fn ended(&self, script: &str, end: End) -> (Value, Finished) {
        let project = &self.stage.project;
        project.write("deploy.sh", script);
        let deploy = ["deploy", "web", "--revision", "v1", "--report", "report.json"];
        let finished = match end {
            End::CtrlC => {
                let mut deploy = project.start(&deploy);
                deploy.await_events("output", 1);
                deploy.signal("INT");
                deploy.finish().expect(130)
            }
            End::Timeout => project.run(&[&deploy[..], &["--timeout", "6s"]].concat()).expect(8),
        };
        let host = project.report("report.json")["hosts"][0].clone();
        assert_eq!(host["stdout_tail"], "begun", "{end:?}: {host:#}");
        assert!(host["group"].as_u64().is_some(), "{end:?}: {host:#}");
        let cause = match end {
            End::CtrlC => "cancelled",
            End::Timeout => "timed-out",
        };
        assert_eq!(host["cause"], cause, "{host:#}");
        (host, finished)
    }

    fn await_nothing(&self) {
        eventually(
            Duration::from_secs(30),
            || processes_with(&self.mark).is_empty().then_some(()),
            || format!("left behind: {:#?}", processes_with(&self.mark)),
        );
    }

    fn confirmed(&self, script: &str, end: End) {
        let (host, _) = self.ended(script, end);
        assert_eq!((&host["outcome"], &host["killed"]), (&json!("failed"), &json!("confirmed")), "{end:?}: {host:#}");
        self.await_nothing();
    }

    fn unconfirmed(&self, script: &str, end: End) {
        let (host, finished) = self.ended(script, end);
        assert_eq!(
            (&host["outcome"], &host["killed"]),
            (&json!("unknown"), &json!("unconfirmed")),
            "{end:?}: {host:#}"
        );
        for (key, words) in [("message", "as another user (sudo?) are still running"), ("hint", "sudo = true")] {
            assert!(host[key].as_str().is_some_and(|text| text.contains(words)), "{end:?}: {host:#}");
        }
        // The other one writes events for a program.
        if let End::Timeout = end {
            finished.says(&format!("process group {}", host["group"]));
        }
        assert!(!processes_with(&self.mark).is_empty(), "it was told the truth");
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        for process in processes_with(&self.mark) {
            // Some have ended together with earlier ones.
            let pid = process.split(' ').next().unwrap_or_default();
            let _ = Command::new("kill").args(["-s", "KILL", pid]).output();
        }
    }
}

/// Its last argument marks it for the test, because `sudo` does not pass on the environment.
const STUBBORN: &str = "sh -c 'trap \"\" TERM HUP; echo begun; while :; do sleep 0.2; done' \"$PROOF\"";

/// Tries each end with each way in which `sudo` may start things, all at once, because most of the time is waiting.
fn each_end(check: impl Fn(&str, End) + Sync) {
    let check = &check;
    thread::scope(|scope| {
        for rules in [ALL, "Defaults use_pty\nstrange ALL=(ALL) NOPASSWD: ALL"] {
            for end in [End::CtrlC, End::Timeout] {
                scope.spawn(move || check(rules, end));
            }
        }
    });
}

#[test]
fn root_ends_a_script_whole_with_what_it_runs_as_others() {
    each_end(|rules, end| {
        let left = Left::on(&root(&format!("root ALL=(ALL) ALL\n{rules}")));
        left.confirmed(&format!("#!/bin/sh\n{STUBBORN}\n"), end);
        left.confirmed(&format!("#!/bin/sh\nsudo -n -u nobody {STUBBORN}\n"), end);
    });
}

#[test]
fn what_sudo_in_a_script_keeps_from_being_ended_is_said() {
    each_end(|rules, end| {
        Left::on(&StrangeHost::new().sudoers(rules)).unconfirmed(&format!("#!/bin/sh\nsudo -n {STUBBORN}\n"), end);
    });
}

/// A process of root's may still end by itself: the guard checks until it gives up.
#[test]
fn what_sudo_in_a_script_lets_end_is_confirmed() {
    let left = Left::on(&StrangeHost::new().sudoers(ALL));
    for end in [End::CtrlC, End::Timeout] {
        // The process of the same user is ended, and `sudo` with it.
        left.confirmed(&format!("#!/bin/sh\nsudo -n -u strange {STUBBORN}\n"), end);
        // The script, when it is ended, asks root's process to end.
        let asked = "#!/bin/sh\ntrap 'rm \"$HOME/flag\"; exit 1' TERM\n: >\"$HOME/flag\"\n\
                     sudo -n sh -c 'echo begun; while [ -e \"$1\" ]; do sleep 0.2; done' \"$PROOF\" \"$HOME/flag\" &\n\
                     wait\n";
        left.confirmed(asked, end);
    }
}
