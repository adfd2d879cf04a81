//! Where an approval comes from: the person at the terminal, a file that appears, or a flag.

use std::{io::ErrorKind, os::unix::fs::MetadataExt, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use clap::{Args, ValueHint};
use tokio::time::sleep;

use super::terminal;
use crate::rollout::{Approval, Approver, Question};

/// How often to look for the file.
const LOOK: Duration = Duration::from_secs(1);

/// Who approves, by flags.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Approval")]
pub(super) struct ApproveArgs {
    /// Approve every step that needs approval, without asking
    #[arg(long)]
    yes: bool,
    /// Approve a step when this file appears or changes after the question
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "yes")]
    approve_file: Option<PathBuf>,
}

impl ApproveArgs {
    /// The approver that these flags choose. `warn` shows people something that they must not overlook.
    pub(super) fn approver(&self, warn: impl Fn(&str) + Send + Sync + 'static) -> Arc<dyn Approver> {
        match (&self.approve_file, self.yes) {
            (Some(path), _) => Arc::new(ByFile { path: path.clone(), warn }),
            (None, true) => Arc::new(Always),
            (None, false) => Arc::new(ByPerson),
        }
    }
}

/// Always approves.
struct Always;

#[async_trait]
impl Approver for Always {
    async fn ask(&self, _: &Question) -> Approval {
        Approval::Granted("--yes".to_owned())
    }
}

/// Approves when a file appears or changes.
struct ByFile<F> {
    path: PathBuf,
    warn: F,
}

#[async_trait]
impl<F: Fn(&str) + Send + Sync> Approver for ByFile<F> {
    async fn ask(&self, _: &Question) -> Approval {
        let path = self.path.display();
        // The caller keeps the time.
        let before = self.look().await;
        if before.is_some() {
            (self.warn)(&format!("the file {path} was there before the question: write it anew to approve"));
        }
        loop {
            if is_an_answer(before.as_ref(), self.look().await.as_ref()) {
                return Approval::Granted(format!("the file {path}"));
            }
            sleep(LOOK).await;
        }
    }
}

/// Distinguishes a file from an earlier version of it. The time is from the clock of the machine that stores the file,
/// so it is compared only with itself.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    inode: u64,
    length: u64,
    written: (i64, i64),
}

/// Whether a file approves, given what was there when the question was asked.
fn is_an_answer(before: Option<&Seen>, now: Option<&Seen>) -> bool {
    now.is_some() && now != before
}

impl<F> ByFile<F> {
    /// The file as it is now, if it exists. Looks again as long as that is unknown.
    async fn look(&self) -> Option<Seen> {
        loop {
            match tokio::fs::symlink_metadata(&self.path).await {
                Ok(it) => {
                    return Some(Seen { inode: it.ino(), length: it.len(), written: (it.mtime(), it.mtime_nsec()) });
                }
                Err(error) if error.kind() == ErrorKind::NotFound => return None,
                Err(_) => sleep(LOOK).await,
            }
        }
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
            Ok(Ok(answer)) if terminal::is_yes(&answer) => Approval::Granted("the person at the terminal".to_owned()),
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
    use std::time::SystemTime;

    use tokio::time::timeout;

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
    async fn a_file_that_changes_approves_and_one_of_before_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("go");
        std::fs::write(&path, "of an earlier question").expect("written");
        let (told, warned) = std::sync::mpsc::channel();
        let approver =
            ByFile { path: path.clone(), warn: move |text: &str| told.send(text.to_owned()).expect("heard") };
        let question = question();
        let mut asking = approver.ask(&question);
        assert!(timeout(Duration::from_millis(50), &mut asking).await.is_err(), "it is no answer");
        let warning = format!("the file {} was there before the question: write it anew to approve", path.display());
        assert_eq!(warned.recv(), Ok(warning));
        std::fs::write(&path, "yes").expect("written");
        assert!(matches!(asking.await, Approval::Granted(by) if by.contains("go")));
    }

    /// The clocks of file servers may be slow or fast.
    #[tokio::test]
    async fn the_time_of_a_file_is_compared_with_its_own_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = ByFile { path: folder.path().join("go"), warn: () };
        let hour = Duration::from_hours(1);
        let made = || std::fs::File::create(&file.path).expect("made");
        made().set_modified(SystemTime::now() + hour).expect("set");
        let fast = file.look().await;
        assert!(!is_an_answer(fast.as_ref(), file.look().await.as_ref()), "it is as it was");
        made().set_modified(SystemTime::now() - hour).expect("set");
        let slow = file.look().await;
        assert!(is_an_answer(None, slow.as_ref()) && is_an_answer(fast.as_ref(), slow.as_ref()));
        assert!(!is_an_answer(slow.as_ref(), None), "a file that is gone says nothing");
    }
}
