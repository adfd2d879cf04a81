//! Hosts that lack something, and how they refuse.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use super::{
    host::{Host, Running, Shell, deploy, find, run, whole},
    on_every_shell,
};
use crate::guard::{Lifeline, Refusal, ScriptStatus, text::Purpose};

on_every_shell!(
    a_read_only_home_is_refused,
    a_full_disk_is_refused,
    a_missing_home_is_refused,
    state_may_live_elsewhere,
    other_tools_can_make_a_session,
    without_any_tool_for_it_nothing_starts,
    an_awk_that_cannot_tell_starts_nothing,
    a_sleep_of_whole_seconds_will_do,
    a_greeting_is_noise,
    a_wrong_header_is_refused,
);

fn a_read_only_home_is_refused(shell: Shell) {
    let host = Host::new(shell);
    let mode = |bits| fs::set_permissions(host.home.path(), fs::Permissions::from_mode(bits)).unwrap();
    mode(0o555);
    let seen = Running::start(host.command_of_nobody(), &deploy("touch ran")).finish();
    let (reason, text) = seen.refusal();
    assert_eq!(reason, Refusal::ReadOnly);
    assert!(text.contains(".local") && text.to_lowercase().contains("permission denied"), "{text}");
    mode(0o755);
}

fn a_full_disk_is_refused(shell: Shell) {
    let host = Host::new(shell);
    host.forge("head", "echo 'head: write error: No space left on device' >&2; exit 1");
    let seen = host.finish(&deploy("touch ran"));
    let (reason, text) = seen.refusal();
    assert_eq!(reason, Refusal::Full);
    assert!(text.contains("No space left on device"), "{text}");
    assert!(!host.state().join("runs/r1-1").exists(), "the attempt can be made again");
}

fn a_missing_home_is_refused(shell: Shell) {
    let host = Host::new(shell);
    for xdg in [None, Some("relative/path")] {
        let mut command = host.command();
        command.env_remove("HOME");
        if let Some(xdg) = xdg {
            command.env("XDG_STATE_HOME", xdg);
        }
        let seen = Running::start(command, &deploy("touch ran")).finish();
        assert_eq!(seen.refusal().0, Refusal::NoHome);
    }
    // A run needs no home.
    let mut command = host.command();
    command.env_remove("HOME");
    assert_eq!(Running::start(command, &run("echo hello")).finish().text(), "hello\n");
}

fn state_may_live_elsewhere(shell: Shell) {
    let host = Host::new(shell);
    let odd = host.home.path().join("it's \"odd\" $(touch pwned)");
    let mut command = host.command();
    command.env("XDG_STATE_HOME", &odd);
    let seen = Running::start(command, &deploy("echo $0")).finish();
    assert_eq!(seen.text(), format!("{}\n", odd.join("fleetwide/shop/runs/r1-1/script").display()));
    assert!(!host.home.path().join(".local").exists());
    host.await_silence();
}

fn other_tools_can_make_a_session(shell: Shell) {
    let host = Host::new(shell);
    host.without("setsid");
    for tool in ["perl", "python3"] {
        host.link(tool, tool);
        assert_eq!(host.status(&run("exit 143")), ScriptStatus::Exited(143), "{tool}");
        assert_eq!(host.status(&run("kill -s PIPE $$")).to_string(), "killed by PIPE", "{tool}");
        let mut running = host.start(&run("sleep 300 & echo ready; wait"));
        running.until_printed("ready").send(Lifeline::Kill);
        assert_eq!(running.finish().trailer().status.to_string(), "killed by KILL", "{tool}");
        host.await_silence();
        host.without(tool);
    }
}

fn without_any_tool_for_it_nothing_starts(shell: Shell) {
    for missing in ["setsid", "awk", "head"] {
        let host = Host::new(shell);
        host.without(missing);
        for request in [run("touch ran"), deploy("touch ran")] {
            let seen = host.finish(&request);
            let (reason, text) = seen.refusal();
            assert_eq!(reason, Refusal::NoTool);
            assert!(text.contains(missing), "{text}");
        }
        assert!(!host.home.path().join("ran").exists());
    }
}

fn an_awk_that_cannot_tell_starts_nothing(shell: Shell) {
    let host = Host::new(shell);
    host.forge("awk", "echo untold");
    let seen = host.finish(&deploy("touch ran"));
    assert_eq!(seen.refusal().0, Refusal::NoTool);
    assert!(!host.state().join("runs/r1-1").exists(), "the attempt can be made again");
}

fn a_sleep_of_whole_seconds_will_do(shell: Shell) {
    let host = Host::new(shell);
    host.forge("sleep", &format!("case $1 in *.*) exit 1;; esac\nexec {} \"$1\"", find("sleep").display()));
    let mut running = host.start(&deploy("trap '' TERM; echo ready; sleep 300"));
    running.until_printed("ready").send(Lifeline::Terminate { grace: std::time::Duration::from_secs(1) });
    assert_eq!(running.finish().trailer().status.to_string(), "killed by KILL");
    host.await_silence();
}

fn a_greeting_is_noise(shell: Shell) {
    let host = Host::new(shell);
    let guard = host.command();
    let mut command = Command::new(find("dash"));
    command
        .args(["-c", "echo welcome; echo no tty >&2; exec \"$0\" \"$@\""])
        .arg(guard.get_program())
        .args(guard.get_args());
    host.dress(&mut command);
    let seen = Running::start(command, &run("echo out")).finish();
    assert_eq!(seen.text(), "out\n");
    let mut noise = String::from_utf8(seen.noise).unwrap().lines().map(str::to_owned).collect::<Vec<_>>();
    noise.sort();
    assert_eq!(noise, ["no tty", "welcome"]);
}

fn a_wrong_header_is_refused(shell: Shell) {
    use crate::guard::Nonce;

    let host = Host::new(shell);
    let nonce = Nonce::random();
    let right = String::from_utf8(whole(&deploy("touch ran"), &nonce)).unwrap();
    let header = right.find("\n#.\n").unwrap() + 4;
    for (line, wrong) in [
        ("fleetwide 1 ", "fleetwide 2 "),
        ("mode deploy", "mode other"),
        ("app shop", "app ../shop"),
        ("app shop", "app .."),
        ("app shop", "app a/b"),
        ("app shop", "app $(touch${IFS}ran)"),
        ("run r1", "run -rf"),
        ("run r1", "run"),
        ("attempt 1", "attempt x"),
        ("fence 1700000000000", "fence 1e3"),
        ("fence 1700000000000", "fence 1700000000000000"),
        ("deadline 300", "deadline -1"),
        ("grace 300", "grace"),
        ("lost kill", "lost"),
        ("revision v1", "revision v'1"),
        ("arg sh", "arg 'sh'"),
        ("arg sh", "env A-B sh"),
        ("arg sh", "env A x;touch"),
        ("arg sh", "why not"),
    ] {
        let (guard, request) = right.split_at(header);
        assert_eq!(request.matches(line).count(), 1, "{line}");
        let sent = format!("{guard}{}", request.replacen(line, wrong, 1));
        let seen = Running::send_raw(host.command(), sent.as_bytes(), &nonce).finish();
        assert_eq!(seen.refusal().0, Refusal::BadRequest, "{wrong}");
    }
    host.await_silence();
    assert!(!host.home.path().join("ran").exists());
}

#[test]
fn the_guard_is_clean_shell() {
    let folder = tempfile::TempDir::new().unwrap();
    let check = |arguments: &[&str]| {
        let output = Command::new(find("shellcheck"))
            .args(["-s", "sh"])
            .args(arguments)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    };
    for purpose in [Purpose::Plain, Purpose::Input, Purpose::Parts, Purpose::Query] {
        fs::write(folder.path().join("guard.sh"), purpose.source()).unwrap();
        // Where functions are replaced, the original ones are never reached.
        check(&["-e", if purpose == Purpose::Parts { "SC2317" } else { "SC1000" }, "guard.sh"]);
        // The text as sent has lost its directives with its comments.
        fs::write(folder.path().join("sent.sh"), purpose.text()).unwrap();
        check(&["-S", "error", "sent.sh"]);
    }
}
