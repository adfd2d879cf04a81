//! GitLab CI's sections: collapsible parts of a log, with their duration.
//! <https://docs.gitlab.com/ci/jobs/job_logs/#create-custom-collapsible-sections>

use jiff::Timestamp;

/// Erases to the end of the line: the markers stay invisible, even in a viewer that does not know them.
const ERASE: &str = "\x1b[0K";

/// Starts a section that is initially closed.
pub(super) fn open(id: &str, title: &str, at: Timestamp) -> String {
    format!("{ERASE}section_start:{}:{id}[collapsed=true]\r{ERASE}{title}\n", at.as_second())
}

/// Ends a section.
pub(super) fn close(id: &str, at: Timestamp) -> String {
    format!("{ERASE}section_end:{}:{id}\r{ERASE}\n", at.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_begins_and_ends() {
        let at = Timestamp::from_second(1_800_000_000).expect("in range");
        let text = open("log-1", "web-1: all of its output", at) + &close("log-1", at);
        insta::assert_debug_snapshot!(text, @r#""\u{1b}[0Ksection_start:1800000000:log-1[collapsed=true]\r\u{1b}[0Kweb-1: all of its output\n\u{1b}[0Ksection_end:1800000000:log-1\r\u{1b}[0K\n""#);
    }
}
