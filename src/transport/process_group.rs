//! `ssh` and everything that it starts, on a leash.
//!
//! `ssh` starts children (`ProxyCommand`, jump hosts), and a master does not notice when this program is killed: with
//! `-N` it reads no input. The process group also keeps the terminal's Ctrl-C from reaching `ssh` before this program.

use std::{ffi::OsString, io, path::Path};

use tokio::process::{ChildStderr, ChildStdout};

use crate::local::Group;

/// The leash. The process's command line is `"$@"`; nothing is spliced into the text.
///
/// The shell closes its stdout and stderr, so that the pipes close when the process ends. A line on its input asks for
/// an orderly end, for which [`ProcessGroup::end`] keeps the time. End of input without a line means that this program
/// is gone, so the shell keeps the time. Once the process is gone, the rest of the group is killed, including this
/// shell.
///
/// TERM is repeated: an `ssh` that gets it between checking its flag and going to sleep would miss it. Where `sleep`
/// does not support fractions of a second, TERM is sent once.
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

/// A process and its descendants, on a leash. Dropping it kills them.
#[derive(Debug)]
pub(super) struct ProcessGroup(Group);

impl ProcessGroup {
    /// Starts `program` with an empty standard input, and returns the pipes of its output and errors. The output ends
    /// with the program, because the children of `ssh` do not inherit it; the errors may not.
    pub(super) fn spawn(program: &Path, args: &[OsString]) -> io::Result<(Self, ChildStdout, ChildStderr)> {
        let words: Vec<OsString> = [program.into()].into_iter().chain(args.iter().cloned()).collect();
        // No child may ever prompt a person, not even the `ssh` of a jump host, which does not get our options.
        let mut group = Group::spawn(LEASH, &words, [("SSH_ASKPASS", "false"), ("SSH_ASKPASS_REQUIRE", "force")])?;
        let missing = || io::Error::other("a pipe that was asked for is missing");
        let stdout = group.shell.stdout.take().ok_or_else(missing)?;
        let stderr = group.shell.stderr.take().ok_or_else(missing)?;
        Ok((Self(group), stdout, stderr))
    }

    /// Asks the process to end, kills it if it takes too long, and waits until it has ended.
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
