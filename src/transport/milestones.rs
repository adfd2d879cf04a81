//! Reports the progress of a script's parts to the sink, at the right place in the script's output.
//!
//! The guard's words come on stdout, and a host sends the accumulated contents of its logs as they are. So a word may
//! come late in its own stream, or early relative to the other stream. A part's end therefore includes how much output
//! there was by then.

use std::collections::VecDeque;

use super::{OutputSink, Stream};
use crate::guard::{Offsets, PartEnd};

/// At most this many wait, so that a host cannot fill our memory.
const MOST: usize = 1000;

/// The milestones that were heard and not yet reported, and how much of the output was handed on.
#[derive(Debug)]
pub(super) struct Milestones {
    waiting: VecDeque<Milestone>,
    handed: Offsets,
}

/// A point in the life of a script in parts.
#[derive(Debug)]
struct Milestone {
    /// The milestone is reported once this much was handed on.
    due: Offsets,
    event: Event,
}

#[derive(Debug)]
enum Event {
    Begun(u32),
    Ended(PartEnd),
    Held(u32),
}

impl Milestones {
    /// For a script whose output is sent from these offsets on.
    pub(super) fn new(handed: Offsets) -> Self {
        Self { waiting: VecDeque::new(), handed }
    }

    /// Notes that a part has begun.
    pub(super) fn begun(&mut self, part: u32, out: &mut dyn OutputSink) {
        self.wait(Offsets::default(), Event::Begun(part), out);
    }

    /// Notes that a part has ended.
    pub(super) fn ended(&mut self, end: PartEnd, out: &mut dyn OutputSink) {
        let due = Offsets { stdout: end.stdout.unwrap_or_default(), stderr: end.stderr.unwrap_or_default() };
        self.wait(due, Event::Ended(end), out);
    }

    /// Notes that the script is held at a barrier.
    pub(super) fn held(&mut self, barrier: u32, out: &mut dyn OutputSink) {
        self.wait(Offsets::default(), Event::Held(barrier), out);
    }

    fn wait(&mut self, due: Offsets, event: Event, out: &mut dyn OutputSink) {
        self.waiting.push_back(Milestone { due, event });
        self.tell(out);
        // Only a host that misreports its output makes so many wait.
        while self.waiting.len() > MOST {
            self.waiting.pop_front().into_iter().for_each(|it| it.event.tell(out));
        }
    }

    /// Hands on output of the script.
    pub(super) fn output(&mut self, stream: Stream, mut bytes: &[u8], out: &mut dyn OutputSink) {
        while !bytes.is_empty() {
            let next = self.waiting.front_mut().map(|it| *at(stream, &mut it.due));
            let handed = at(stream, &mut self.handed);
            // If the other stream is behind, this one does not wait for it.
            let room = next.and_then(|due| due.checked_sub(*handed)).filter(|room| *room > 0);
            let count = room.and_then(|room| usize::try_from(room).ok()).map_or(bytes.len(), |it| it.min(bytes.len()));
            let (now, rest) = bytes.split_at(count);
            *handed += count as u64;
            out.output(stream, now);
            bytes = rest;
            self.tell(out);
        }
    }

    /// Reports what is due, in order.
    fn tell(&mut self, out: &mut dyn OutputSink) {
        let handed = self.handed;
        let is_due = |it: &mut Milestone| it.due.stdout <= handed.stdout && it.due.stderr <= handed.stderr;
        while let Some(milestone) = self.waiting.pop_front_if(is_due) {
            milestone.event.tell(out);
        }
    }

    /// Reports the rest, because no more output will come.
    pub(super) fn finish(&mut self, out: &mut dyn OutputSink) {
        for milestone in self.waiting.drain(..) {
            milestone.event.tell(out);
        }
    }
}

impl Event {
    fn tell(self, out: &mut dyn OutputSink) {
        match self {
            Self::Begun(part) => out.part_begun(part),
            Self::Ended(end) => out.part_ended(&end),
            Self::Held(barrier) => out.held(barrier),
        }
    }
}

fn at(stream: Stream, offsets: &mut Offsets) -> &mut u64 {
    match stream {
        Stream::Stdout => &mut offsets.stdout,
        Stream::Stderr => &mut offsets.stderr,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::ScriptStatus;

    /// Writes down everything in one line.
    #[derive(Default)]
    struct Heard(String);

    impl OutputSink for Heard {
        fn started(&mut self, _group: u32, _previous_revision: Option<&str>) {}

        fn output(&mut self, stream: Stream, bytes: &[u8]) {
            let stream = match stream {
                Stream::Stdout => "out",
                Stream::Stderr => "err",
            };
            self.0 += &format!("{stream}={} ", String::from_utf8_lossy(bytes));
        }

        fn part_begun(&mut self, part: u32) {
            self.0 += &format!("<{part}> ");
        }

        fn part_ended(&mut self, end: &PartEnd) {
            let PartEnd { part, status, .. } = end;
            self.0 += &format!("</{part} {status}> ");
        }

        fn held(&mut self, barrier: u32) {
            self.0 += &format!("|{barrier}| ");
        }
    }

    fn ended(part: u32, stdout: u64, stderr: u64) -> PartEnd {
        PartEnd { part, status: ScriptStatus::Exited(0), stdout: Some(stdout), stderr: Some(stderr) }
    }

    fn heard(act: impl FnOnce(&mut Milestones, &mut Heard)) -> String {
        let (mut milestones, mut heard) = (Milestones::new(Offsets::default()), Heard::default());
        act(&mut milestones, &mut heard);
        heard.0
    }

    #[test]
    fn a_part_ends_behind_its_output_however_late_or_early_that_comes() {
        let heard = heard(|it, out| {
            it.begun(1, out);
            it.output(Stream::Stdout, b"on", out);
            it.ended(ended(1, 3, 2), out);
            it.held(1, out);
            it.begun(2, out);
            it.output(Stream::Stderr, b"er", out);
            it.output(Stream::Stdout, b"etwo", out);
        });
        assert_eq!(heard, "<1> out=on err=er out=e </1 exit status 0> |1| <2> out=two ");
    }

    #[test]
    fn no_stream_waits_for_the_other() {
        let heard = heard(|it, out| {
            it.ended(ended(1, 1, 1), out);
            it.output(Stream::Stdout, b"ab", out);
            it.output(Stream::Stderr, b"cd", out);
        });
        assert_eq!(heard, "out=a out=b err=c </1 exit status 0> err=d ");
    }

    #[test]
    fn what_was_heard_before_is_told_at_once_when_it_is_taken_up_again() {
        let mut out = Heard::default();
        let mut milestones = Milestones::new(Offsets { stdout: 5, stderr: 0 });
        milestones.begun(1, &mut out);
        milestones.ended(ended(1, 5, 0), &mut out);
        assert_eq!(out.0, "<1> </1 exit status 0> ");
    }

    #[test]
    fn all_is_told_at_the_end_and_what_is_not_counted_at_once() {
        let heard = heard(|it, out| {
            it.ended(PartEnd { stdout: None, stderr: None, ..ended(1, 0, 0) }, out);
            it.ended(ended(2, 100, 0), out);
            it.finish(out);
        });
        assert_eq!(heard, "</1 exit status 0> </2 exit status 0> ");
    }

    #[test]
    fn a_host_that_lies_fills_no_memory() {
        let (mut milestones, mut out) = (Milestones::new(Offsets::default()), Heard::default());
        for part in 0..3000 {
            milestones.ended(ended(part, u64::MAX, 0), &mut out);
        }
        assert_eq!(milestones.waiting.len(), MOST);
        assert!(out.0.starts_with("</0 exit status 0> </1 "), "the oldest first");
    }
}
