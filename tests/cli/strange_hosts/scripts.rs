//! Scripts that a host cannot start.

use std::fs;

use super::host::{StrangeHost, unreachable};

/// Reported before anything starts, and not as a script that exits 127.
#[test]
fn a_script_whose_interpreter_is_missing_is_not_started() {
    let stage = StrangeHost::new().start();
    for (line, what) in [
        ("#!/no/such/interpreter", "/no/such/interpreter"),
        ("#!/usr/bin/env nope", "nope"),
        ("#!/usr/bin/env -S nope -x", "nope"),
        ("#!/etc/passwd", "/etc/passwd"),
        ("#!/etc", "/etc"),
    ] {
        let host = stage.deploy_script(format!("{line}\necho ran >>\"$PROOF\"\n"));
        unreachable(&host, what);
        unreachable(&host, "the script's first line");
        assert_eq!(stage.runs(), 0, "{line}");
    }
    for line in ["#!/usr/bin/env sh", "#!/usr/bin/env -S A=1 sh -e", "#! /bin/sh -e", "#!sh", ""] {
        let before = stage.runs();
        let host = stage.deploy_script(format!("{line}\necho ran >>\"$PROOF\"\n"));
        assert_eq!(stage.runs(), before + 1, "{line}: {host:#}");
    }
}

/// A script's own 126 and 127 are reported as they are.
#[test]
fn a_script_may_exit_126_and_127() {
    let stage = StrangeHost::new().start();
    for status in [126, 127] {
        let host = stage.deploy_script(format!("#!/bin/sh\nexit {status}\n"));
        assert_eq!(
            (host["outcome"].as_str(), host["exit_status"].as_u64()),
            (Some("failed"), Some(status)),
            "{host:#}"
        );
    }
}

/// Only a program needs to be executable; the guard starts a script's interpreter itself.
#[test]
fn a_program_in_a_home_mounted_noexec_is_not_started() {
    let program = fs::read("/usr/bin/true").expect("a program");
    let stage =
        StrangeHost::new().setup("mount --bind $DIR/home $DIR/home; mount -o remount,bind,noexec $DIR/home").start();
    unreachable(&stage.deploy_script(&program), "noexec");
    let stage = StrangeHost::new().start();
    assert_eq!(stage.deploy_script(&program)["outcome"], "succeeded");
}
