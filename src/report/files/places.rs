//! Keeps a run's record up to date with its events.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;

use super::{host_record::HostRecord, record::Record, rollout_record::SampleRecord, samples::Thinning};
use crate::{
    inventory::HostId,
    rollout::{EventKind, StopReason},
};

/// Keeps a record up to date with a run's events.
#[derive(Debug)]
pub(in crate::report) struct Places {
    hosts: HashMap<HostId, usize>,
    thinning: Thinning,
}

impl Places {
    /// The position of each host in `record`.
    pub(in crate::report) fn of(record: &Record) -> Self {
        let hosts = record.hosts.iter().enumerate().map(|(place, host)| (host.id.clone(), place)).collect();
        Self { hosts, thinning: Thinning::default() }
    }

    /// The entry of `id` in `record`.
    pub(in crate::report) fn host<'r>(&self, record: &'r mut Record, id: &HostId) -> Option<&'r mut HostRecord> {
        self.hosts.get(id).and_then(|place| record.hosts.get_mut(*place))
    }

    /// The entry of `id` in `record`, in its present state.
    pub(in crate::report) fn shared(&self, record: &Record, id: &HostId) -> Option<Arc<HostRecord>> {
        self.hosts.get(id).and_then(|place| record.hosts.shared(*place))
    }

    /// Enters an event into `record`; true when that changed the record.
    pub(in crate::report) fn enter(&mut self, record: &mut Record, kind: &EventKind<'_>, at: Timestamp) -> bool {
        let of_rollout = record.rollout.enter(kind, at);
        match kind {
            EventKind::FleetSighted { joined, .. } => {
                for (host, stage) in *joined {
                    self.hosts.insert(host.id.clone(), record.hosts.len());
                    record.hosts.push(HostRecord::new(host, stage));
                }
            }
            EventKind::RunStarted { .. } => record.started = at,
            EventKind::CheckSampled { check, host, sample, at, elapsed } => {
                let sample = SampleRecord::new(check, *host, sample, *at, *elapsed);
                record.rollout.hear(sample, &mut self.thinning, record.hosts.len());
            }
            EventKind::HostConnecting { host, attempt } => {
                let Some(host) = self.host(record, host) else { return false };
                host.started.get_or_insert(at);
                host.attempts = *attempt;
            }
            EventKind::ScriptStarted { host, group } => {
                let Some(host) = self.host(record, host) else { return false };
                host.group = Some(*group);
            }
            EventKind::HostLost { host, message } => {
                let Some(host) = self.host(record, host) else { return false };
                host.message = Some((*message).to_owned());
            }
            EventKind::HostReattached { host, .. } => {
                let Some(host) = self.host(record, host) else { return false };
                host.message = None;
                host.reattached += 1;
            }
            EventKind::HostRetrying { host, message, .. } => {
                let Some(host) = self.host(record, host) else { return false };
                host.message = Some((*message).to_owned());
            }
            EventKind::HostReturned { host, stage } => {
                let Some(host) = self.host(record, host) else { return false };
                let before = host.wait_again(stage);
                record.rollout.moved(&before);
            }
            EventKind::HostFinished { result } | EventKind::HostUndone { result } => {
                let by_hand = record.rollback.is_some();
                let Some(host) = self.host(record, &result.host) else { return false };
                host.finish(result, by_hand);
            }
            EventKind::RunFinished { status, .. } => {
                record.status = (*status).into();
                record.exit_code = Some(status.exit_code());
                record.finished = Some(at);
            }
            // Recorded now: whoever asked the run to end may kill it before it can record more.
            EventKind::Stopping { reason, .. } => {
                record.stopped_by = Some(reason.as_str().to_owned());
                record.stopped_at.get_or_insert(at);
                match reason {
                    StopReason::Cancel(cancel) => record.status = cancel.status().into(),
                    StopReason::Budget
                    | StopReason::StageFailed
                    | StopReason::Check
                    | StopReason::Approval
                    | StopReason::Hook => {}
                }
            }
            // Not about a host: the rollout's part of the record has it, or it is not recorded.
            EventKind::StageStarted { .. }
            | EventKind::PauseStarted { .. }
            | EventKind::Approved { .. }
            | EventKind::PauseEnded { .. }
            | EventKind::HookFinished { .. }
            | EventKind::FleetUnseen { .. }
            | EventKind::UndoStarted { .. }
            // The log has the output of a host, and its result has how its parts ended.
            | EventKind::Output { .. }
            | EventKind::PartStarted { .. }
            | EventKind::PartFinished { .. }
            | EventKind::HostHeld { .. }
            | EventKind::HostReattaching { .. } => return of_rollout,
        }
        true
    }
}
