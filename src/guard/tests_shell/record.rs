//! The record after a script's end, on hosts where recording is not easy.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, symlink},
};

use super::{
    host::{Host, Shell, deploy},
    on_every_shell,
};
use crate::guard::{Cause, Lifeline, Record, Refusal, ScriptStatus};

on_every_shell!(
    only_a_natural_success_changes_the_revision,
    the_end_needs_no_new_space,
    an_end_that_cannot_be_recorded_is_told_as_such,
    a_revision_that_cannot_be_recorded_is_told_as_such,
    a_script_may_remove_its_own_record,
    an_empty_file_is_as_good_as_none,
    a_damaged_file_is_named,
    a_failed_write_of_the_shell_means_a_full_disk,
);

fn only_a_natural_success_changes_the_revision(shell: Shell) {
    let host = Host::new(shell);
    let mut running = host.start(&deploy("trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done"));
    running.until_printed("ready").send(Lifeline::Terminate { grace: std::time::Duration::from_mins(5) });
    let seen = running.finish();
    assert_eq!((&seen.trailer().status, seen.trailer().cause), (&ScriptStatus::Exited(0), Cause::Stop));
    host.await_silence();
    assert_eq!(host.finish(&deploy("exit 0").of_run("r2")).previous(), None);
    assert_eq!(host.finish(&deploy("exit 0").of_run("r3")).previous(), Some("v1"));
}

/// On a full disk the end would otherwise be lost: recording it reuses files that existed before.
fn the_end_needs_no_new_space(shell: Shell) {
    let host = Host::new(shell);
    let mut running = host.start(&deploy("echo ready; until [ -e go ]; do sleep 0.01; done"));
    running.until_printed("ready");
    let told = |name: &str| {
        let file = fs::metadata(host.state().join(name)).unwrap();
        (file.ino(), file.len())
    };
    let before = [told("runs/r1-1/end.new"), told("revision.new")];
    fs::write(host.home.path().join("go"), "").unwrap();
    assert_eq!(running.finish().trailer().record, Record::Kept);
    host.await_silence();
    assert_eq!([told("runs/r1-1/end"), told("revision")], before);
}

fn an_end_that_cannot_be_recorded_is_told_as_such(shell: Shell) {
    let host = Host::new(shell);
    let seen = host.finish(&deploy("ln -sf /dev/full \"${0%/*}/end.new\""));
    assert_eq!((&seen.trailer().status, seen.trailer().record), (&ScriptStatus::Exited(0), Record::Lost));
    let again = host.finish(&deploy(""));
    assert_eq!(again.trailer().status, ScriptStatus::Unknown);
}

fn a_revision_that_cannot_be_recorded_is_told_as_such(shell: Shell) {
    let host = Host::new(shell);
    let seen = host.finish(&deploy("rm \"${0%/*}/../../revision.new\""));
    assert_eq!((&seen.trailer().status, seen.trailer().record), (&ScriptStatus::Exited(0), Record::Lost));
    let again = host.finish(&deploy(""));
    assert_eq!(again.trailer(), seen.trailer(), "and later too");
}

fn a_script_may_remove_its_own_record(shell: Shell) {
    for folder in ["${0%/*}", "$HOME/.local"] {
        let host = Host::new(shell);
        let seen = host.finish(&deploy(format!("echo one; until rm -rf \"{folder}\"; do :; done; echo two; exit 7")));
        let trailer = seen.trailer();
        assert_eq!((&trailer.status, trailer.record), (&ScriptStatus::Exited(7), Record::Lost));
        assert_eq!((trailer.stdout, trailer.stderr), (None, None));
        assert_eq!(seen.text(), "one\ntwo\n");
    }
}

/// As a power cut leaves it.
fn an_empty_file_is_as_good_as_none(shell: Shell) {
    let host = Host::new(shell);
    fs::create_dir_all(host.state()).unwrap();
    for name in ["format", "fence", "revision", "lock"] {
        fs::write(host.state().join(name), "").unwrap();
    }
    let seen = host.finish(&deploy("echo ran"));
    assert_eq!((seen.text(), seen.previous()), ("ran\n", None));
    let kept = |name| fs::read_to_string(host.state().join(name)).unwrap().trim_end().to_owned();
    assert_eq!([kept("format"), kept("fence"), kept("revision")], ["1", "1700000000000", "v1"]);
}

fn a_damaged_file_is_named(shell: Shell) {
    for (name, text) in [("format", "x1"), ("fence", "1e3"), ("fence", "1234567890123456"), ("revision", "a 'b")] {
        let host = Host::new(shell);
        fs::create_dir_all(host.state()).unwrap();
        let file = host.state().join(name);
        fs::write(&file, text).unwrap();
        let seen = host.finish(&deploy("touch ran"));
        let (reason, told) = seen.refusal();
        assert_eq!((reason, told), (Refusal::Damaged, file.to_str().unwrap()));
        assert!(!host.home.path().join("ran").exists());
        fs::remove_file(file).unwrap();
        assert_eq!(host.status(&deploy("touch ran")), ScriptStatus::Exited(0));
    }
}

fn a_failed_write_of_the_shell_means_a_full_disk(shell: Shell) {
    let host = Host::new(shell);
    fs::create_dir_all(host.state()).unwrap();
    for name in ["format.new", "revision.new", "fence.new"] {
        let file = host.state().join(name);
        symlink("/dev/full", &file).unwrap();
        assert_eq!(host.finish(&deploy("touch ran")).refusal().0, Refusal::Full, "{name}");
        fs::remove_file(file).unwrap();
    }
    assert!(!host.state().join("runs/r1-1").exists(), "the attempt can be made again");
}
