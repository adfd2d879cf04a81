//! Azure Pipelines' logging commands: `##[group]` and `##vso[task.logissue]`.
//! <https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands>

use super::{Grade, cut};

/// Ends a group.
pub(super) const CLOSE: &str = "##[endgroup]\n";

/// The longest message, in bytes; a page shows little more of it.
const LONGEST: usize = 3_500;

/// Starts a group.
pub(super) fn open(title: &str) -> String {
    format!("##[group]{title}\n")
}

/// An issue, as the summary of a run lists them.
pub(super) fn issue(grade: Grade, title: &str, text: &str) -> String {
    let kind = match grade {
        Grade::Error => "error",
        Grade::Warning => "warning",
    };
    let message = format!("{title}\n{text}");
    // A line break in the message would end the command. `%AZP25` encodes a percent sign.
    let message = cut(&message, LONGEST).replace('%', "%AZP25").replace('\r', "%0D").replace('\n', "%0A");
    format!("##vso[task.logissue type={kind}]{message}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issue_is_one_line() {
        let shown = issue(Grade::Error, "1 host failed", "5%\r\nno");
        assert_eq!(shown, "##vso[task.logissue type=error]1 host failed%0A5%AZP25%0D%0Ano\n");
    }
}
