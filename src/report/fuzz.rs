//! Properties of any text that a host may print. Searched by `tests/fuzz`, replayed by the test here.

use super::text::neutral::{self, LONGEST_LINE, is_bidi_control};

/// The neutralised text moves no cursor, reorders no characters, and has all its lines.
///
/// # Panics
/// When one of these does not hold.
pub fn neutral(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let block = neutral::block(&text);
    assert!(!block.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t')), "{block:?}");
    assert!(!block.contains(is_bidi_control), "{block:?}");
    assert!(block.lines().all(|line| line.chars().count() <= LONGEST_LINE + 40));
    assert_eq!(block.matches('\n').count(), text.matches('\n').count(), "no line is lost or made");
    assert!(!neutral::line(&text).contains(['\n', '\t']));
}

#[cfg(test)]
mod tests {
    use provider_core::replay::replay;

    #[test]
    fn nothing_harmful_passes_of_all_that_was_found() {
        replay("neutral", super::neutral);
    }
}
