//! A command's input arrives whole, delays nothing, and leaves nothing behind.

use std::{fs, time::Duration};

use sha2::{Digest as _, Sha256};

use super::{
    host::{Host, Running, Seen, Shell, reading},
    on_every_shell,
};
use crate::guard::{GuardRequest, Lifeline, Refusal, ScriptStatus};

on_every_shell!(
    every_byte_arrives_and_then_the_end,
    what_nobody_reads_holds_up_nothing,
    a_reader_hears_the_lifeline,
    a_host_without_room_says_so,
);

/// Runs it on a host whose temporary folder is its own, and must be empty afterwards.
fn finish(host: &Host, request: &GuardRequest) -> Seen {
    let folder = host.home.path().join("tmp");
    fs::create_dir_all(&folder).unwrap();
    let mut command = host.command();
    command.env("TMPDIR", &folder);
    let seen = Running::start(command, request).finish();
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    seen
}

fn bytes() -> Vec<u8> {
    (0..300_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect()
}

fn every_byte_arrives_and_then_the_end(shell: Shell) {
    let host = Host::new(shell);
    let bytes = bytes();
    let mut request = reading("cat; echo; echo \"and $V\"", &bytes);
    request.env.insert("V".to_owned(), "more".to_owned());
    let seen = finish(&host, &request);
    let expected = [&bytes[..], b"\nand more\n"].concat();
    assert_eq!(seen.stdout.len(), expected.len());
    assert_eq!(Sha256::digest(&seen.stdout), Sha256::digest(&expected));
    // `sh < fix.sh` is a script that is read as it runs.
    let seen = finish(&host, &reading("sh", b"false\necho \"got $((6 * 7))\"; exit 7\n"));
    assert_eq!((seen.text(), seen.trailer().status.clone()), ("got 42\n", ScriptStatus::Exited(7)));
}

fn what_nobody_reads_holds_up_nothing(shell: Shell) {
    let host = Host::new(shell);
    let seen = finish(&host, &reading("echo deaf; exit 3", &bytes()));
    assert_eq!((seen.text(), seen.trailer().status.clone()), ("deaf\n", ScriptStatus::Exited(3)));
}

fn a_reader_hears_the_lifeline(shell: Shell) {
    let host = Host::new(shell);
    let mut running = host.start(&reading("echo on; sleep 1000", &bytes()));
    running.until_printed("on").send(Lifeline::Terminate { grace: Duration::from_mins(1) });
    assert_eq!(running.finish().trailer().status.to_string(), "killed by TERM");
}

fn a_host_without_room_says_so(shell: Shell) {
    let host = Host::new(shell);
    host.forge("mkdir", "echo \"mkdir: cannot create directory: No space left on device\" >&2; exit 1");
    let seen = finish(&host, &reading("echo never", b"x"));
    let (reason, text) = seen.refusal();
    assert_eq!(reason, Refusal::Full, "{text}");
    assert!(text.contains("no place for the command's input"), "{text}");
}
