//! Finds a script again when contact was lost while it may have been running: asks the host again and again, until it
//! reports the script's end or asking is useless.
//!
//! The request starts nothing (see [`Work::Attach`](crate::guard::Work::Attach)), so it may be sent any number of
//! times. `verdict` decides what the answer means for the host.

use std::{
    pin::{Pin, pin},
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};

use super::{
    event::EventKind,
    executor::{Standing, Tell, log_out},
    host_output::HostOutput,
    job::attach,
    recorder::Recorder,
    refusal,
};
use crate::{
    guard::{Refusal, Trailer},
    inventory::Host,
    local::until,
    transport::{Backoff, ConnectError, Connected, Job, Lost, RemoteExit, Stop, Transport, Wishes, YEAR},
};

/// How much longer than the script may run a host is looked for: it must end the script, and report that.
const MARGIN: Duration = Duration::from_mins(1);

/// The time after a cancel for the way to the host and back, on top of the script's grace.
const CANCEL_MARGIN: Duration = Duration::from_secs(15);

/// The time after a kill.
const KILL_MARGIN: Duration = Duration::from_secs(3);

/// What is needed to find a script again.
pub(super) struct Search<'a> {
    pub(super) transport: &'a dyn Transport,
    pub(super) recorder: &'a Recorder,
    pub(super) host: &'a Host,
    /// The original job.
    pub(super) job: &'a Job,
    /// Reports that a try was in vain.
    pub(super) tell: &'a Tell,
}

/// The result of the search.
#[derive(Debug)]
pub(super) enum Found {
    /// The host reported the script's end.
    End(Trailer),
    /// The host refused to tell, and would refuse again.
    Refusal {
        /// Why.
        reason: Refusal,
        /// Why, in the guard's words.
        text: String,
    },
    /// The script was not found.
    Nothing {
        /// How contact was lost the last time.
        lost: Lost,
        /// What prevented the last try to restore it.
        trouble: Option<String>,
    },
}

impl Search<'_> {
    /// Looks for the script after contact was lost with this error.
    pub(super) async fn search(&self, mut lost: Lost, out: &mut HostOutput<'_>, wishes: Wishes) -> Found {
        let mut stop = wishes.stop.clone();
        let mut cancelled = pin!(cancel_runs_out(stop.clone(), self.job.request.grace));
        let asked = Instant::now();
        let (mut tries, mut trouble, mut over) = (0, None, false);
        out.lose(&lost.message);
        while !over {
            let (now, give_up) = (Instant::now(), self.last_moment(asked, out));
            let job = attach(self.job, out.time().left(now), out.heard());
            let Some(job) = job.filter(|_| now < give_up) else { break };
            tries += 1;
            let wait = pause(tries, rand::random());
            self.recorder.record(EventKind::HostReattaching { host: &self.host.id, tries, wait });
            let connected = tokio::select! {
                connected = self.connected_after(wait, &mut stop) => connected,
                () = sleep_until(give_up) => break,
                () = &mut cancelled => break,
            };
            let mut session = match connected {
                Ok(Connected { session, .. }) => session,
                Err(error) => {
                    (self.tell)(Standing::InDoubt);
                    let hopeless = !error.kind.may_pass();
                    trouble = Some(error.to_string());
                    if hopeless {
                        break;
                    }
                    continue;
                }
            };
            let end = {
                let run = pin!(session.run(&job, out, wishes.clone()));
                watched(run, cancelled.as_mut(), &mut over).await
            };
            log_out(session).await;
            match end {
                Ok(RemoteExit::Ended(trailer)) => return Found::End(trailer),
                Ok(RemoteExit::Refused { reason, text }) if reason.may_pass() && !is_proof(reason, out) => {
                    trouble = Some(refusal::not_told(reason, &text));
                }
                // No record was requested.
                Ok(RemoteExit::Recorded(_)) => trouble = Some("the host told what it has on record".to_owned()),
                Ok(RemoteExit::Refused { reason, text }) => return Found::Refusal { reason, text },
                Err(again) if out.in_contact() => {
                    out.lose(&again.message);
                    (lost, trouble, tries) = (again, None, 0);
                }
                Err(again) => trouble = Some(again.message),
            }
        }
        Found::Nothing { lost, trouble }
    }

    async fn connected_after(
        &self,
        wait: Duration,
        stop: &mut watch::Receiver<Stop>,
    ) -> Result<Connected, ConnectError> {
        let known = *stop.borrow();
        tokio::select! {
            () = sleep(wait) => {}
            // A more urgent wish is acted on at once.
            _ = until(stop, |wish| wish > known) => {}
        }
        self.transport.connect(self.host).await
    }

    /// When the host must have ended the script and could have reported it. There is always time to ask after the loss,
    /// when the host was first `asked`.
    fn last_moment(&self, asked: Instant, out: &HostOutput<'_>) -> Instant {
        (out.time().over() + self.job.request.grace.min(YEAR)).max(asked) + MARGIN
    }
}

/// Whether a refusal is final. If the script was never seen to run, a missing record proves that it never will. If it
/// was, the folder with its record may not be mounted yet.
fn is_proof(reason: Refusal, out: &HostOutput<'_>) -> bool {
    reason == Refusal::NeverStarted && !out.has_started()
}

/// Waits for `run`, which has clocks of its own. Sets `over` if the time after a cancel runs out meanwhile.
async fn watched<T>(
    mut run: Pin<&mut impl Future<Output = T>>,
    mut cancelled: Pin<&mut impl Future<Output = ()>>,
    over: &mut bool,
) -> T {
    loop {
        tokio::select! {
            end = &mut run => return end,
            () = &mut cancelled, if !*over => *over = true,
        }
    }
}

/// Waits until looking any longer is useless after a cancel.
async fn cancel_runs_out(mut stop: watch::Receiver<Stop>, grace: Duration) {
    until(&mut stop, |wish| wish > Stop::No).await;
    let last = Instant::now() + grace.min(YEAR) + CANCEL_MARGIN;
    tokio::select! {
        () = sleep_until(last) => return,
        _ = until(&mut stop, |wish| wish > Stop::Terminate) => {}
    }
    sleep_until(last.min(Instant::now() + KILL_MARGIN)).await;
}

/// One second, doubled each time, at most half a minute, times 0.75 to 1.25 as `chance` (0 to 1) decides, so that hosts
/// lost together do not all come back at once.
fn pause(tries: u32, chance: f64) -> Duration {
    const PAUSE: Backoff = Backoff { first: Duration::from_secs(1), most: Duration::from_secs(30) };
    PAUSE.after(tries.saturating_sub(1)).mul_f64(0.5f64.mul_add(chance, 0.75))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_half_a_minute_and_differ_by_a_quarter() {
        assert_eq!(pause(1, 0.0), Duration::from_millis(750));
        assert_eq!(pause(1, 1.0), Duration::from_millis(1250));
        assert_eq!(pause(3, 0.5), Duration::from_secs(4));
        assert_eq!(pause(u32::MAX, 0.5), Duration::from_secs(30));
    }
}
