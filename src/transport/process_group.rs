//! A local process and all that it starts, which never outlive this program.
//!
//! `ssh` starts children of its own (`ProxyCommand`, jump hosts), and a master notices nothing when
//! the program that started it is killed: with `-N` it reads no input. Asking the kernel for a signal
//! at the parent's death needs code between fork and exec, which is unsafe, and only Linux has it. So
//! a few lines of shell hold the process on a leash: they lead a process group of their own, start
//! the process in it, and wait on a pipe whose other end this program alone holds (Rust opens it
//! close-on-exec, so no other child has it). When the pipe closes, for whatever reason, `SIGKILL` of
//! this program included, the whole group ends.
//!
//! The group also keeps the terminal's Ctrl-C from reaching `ssh` before us.

use std::{ffi::OsString, io, path::Path, process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::AsyncWriteExt,
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
};

/// A process that is told to end has so long.
const GRACE: Duration = Duration::from_secs(5);

/// The leash. The process's command line is `"$@"`: nothing is spliced into the text.
///
/// It lets go of stdout and stderr, so that these close when the process does. A line means an
/// orderly end, whose time is kept by [`ProcessGroup::end`]; the end of the input without one means
/// that this program is gone, so the time is kept here. Whatever is left of the group when the
/// process is gone goes too, this shell with it.
///
/// It is told again and again to end: an `ssh` that hears of it between looking whether it has and going to sleep
/// would not look again. Where `sleep` knows no parts of a second, it is told once.
const LEASH: &str = r#"
"$@" </dev/null &
leashed=$!
exec >/dev/null 2>&1
if read -r line; then :; else { sleep 10; kill -s KILL 0; } & fi
trap '' TERM
kill -s TERM 0
while sleep 0.2; do kill -s TERM 0; done &
wait "$leashed"
kill -s KILL 0
"#;

/// A process and its descendants, on a leash. Dropped, they are killed.
#[derive(Debug)]
pub(super) struct ProcessGroup {
    shell: Child,
    leash: Option<ChildStdin>,
}

impl ProcessGroup {
    /// Starts `program`, with its standard input empty and its output and errors given back. The output
    /// ends with the program, for the children of `ssh` do not inherit it; the errors may not.
    pub(super) fn spawn(program: &Path, args: &[OsString]) -> io::Result<(Self, ChildStdout, ChildStderr)> {
        let mut shell = Command::new("/bin/sh")
            .args(["-c", LEASH, "leash"])
            .arg(program)
            .args(args)
            // No child may ever ask a person, not even the `ssh` of a jump host, which does not hear of our options.
            .envs([("SSH_ASKPASS", "false"), ("SSH_ASKPASS_REQUIRE", "force")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let missing = || io::Error::other("a pipe that was asked for is missing");
        let stdout = shell.stdout.take().ok_or_else(missing)?;
        let stderr = shell.stderr.take().ok_or_else(missing)?;
        let leash = shell.stdin.take();
        Ok((Self { shell, leash }, stdout, stderr))
    }

    /// Asks the process to end, kills what has not after a while, and waits until it is over.
    pub(super) async fn end(mut self) {
        if let Some(mut leash) = self.leash.take() {
            // If the shell is gone already there is nobody to tell.
            let _ = leash.write_all(b"end\n").await;
        }
        if tokio::time::timeout(GRACE, self.shell.wait()).await.is_err() {
            self.kill();
            let _ = self.shell.wait().await;
        }
    }

    fn kill(&self) {
        // The shell leads the group, and as long as it is not reaped (then it has no id here) its
        // number cannot belong to anybody else.
        let group = self.shell.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(group) = group {
            // The only failure is that nothing of it is left.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

    use super::*;

    #[tokio::test]
    async fn a_process_that_misses_the_first_word_hears_the_next() {
        let deaf_once = "trap 'trap \"echo heard; exit\" TERM' TERM; echo ready; while :; do sleep 1000; done";
        let args = ["-c", deaf_once].map(OsString::from);
        let (group, stdout, _stderr) = ProcessGroup::spawn(Path::new("/bin/sh"), &args).expect("starts");
        let (mut stdout, mut said) = (BufReader::new(stdout), String::new());
        stdout.read_line(&mut said).await.expect("reads");
        group.end().await;
        stdout.read_to_string(&mut said).await.expect("reads");
        assert_eq!(said, "ready\nheard\n");
    }
}
