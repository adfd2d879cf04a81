//! `--output group`: equal outputs are shown once, with the names of all hosts that printed them; an output that nearly
//! equals that of most hosts is shown as its difference from it. Pure.

use std::{
    collections::HashSet,
    ops::Range,
    time::{Duration, Instant},
};

use similar::{Algorithm, DiffOp, DiffTag, capture_diff_slices_deadline, get_diff_ratio, group_diff_ops};

use super::{
    gather::{Gathered, Kept},
    stream::stream_sign,
};
use crate::{
    inventory::HostId,
    report::text::{
        cells,
        labels::Labels,
        names, neutral,
        screen::{Ink, Screen},
        words,
    },
    rollout::Outcome,
    transport::Stream,
};

/// The number of equal lines around a difference.
const CONTEXT: usize = 2;

/// Outputs that share less than this with that of most hosts are shown in full. A share of the lines.
const NEARLY: f32 = 0.5;

/// The width before a line: an indent, the mark of a difference, the stream's sign, a blank. In cells.
const MARGIN: usize = 5;

/// The most time spent on comparing all outputs, because a person waits for the result.
pub(in crate::report) const PATIENCE: Duration = Duration::from_secs(2);

/// A line that a host printed, harmless.
type Line<'t> = (Stream, &'t str);

/// Prints all outputs, that of most hosts first. Each is printed before the next is rendered, because together they may
/// be large. Comparing uses up `patience`; when none is left, no more outputs are compared.
pub(in crate::report) fn print(
    outputs: Vec<Gathered>,
    labels: &Labels,
    screen: &Screen,
    patience: &mut Duration,
    mut print: impl FnMut(&str),
) {
    let mut outputs = outputs.into_iter();
    let Some(most) = outputs.next() else { return };
    let (count, most_text) = (most.hosts.len(), Text::of(&most));
    let most_lines = most_text.lines();
    print(&(heading(&most, labels, screen) + &whole(&most, &most_lines, screen)));
    for output in outputs {
        let text = Text::of(&output);
        let own = text.lines();
        let same = output.hashes == most.hashes;
        let body = match compare(&most_lines, &own, count, patience) {
            Comparison::Near(_) if same => {
                let note = format!("printed the same as the {} above", words::count(count, "host"));
                format!("  {}\n", screen.paint(Ink::Faint, &note))
            }
            Comparison::Near(ops) => difference(&ops, &most_lines, &own, count, screen) + &left_out(&output, screen),
            Comparison::Far => whole(&output, &own, screen),
            Comparison::TooLate => {
                let note = "shown whole: there is too much to compare";
                format!("  {}\n{}", screen.paint(Ink::Faint, note), whole(&output, &own, screen))
            }
        };
        print(&format!("\n{}{body}", heading(&output, labels, screen)));
    }
}

/// How an output compares to that of most hosts.
enum Comparison {
    /// Nearly the same, except for these.
    Near(Vec<DiffOp>),
    /// It has little in common with the output of most hosts, or there is no majority.
    Far,
    /// Unknown, because the time had run out.
    TooLate,
}

/// Compares an output with that of the majority, which has `count` hosts, and subtracts the time from `patience`.
fn compare(most: &[Line<'_>], own: &[Line<'_>], count: usize, patience: &mut Duration) -> Comparison {
    if count == 1 || own.is_empty() {
        return Comparison::Far;
    }
    let began = Instant::now();
    let ops = capture_diff_slices_deadline(Algorithm::Myers, most, own, Some(began + *patience));
    *patience = patience.saturating_sub(began.elapsed());
    // A difference found in haste is not worth reading.
    if patience.is_zero() {
        return Comparison::TooLate;
    }
    if get_diff_ratio(&ops, most.len(), own.len()) >= NEARLY { Comparison::Near(ops) } else { Comparison::Far }
}

/// The hosts whose output is shown in full, so that its end need not be shown again.
pub(in crate::report) fn shown_whole(outputs: &[Gathered]) -> HashSet<HostId> {
    let whole = outputs.iter().filter(|output| output.stdout.more == 0 && output.stderr.more == 0);
    whole.flat_map(|output| output.hosts.iter().cloned()).collect()
}

/// How many hosts, how they ended, and their names.
fn heading(output: &Gathered, labels: &Labels, screen: &Screen) -> String {
    let (sign, ink) = match output.ending.outcome {
        Outcome::Succeeded => (screen.signs().tick, Ink::Good),
        Outcome::Failed | Outcome::Unreachable | Outcome::Unknown => (screen.signs().cross, Ink::Bad),
        Outcome::Skipped | Outcome::Gone => (screen.signs().skip, Ink::Warning),
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

/// Both streams of an output, harmless.
struct Text {
    stdout: String,
    stderr: String,
}

impl Text {
    fn of(output: &Gathered) -> Self {
        let clean = |kept: &Kept| neutral::block(&String::from_utf8_lossy(&kept.text));
        Self { stdout: clean(&output.stdout), stderr: clean(&output.stderr) }
    }

    fn lines(&self) -> Vec<Line<'_>> {
        let stdout = self.stdout.lines().map(|line| (Stream::Stdout, line));
        stdout.chain(self.stderr.lines().map(|line| (Stream::Stderr, line))).collect()
    }
}

fn whole(output: &Gathered, lines: &[Line<'_>], screen: &Screen) -> String {
    if lines.is_empty() && left_out(output, screen).is_empty() {
        return format!("  {}\n", screen.paint(Ink::Faint, "no output"));
    }
    let mut out = String::new();
    for line in lines {
        out.push_str(&shown("", line, None, screen));
    }
    out + &left_out(output, screen)
}

/// The lines that `own` lacks, and those that it adds, compared with the majority's output.
fn difference(ops: &[DiffOp], most: &[Line<'_>], own: &[Line<'_>], count: usize, screen: &Screen) -> String {
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
            let mut show = |mark: &str, lines: &[Line<'_>], range: Range<usize>, ink: Option<Ink>| {
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

fn shown(mark: &str, (stream, text): &Line<'_>, ink: Option<Ink>, screen: &Screen) -> String {
    let (sign, sign_ink) = stream_sign(*stream, screen);
    let paint = |text: &str| ink.map_or_else(|| text.to_owned(), |ink| screen.paint(ink, text));
    let (mark, sign) = (paint(mark), screen.paint(sign_ink, sign));
    let room = screen.width.map_or(usize::MAX, |width| width.saturating_sub(MARGIN));
    let pieces = cells::fold(text, room);
    pieces.iter().map(|piece| format!("{}\n", format!("  {mark}{sign} {}", paint(piece)).trim_end())).collect()
}

/// States how much of an output is not shown.
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
