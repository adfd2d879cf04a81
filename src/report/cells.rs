//! How wide a text is on a screen, and how to make it fit. In terminal cells: a Chinese letter or
//! an emoji takes two, an accent none. The text must be harmless already ([`super::neutral`]).

use std::iter;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How many cells `text` takes.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// `text` cut to at most `cells`, with `ellipsis` in place of what is missing.
pub(super) fn cut(text: &str, cells: usize, ellipsis: &str) -> String {
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

/// `text` with blanks after it up to `cells`.
pub(super) fn pad(text: &str, cells: usize) -> String {
    text.chars().chain(iter::repeat_n(' ', cells.saturating_sub(width(text)))).collect()
}

/// `text` with blanks before it up to `cells`.
pub(super) fn pad_left(text: &str, cells: usize) -> String {
    iter::repeat_n(' ', cells.saturating_sub(width(text))).chain(text.chars()).collect()
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
        assert_eq!(pad("服", 4), "服  ");
        assert_eq!(pad_left("42", 4), "  42");
    }

    proptest! {
        #[test]
        fn what_is_cut_fits(text in "\\PC{0,40}", cells in 0usize..30) {
            prop_assert!(width(&cut(&text, cells, "…")) <= cells);
        }
    }
}
