//! A rollback by hand, for people and for programs: which hosts return to what, and which do not.

use std::collections::BTreeMap;

use serde::Serialize;

use super::hosts;
use crate::{
    inventory::{Host, HostId},
    plan::{Goal, Plan, Revision, Rollback, Tally, Way},
    report::text::{
        neutral,
        screen::{Ink, Screen},
        words,
    },
};

/// A rollback for programs.
#[derive(Debug, Serialize)]
pub(super) struct RollbackJson<'a> {
    run: Option<String>,
    to: Option<&'a str>,
    hosts: Vec<WayJson<'a>>,
}

/// How one host is rolled back.
#[derive(Debug, Serialize)]
struct WayJson<'a> {
    id: &'a HostId,
    way: &'static str,
    revision: Option<&'a str>,
    /// The name and the attempt of the script on the host.
    run: Option<&'a str>,
    attempt: Option<u32>,
    message: Option<&'a str>,
}

impl<'a> From<&'a Rollback> for RollbackJson<'a> {
    fn from(rollback: &'a Rollback) -> Self {
        let Goal { run, to } = &rollback.goal;
        let way = |(id, way): (&'a HostId, &'a Way)| {
            let (back, run, message) = match way {
                Way::Start(back) | Way::Follow(back) => (Some(back), Some(back.run.as_str()), None),
                Way::Nowhere => (None, None, None),
                Way::Busy(run) => (None, Some(run.as_str()), None),
                Way::Silent(why) => (None, None, Some(why.as_str())),
            };
            WayJson {
                id,
                way: word(way),
                revision: back.and_then(|back| back.revision.as_deref()),
                run,
                attempt: back.map(|back| back.attempt),
                message,
            }
        };
        Self {
            run: run.map(|run| run.to_string()),
            to: to.as_ref().map(Revision::as_str),
            hosts: rollback.ways.iter().map(way).collect(),
        }
    }
}

const fn word(way: &Way) -> &'static str {
    match way {
        Way::Start(_) => "start",
        Way::Follow(_) => "follow",
        Way::Nowhere => "nowhere",
        Way::Busy(_) => "busy",
        Way::Silent(_) => "not-asked",
    }
}

/// The purpose of a rollback, in a line.
pub(in crate::report) fn title(goal: &Goal, target: &str) -> String {
    match (goal.run, &goal.to) {
        (Some(run), None) => format!("Undo run {run} on {target}"),
        (Some(run), Some(to)) => format!("Take what run {run} touched on {target} to {}", revision(to)),
        (None, Some(to)) => format!("Take {target} to {}", revision(to)),
        (None, None) => format!("Undo the newest run on {target}"),
    }
}

/// Why nothing is to be done, in a line. `narrowed_from`: from how many hosts these were chosen, if they were.
pub(in crate::report) fn nothing(goal: &Goal, target: &str, narrowed_from: Option<usize>) -> String {
    let (every, on) = match narrowed_from {
        None => ("every host", ""),
        Some(_) => ("every chosen host", "the chosen hosts of "),
    };
    let why = match (goal.run, &goal.to) {
        (Some(run), None) => format!("{every} of {target} that run {run} touched is back"),
        (Some(run), Some(to)) => format!("{every} of {target} that run {run} touched is at {}", revision(to)),
        (None, Some(to)) => format!("{every} of {target} is at {}", revision(to)),
        (None, None) => format!("no run is on record on {on}{target}"),
    };
    format!("nothing to roll back: {why}")
}

fn revision(revision: &Revision) -> String {
    neutral::line(revision.as_str())
}

/// The hosts, grouped by their way back.
pub(super) fn sections(plan: &Plan, rollback: &Rollback, screen: &Screen) -> String {
    let mut ways = BTreeMap::<(u8, String), Vec<&Host>>::new();
    for host in plan.hosts() {
        if let Some(way) = rollback.ways.get(&host.id) {
            ways.entry(heading(way)).or_default().push(host);
        }
    }
    if ways.is_empty() {
        return format!("\n{}\n", nothing(&rollback.goal, &neutral::line(&plan.target), plan.narrowed_from));
    }
    let section = |((_, heading), hosts): (&(u8, String), &Vec<&Host>)| {
        let heading = format!("{heading}: {}", words::count(hosts.len(), "host"));
        format!("\n{}\n{}", screen.paint(Ink::Strong, &heading), hosts::table(hosts, screen, 2))
    };
    ways.iter().map(section).collect()
}

fn heading(way: &Way) -> (u8, String) {
    let to = |revision: &Option<String>| match revision {
        Some(revision) => format!("to {}", neutral::line(revision)),
        None => "to what they had before, which the rollback script knows".to_owned(),
    };
    match way {
        Way::Start(back) => (0, format!("Back {}", to(&back.revision))),
        Way::Follow(back) => (1, format!("On the way back {} already, and followed", to(&back.revision))),
        Way::Nowhere => (2, "Nothing to return to: no revision before, and no rollback script".to_owned()),
        Way::Busy(run) => (3, format!("Not now: a script of run {} is running there", neutral::line(run))),
        Way::Silent(why) => (4, format!("Not asked what they have on record: {}", neutral::line(why))),
    }
}

/// `12 on v1, 3 on v0, 1 without a revision, 2 not asked`.
pub(super) fn tally(tally: &Tally) -> String {
    let of = |(revision, hosts): &(Option<String>, usize)| {
        let hosts = words::number(*hosts);
        match revision {
            Some(revision) => format!("{hosts} on {}", neutral::line(revision)),
            None => format!("{hosts} without a revision"),
        }
    };
    let silent = (tally.silent > 0).then(|| format!("{} without an answer", words::number(tally.silent)));
    tally.revisions.iter().map(of).chain(silent).collect::<Vec<_>>().join(", ")
}
