//! Turns the transport's words into an outcome: the one table that decides what became of a host.
//!
//! It is pure, and has no catch-all arm: a new word of the transport does not compile until its meaning is decided.

use super::{
    advice,
    dispatcher::AttemptEnd,
    executor::Attempt,
    outcome::{FailureCause, HostResult, Killed, Outcome, UnreachableCause},
    reattach::Found,
    refusal,
};
use crate::{
    guard::{Cause, GroupState, Record, Refusal, ScriptStatus, Trailer},
    plan::Plan,
    transport::{ConnectError, Lost, RemoteExit, Stop},
};

/// No session could be opened.
pub(super) fn not_connected(mut result: HostResult, error: ConnectError) -> Attempt {
    result.outcome = Outcome::Unreachable;
    result.failure = Some(FailureCause::Unreachable(UnreachableCause::Connect(error.kind)));
    result.message = Some(error.to_string());
    result.hint = error.hint;
    let end = if error.kind.is_transient() {
        AttemptEnd::Retryable(Outcome::Unreachable)
    } else {
        AttemptEnd::Final(Outcome::Unreachable)
    };
    Attempt { end, result }
}

/// The session's word on the job. `stop` is what the session had been asked by then.
pub(super) fn ended(result: HostResult, end: Result<RemoteExit, Lost>, stop: Stop, plan: &Plan) -> Attempt {
    match end {
        Ok(RemoteExit::Ended(trailer)) => by_trailer(result, &trailer, plan),
        Ok(RemoteExit::Refused { reason, text }) => refused(result, reason, &text, plan),
        // No record was requested; a host that sends one may have done anything.
        Ok(RemoteExit::Recorded(_)) => {
            cut_off(result, None, "the host told what it has on record instead".to_owned(), stop, plan)
        }
        Err(lost) if lost.sent => cut_off(result, lost.group, lost.message, stop, plan),
        // The error does not matter: the job would not have been sent any more.
        Err(_) if stop > Stop::No => Attempt { end: AttemptEnd::NotStarted, result },
        Err(lost) => before_start(result, lost.message),
    }
}

/// The outcome of a host with which contact was lost.
pub(super) fn found(result: HostResult, found: Found, stop: Stop, plan: &Plan) -> Attempt {
    match found {
        Found::End(trailer) => by_trailer(result, &trailer, plan),
        Found::Refusal { reason, text } => match (reason, result.group) {
            // This proves that nothing of this attempt ran or will run.
            (Refusal::NeverStarted, None) if stop == Stop::No => {
                before_start(result, "contact was lost before the script started".to_owned())
            }
            (Refusal::NeverStarted, None) => Attempt { end: AttemptEnd::NotStarted, result },
            (
                Refusal::NeverStarted
                | Refusal::Busy
                | Refusal::Fence
                | Refusal::NoHome
                | Refusal::ReadOnly
                | Refusal::Full
                | Refusal::NoTool
                | Refusal::Damaged
                | Refusal::BadRequest
                | Refusal::NoSudo,
                group,
            ) => {
                let message =
                    format!("contact was lost, and then the host did not tell: {}", refusal::not_told(reason, &text));
                cut_off(result, group, message, stop, plan)
            }
        },
        Found::Nothing { lost, trouble } => {
            let group = lost.group.or(result.group);
            let trouble = trouble.map(|trouble| format!(" ({trouble})")).unwrap_or_default();
            // No number of tries, so that hosts that were lost together are reported together.
            let message = format!("{}; not found again in time{trouble}", lost.message);
            cut_off(result, group, message, stop, plan)
        }
    }
}

/// An outcome, its cause and its message.
type Judged = (Outcome, Option<FailureCause>, Option<String>);

fn by_trailer(mut result: HostResult, trailer: &Trailer, plan: &Plan) -> Attempt {
    match &trailer.status {
        ScriptStatus::Exited(status) => result.exit_status = Some(*status),
        ScriptStatus::Signaled(signal) => result.signal = Some(signal.to_string()),
        ScriptStatus::Unknown | ScriptStatus::Rebooted => {}
    }
    result.killed = match (trailer.cause, trailer.group) {
        (Cause::None, _) => None,
        (_, GroupState::Gone) => Some(Killed::Confirmed),
        (_, GroupState::Alive | GroupState::Denied) => Some(Killed::Unconfirmed),
    };
    let (outcome, failure, message) = judged(trailer, plan);
    result.outcome = outcome;
    result.failure = failure;
    result.message = message;
    if outcome == Outcome::Unknown {
        let look = advice::look_there(plan, result.attempts);
        result.hint = Some(match trailer.group {
            GroupState::Denied => format!("let the whole script run as root instead: sudo = true; {look}"),
            GroupState::Gone | GroupState::Alive => look,
        });
    }
    let lost = failure == Some(FailureCause::Lost) && trailer.group == GroupState::Gone;
    Attempt { end: if lost { after_loss(outcome, plan) } else { AttemptEnd::Final(outcome) }, result }
}

fn judged(trailer: &Trailer, plan: &Plan) -> Judged {
    let limits = &plan.policy.limits;
    let cut_short = |cause, what: String| (cut_short(trailer), Some(cause), Some(after_kill(trailer, &what)));
    match trailer.cause {
        Cause::None => by_itself(trailer),
        Cause::Stop | Cause::Kill => cut_short(FailureCause::Cancelled, "cancelled".to_owned()),
        Cause::Idle => {
            let silent = format!("silent for longer than {:?}", limits.idle.unwrap_or_default());
            cut_short(FailureCause::Idle, silent)
        }
        Cause::Timeout => cut_short(FailureCause::TimedOut, format!("timed out after {:?}", limits.script)),
        Cause::Lost => cut_short(FailureCause::Lost, "contact was lost".to_owned()),
    }
}

/// A script that ended by itself.
fn by_itself(trailer: &Trailer) -> Judged {
    let lost = |message: &str| (Outcome::Unknown, Some(FailureCause::Lost), Some(message.to_owned()));
    match (&trailer.status, trailer.record) {
        (ScriptStatus::Exited(0), Record::Kept) => (Outcome::Succeeded, None, None),
        (ScriptStatus::Exited(0), Record::Lost) => {
            lost("the script exited 0, but the host could not record it (disk full?)")
        }
        (ScriptStatus::Unknown, _) => lost("nobody saw the script's end: its guard on the host was killed"),
        (ScriptStatus::Rebooted, _) => lost("the host went down while the script ran, so it may be half done"),
        (ScriptStatus::Exited(_) | ScriptStatus::Signaled(_), _) => {
            (Outcome::Failed, Some(FailureCause::Script), Some(in_words(&trailer.status)))
        }
    }
}

/// The outcome of a script that was ended.
const fn cut_short(trailer: &Trailer) -> Outcome {
    match trailer.group {
        GroupState::Gone => Outcome::Failed,
        GroupState::Alive | GroupState::Denied => Outcome::Unknown,
    }
}

/// The message for a script that was ended.
fn after_kill(trailer: &Trailer, what: &str) -> String {
    let end = in_words(&trailer.status);
    match (trailer.group, &trailer.status) {
        (GroupState::Gone, ScriptStatus::Exited(_) | ScriptStatus::Signaled(_)) => {
            format!("{what}; the script was ended ({end})")
        }
        (GroupState::Gone, ScriptStatus::Unknown | ScriptStatus::Rebooted) => {
            format!("{what}; nothing of the script runs any more, but {end}")
        }
        (GroupState::Alive, _) => format!("{what}; processes of the script are still running"),
        (GroupState::Denied, _) => {
            format!("{what}; processes that the script started as another user (sudo?) are still running")
        }
    }
}

fn in_words(status: &ScriptStatus) -> String {
    match status {
        ScriptStatus::Exited(status) => format!("exit status {status}"),
        ScriptStatus::Signaled(signal) => format!("killed by {signal}"),
        ScriptStatus::Unknown => "nobody saw its end".to_owned(),
        ScriptStatus::Rebooted => "the host went down meanwhile".to_owned(),
    }
}

fn refused(mut result: HostResult, reason: Refusal, text: &str, plan: &Plan) -> Attempt {
    result.outcome = Outcome::Unreachable;
    result.failure = Some(FailureCause::Unreachable(UnreachableCause::Refused));
    let (word, hint) = refusal::explained(reason, text, plan);
    result.message = Some(format!("{word}: {text}"));
    result.hint = Some(hint);
    // Not tried again: the host would refuse again.
    Attempt { end: AttemptEnd::Final(Outcome::Unreachable), result }
}

/// The script never started.
fn before_start(mut result: HostResult, message: String) -> Attempt {
    result.message = Some(message);
    result.outcome = Outcome::Unreachable;
    result.failure = Some(FailureCause::Unreachable(UnreachableCause::BeforeStart));
    Attempt { end: AttemptEnd::Retryable(Outcome::Unreachable), result }
}

/// The script started, or may have, and its end is unknown.
fn cut_off(mut result: HostResult, group: Option<u32>, message: String, stop: Stop, plan: &Plan) -> Attempt {
    result.group = group.or(result.group);
    result.outcome = Outcome::Unknown;
    result.failure = Some(FailureCause::Lost);
    result.message = Some(match stop {
        Stop::No => message,
        Stop::Terminate | Stop::Kill => {
            result.killed = Some(Killed::Unconfirmed);
            format!("cancelled, but it is not known whether the script was ended: {message}")
        }
    });
    result.hint = Some(advice::look_there(plan, result.attempts));
    Attempt { end: after_loss(Outcome::Unknown, plan), result }
}

/// A script that may have started is not started again, unless the user said that this does no harm.
fn after_loss(outcome: Outcome, plan: &Plan) -> AttemptEnd {
    if plan.policy.idempotent { AttemptEnd::Retryable(outcome) } else { AttemptEnd::Final(outcome) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        guard::Signal,
        inventory::testing::{host, target},
        plan::{Assignment, Policy, RunId, Work},
        transport::ConnectFailure,
    };

    fn plan() -> Plan {
        let work = Work::Command("true".into());
        let assignment = Assignment::of(work);
        Plan::new(RunId::new(), &target(Vec::new()), assignment, Vec::new())
    }

    fn judged(status: ScriptStatus, cause: Cause, group: GroupState) -> (Outcome, HostResult) {
        let trailer = Trailer { status, cause, group, stdout: None, stderr: None, record: Record::Kept };
        let attempt =
            ended(HostResult::skipped(host("i-1", "a").id), Ok(RemoteExit::Ended(trailer)), Stop::No, &plan());
        assert_eq!(attempt.end, AttemptEnd::Final(attempt.result.outcome));
        (attempt.result.outcome, attempt.result)
    }

    #[test]
    fn a_status_is_the_scripts_own() {
        for status in [0, 1, 127, 128, 194, 254, 255] {
            let (outcome, result) = judged(ScriptStatus::Exited(status), Cause::None, GroupState::Gone);
            assert_eq!(outcome, if status == 0 { Outcome::Succeeded } else { Outcome::Failed });
            assert_eq!((result.exit_status, result.signal, result.killed), (Some(status), None, None));
        }
        let (outcome, result) =
            judged(ScriptStatus::Signaled(Signal::named("TERM").expect("a name")), Cause::None, GroupState::Gone);
        assert_eq!((outcome, result.signal.as_deref(), result.exit_status), (Outcome::Failed, Some("TERM"), None));
    }

    #[test]
    fn a_script_that_we_ended_never_succeeded() {
        for cause in [Cause::Stop, Cause::Kill, Cause::Timeout, Cause::Idle, Cause::Lost] {
            let (outcome, result) = judged(ScriptStatus::Exited(0), cause, GroupState::Gone);
            assert_eq!((outcome, result.killed), (Outcome::Failed, Some(Killed::Confirmed)), "{cause:?}");
            let (outcome, result) = judged(ScriptStatus::Exited(0), cause, GroupState::Alive);
            assert_eq!((outcome, result.killed), (Outcome::Unknown, Some(Killed::Unconfirmed)), "{cause:?}");
        }
    }

    #[test]
    fn only_a_script_that_never_started_is_tried_again() {
        let blank = || HostResult::skipped(host("i-1", "a").id);
        let connect = |kind| ConnectError { kind, message: "x".into(), hint: None };
        let refused = not_connected(blank(), connect(ConnectFailure::Refused));
        assert_eq!(refused.end, AttemptEnd::Retryable(Outcome::Unreachable));
        let changed = not_connected(blank(), connect(ConnectFailure::HostKeyChanged));
        assert_eq!(changed.end, AttemptEnd::Final(Outcome::Unreachable));

        let lost = |sent, group| Lost { group, sent, message: "connection reset".into() };
        let before = ended(blank(), Err(lost(false, None)), Stop::No, &plan());
        assert_eq!(before.end, AttemptEnd::Retryable(Outcome::Unreachable));
        let stopped = ended(blank(), Err(lost(false, None)), Stop::Terminate, &plan());
        assert_eq!(stopped.end, AttemptEnd::NotStarted);
        assert_eq!((stopped.result.outcome, stopped.result.message), (Outcome::Skipped, None));
        for group in [None, Some(7)] {
            let after = ended(blank(), Err(lost(true, group)), Stop::No, &plan());
            assert_eq!(after.end, AttemptEnd::Final(Outcome::Unknown));
            let plan = Plan { policy: Policy { idempotent: true, ..plan().policy }, ..plan() };
            let again = ended(blank(), Err(lost(true, group)), Stop::No, &plan);
            assert_eq!(again.end, AttemptEnd::Retryable(Outcome::Unknown));
        }
    }

    #[test]
    fn a_success_that_the_host_could_not_record_is_none() {
        let judged = |status| {
            let (cause, group) = (Cause::None, GroupState::Gone);
            let trailer = Trailer { status, cause, group, stdout: None, stderr: None, record: Record::Lost };
            by_trailer(HostResult::skipped(host("i-1", "a").id), &trailer, &plan())
        };
        let attempt = judged(ScriptStatus::Exited(0));
        assert_eq!(attempt.end, AttemptEnd::Final(Outcome::Unknown));
        assert_eq!((attempt.result.outcome, attempt.result.exit_status), (Outcome::Unknown, Some(0)));
        let message = attempt.result.message.expect("a message");
        assert_eq!(message, "the script exited 0, but the host could not record it (disk full?)");
        assert_eq!(judged(ScriptStatus::Exited(1)).result.outcome, Outcome::Failed);
    }

    #[test]
    fn nobody_claims_to_have_ended_what_nobody_saw_end() {
        for cause in [Cause::Stop, Cause::Kill, Cause::Timeout, Cause::Idle, Cause::Lost] {
            let (_, result) = judged(ScriptStatus::Unknown, cause, GroupState::Gone);
            let message = result.message.expect("a message");
            assert!(message.ends_with("; nothing of the script runs any more, but nobody saw its end"), "{message}");
        }
    }

    #[test]
    fn a_timeout_says_how_long() {
        let mut plan = plan();
        plan.policy.limits.script = Duration::from_secs(3);
        let trailer = Trailer {
            status: ScriptStatus::Signaled(Signal::named("TERM").expect("a name")),
            cause: Cause::Timeout,
            group: GroupState::Gone,
            stdout: None,
            stderr: None,
            record: Record::Kept,
        };
        let attempt = by_trailer(HostResult::skipped(host("i-1", "a").id), &trailer, &plan);
        let message = attempt.result.message.expect("a message");
        assert_eq!(message, "timed out after 3s; the script was ended (killed by TERM)");
    }
}
