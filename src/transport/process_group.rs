//! `ssh` and all that it starts, held on a leash.
//!
//! It starts children of its own (`ProxyCommand`, jump hosts), and a master notices nothing when the program that started
//! it is killed: with `-N` it reads no input. The group also keeps the terminal's Ctrl-C from reaching `ssh` before us.

use std::{ffi::OsString, io, path::Path};

use tokio::process::{ChildStderr, ChildStdout};

use crate::local::Group;

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
pub(super) struct ProcessGroup(Group);

impl ProcessGroup {
    /// Starts `program`, with its standard input empty and its output and errors given back. The output
    /// ends with the program, for the children of `ssh` do not inherit it; the errors may not.
    pub(super) fn spawn(program: &Path, args: &[OsString]) -> io::Result<(Self, ChildStdout, ChildStderr)> {
        let words: Vec<OsString> = [program.into()].into_iter().chain(args.iter().cloned()).collect();
        // No child may ever ask a person, not even the `ssh` of a jump host, which does not hear of our options.
        let mut group = Group::spawn(LEASH, &words, [("SSH_ASKPASS", "false"), ("SSH_ASKPASS_REQUIRE", "force")])?;
        let missing = || io::Error::other("a pipe that was asked for is missing");
        let stdout = group.shell.stdout.take().ok_or_else(missing)?;
        let stderr = group.shell.stderr.take().ok_or_else(missing)?;
        Ok((Self(group), stdout, stderr))
    }

    /// Asks the process to end, kills what has not after a while, and waits until it is over.
    pub(super) async fn end(self) {
        let mut group = self.0;
        let last = group.ask_to_end().await;
        if tokio::time::timeout_at(last, group.shell.wait()).await.is_err() {
            group.kill();
            let _ = group.shell.wait().await;
        }
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
