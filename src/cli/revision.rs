//! The default revision to deploy: the pipeline's commit, or the checkout's.

use std::process::Command;

use super::error::RevisionError;
use crate::plan::Revision;

/// The variable in which each pipeline gives its commit.
const PIPELINES: [&str; 11] = [
    "GITHUB_SHA",                        // GitHub Actions
    "CI_COMMIT_SHA",                     // GitLab CI, Woodpecker
    "BITBUCKET_COMMIT",                  // Bitbucket Pipelines
    "CIRCLE_SHA1",                       // CircleCI
    "BUILDKITE_COMMIT",                  // Buildkite
    "BUILD_SOURCEVERSION",               // Azure Pipelines
    "CODEBUILD_RESOLVED_SOURCE_VERSION", // AWS CodeBuild
    "COMMIT_SHA",                        // Google Cloud Build
    "TRAVIS_COMMIT",                     // Travis CI
    "DRONE_COMMIT_SHA",                  // Drone
    "GIT_COMMIT",                        // Jenkins
];

/// The revision from `--revision`, else `FLEETWIDE_REVISION`, else the pipeline's variable, else the commit of the
/// checkout (with `-dirty` if tracked files have changes).
pub(super) fn find(flag: Option<&str>, env: impl Fn(&str) -> Option<String>) -> Result<Revision, RevisionError> {
    let said = flag.map(ToOwned::to_owned).or_else(|| {
        let variables = ["FLEETWIDE_REVISION"].into_iter().chain(PIPELINES);
        variables.filter_map(env).find(|value| !value.is_empty())
    });
    match said {
        Some(text) => Ok(text.parse()?),
        None => Ok(checkout()?.parse()?),
    }
}

/// The commit that is checked out here, according to `git`.
fn checkout() -> Result<String, RevisionError> {
    let git = |arguments: &[&str]| Command::new("git").args(arguments).output();
    let Ok(head) = git(&["rev-parse", "--verify", "HEAD"]) else { return Err(RevisionError::None) };
    if !head.status.success() {
        return Err(RevisionError::None);
    }
    let commit = String::from_utf8_lossy(&head.stdout).trim().to_owned();
    match git(&["status", "--porcelain", "--untracked-files=no"]) {
        Ok(status) if status.status.success() && status.stdout.is_empty() => Ok(commit),
        Ok(status) if status.status.success() => Ok(format!("{commit}-dirty")),
        Ok(status) => Err(RevisionError::Git(status.status)),
        Err(_) => Err(RevisionError::None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_beats_the_variable_beats_the_pipeline() {
        let env = |set: &'static [(&str, &str)]| {
            move |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let both: &[_] = &[("FLEETWIDE_REVISION", "v2"), ("GITHUB_SHA", "abc")];
        let found = |flag, set| find(flag, env(set)).expect("a revision").to_string();
        assert_eq!(found(Some("v1"), both), "v1");
        assert_eq!(found(None, both), "v2");
        assert_eq!(found(None, &[("FLEETWIDE_REVISION", ""), ("CI_COMMIT_SHA", "abc")]), "abc");
        assert!(matches!(find(Some("two words"), env(&[])), Err(RevisionError::Bad(_))));
    }
}
