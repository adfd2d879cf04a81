//! The state of a deploy on the host: fence, revision, runs.

use std::fs;

use super::{
    host::{Host, Shell, deploy},
    on_every_shell,
};
use crate::guard::{Refusal, ScriptStatus};

on_every_shell!(
    a_lower_fence_is_refused,
    the_revision_is_recorded_and_handed_over,
    the_last_ten_runs_are_kept,
    a_script_that_does_not_arrive_whole_is_not_run,
    a_state_of_another_version_is_left_alone,
);

fn a_lower_fence_is_refused(shell: Shell) {
    let host = Host::new(shell);
    let fenced = |run: &str, fence: u64| {
        let mut request = deploy("echo ran").of_run(run);
        request.deploy_mut().fence = fence;
        host.finish(&request)
    };
    assert_eq!(fenced("r1", 1_700_000_000_001).text(), "ran\n");
    let seen = fenced("r2", 1_700_000_000_000);
    let (reason, text) = seen.refusal();
    assert_eq!(reason, Refusal::Fence);
    assert_eq!(text, "this host has seen fence 1700000000001; 1700000000000 is older");
    assert!(!host.state().join("runs/r2-1").exists());
    assert_eq!(fenced("r3", 1_700_000_000_001).text(), "ran\n", "another attempt of the same run has the same fence");
    assert_eq!(fenced("r4", 999_999_999_999_999).text(), "ran\n");
    fs::remove_file(host.state().join("fence")).unwrap();
    assert_eq!(fenced("r5", 1_700_000_000_002).text(), "ran\n", "nobody is locked out for ever");
}

fn the_revision_is_recorded_and_handed_over(shell: Shell) {
    let host = Host::new(shell);
    let go = |run: &str, revision: Option<&str>, status: u8| {
        let mut request = deploy(format!("printf '%s' \"$FLEETWIDE_PREVIOUS_REVISION\"; exit {status}")).of_run(run);
        request.deploy_mut().revision = revision.map(str::to_owned);
        let seen = host.finish(&request);
        assert_eq!(seen.previous().unwrap_or_default(), seen.text());
        seen.previous().map(str::to_owned)
    };
    assert_eq!(go("r1", Some("v1"), 0), None);
    assert_eq!(go("r2", Some("v2 $(touch pwned)'\n"), 0).as_deref(), Some("v1"));
    assert_eq!(go("r3", Some("v3"), 1).as_deref(), Some("v2 $(touch pwned)'\n"));
    assert_eq!(
        go("r4", None, 0).as_deref(),
        Some("v2 $(touch pwned)'\n"),
        "a failed run and one without a revision change nothing"
    );
    assert_eq!(go("r5", Some("-"), 0).as_deref(), Some("v2 $(touch pwned)'\n"));
    assert_eq!(go("r6", Some("v6"), 0).as_deref(), Some("-"), "a revision called `-` is one");
}

fn the_last_ten_runs_are_kept(shell: Shell) {
    let host = Host::new(shell);
    for run in 1..=12 {
        host.finish(&deploy("exit 1").of_run(&format!("r{run:02}")));
    }
    let mut kept: Vec<_> = fs::read_dir(host.state().join("runs"))
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect();
    kept.sort();
    assert_eq!(kept, (3..=12).map(|run| format!("r{run:02}-1")).collect::<Vec<_>>());
}

fn a_script_that_does_not_arrive_whole_is_not_run(shell: Shell) {
    use super::host::{Running, whole};
    use crate::guard::Nonce;

    let host = Host::new(shell);
    let nonce = Nonce::random();
    let whole = whole(&deploy("touch ran; sleep 0; touch ran"), &nonce);
    let text = String::from_utf8(whole.clone()).unwrap();
    let header = text.find("\n#.\n").unwrap() + 4;
    // Cut in the guard's text, at its end, in each header line, and in the script.
    let in_header = text[header..].match_indices('\n').map(|(at, _)| header + at + 1);
    let cuts: Vec<usize> =
        [header / 2, header - 8, header - 4].into_iter().chain(in_header).chain([whole.len() - 12]).collect();
    for cut in cuts {
        let mut running = Running::send_raw(host.command(), &whole[..cut], &nonce);
        running.let_go();
        let seen = running.finish();
        assert!(!host.home.path().join("ran").exists(), "ran after {cut} bytes of {}: {seen:#?}", whole.len());
        host.await_silence();
    }
    // The same attempt may start when all of it arrives.
    assert_eq!(host.status(&deploy("touch ran")), ScriptStatus::Exited(0));
    assert!(host.home.path().join("ran").exists());
}

fn a_state_of_another_version_is_left_alone(shell: Shell) {
    let host = Host::new(shell);
    fs::create_dir_all(host.state()).unwrap();
    fs::write(host.state().join("format"), "2\n").unwrap();
    let seen = host.finish(&deploy("touch ran"));
    let (reason, text) = seen.refusal();
    assert_eq!(reason, Refusal::BadRequest);
    assert!(text.contains("format 2"), "{text}");
    assert!(!host.home.path().join("ran").exists());
}
