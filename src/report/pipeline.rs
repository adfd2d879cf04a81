//! The pipelines that may run Fleetwide: GitHub Actions, GitLab CI, Azure Pipelines. Each obeys commands in a job's log
//! that fold lines or show an error at the top of the page.
//!
//! Without `neutral`, a pipeline would also obey commands in the output of hosts: only commands made here reach a log
//! intact. GitHub's own remedy, `::stop-commands::`, does not help: it applies to standard output and standard error
//! together, which are two pipes without a common order.

use std::borrow::Cow;

use jiff::Timestamp;

mod azure;
mod classes;
mod github;
mod gitlab;
mod step_summary;
mod teller;

pub(super) use teller::Teller;

use super::text::neutral;

/// The reader of a job's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pipeline {
    /// GitHub Actions and compatible runners (Gitea, Forgejo).
    GitHub,
    /// GitLab CI.
    GitLab,
    /// Azure Pipelines.
    Azure,
}

/// Lines that are folded away.
#[derive(Clone, Copy, Debug)]
struct Fold<'a> {
    /// Identifies the fold within a log: letters, digits, `-`, `_` and `.`.
    id: &'a str,
    /// The line that stays visible while it is closed.
    title: &'a str,
    at: Timestamp,
}

/// A message above the log, visible without opening it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Issue {
    grade: Grade,
    title: String,
    /// One or more lines.
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grade {
    Error,
    Warning,
}

impl Pipeline {
    /// The pipeline that this environment indicates.
    pub fn detect(env: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let on = |name| env(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        [("GITHUB_ACTIONS", Self::GitHub), ("GITLAB_CI", Self::GitLab), ("TF_BUILD", Self::Azure)]
            .into_iter()
            .find_map(|(name, pipeline)| on(name).then_some(pipeline))
    }

    /// An error before any run started, as this pipeline shows it above the log; `None` if it shows none. `text` may
    /// have several lines.
    pub fn error(self, text: &str) -> Option<String> {
        self.issue(&Issue { grade: Grade::Error, title: "fleetwide".to_owned(), text: text.to_owned() })
    }

    /// Starts a fold.
    fn open(self, fold: &Fold<'_>) -> String {
        let title = neutral::line(fold.title);
        match self {
            Self::GitHub => github::open(&title),
            Self::GitLab => gitlab::open(fold.id, &title, fold.at),
            Self::Azure => azure::open(&title),
        }
    }

    /// Ends a fold.
    fn close(self, fold: &Fold<'_>) -> String {
        match self {
            Self::GitHub => github::CLOSE.to_owned(),
            Self::GitLab => gitlab::close(fold.id, fold.at),
            Self::Azure => azure::CLOSE.to_owned(),
        }
    }

    fn issue(self, issue: &Issue) -> Option<String> {
        let (title, text) = (neutral::line(&issue.title), neutral::block(&issue.text));
        match self {
            Self::GitHub => Some(github::annotation(issue.grade, &title, &text)),
            Self::GitLab => None,
            Self::Azure => Some(azure::issue(issue.grade, &title, &text)),
        }
    }
}

/// `text` cut to at most `bytes` bytes, and marked if it was cut.
fn cut(text: &str, bytes: usize) -> Cow<'_, str> {
    if text.len() <= bytes {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("{}…", &text[..text.floor_char_boundary(bytes)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_says_which() {
        let detect = |set: &[(&str, &str)]| {
            Pipeline::detect(|name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
        };
        assert_eq!(detect(&[]), None);
        assert_eq!(detect(&[("CI", "true")]), None);
        assert_eq!(detect(&[("GITHUB_ACTIONS", "true")]), Some(Pipeline::GitHub));
        assert_eq!(detect(&[("GITHUB_ACTIONS", "false"), ("GITLAB_CI", "true")]), Some(Pipeline::GitLab));
        assert_eq!(detect(&[("TF_BUILD", "True")]), Some(Pipeline::Azure));
    }
}
