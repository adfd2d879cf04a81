//! One line of a file, with a mark under what is wrong in it.

use std::{fmt, ops::Range};

use unicode_width::UnicodeWidthStr;

/// How many columns of the line are shown: with the gutter they fit an 80-column terminal.
const WIDTH: usize = 72;

/// A line of a file and the part of it to mark, ready to print.
#[derive(Debug)]
pub(super) struct Excerpt {
    number: usize,
    before: String,
    marked: String,
    after: String,
}

/// How much of a line is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// All of it except a trailing comment.
    Line,
    /// The line up to the mark: a secret may follow.
    UpToMark,
    /// Nothing: the line may hold a secret.
    Nothing,
}

/// Where a byte range begins, and the line that contains that place.
pub(super) struct Position {
    /// The line, from 1.
    pub(super) line: usize,
    /// The column, in characters from 1.
    pub(super) column: usize,
    /// The bytes of the line, without its end.
    pub(super) bytes: Range<usize>,
}

impl Position {
    /// Finds `offset` in `text`. An offset past the end means the end.
    pub(super) fn of(text: &str, offset: usize) -> Self {
        let offset = text.floor_char_boundary(offset.min(text.len()));
        let (before, rest) = text.split_at(offset);
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let end = rest.find('\n').map_or(text.len(), |newline| offset + newline);
        let line = before.matches('\n').count() + 1;
        Self { line, column: text[start..offset].chars().count() + 1, bytes: start..end }
    }
}

impl Excerpt {
    /// Shows the line at `position` and marks the part of `span` inside it.
    pub(super) fn new(text: &str, position: &Position, span: &Range<usize>, shown: Shown) -> Option<Self> {
        let Range { start, end } = position.bytes.clone();
        let end = if text[start..end].ends_with('\r') { end - 1 } else { end };
        let from = text.floor_char_boundary(span.start.clamp(start, end));
        let to = text.ceil_char_boundary(span.end.clamp(from, end));
        let (before, marked, after) = (plain(&text[start..from]), plain(&text[from..to]), plain(&text[to..end]));
        let after = match shown {
            // A setting commented out with `#` may hold a secret.
            Shown::Line => after.split_once('#').map_or(after.clone(), |(said, _)| format!("{said}…")),
            Shown::UpToMark if after.is_empty() => after,
            Shown::UpToMark => " …".to_owned(),
            Shown::Nothing => return None,
        };

        // A long line is cut on both sides of the mark, first after it.
        let marked = head(&marked, WIDTH);
        let room = WIDTH.saturating_sub(marked.chars().count());
        let behind = after.chars().count().min(room / 3);
        let before = tail(before.trim_start(), room - behind);
        let after = head(after.trim_end(), room.saturating_sub(before.chars().count()));
        Some(Self { number: position.line, before, marked, after })
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, before, marked, after } = self;
        let gutter = " ".repeat(number.to_string().len());
        let (indent, marks) = (before.width(), marked.width().max(1));
        writeln!(f, " {gutter} |")?;
        writeln!(f, " {number} | {}", format_args!("{before}{marked}{after}"))?;
        write!(f, " {gutter} | {}{}", " ".repeat(indent), "^".repeat(marks))
    }
}

/// A file's content is data: none of it may control the terminal.
pub(super) fn plain(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c == '\t' {
                ' '
            } else if c.is_control() {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

/// The first `room` characters of a text, with an ellipsis if it was cut.
pub(super) fn head(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    text.chars().take(room.saturating_sub(1)).chain(['…']).collect()
}

/// The last `room` characters of a text, with an ellipsis if it was cut.
fn tail(text: &str, room: usize) -> String {
    let length = text.chars().count();
    if length <= room {
        return text.to_owned();
    }
    ['…'].into_iter().chain(text.chars().skip(length - room.saturating_sub(1))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str, span: Range<usize>) -> String {
        Excerpt::new(text, &Position::of(text, span.start), &span, Shown::Line).expect("shown").to_string()
    }

    #[test]
    fn the_mark_stands_under_what_is_wrong() {
        insta::assert_snapshot!(show("a = 1\nbb = true\r\nc = 3\n", 11..15), @r"
           |
         2 | bb = true
           |      ^^^^
        ");
        assert!(show("", 0..0).ends_with('^'));
        assert!(show("名 = 5", 6..7).ends_with("|      ^"), "{}", show("名 = 5", 6..7));
    }

    #[test]
    fn a_long_line_is_cut_on_both_sides() {
        let text = format!("{}WRONG{}", "a".repeat(300), "b".repeat(300));
        let shown = show(&text, 300..305);
        assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
        assert!(shown.contains("…a") && shown.contains("WRONG") && shown.contains("b…"), "{shown}");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert!(!show("x = \u{1b}[2Jy", 4..5).contains('\u{1b}'));
    }
}
