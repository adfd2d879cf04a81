//! Measures text on a screen, and makes it fit. In terminal cells: a Chinese character or an emoji takes two, an accent
//! none. The text must be harmless already ([`super::neutral`]).

use std::iter;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The width of `text` in cells.
pub(in crate::report) fn width(text: &str) -> usize {
    text.width()
}

/// `text` cut to at most `cells`, with `ellipsis` in place of what is missing.
pub(in crate::report) fn cut(text: &str, cells: usize, ellipsis: &str) -> String {
    if width(text) <= cells {
        return text.to_owned();
    }
    let room = cells.saturating_sub(width(ellipsis));
    let mut used = 0;
    let mut kept: String = text
        .chars()
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= room
        })
        .collect();
    if cells >= width(ellipsis) {
        kept.push_str(ellipsis);
    }
    kept
}

/// `text` cut to at most `cells`, with `ellipsis` in place of its middle.
pub(in crate::report) fn cut_middle(text: &str, cells: usize, ellipsis: &str) -> String {
    let room = cells.saturating_sub(width(ellipsis));
    if width(text) <= cells || room < 2 {
        return cut(text, cells, ellipsis);
    }
    let head = cut(text, room / 2, "");
    let mut left = room - width(&head);
    let tail = text.char_indices().rev().take_while(|(_, c)| match left.checked_sub(c.width().unwrap_or(0)) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    });
    let start = tail.last().map_or(text.len(), |(start, _)| start);
    format!("{head}{ellipsis}{}", &text[start..])
}

/// `text` in lines of at most `first` and then `rest` cells, broken at blanks where possible. Only blanks are lost.
pub(in crate::report) fn wrap(text: &str, first: usize, rest: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut room = first;
    for (n, word) in text.split(' ').enumerate() {
        let blank = usize::from(n > 0);
        let line = lines.len() - 1;
        if width(word) + blank <= room {
            lines[line].push_str(&" "[..blank]);
            lines[line].push_str(word);
            room -= blank + width(word);
            continue;
        }
        // A new line, unless this one is empty; a word wider than a line is broken anywhere.
        if !lines[line].is_empty() || width(word) <= rest {
            lines.push(String::new());
            room = rest;
        }
        for c in word.chars() {
            let cells = c.width().unwrap_or(0);
            if cells > room && lines.last().is_some_and(|line| !line.is_empty()) {
                // No line starts with a colon from the middle of a word: a pipeline's runner would obey what follows
                // (see [`crate::report::neutral`]).
                let mut moved = String::new();
                while (c == ':' && moved.is_empty()) || moved.starts_with(':') {
                    let Some(before) = lines.last_mut().and_then(String::pop) else { break };
                    moved.insert(0, before);
                }
                room = rest.saturating_sub(width(&moved));
                lines.push(moved);
            }
            if let Some(line) = lines.last_mut() {
                line.push(c);
            }
            room = room.saturating_sub(cells);
        }
    }
    lines
}

/// `text` in lines of at most `cells`, broken anywhere: for text in which blanks matter. A tab may take eight.
pub(in crate::report) fn fold(text: &str, cells: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for c in text.chars() {
        let wide = if c == '\t' { 8 } else { c.width().unwrap_or(0) };
        if used + wide > cells && used > 0 {
            lines.push(String::new());
            used = 0;
        }
        if let Some(line) = lines.last_mut() {
            line.push(c);
        }
        used += wide;
    }
    lines
}

/// `text` padded with blanks to `cells`.
pub(in crate::report) fn pad(text: &str, cells: usize) -> String {
    text.chars().chain(iter::repeat_n(' ', cells.saturating_sub(width(text)))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wide_letters_count_twice() {
        assert_eq!(cut("服务器-1", 5, "…"), "服务…");
        assert_eq!(cut("server", 6, "…"), "server");
        assert_eq!(cut("server", 5, "…"), "serv…");
        assert_eq!(cut("server", 0, "…"), "");
        assert_eq!(cut_middle("aws:i-0123456789abcdef", 12, "…"), "aws:i…abcdef");
        assert_eq!(cut_middle("aws:i-0123", 12, "…"), "aws:i-0123");
        assert_eq!(pad("服", 4), "服  ");
    }

    #[test]
    fn long_text_goes_on_below() {
        assert_eq!(wrap("one two three", 8, 20), ["one two", "three"]);
        assert_eq!(wrap("one two three", 2, 9), ["", "one two", "three"]);
        assert_eq!(wrap("a /very/long/path b", 6, 6), ["a", "/very/", "long/p", "ath b"]);
        assert_eq!(wrap("std::error::x", 3, 9), ["st", "d::erro", "r::x"]);
        assert_eq!(wrap("abcdefg::x", 7, 7), ["abcdef", "g::x"]);
        assert_eq!(wrap("abcdef::x", 7, 7), ["abcde", "f::x"]);
        assert_eq!(wrap("", 5, 5), [""]);
        assert_eq!(fold("ab  cdef", 3), ["ab ", " cd", "ef"]);
        assert_eq!(fold("", 3), [""]);
    }

    proptest! {
        #[test]
        fn what_is_wrapped_fits_and_is_whole(text in "[a-zé服 ]{0,60}", first in 0usize..20, rest in 2usize..20) {
            let lines = wrap(&text, first, rest);
            prop_assert!(lines.iter().skip(1).all(|line| width(line) <= rest), "{lines:?}");
            prop_assert!(width(&lines[0]) <= first.max(2), "{lines:?}");
            prop_assert_eq!(lines.concat().replace(' ', ""), text.replace(' ', ""));
            let folded = fold(&text, rest);
            prop_assert!(folded.iter().all(|line| width(line) <= rest));
            prop_assert_eq!(folded.concat(), text);
        }

        #[test]
        fn what_is_cut_fits(text in "\\PC{0,40}", cells in 0usize..30) {
            prop_assert!(width(&cut(&text, cells, "…")) <= cells);
            prop_assert!(width(&cut_middle(&text, cells, "…")) <= cells);
        }
    }
}
