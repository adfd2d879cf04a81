//! Runs a command on a host, under the guard as `run` does: no lock, no record.

use std::{collections::BTreeMap, time::Duration};

use tokio::sync::watch;

use super::{unwell, verdict};
use crate::{
    guard::{self, GuardRequest, ScriptStatus},
    inventory::Host,
    plan::Plan,
    rollout::{Facts, Sample, with_last_line},
    transport::{Connected, Job, OutputSink, RemoteExit, RunAs, Stop, Stream, Transport, Wishes},
};

/// The last line of what a command prints.
#[derive(Default)]
struct LastLine {
    line: Vec<u8>,
    ended: bool,
}

impl OutputSink for LastLine {
    fn started(&mut self, _group: u32, _previous_revision: Option<&str>) {}

    fn output(&mut self, _stream: Stream, bytes: &[u8]) {
        const LONGEST: usize = 400;
        for byte in bytes {
            if self.ended && *byte != b'\n' {
                self.line.clear();
                self.ended = false;
            }
            match byte {
                b'\n' => self.ended = true,
                _ if self.line.len() < LONGEST => self.line.push(*byte),
                _ => {}
            }
        }
    }
}

/// Connects to the host and runs the command.
pub(super) async fn ask(
    transport: &dyn Transport,
    plan: &Plan,
    host: &Host,
    line: &str,
    facts: &Facts,
    limit: Duration,
) -> Sample {
    let Connected { mut session, .. } = match transport.connect(host).await {
        Ok(connected) => connected,
        Err(error) => return unwell(error.to_string()),
    };
    let env: BTreeMap<String, String> = facts.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let job = Job {
        request: GuardRequest {
            work: guard::Work::Run { command: line.to_owned(), input: None },
            deadline: limit,
            grace: plan.policy.limits.kill_grace,
            on_lost: guard::OnLost::Kill,
            env,
            args: Vec::new(),
        },
        idle_timeout: None,
        run_as: RunAs::of(plan.policy.sudo),
    };
    let mut out = LastLine::default();
    let end = session.run(&job, &mut out, Wishes::to_stop(watch::Sender::new(Stop::No).subscribe())).await;
    session.close().await;
    let (well, text) = match end {
        Ok(RemoteExit::Ended(trailer)) => match (trailer.cause, trailer.status) {
            (guard::Cause::None, ScriptStatus::Exited(0)) => (true, "exit status 0".to_owned()),
            (guard::Cause::None, status) => (false, status.to_string()),
            (guard::Cause::Timeout, _) => (false, format!("timed out after {limit:?}")),
            (guard::Cause::Stop | guard::Cause::Kill | guard::Cause::Lost | guard::Cause::Idle, _) => {
                (false, "it was ended".to_owned())
            }
        },
        Ok(RemoteExit::Refused { text, .. }) => (false, text),
        // No record was requested.
        Ok(RemoteExit::Recorded(_)) => (false, "the host told of its record instead".to_owned()),
        Err(lost) => (false, lost.message),
    };
    let text = with_last_line(&text, &String::from_utf8_lossy(&out.line));
    Sample { verdict: verdict(well), value: None, text }
}
