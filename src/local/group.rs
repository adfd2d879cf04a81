//! A shell that holds a process and all that it starts on a leash, so that they never outlive this program.
//!
//! Asking the kernel for a signal at the parent's death needs code between fork and exec, which is unsafe, and only
//! Linux has it. So a few lines of shell lead a process group of their own, start the process in it, and wait on a pipe
//! whose other end this program alone holds (Rust opens it close-on-exec, so no other child has it). When the pipe
//! closes, for whatever reason, `SIGKILL` of this program included, the whole group ends. A line means an orderly end,
//! whose time is kept here.

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

/// From TERM to KILL.
const GRACE: Duration = Duration::from_secs(5);

/// A process and its descendants, on a leash. Dropped, they are killed.
#[derive(Debug)]
pub struct Group {
    /// The shell that leads them. Its output and errors are what its text makes of the process's own.
    pub shell: Child,
    leash: Option<ChildStdin>,
}

impl Group {
    /// Starts a shell with this text, whose `"$@"` is the process's command line: nothing is spliced into it.
    ///
    /// # Errors
    /// When this machine starts no shell.
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

    /// Asks the process to end; gives when it has to be over.
    pub async fn ask_to_end(&mut self) -> Instant {
        if let Some(leash) = &mut self.leash {
            // If the shell is gone already there is nobody to tell.
            let _ = leash.write_all(b"end\n").await;
        }
        Instant::now() + GRACE
    }

    /// KILL to all of them.
    pub fn kill(&self) {
        // The shell leads the group, and as long as it is not reaped (then it has no id here) its
        // number cannot belong to anybody else.
        let group = self.shell.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(group) = group {
            // The only failure is that nothing of it is left.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
