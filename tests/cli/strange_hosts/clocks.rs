//! Clocks that are wrong, and clocks that step.

use super::host::{Fate, StrangeHost, all};

/// The time for all of the host's programs, through libfaketime: the login shell, the guard, its tools, the script. The
/// kernel's own file times move with it, as they would in reality.
fn clock(time: &str) -> StrangeHost {
    faked().env(&format!("FAKETIME={time}"))
}

fn faked() -> StrangeHost {
    StrangeHost::new()
        .setup("ln -s /usr/lib/*/faketime/libfaketime.so.1 $DIR/faketime.so")
        .env("LD_PRELOAD=$DIR/faketime.so")
}

pub(super) fn rows() -> Vec<(&'static str, StrangeHost, Fate)> {
    vec![
        ("clock a day behind", clock("-1d"), Fate::Works),
        ("clock a day ahead", clock("+1d"), Fate::Works),
        ("clock in 1970", clock("@1970-01-02 00:00:00"), Fate::Works),
        ("clock in 2040", clock("@2040-01-01 00:00:00"), Fate::Works),
    ]
}

#[test]
fn every_clock() {
    all(&rows());
}

/// The clock steps by a day, in either direction, between two lines of the script; all of its output arrives.
#[test]
fn a_clock_that_steps_while_the_script_runs_loses_nothing() {
    for (before, after) in [("+0d", "-1d"), ("+0d", "+1d")] {
        let stage = faked()
            .env("FAKETIME_TIMESTAMP_FILE=$DIR/clock")
            .env("FAKETIME_NO_CACHE=1")
            .setup(&format!("echo '{before}' >$DIR/clock"))
            .start();
        let clock = stage.sshd.dir().join("clock");
        let script = format!(
            "#!/bin/sh\nfor n in 1 2 3; do echo $n; date +%F; sleep 0.5; done\necho '{after}' >'{}'\n\
             for n in 4 5 6; do echo $n; sleep 0.5; date +%F; done\nexit 5\n",
            clock.display()
        );
        let host = stage.deploy_script(script);
        assert_eq!((host["outcome"].as_str(), host["exit_status"].as_u64()), (Some("failed"), Some(5)), "{host:#}");
        let lines: Vec<_> = host["stdout_tail"].as_str().expect("output").lines().map(str::to_owned).collect();
        let count: String = lines.iter().step_by(2).map(String::as_str).collect();
        assert_eq!(count, "123456", "{host:#}");
        assert_ne!(lines[1], lines[11], "the clock has stepped: {host:#}");
        stage.await_silence();
    }
}
