//! The pipelines that run us: GitHub Actions, GitLab CI, Azure Pipelines. Each reads commands out of
//! a job's log: to fold lines away, to pin an error to the top of the page.
//!
//! So each would also obey what a host prints, had `neutral` not disarmed it: only what is made here
//! goes to a log armed. GitHub's own way, `::stop-commands::`, is of no use: it holds for standard
//! output and standard error together, which are two pipes without an order.

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

/// Who reads the log of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pipeline {
    /// GitHub Actions, and those that speak as it does (Gitea, Forgejo).
    GitHub,
    /// GitLab CI.
    GitLab,
    /// Azure Pipelines.
    Azure,
}

/// Lines that are shown on demand.
#[derive(Clone, Copy, Debug)]
struct Fold<'a> {
    /// Names it among the others of a log: letters, digits, `-`, `_` and `.`.
    id: &'a str,
    /// What is seen of it while it is closed.
    title: &'a str,
    at: Timestamp,
}

/// What is shown above the log, to somebody who has not opened it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Issue {
    grade: Grade,
    title: String,
    /// May have several lines.
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grade {
    Error,
    Warning,
}

impl Pipeline {
    /// The pipeline that this environment belongs to.
    pub fn detect(env: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let on = |name| env(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        [("GITHUB_ACTIONS", Self::GitHub), ("GITLAB_CI", Self::GitLab), ("TF_BUILD", Self::Azure)]
            .into_iter()
            .find_map(|(name, pipeline)| on(name).then_some(pipeline))
    }

    /// An error that ended us before there was a run, as this pipeline shows it above the log; none
    /// where it shows none. `text` may have several lines.
    pub fn error(self, text: &str) -> Option<String> {
        self.issue(&Issue { grade: Grade::Error, title: "fleetwide".to_owned(), text: text.to_owned() })
    }

    /// Begins to fold.
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

/// `text` cut to so many bytes, and marked when it was.
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
