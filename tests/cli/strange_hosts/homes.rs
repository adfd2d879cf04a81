//! Home folders for a host's state: read-only, full, shared, on NFS, or missing.

use std::fs;

use super::host::{Fate, StrangeHost, all, unreachable};

/// A user who owns nothing.
const NOBODY: u32 = 65534;

/// A home folder with a file system of this size and number of files.
fn small(limits: &str) -> StrangeHost {
    StrangeHost::new().setup(&format!("mount -t tmpfs -o {limits} none $DIR/home"))
}

/// The real flock, with a kernel that refuses: util-linux's own message and exit status on a file system without locks,
/// such as NFS without lockd. This machine's kernel has no NFS to try.
fn no_locks(flock: &str, error: &str) -> StrangeHost {
    StrangeHost::new().shim(
        "flock",
        &format!("exec strace -f -qqq -o /dev/null -e trace=flock -e inject=flock:error={error} {flock} \"$@\""),
    )
}

pub(super) fn rows() -> Vec<(&'static str, StrangeHost, Fate)> {
    let remount = |how: &str| {
        StrangeHost::new().setup(&format!("mount --bind $DIR/home $DIR/home; mount -o remount,bind,{how} $DIR/home"))
    };
    vec![
        ("home mounted read-only", remount("ro"), Fate::Unreachable("Read-only file system")),
        ("home mounted noexec", remount("noexec"), Fate::Works),
        (
            "home of somebody else",
            StrangeHost::new().user(NOBODY).setup("chown root $DIR/home"),
            Fate::Unreachable("Permission denied"),
        ),
        (
            "home full",
            small("size=64k").setup("head -c 100k /dev/zero >$DIR/home/full || true"),
            Fate::Unreachable("no space for the record"),
        ),
        ("home without a free inode", small("nr_inodes=2"), Fate::Unreachable("no space for the record")),
        ("home without an inode for the whole record", small("nr_inodes=9"), Fate::Unreachable("no space for the record")),
        (
            "home missing, and not to be made",
            StrangeHost::new().user(NOBODY).home("/nonexistent"),
            Fate::Unreachable("the record cannot be written"),
        ),
        ("home missing", StrangeHost::new().home("$DIR/later"), Fate::Works),
        (
            "home is a file",
            StrangeHost::new().setup("rmdir $DIR/home; : >$DIR/home"),
            Fate::Unreachable("the record cannot be written"),
        ),
        ("HOME empty", StrangeHost::new().env("HOME="), Fate::Unreachable("HOME is not set")),
        ("home with blanks and quotes", StrangeHost::new().env("HOME=$DIR/home/it's my home"), Fate::Works),
        ("no locks in the home's file system", no_locks("/usr/bin/flock", "ENOLCK"), Fate::Works),
        ("flock not supported there", no_locks("/usr/bin/flock", "EOPNOTSUPP"), Fate::Works),
        ("no locks, and toybox's flock", no_locks("toybox flock", "ENOLCK"), Fate::Works),
        ("a flock that cannot be run", StrangeHost::new().shim("flock", "echo 'flock: applet not found' >&2; exit 127"), Fate::Works),
        (
            "no /tmp",
            StrangeHost::new().setup(
                "mount --bind $DIR /mnt; mount -t tmpfs none /tmp; mkdir -p $DIR; mount --move /mnt $DIR; \
                 mount -o remount,ro,mode=755 /tmp; mount -t tmpfs -o ro none /var/tmp; mount -t tmpfs -o ro none /dev/shm",
            ),
            Fate::Works,
        ),
    ]
}

#[test]
fn every_home() {
    all(&rows());
}

/// Without flock's help, there is still only one run at a time.
#[test]
fn where_the_file_system_has_no_locks_a_second_run_is_refused() {
    let stage = no_locks("/usr/bin/flock", "ENOLCK").start();
    let gate = stage.sshd.dir().join("gate");
    let script = format!("#!/bin/sh\necho ran >>\"$PROOF\"\nuntil [ -e '{}' ]; do sleep 0.1; done\n", gate.display());
    stage.project.write("deploy.sh", &script);
    let mut first = stage.project.start(&["deploy", "web", "--revision", "v1"]);
    first.await_events("script-started", 1);
    unreachable(&stage.deploy("v2"), "the host is busy with another run");
    fs::write(gate, "").expect("the gate opens");
    first.finish().expect(0);
    assert_eq!(stage.runs(), 1);
    assert_eq!(stage.deploy("v2")["outcome"], "succeeded");
}

/// A script whose output no longer fits into the log gets the error, as with any full disk; its end is still reported.
#[test]
fn a_disk_that_fills_while_the_script_runs_leaves_its_end_true() {
    let stage = small("size=200k").start();
    let host = stage.deploy_script("#!/bin/sh\nhead -c 1000000 /dev/zero && exit 3\necho ran >>\"$PROOF\"\nexit 9\n");
    assert_eq!((host["outcome"].as_str(), host["exit_status"].as_u64()), (Some("failed"), Some(9)), "{host:#}");
    assert_eq!(stage.runs(), 1);
}

#[test]
fn a_disk_that_fills_while_the_script_runs_does_not_undo_its_success() {
    let stage = small("size=200k").start();
    let host = stage.deploy_script("#!/bin/sh\necho ran >>\"$PROOF\"\ncat /dev/zero >\"$HOME/full\"\nexit 0\n");
    assert_eq!(host["outcome"], "succeeded", "{host:#}");
    stage.project.write("deploy.sh", super::host::SCRIPT);
    unreachable(&stage.deploy("v2"), "no space for the record");
    assert_eq!(stage.runs(), 1);
}

/// The second host finds the first one's record there, and must not take it for its own.
#[test]
fn a_home_that_two_hosts_share_serves_one_of_them() {
    let stage = StrangeHost::new().start();
    let config = stage.project.read("fleetwide.toml");
    let host = "{ name = \"strange\",";
    let twin = format!("{{ name = \"twin\", address = \"{}\" }}, {host}", stage.sshd.addresses()[1]);
    stage.project.write("fleetwide.toml", &config.replacen(host, &twin, 1));
    let finished =
        stage.project.run(&["deploy", "web", "--revision", "v1", "--report", "r.json", "--concurrency", "1"]);
    finished.expect(7);
    let hosts = stage.project.report("r.json")["hosts"].as_array().expect("hosts").clone();
    let (ran, other): (Vec<_>, Vec<_>) = hosts.iter().partition(|host| host["outcome"] == "succeeded");
    let ([_], [other]) = (&ran[..], &other[..]) else { panic!("one of two: {hosts:#?}") };
    unreachable(other, "which shares this home folder");
    assert_eq!(stage.runs(), 1);
}
