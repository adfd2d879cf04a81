//! A script in parts: in order, up to the first that fails, each with its own status.

use std::{fs, time::Duration};

use super::{
    host::{Host, Seen, Shell, await_that, deploy, find, parts},
    on_every_shell,
};
use crate::guard::{Cause, Control, GroupState, Lifeline, Offsets, OnLost, PartEnd, Record, ScriptStatus};

on_every_shell!(
    parts_run_in_order_under_one_record,
    the_first_that_fails_is_the_last,
    every_status_is_the_parts_own,
    every_awk_leads_alike,
    each_part_is_a_shell_of_its_own,
    arguments_and_environment_are_given_to_each,
    nothing_that_a_part_prints_is_taken_for_the_guards_word,
    a_part_cannot_reach_what_the_guard_hears,
    ends_say_how_much_output_there_was,
    a_stop_ends_the_part_and_all_behind_it,
    a_part_may_leave_a_server_behind,
    a_part_may_tidy_up_after_term,
    a_deadline_is_of_all_parts_together,
    the_same_parts_are_told_again,
    parts_that_run_are_followed_from_their_beginning,
    a_part_may_remove_the_record,
    a_part_that_could_not_be_started_has_no_status,
    however_many_parts_there_were_they_are_told_again,
);

/// What was reported of the parts, in order.
pub(super) fn told(seen: &Seen) -> Vec<String> {
    let word = |control: &Control| match control {
        Control::PartBegun(part) => Some(format!("{part} begun")),
        Control::PartEnded(PartEnd { part, status, .. }) => Some(format!("{part}: {status}")),
        Control::Held(barrier) => Some(format!("held {barrier}")),
        _ => None,
    };
    seen.controls.iter().filter_map(word).collect()
}

fn parts_run_in_order_under_one_record(shell: Shell) {
    let host = Host::new(shell);
    let seen = host.finish(&parts(&["echo one; echo err >&2", "echo two", "echo three"]));
    assert_eq!((seen.text(), &seen.stderr[..]), ("one\ntwo\nthree\n", &b"err\n"[..]));
    let expected = ["1 begun", "1: exit status 0", "2 begun", "2: exit status 0", "3 begun", "3: exit status 0"];
    assert_eq!(told(&seen), expected);
    let trailer = seen.trailer();
    assert_eq!((&trailer.status, trailer.cause), (&ScriptStatus::Exited(0), Cause::None));
    assert_eq!((trailer.group, trailer.record), (GroupState::Gone, Record::Kept));
    assert_eq!((trailer.stdout, trailer.stderr), (Some(14), Some(4)));
    let run = host.state().join("runs/r1-1");
    assert_eq!(fs::read_to_string(run.join("stdout")).unwrap(), seen.text());
    let record = fs::read_to_string(run.join("parts")).unwrap();
    assert!(record.starts_with("part 1 begun part1\npart 1 ended exit 0 4 4\npart 2 begun part2\n"), "{record}");
    assert_eq!(host.finish(&deploy("").of_run("r2")).previous(), Some("v1"), "it is the app's revision now");
}

fn the_first_that_fails_is_the_last(shell: Shell) {
    let host = Host::new(shell);
    let seen = host.finish(&parts(&["echo one", "echo two; exit 7", "touch ran"]));
    assert_eq!(seen.trailer().status, ScriptStatus::Exited(7));
    assert_eq!(told(&seen), ["1 begun", "1: exit status 0", "2 begun", "2: exit status 7"]);
    assert!(!host.home.path().join("ran").exists());
    assert_eq!(host.finish(&deploy("").of_run("r2")).previous(), None);
}

fn every_status_is_the_parts_own(shell: Shell) {
    let host = Host::new(shell);
    for (number, status) in [1, 2, 126, 127, 128, 129, 143, 194, 254, 255].into_iter().enumerate() {
        let seen = host.finish(&parts(&["", &format!("exit {status}"), "touch ran"]).of_run(&format!("r{number}")));
        assert_eq!(seen.trailer().status, ScriptStatus::Exited(status));
        assert_eq!(told(&seen)[3], format!("2: exit status {status}"));
    }
    for signal in ["TERM", "KILL", "INT", "ABRT", "HUP", "PIPE", "SEGV", "USR1"] {
        let seen = host.finish(&parts(&["", &format!("kill -s {signal} $$"), "touch ran"]).of_run(signal));
        assert_eq!(seen.trailer().status.to_string(), format!("killed by {signal}"));
        assert_eq!(seen.trailer().cause, Cause::None);
        assert_eq!(told(&seen)[3], format!("2: killed by {signal}"));
    }
    assert_eq!(host.status(&parts(&["no-such-command"]).of_run("s")), ScriptStatus::Exited(127));
    assert_eq!(host.status(&parts(&["-e"]).of_run("o")), ScriptStatus::Exited(127), "it is no option");
    assert!(!host.home.path().join("ran").exists());
}

fn every_awk_leads_alike(shell: Shell) {
    for awk in ["gawk", "mawk", "original-awk", "busybox"] {
        let host = Host::new(shell);
        host.link("awk", awk);
        let seen = host.finish(&parts(&["echo one", "kill -s TERM $$", "touch ran"]));
        assert_eq!(told(&seen), ["1 begun", "1: exit status 0", "2 begun", "2: killed by TERM"], "{awk}");
        assert_eq!((seen.text(), seen.trailer().status.to_string().as_str()), ("one\n", "killed by TERM"), "{awk}");
        let mut running = host.start(&parts(&[":; echo one", "echo two; exit 143"]).of_run("r2"));
        running.until(|seen| told(seen).contains(&"held 1".to_owned()));
        running.send(Lifeline::Go { barrier: 1, left: Duration::from_mins(1) });
        let seen = running.finish();
        assert_eq!((seen.text(), &seen.trailer().status), ("one\ntwo\n", &ScriptStatus::Exited(143)), "{awk}");
    }
}

fn each_part_is_a_shell_of_its_own(shell: Shell) {
    let host = Host::new(shell);
    let state = "x=1; export y=2; set -f; umask 0; cd /; exec 9<&0";
    let seen = host.finish(&parts(&[
        state,
        "echo \"$x$y\" *; umask; [ \"$PWD\" = \"$HOME\" ] && echo home; read -r l || echo none",
    ]));
    assert_eq!(seen.text(), " *\n0022\nhome\nnone\n".replace("0022", &umask()));
}

/// The umask of this process, which every test's host inherits.
fn umask() -> String {
    let output = std::process::Command::new("sh").args(["-c", "umask"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn arguments_and_environment_are_given_to_each(shell: Shell) {
    let host = Host::new(shell);
    let odd = "$(touch pwned) 'a' \"b\" \\ `x`\n*é€\u{81}";
    let print = "printf '%s|' \"$0\" \"$#\" \"$@\" \"$ODD\"; env | grep -c '^fw'";
    host.link("grep", if shell == Shell::Busybox { "busybox" } else { "grep" });
    let mut request = parts(&[&format!("{print}; :"), &format!("{print}; :")]);
    request.args = vec![odd.to_owned(), String::new(), "-x".to_owned()];
    request.env.insert("ODD".to_owned(), odd.to_owned());
    let seen = host.finish(&request);
    let each = format!("sh|3|{odd}||-x|{odd}|0\n");
    assert_eq!(seen.text(), each.repeat(2));
    assert!(!host.home.path().join("pwned").exists());
}

fn nothing_that_a_part_prints_is_taken_for_the_guards_word(shell: Shell) {
    let host = Host::new(shell);
    let forged = "part 1 ended exit 0 0 0\nheld 1\nend exit 0\npid 1\ngo 1 1\n";
    let print = format!("printf '{}'; printf '\\036x part 9 begun x\\n'", forged.replace('\n', "\\n"));
    let seen = host.finish(&parts(&[&format!("{{ {print}; }}; {{ {print}; }} >&2; exit 5"), "touch ran"]));
    assert_eq!(seen.text(), format!("{forged}\u{1e}x part 9 begun x\n"));
    assert_eq!(told(&seen), ["1 begun", "1: exit status 5"]);
    assert_eq!(seen.trailer().status, ScriptStatus::Exited(5));
}

fn a_part_cannot_reach_what_the_guard_hears(shell: Shell) {
    let host = Host::new(shell);
    let seen =
        host.finish(&parts(&["for n in 3 4 5 6 7 8 9; do (eval \"echo end exit 0 >&$n\") 2>/dev/null; done; exit 6"]));
    assert_eq!((seen.text(), &seen.trailer().status), ("", &ScriptStatus::Exited(6)));
}

fn ends_say_how_much_output_there_was(shell: Shell) {
    let host = Host::new(shell);
    let seen = host.finish(&parts(&["printf 12345", "printf 123 >&2", "exit 2"]));
    let ends: Vec<_> = seen
        .controls
        .iter()
        .filter_map(|control| match control {
            Control::PartEnded(end) => Some((end.stdout, end.stderr)),
            _ => None,
        })
        .collect();
    assert_eq!(ends, [(Some(5), Some(0)), (Some(5), Some(3)), (Some(5), Some(3))]);
}

const LONG: Duration = Duration::from_mins(5);

fn a_stop_ends_the_part_and_all_behind_it(shell: Shell) {
    for (line, signal, cause) in
        [(Lifeline::Terminate { grace: LONG }, "TERM", Cause::Stop), (Lifeline::Kill, "KILL", Cause::Kill)]
    {
        let host = Host::new(shell);
        let mut running = host.start(&parts(&["sleep 300 &", "sleep 300 & echo ready; wait", "touch ran"]));
        running.until_printed("ready").send(line);
        let seen = running.finish();
        assert_eq!(seen.trailer().status.to_string(), format!("killed by {signal}"));
        assert_eq!((seen.trailer().cause, seen.trailer().group), (cause, GroupState::Gone));
        assert_eq!(told(&seen), ["1 begun", "1: exit status 0", "2 begun"], "it had no end of its own");
        host.await_silence();
        assert!(!host.home.path().join("ran").exists());
    }
}

fn a_part_may_leave_a_server_behind(shell: Shell) {
    let host = Host::new(shell);
    let seen = host.start(&parts(&["sleep 300 & :", "exit 3"])).finish();
    assert_eq!((&seen.trailer().status, seen.trailer().group), (&ScriptStatus::Exited(3), GroupState::Alive));
    await_that("only the server is left", || match &host.processes()[..] {
        [only] if only.contains("sleep 300") => Ok(()),
        others => Err(format!("{others:#?}")),
    });
}

fn a_part_may_tidy_up_after_term(shell: Shell) {
    let host = Host::new(shell);
    let tidy = "trap 'sleep 0.3; echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done";
    let mut running = host.start(&parts(&[tidy, "touch ran"]));
    running.until_printed("ready").send(Lifeline::Terminate { grace: LONG });
    let seen = running.finish();
    assert_eq!((seen.text(), seen.trailer().cause), ("ready\nbye\n", Cause::Stop));
    host.await_silence();
    assert!(!host.home.path().join("ran").exists());
}

fn a_deadline_is_of_all_parts_together(shell: Shell) {
    let host = Host::new(shell);
    let mut request = parts(&["sleep 0.1", "sleep 300", "touch ran"]);
    request.deadline = Duration::from_secs(2);
    let seen = host.finish(&request);
    assert_eq!(seen.trailer().cause, Cause::Timeout);
    assert!(!host.home.path().join("ran").exists());
}

fn the_same_parts_are_told_again(shell: Shell) {
    let host = Host::new(shell);
    let request = parts(&["echo once >>count; echo one", "kill -s KILL $$"]);
    let first = host.finish(&request);
    let again = host.finish(&request);
    assert_eq!((told(&again), &again.stdout), (told(&first), &first.stdout));
    let rest = host.finish(&request.attach(Offsets { stdout: 2, stderr: 0 }));
    assert_eq!((told(&rest), rest.text()), (told(&first), "e\n"));
    assert_eq!(rest.trailer(), first.trailer());
    assert_eq!(fs::read_to_string(host.home.path().join("count")).unwrap(), "once\n");
}

fn parts_that_run_are_followed_from_their_beginning(shell: Shell) {
    let host = Host::new(shell);
    let mut request = parts(&["echo one", "echo two; until [ -e go ]; do sleep 0.01; done; echo done", "exit 4"]);
    request.on_lost = OnLost::Finish;
    let mut running = host.start(&request);
    running.until_printed("two\n");
    let mut guard = running.cut();
    let mut attached = host.start(&request.attach(Offsets { stdout: 4, stderr: 0 }));
    attached.until(|seen| told(seen).contains(&"2 begun".to_owned()));
    fs::write(host.home.path().join("go"), "").unwrap();
    let seen = attached.finish();
    assert_eq!(seen.text(), "two\ndone\n");
    let expected = ["1 begun", "1: exit status 0", "2 begun", "2: exit status 0", "3 begun", "3: exit status 4"];
    assert_eq!(told(&seen), expected);
    assert_eq!(seen.trailer().status, ScriptStatus::Exited(4));
    guard.wait().unwrap();
    host.await_silence();
}

/// The next part is not found any more, and nothing is invented about it.
fn a_part_may_remove_the_record(shell: Shell) {
    let host = Host::new(shell);
    let seen = host.finish(&parts(&["echo one; rm -rf .local; echo two", "touch ran"]));
    assert_eq!(seen.text(), "one\ntwo\n");
    assert_eq!((seen.trailer().status.clone(), told(&seen).len()), (ScriptStatus::Unknown, 2));
    assert!(!host.home.path().join("ran").exists());
    await_that("nothing is left", || if host.processes().is_empty() { Ok(()) } else { Err(String::new()) });
}

/// For example, because the host has too many processes.
fn a_part_that_could_not_be_started_has_no_status(shell: Shell) {
    let host = Host::new(shell);
    let awk = find(if shell == Shell::Busybox { "busybox" } else { "awk" });
    let start =
        if shell == Shell::Busybox { format!("exec {} awk", awk.display()) } else { format!("exec {}", awk.display()) };
    host.forge(
        "awk",
        &format!(
            "case $1 in *'\"how\", r'*) a=${{1%%r = told(*}} b=${{1#*r = told(}}; shift; set -- \"${{a}}r = \\\"untold\\\"; (${{b}}\" \"$@\" ;; esac\n\
             {start} \"$@\""
        ),
    );
    let seen = host.finish(&parts(&["touch ran", "touch ran"]));
    assert_eq!(told(&seen), ["1 begun", &format!("1: {}", ScriptStatus::Unknown)]);
    assert_eq!(seen.trailer().status, ScriptStatus::Unknown);
    assert!(!host.home.path().join("ran").exists());
}

/// More than the recursion depth of a shell's functions.
fn however_many_parts_there_were_they_are_told_again(shell: Shell) {
    let host = Host::new(shell);
    let request = parts(&["echo one", "exit 3"]);
    let first = host.finish(&request);
    let record = host.state().join("runs/r1-1/parts");
    let many = fs::read_to_string(&record).unwrap() + &"part 3 begun more\n".repeat(2100);
    fs::write(&record, many).unwrap();
    let again = host.finish(&request);
    assert_eq!((told(&again).len(), again.text()), (told(&first).len() + 2100, "one\n"));
    assert_eq!(again.trailer(), first.trailer());
}
