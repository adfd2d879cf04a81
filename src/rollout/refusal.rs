//! What a guard's refusal means, and what to try.

use jiff::Timestamp;

use super::advice;
use crate::{
    guard::Refusal,
    plan::{Plan, quoted},
};

/// A fence this far ahead cannot come from a run that was started a little later: a clock was wrong.
const WRONG_CLOCK_MS: u64 = 60 * 60 * 1000;

/// The message when a host refuses to report on a script that it may have started.
pub(super) fn not_told(reason: Refusal, text: &str) -> String {
    match reason {
        Refusal::NeverStarted => "it has no record of the script".to_owned(),
        Refusal::Busy
        | Refusal::Fence
        | Refusal::NoHome
        | Refusal::ReadOnly
        | Refusal::Full
        | Refusal::NoTool
        | Refusal::Damaged
        | Refusal::BadRequest
        | Refusal::NoSudo => format!("{}: {text}", word(reason)),
    }
}

/// What a refusal means to people, and what to try.
pub(super) fn explained(reason: Refusal, text: &str, plan: &Plan) -> (&'static str, String) {
    let hint = match reason {
        Refusal::Busy => "wait for it, or end it where it was started",
        Refusal::Fence => return (word(reason), later_run(text, plan)),
        Refusal::NoHome => "give the login a home folder, or set XDG_STATE_HOME for it",
        Refusal::ReadOnly => "check the owner and the mount of the login's home folder",
        Refusal::Full => "free space in the login's home folder",
        Refusal::NoTool => "install it there",
        Refusal::NeverStarted => "run it again",
        Refusal::Damaged => return (word(reason), format!("on the host: rm {}", quoted(text))),
        Refusal::BadRequest => "please report this",
        Refusal::NoSudo => for_root(text),
    };
    (word(reason), hint.to_owned())
}

const fn word(reason: Refusal) -> &'static str {
    match reason {
        Refusal::Busy => "the host is busy with another run",
        Refusal::Fence => "a later run was here",
        Refusal::NoHome => "no place for the record",
        Refusal::ReadOnly => "the record cannot be written",
        Refusal::Full => "no space for the record",
        Refusal::NoTool => "the host lacks a tool",
        Refusal::NeverStarted => "an earlier attempt died before the start",
        Refusal::Damaged => "a file of the host's record is damaged",
        Refusal::BadRequest => "the host's guard did not understand",
        Refusal::NoSudo => "no root on the host",
    }
}

/// A fence is a time: the start of the run that left it, by the clock of the machine that ran it.
fn later_run(text: &str, plan: &Plan) -> String {
    let seen = text.strip_prefix("this host has seen fence ").and_then(|rest| rest.split(';').next()?.parse().ok());
    let now = plan.run.started_ms();
    let ahead = |seen: i64| u64::try_from(seen).is_ok_and(|seen| seen.saturating_sub(now) > WRONG_CLOCK_MS);
    match seen.filter(|seen| ahead(*seen)).and_then(|seen| Timestamp::from_millisecond(seen).ok()) {
        Some(seen) => format!(
            "the host's fence is of {}, in the future: check this machine's clock; if it is right, that of the machine \
             which deployed last was wrong, and this removes the fence: {}",
            seen.strftime("%Y-%m-%d %H:%M UTC"),
            advice::on_the_host(plan, &format!("rm {}/fence", advice::state_folder(plan))),
        ),
        None => "check this machine's clock, and that nobody deploys an older run".to_owned(),
    }
}

/// What lets `sudo` do it, judged by its own message or the shell's. If the message is in an unknown language, the
/// likeliest reason: `sudo` asks even a login that is not in sudoers for a password.
fn for_root(text: &str) -> &'static str {
    if text.contains("tty") {
        "let the login use sudo without a terminal (Defaults:USER !requiretty in sudoers), or go without `sudo`"
    } else if text.contains("sudo: sh: ") {
        "let sudo find sh (secure_path in sudoers), or go without `sudo`"
    } else if text.contains("account") && !text.contains("sudo") {
        // What `nologin` prints, with the status of a `sudo` that refuses.
        "the login's own shell refuses it: give the account a shell there, or log in as another user"
    } else if text.contains("not found") || text.contains("nknown command") {
        "install sudo there, or log in as root and go without `sudo`"
    } else {
        "let the login use sudo without a password (USER ALL=(root) NOPASSWD: ALL in sudoers), or go without `sudo`"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        inventory::testing::target,
        plan::{Assignment, RunId, Work},
    };

    fn hint(run: &str, fence: u64) -> String {
        let mut target = target(Vec::new());
        target.words = "web --config ops.toml".to_owned();
        let run: RunId = run.parse().expect("an id");
        let plan = Plan::new(run, &target, Assignment::of(Work::Command("true".into())), Vec::new());
        let text = format!("this host has seen fence {fence}; {} is older", run.started_ms());
        explained(Refusal::Fence, &text, &plan).1
    }

    #[test]
    fn a_fence_of_the_future_is_told_with_the_command_that_removes_it() {
        let run = "01K9ZC8Q4M7T2V5X6Y3R1N0PWE";
        let now = run.parse::<RunId>().expect("an id").started_ms();
        insta::assert_snapshot!(hint(run, now + 90 * 24 * 3_600_000), @r#"the host's fence is of 2026-02-11 19:49 UTC, in the future: check this machine's clock; if it is right, that of the machine which deployed last was wrong, and this removes the fence: fleetwide run web --config ops.toml --hosts NAME -- 'rm "${XDG_STATE_HOME:-$HOME/.local/state}"/fleetwide/shop/fence'"#);
        let later = "check this machine's clock, and that nobody deploys an older run";
        assert_eq!(hint(run, now + 60_000), later);
        assert_eq!(hint(run, u64::MAX), later, "no guard says so");
    }

    #[test]
    fn an_account_that_is_closed_is_not_blamed_on_sudo() {
        assert!(for_root("This account is currently not available.").starts_with("the login's own shell refuses it"));
        for text in ["sudo: a password is required", "sudo: account validation failure, is your account locked?"] {
            assert!(for_root(text).starts_with("let the login use sudo without a password"), "{text}");
        }
    }
}
