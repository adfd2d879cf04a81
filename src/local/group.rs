//! A shell that holds a process and its descendants on a leash, so that they never outlive this program.
//!
//! A signal at the parent's death (from the kernel) needs code between fork and exec, which is unsafe, and only Linux
//! has it. Instead, a few lines of shell lead a process group, start the process in it, and wait on a pipe whose other
//! end only this program holds (Rust opens it close-on-exec, so no other child inherits it). When the pipe closes for
//! whatever reason, even `SIGKILL` of this program, the whole group ends. A line on the pipe asks for an orderly end;
//! this program keeps the time for it.

use std::{
    ffi::{OsStr, OsString},
    io,
    process::Stdio,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::AsyncWriteExt,
    process::{Child, ChildStdin, Command},
    time::Instant,
};

/// The time between TERM and KILL.
const GRACE: Duration = Duration::from_secs(5);

/// A process and its descendants, on a leash. Dropping it kills them.
#[derive(Debug)]
pub struct Group {
    /// The shell that leads the group. Its text decides what its output and errors are.
    pub shell: Child,
    leash: Option<ChildStdin>,
}

impl Group {
    /// Starts a shell with this text. Its `"$@"` is the process's command line; nothing is spliced into the text.
    ///
    /// # Errors
    /// When this machine cannot start a shell.
    pub fn spawn(
        text: &str,
        words: &[OsString],
        env: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>,
    ) -> io::Result<Self> {
        let mut shell = Command::new("/bin/sh")
            .args(["-c", text, "leash"])
            .args(words)
            .envs(env)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let leash = shell.stdin.take();
        Ok(Self { shell, leash })
    }

    /// Asks the process to end, and returns the time by which it must have ended.
    pub async fn ask_to_end(&mut self) -> Instant {
        if let Some(leash) = &mut self.leash {
            // Writing fails if the shell has ended already.
            let _ = leash.write_all(b"end\n").await;
        }
        Instant::now() + GRACE
    }

    /// Kills the whole group.
    pub fn kill(&self) {
        // The shell leads the group. Until it is reaped (after which it has no id here), no other process can have its
        // number.
        let group = self.shell.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(group) = group {
            // Fails only if nothing of the group is left.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
