//! Who approves: the person at the terminal, a file that appears, or a flag.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use clap::{Args, ValueHint};
use tokio::time::sleep;

use super::terminal;
use crate::rollout::{Approval, Approver, Question};

/// How often it is looked for the file.
const LOOK: Duration = Duration::from_secs(1);

/// Who approves, by flags.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Approving")]
pub(super) struct ApproveArgs {
    /// Approve every step that asks for it, without asking
    #[arg(long)]
    yes: bool,
    /// A step that asks for approval is approved when this file is written after the question
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "yes")]
    approve_file: Option<PathBuf>,
}

impl ApproveArgs {
    /// What these flags make of a question.
    pub(super) fn approver(&self) -> Arc<dyn Approver> {
        match (&self.approve_file, self.yes) {
            (Some(path), _) => Arc::new(ByFile(path.clone())),
            (None, true) => Arc::new(Always),
            (None, false) => Arc::new(ByPerson),
        }
    }
}

/// Says yes.
struct Always;

#[async_trait]
impl Approver for Always {
    async fn ask(&self, _: &Question) -> Approval {
        Approval::Granted("--yes".to_owned())
    }
}

/// Says yes when a file is there.
struct ByFile(PathBuf);

#[async_trait]
impl Approver for ByFile {
    async fn ask(&self, _: &Question) -> Approval {
        let asked = SystemTime::now();
        // Whoever asks keeps the time.
        while !is_new(&self.0, asked).await {
            sleep(LOOK).await;
        }
        Approval::Granted(format!("the file {}", self.0.display()))
    }
}

/// Whether a file is there that was written after the question: one of an earlier question, or run, is no answer.
async fn is_new(path: &Path, asked: SystemTime) -> bool {
    match tokio::fs::symlink_metadata(path).await.and_then(|metadata| metadata.modified()) {
        Ok(written) => written >= asked,
        Err(_) => false,
    }
}

/// The person at the terminal, if there is one.
struct ByPerson;

#[async_trait]
impl Approver for ByPerson {
    async fn ask(&self, question: &Question) -> Approval {
        let Some(terminal) = terminal::open() else {
            return Approval::Refused("nobody is there to be asked; --approve-file FILE or --yes grants it".to_owned());
        };
        let text = prompt(question);
        match tokio::task::spawn_blocking(move || terminal::ask(terminal, &text)).await {
            Ok(Ok(answer)) if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") => {
                Approval::Granted("the person at the terminal".to_owned())
            }
            Ok(Ok(_)) => Approval::Refused("the answer was no".to_owned()),
            Ok(Err(error)) => Approval::Refused(format!("cannot ask at the terminal: {error}")),
            Err(error) => Approval::Refused(format!("internal error: {error}")),
        }
    }
}

fn prompt(question: &Question) -> String {
    let Question { who, target, revision, so_far, next, .. } = question;
    let what = revision.as_deref().map_or_else(|| target.clone(), |revision| format!("{revision} on {target}"));
    format!("\n{so_far}\n{who}: go on with {what} ({next})? [y/N] ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question() -> Question {
        Question {
            who: "ops".parse().expect("a name"),
            target: "web".into(),
            revision: Some("v2".into()),
            so_far: "1 of 20 hosts succeeded, 0 failed".into(),
            next: "stage all, 19 hosts".into(),
            timeout: Duration::from_secs(1),
        }
    }

    #[test]
    fn the_prompt_says_what_happened_and_what_comes() {
        let text = prompt(&question());
        assert!(text.contains("1 of 20 hosts succeeded") && text.contains("v2 on web (stage all, 19 hosts)"), "{text}");
    }

    #[tokio::test]
    async fn a_file_that_appears_approves() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("go");
        std::fs::write(&path, "of an earlier question").expect("written");
        let approver = ByFile(path.clone());
        std::thread::sleep(Duration::from_millis(50));
        let question = question();
        let asking = approver.ask(&question);
        tokio::pin!(asking);
        assert!(tokio::time::timeout(Duration::from_millis(50), &mut asking).await.is_err(), "it is not there yet");
        std::fs::write(&path, "").expect("written");
        assert!(matches!(asking.await, Approval::Granted(by) if by.contains("go")));
    }
}
