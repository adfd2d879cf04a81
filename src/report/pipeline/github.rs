//! GitHub Actions' workflow commands: `::error title=…::…` and `::group::…`.
//!
//! The escapes are those that its runner decodes (actions/runner, `ActionCommand.cs`). A step shows ten annotations of
//! each kind; the runner cuts a message longer than 4 KiB.

use super::{Grade, cut};

/// Ends a group.
pub(super) const CLOSE: &str = "::endgroup::\n";

/// The longest title, in bytes; GitHub's check runs refuse longer ones (255 characters).
const LONGEST_TITLE: usize = 200;

/// The longest message, in bytes.
const LONGEST_TEXT: usize = 3_500;

/// Starts a group.
pub(super) fn open(title: &str) -> String {
    format!("::group::{}\n", data(title))
}

/// An annotation.
pub(super) fn annotation(grade: Grade, title: &str, text: &str) -> String {
    let command = match grade {
        Grade::Error => "error",
        Grade::Warning => "warning",
    };
    let (title, text) = (cut(title, LONGEST_TITLE), cut(text, LONGEST_TEXT));
    format!("::{command} title={}::{}\n", property(&title), data(&text))
}

/// The part of a command after its second `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of one of its properties.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_title_or_a_message_is_escaped() {
        let shown = annotation(Grade::Error, "a,b::c 5%", "50%0A\r\n::error::x, y");
        assert_eq!(shown, "::error title=a%2Cb%3A%3Ac 5%25::50%250A%0D%0A::error::x, y\n");
        assert_eq!(open("x\n::error::y"), "::group::x%0A::error::y\n");
    }

    #[test]
    fn what_is_too_long_is_cut_before_it_is_escaped() {
        let shown = annotation(Grade::Warning, &"é".repeat(200), &"%".repeat(5_000));
        assert_eq!(shown.matches('é').count(), 100);
        assert_eq!(shown.matches("%25").count(), LONGEST_TEXT);
        assert!(shown.ends_with("%25…\n"));
    }
}
