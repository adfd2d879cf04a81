//! The remote command line in every login shell.

use std::process::Command;

use super::host::{Host, Running, Shell, deploy, find};
use crate::guard::{COMMAND, ScriptStatus};

#[test]
fn every_login_shell_takes_the_command() {
    let host = Host::new(Shell::Dash);
    for (at, login) in ["dash", "bash", "zsh", "fish", "tcsh", "csh", "busybox"].into_iter().enumerate() {
        let mut command = Command::new(find(login));
        if login == "busybox" {
            command.arg("sh");
        }
        command.args(["-c", COMMAND]);
        host.dress(&mut command);
        let request = deploy("echo \"hello $1\"; echo oops >&2; exit 143").of_run(&format!("r{at}"));
        let mut request = request;
        request.args.push("!$'\"\\".to_owned());
        let seen = Running::start(command, &request).finish();
        assert_eq!(seen.text(), "hello !$'\"\\\n", "{login}");
        assert_eq!(seen.stderr, b"oops\n", "{login}");
        assert_eq!(seen.trailer().status, ScriptStatus::Exited(143), "{login}");
    }
    host.await_silence();
}
