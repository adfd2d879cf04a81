//! Retrying one request until the scope's deadline.
//!
//! The waits are the SDK's; the loop is not. The SDK's loop can be taught that a 403 may mean throttling, but it cannot
//! report the start of each attempt and the length of each wait.

use std::{future::Future, time::Duration};

use google_cloud_gax::{
    backoff_policy::BackoffPolicy,
    exponential_backoff::{ExponentialBackoff, ExponentialBackoffBuilder},
    retry_state::RetryState,
};
use provider_core::{Deadline, FailureKind, Progress, Scope, Step};
use tokio::time::{Instant, sleep, timeout_at};

use crate::failure::Failure;

/// The bound of the first wait. Each wait is random up to its bound, and the bound doubles.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// The largest bound: Google counts its quotas by the minute.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// The longest that one attempt may take, so that a request that hangs leaves time for another.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(30);

/// An attempt gets half of the time that is left. Once that is less than this, it gets all of it: a slow answer must
/// not be cut off for the sake of another attempt.
const SHORTEST_ATTEMPT: Duration = Duration::from_secs(1);

/// The retries end this long before the caller's deadline, so that a scope that was throttled all along is reported as
/// throttled, not as slow.
const MARGIN: Duration = Duration::from_millis(100);

/// The retries of one scope.
pub(crate) struct Retry<'a> {
    scope: &'a Scope,
    progress: &'a dyn Progress,
    deadline: Deadline,
    ends: Instant,
    backoff: ExponentialBackoff,
}

impl<'a> Retry<'a> {
    /// Retries until this deadline.
    pub(crate) fn new(scope: &'a Scope, progress: &'a dyn Progress, deadline: Deadline) -> Self {
        let backoff =
            ExponentialBackoffBuilder::new().with_initial_delay(FIRST_WAIT).with_maximum_delay(LONGEST_WAIT).clamp();
        let ends = Instant::now() + deadline.left().saturating_sub(MARGIN.min(deadline.allowed() / 10));
        Self { scope, progress, deadline, ends, backoff }
    }

    /// Reports a step in this scope.
    pub(crate) fn report(&self, step: Step<'_>) {
        self.progress.step(self.scope, step);
    }

    /// Repeats `attempt` while it fails for a passing reason.
    ///
    /// # Errors
    /// The first failure that will not pass; or, at the deadline, the last one.
    pub(crate) async fn until_deadline<T, F, Fut>(&self, operation: &str, attempt: F) -> Result<T, Failure>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, Failure>>,
    {
        let mut last: Option<Failure> = None;
        let mut attempts = 0;
        loop {
            self.report(Step::Calling { operation });
            let started = Instant::now();
            let attempt_ends = self.attempt_ends(started);
            let answer = timeout_at(attempt_ends, attempt()).await;
            if answer.is_err() && attempt_ends >= self.ends {
                return Err(
                    last.map_or_else(|| self.too_slow(), |failure| failure.after(attempts, self.deadline.allowed()))
                );
            }
            attempts += 1;
            let failure = match answer {
                Ok(Err(failure)) if failure.passing => failure,
                Ok(settled) => return settled,
                // The earlier failure says more than a timeout does.
                Err(_) => last.take().unwrap_or_else(|| hung(attempt_ends - started)),
            };
            let wait = self.backoff.on_failure(&RetryState::new(true).set_attempt_count(attempts));
            if Instant::now() + wait >= self.ends {
                return Err(failure.after(attempts, self.deadline.allowed()));
            }
            self.report(Step::Retrying { reason: &failure.message, wait });
            sleep(wait).await;
            last = Some(failure);
        }
    }

    /// When to give up an attempt that starts `now`.
    fn attempt_ends(&self, now: Instant) -> Instant {
        let left = self.ends.saturating_duration_since(now);
        let half = (left / 2).min(LONGEST_ATTEMPT);
        if half < SHORTEST_ATTEMPT { self.ends } else { now + half }
    }

    fn too_slow(&self) -> Failure {
        Failure::new(FailureKind::TimedOut, format!("no complete answer within {:?}", self.deadline.allowed()))
            .with_hint("raise `deadline` in the selector, or narrow it")
    }
}

/// The failure of an attempt without an answer.
fn hung(waited: Duration) -> Failure {
    let message = format!("no answer to a request within {:.0} s", waited.as_secs_f64());
    Failure { passing: true, ..Failure::new(FailureKind::TimedOut, message) }
        .with_hint("raise `deadline` in the selector, or narrow it")
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, future};

    use super::*;
    use provider_core::Silent;

    /// Longer than the first wait, so that there always is a second attempt.
    const DEADLINE: Duration = Duration::from_millis(500);

    fn throttled() -> Failure {
        Failure { passing: true, ..Failure::new(FailureKind::Throttled, "slower") }
    }

    async fn run(answer: impl Fn(u32) -> Option<Result<(), Failure>>) -> (Result<(), Failure>, u32) {
        run_within(DEADLINE, answer).await
    }

    async fn run_within(
        deadline: Duration,
        answer: impl Fn(u32) -> Option<Result<(), Failure>>,
    ) -> (Result<(), Failure>, u32) {
        let scope = Scope::new(&crate::NAME, "project shop");
        let calls = Cell::new(0);
        let retry = Retry::new(&scope, &Silent, Deadline::from_now(deadline));
        let attempt = || {
            calls.set(calls.get() + 1);
            let answer = answer(calls.get());
            async {
                match answer {
                    Some(answer) => answer,
                    None => future::pending().await,
                }
            }
        };
        (retry.until_deadline("list", attempt).await, calls.get())
    }

    #[tokio::test]
    async fn a_passing_failure_is_tried_again_and_another_is_not() {
        let (answer, calls) = run(|call| Some(if call == 1 { Err(throttled()) } else { Ok(()) })).await;
        assert!(answer.is_ok() && calls == 2, "{calls}");
        let (answer, calls) = run(|_| Some(Err(Failure::bad_answer("nonsense")))).await;
        assert!(answer.is_err_and(|failure| failure.kind == FailureKind::BadAnswer) && calls == 1, "{calls}");
    }

    #[tokio::test]
    async fn at_the_deadline_the_last_failure_is_told() {
        let (answer, calls) = run(|_| Some(Err(throttled()))).await;
        let failure = answer.expect_err("for ever");
        assert_eq!(failure.kind, FailureKind::Throttled);
        assert!(calls > 1 && failure.message.contains(&format!("after {calls} attempts")), "{}", failure.message);
    }

    #[tokio::test]
    async fn throttled_once_and_then_silent_is_still_throttled() {
        let (answer, calls) = run(|call| (call == 1).then(|| Err(throttled()))).await;
        assert!(answer.is_err_and(|failure| failure.kind == FailureKind::Throttled) && calls == 2, "{calls}");
        let (answer, _) = run(|_| None).await;
        assert!(answer.is_err_and(|failure| failure.kind == FailureKind::TimedOut));
    }

    #[tokio::test]
    async fn a_request_that_hangs_is_given_up_for_another() {
        let deadline = Duration::from_millis(2500);
        let (answer, calls) = run_within(deadline, |call| (call > 1).then_some(Ok(()))).await;
        assert!(answer.is_ok() && calls == 2, "{calls}");
        let (answer, calls) = run_within(deadline, |_| None).await;
        assert!(answer.is_err_and(|failure| failure.kind == FailureKind::TimedOut) && calls == 2, "{calls}");
    }

    #[test]
    fn an_attempt_has_half_of_what_is_left_within_bounds() {
        let scope = Scope::new(&crate::NAME, "project shop");
        for (deadline, attempt) in [(300, 30), (20, 10)] {
            let retry = Retry::new(&scope, &Silent, Deadline::from_now(Duration::from_secs(deadline)));
            let now = Instant::now();
            let lasts = (retry.attempt_ends(now) - now).as_secs_f64();
            assert!((lasts - f64::from(attempt)).abs() < 0.5, "{lasts} of {deadline}");
        }
        let short = Retry::new(&scope, &Silent, Deadline::from_now(Duration::from_secs(1)));
        assert_eq!(short.attempt_ends(Instant::now()), short.ends);
    }
}
