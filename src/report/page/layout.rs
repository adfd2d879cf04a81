//! Lays out the timeline: the rows of each stage, their heights, and which hosts have names.

use std::collections::HashMap;

use jiff::Timestamp;

use super::look;
use crate::report::files::{host_record::HostRecord, record::Record};

/// The height of a row with a name, in pixels.
const NAMED: u32 = 18;

/// In a drawing with thin rows, a stage of at most this many hosts still has high ones.
const FEW: usize = 10;

/// The most hosts with names in all other stages together.
const MOST_NAMED: usize = 40;

/// The heights of the lanes above the first row: pauses, named moments, and in a high drawing the time. In pixels.
pub(super) const PAUSES: u32 = 20;
const MARKS: u32 = 18;
const TIMES: u32 = 18;

/// A drawing higher than this exceeds a screen, in pixels.
const HIGH: u32 = 700;

/// The height of the space above the rows of a stage.
pub(super) const STAGE: u32 = 28;

/// The height of a line of text below the rows of a stage.
pub(super) const REMARK: u32 = 20;

/// The layout of the timeline.
pub(super) struct Layout<'r> {
    pub(super) stages: Vec<StageRows<'r>>,
    pub(super) head: Head,
    /// The bottom of the last row.
    pub(super) bottom: u32,
}

/// The lanes above the rows.
#[derive(Clone, Copy)]
pub(super) struct Head {
    /// Where the time is written, if it is written here.
    pub(super) times: Option<u32>,
    pub(super) bottom: u32,
}

/// The rows of a stage.
pub(super) struct StageRows<'r> {
    pub(super) name: &'r str,
    pub(super) number: usize,
    pub(super) of: usize,
    pub(super) top: u32,
    pub(super) rows: Vec<Row<'r>>,
    pub(super) untouched: usize,
}

/// A host's row.
pub(super) struct Row<'r> {
    pub(super) host: &'r HostRecord,
    pub(super) top: u32,
    pub(super) height: u32,
    pub(super) named: bool,
}

impl Row<'_> {
    pub(super) const fn middle(&self) -> u32 {
        self.top + self.height / 2
    }
}

pub(super) fn laid_out(record: &Record, touched: usize) -> Layout<'_> {
    let lanes = [(PAUSES, !record.rollout.pauses.is_empty()), (MARKS, marked(record).next().is_some())];
    let lanes: u32 = lanes.iter().filter(|(_, needed)| *needed).map(|(height, _)| height).sum();
    let (stages, bottom) = below(record, touched, lanes);
    if bottom <= HIGH {
        return Layout { stages, head: Head { times: None, bottom: lanes }, bottom };
    }
    let head = Head { times: Some(lanes + TIMES - 5), bottom: lanes + TIMES };
    let (stages, bottom) = below(record, touched, head.bottom);
    Layout { stages, head, bottom }
}

/// The rows below a head of this height, and the bottom of the last one.
fn below(record: &Record, touched: usize, head: u32) -> (Vec<StageRows<'_>>, u32) {
    let thin = match touched {
        0..=60 => NAMED,
        61..=200 => 6,
        201..=500 => 3,
        501..=1000 => 2,
        1001.. => 1,
    };
    let mut names_left = MOST_NAMED;
    let mut top = head;
    let stages = by_stage(record);
    let of = stages.len();
    let mut laid_out = Vec::new();
    for (number, (name, mut hosts)) in stages.into_iter().enumerate() {
        let all = hosts.len();
        hosts.retain(|host| host.started.is_some());
        hosts.sort_by_key(|host| host.started);
        let few = hosts.len() <= FEW;
        let mut stage = StageRows { name, number: number + 1, of, top, rows: Vec::new(), untouched: all - hosts.len() };
        top += STAGE;
        for host in hosts {
            let strange = !matches!(look::of_host(host).class, "good" | "back");
            let named = thin == NAMED || few || (strange && names_left > 0);
            if thin != NAMED && !few && named {
                names_left -= 1;
            }
            let height = if named { NAMED } else { thin };
            stage.rows.push(Row { host, top, height, named });
            top += height;
        }
        top += if stage.untouched > 0 { REMARK } else { 0 };
        laid_out.push(stage);
    }
    (laid_out, top)
}

/// The hosts of each stage. In a report older than stages, the stage comes from the hosts.
pub(super) fn by_stage(record: &Record) -> Vec<(&str, Vec<&HostRecord>)> {
    let mut stages: Vec<(&str, Vec<&HostRecord>)> = Vec::new();
    let mut places = HashMap::new();
    let mut place = |stages: &mut Vec<_>, name| {
        *places.entry(name).or_insert_with(|| {
            stages.push((name, Vec::new()));
            stages.len() - 1
        })
    };
    for stage in &record.rollout.stages {
        place(&mut stages, &stage.name);
    }
    for host in &record.hosts {
        let place = place(&mut stages, &host.stage);
        stages[place].1.push(host);
    }
    stages
}

/// The named moments.
pub(super) fn marked(record: &Record) -> impl Iterator<Item = (&'static str, Timestamp)> {
    let marks = [("stop", record.stopped_at), ("undo", record.rollout.undo_started)];
    marks.into_iter().filter_map(|(word, at)| Some((word, at?)))
}
