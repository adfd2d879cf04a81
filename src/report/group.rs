//! `--output group`: equal outputs once, with the names of all hosts that printed them; an output that
//! is nearly that of most hosts as its difference from it. Pure.

use std::{
    collections::HashSet,
    ops::Range,
    time::{Duration, Instant},
};

use similar::{Algorithm, DiffOp, DiffTag, capture_diff_slices_deadline, get_diff_ratio, group_diff_ops};

use super::{
    cells,
    gather::{Gathered, Kept},
    labels::Labels,
    names, neutral,
    screen::{Ink, Screen},
    stream::stream_sign,
    words,
};
use crate::{inventory::HostId, rollout::Outcome, transport::Stream};

/// So many equal lines stand around a difference.
const CONTEXT: usize = 2;

/// Outputs that share less than this with that of most hosts are shown whole. A share of the lines.
const NEARLY: f32 = 0.5;

/// After this long a difference is found less cleverly.
const PATIENCE: Duration = Duration::from_millis(500);

/// A line that a host printed, harmless.
type Line = (Stream, String);

/// All outputs, that of most hosts first.
pub(super) fn screenful(outputs: &[Gathered], labels: &Labels, screen: &Screen) -> String {
    let mut out = String::new();
    let Some((most, others)) = outputs.split_first() else { return out };
    let most_lines = lines(most);
    out.push_str(&heading(most, labels, screen));
    out.push_str(&whole(most, &most_lines, screen));
    let count = most.hosts.len();
    for output in others {
        out.push('\n');
        out.push_str(&heading(output, labels, screen));
        let own = lines(output);
        let ops = capture_diff_slices_deadline(Algorithm::Myers, &most_lines, &own, Some(Instant::now() + PATIENCE));
        let near = count > 1 && get_diff_ratio(&ops, most_lines.len(), own.len()) >= NEARLY && !own.is_empty();
        if near {
            out.push_str(&difference(&ops, &most_lines, &own, count, screen));
            out.push_str(&left_out(output, screen));
        } else {
            out.push_str(&whole(output, &own, screen));
        }
    }
    out
}

/// The hosts of whose output nothing is left out, so that nobody needs to tell its end again.
pub(super) fn shown_whole(outputs: &[Gathered]) -> HashSet<HostId> {
    let whole = outputs.iter().filter(|output| output.stdout.more == 0 && output.stderr.more == 0);
    whole.flat_map(|output| output.hosts.iter().cloned()).collect()
}

/// How many hosts, how they ended, and which they are.
fn heading(output: &Gathered, labels: &Labels, screen: &Screen) -> String {
    let (sign, ink) = match output.ending.outcome {
        Outcome::Succeeded => (screen.signs().tick, Ink::Good),
        Outcome::Failed | Outcome::Unreachable | Outcome::Unknown => (screen.signs().cross, Ink::Bad),
        Outcome::Skipped => (screen.signs().skip, Ink::Warning),
    };
    let hosts = words::count(output.hosts.len(), "host");
    let names = names::fold(output.hosts.iter().map(|host| labels.get(host))).join(", ");
    let head = format!("{sign} {hosts}, {}: ", output.ending.words);
    let names = match screen.width {
        Some(width) => cells::wrap(&names, width.saturating_sub(cells::width(&head)), width.saturating_sub(2)),
        None => vec![names],
    };
    let (sign, hosts) = (screen.paint(ink, sign), screen.paint(Ink::Strong, &hosts));
    format!("{sign} {hosts}, {}: {}\n", screen.paint(ink, &output.ending.words), names.join("\n  "))
}

/// What was printed to both streams.
fn lines(output: &Gathered) -> Vec<Line> {
    let of = |stream: Stream, kept: &Kept| {
        let text = neutral::block(&String::from_utf8_lossy(&kept.text));
        text.lines().map(|line| (stream, line.to_owned())).collect::<Vec<_>>()
    };
    [of(Stream::Stdout, &output.stdout), of(Stream::Stderr, &output.stderr)].concat()
}

fn whole(output: &Gathered, lines: &[Line], screen: &Screen) -> String {
    if lines.is_empty() && left_out(output, screen).is_empty() {
        return format!("  {}\n", screen.paint(Ink::Faint, "no output"));
    }
    let mut out = String::new();
    for line in lines {
        out.push_str(&shown("", line, None, screen));
    }
    out + &left_out(output, screen)
}

/// What is missing and what is new in `own`, against what most hosts printed.
fn difference(ops: &[DiffOp], most: &[Line], own: &[Line], count: usize, screen: &Screen) -> String {
    let hunks = group_diff_ops(ops.to_vec(), CONTEXT);
    if hunks.is_empty() {
        let text = format!("differs from the {} above only in what is not shown", words::count(count, "host"));
        return format!("  {}\n", screen.paint(Ink::Warning, &text));
    }
    let text = format!("compared with the {} above:", words::count(count, "host"));
    let mut out = format!("  {}\n", screen.paint(Ink::Faint, &text));
    for (n, hunk) in hunks.iter().enumerate() {
        if n > 0 {
            out.push_str(&format!("  {}\n", screen.paint(Ink::Faint, screen.signs().ellipsis)));
        }
        for op in hunk {
            let mut show = |mark: &str, lines: &[Line], range: Range<usize>, ink: Option<Ink>| {
                for line in &lines[range] {
                    out.push_str(&shown(mark, line, ink, screen));
                }
            };
            match op.tag() {
                DiffTag::Equal => show(" ", own, op.new_range(), None),
                DiffTag::Delete => show("-", most, op.old_range(), Some(Ink::Bad)),
                DiffTag::Insert => show("+", own, op.new_range(), Some(Ink::Good)),
                DiffTag::Replace => {
                    show("-", most, op.old_range(), Some(Ink::Bad));
                    show("+", own, op.new_range(), Some(Ink::Good));
                }
            }
        }
    }
    out
}

fn shown(mark: &str, (stream, text): &Line, ink: Option<Ink>, screen: &Screen) -> String {
    let (sign, sign_ink) = stream_sign(*stream, screen);
    let paint = |text: &str| ink.map_or_else(|| text.to_owned(), |ink| screen.paint(ink, text));
    let line = format!("  {}{} {}", paint(mark), screen.paint(sign_ink, sign), paint(text));
    format!("{}\n", line.trim_end())
}

/// Says how much of an output is not shown.
fn left_out(output: &Gathered, screen: &Screen) -> String {
    let mut out = String::new();
    for (stream, kept) in [("output", &output.stdout), ("error", &output.stderr)] {
        if kept.more > 0 {
            let bytes = words::count(usize::try_from(kept.more).unwrap_or(usize::MAX), "more byte");
            let text = format!("{} {bytes} of standard {stream}: compared, but not kept", screen.signs().ellipsis);
            out.push_str(&format!("  {}\n", screen.paint(Ink::Warning, &text)));
        }
    }
    out
}

#[cfg(test)]
mod tests;
