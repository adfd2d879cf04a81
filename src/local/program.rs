//! Runs a program to its end within a time limit, and keeps its last lines.

use std::{collections::VecDeque, ffi::OsString, io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    sync::watch,
    time::{Instant, sleep_until, timeout},
};

use super::{group::Group, until::until};

/// How many bytes of its output are kept.
const KEPT: usize = 4 * 1024;

/// The leash: waits for the end of the program and reports its status.
///
/// The program's output and errors go to this shell's standard error, its status to standard output. A line on standard
/// input asks for an orderly end, for which the parent keeps the time. End of input without a line means that the
/// parent is gone.
const LEASH: &str = r#"
exec 3<&0 4>&1 </dev/null >&2
"$@" 3<&- 4>&- &
leashed=$!
trap '' TERM
{
  exec >/dev/null 2>&1
  if read -r line <&3; then :; else { sleep 10; kill -s KILL 0; } & fi
  kill -s TERM 0
} 4>&- &
wait "$leashed"
echo "$?" >&4
kill -s KILL 0
"#;

/// A program to run.
#[derive(Clone, Debug)]
pub struct Program {
    /// The program and its arguments.
    pub words: Vec<OsString>,
    /// Its environment, in addition to this program's own.
    pub env: Vec<(String, String)>,
    /// How long it may run.
    pub timeout: Duration,
}

impl Program {
    /// A line for `sh`, as the user wrote it.
    pub fn line(line: &str, env: Vec<(String, String)>, timeout: Duration) -> Self {
        Self { words: ["/bin/sh", "-c", "--", line].map(OsString::from).into(), env, timeout }
    }
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The kind of end.
    pub end: End,
    /// Its last lines, of both streams.
    pub output: String,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With this status, as a shell reports it: 128 plus the signal's number for a program that was killed.
    Exited(u8),
    /// It took too long, and was ended.
    TimedOut,
    /// It was stopped on request.
    Stopped,
    /// It was killed with everything that it started, and reported no status.
    Untold,
}

impl End {
    /// In words.
    pub fn describe(self, timeout: Duration) -> String {
        match self {
            Self::Exited(127) => "exit status 127 (a command was not found)".to_owned(),
            Self::Exited(126) => "exit status 126 (it cannot be executed: chmod +x?)".to_owned(),
            Self::Exited(status) => format!("exit status {status}"),
            Self::TimedOut => format!("timed out after {timeout:?}"),
            Self::Stopped => "ended, for the run was stopped".to_owned(),
            Self::Untold => "killed".to_owned(),
        }
    }
}

/// Becomes true when a program is to end.
pub type StopSignal = watch::Receiver<bool>;

/// Runs a program until it ends or is asked to stop. Dropping the future kills it with everything that it started.
///
/// # Errors
/// When this machine cannot start a program.
pub async fn run(program: &Program, mut stop: StopSignal) -> io::Result<Ended> {
    let mut group = Group::spawn(LEASH, &program.words, program.env.iter().map(|(name, value)| (name, value)))?;
    let deadline = Instant::now() + program.timeout;
    let mut output = Output::default();
    let mut status = Vec::new();
    let mut why = None;
    let mut last = None;
    loop {
        tokio::select! {
            // After a standstill of this program, the end of that one and its deadline are ready at once.
            biased;
            read = read_some(&mut group.shell.stdout, &mut status) => {
                if read == 0 || status.ends_with(b"\n") {
                    break;
                }
            }
            () = sleep_until(deadline), if why.is_none() => {
                why = Some(End::TimedOut);
                last = Some(group.ask_to_end().await);
            }
            _ = until(&mut stop, |stop| stop), if why.is_none() => {
                why = Some(End::Stopped);
                last = Some(group.ask_to_end().await);
            }
            () = sleep_until(last.unwrap_or(deadline)), if last.is_some() => {
                group.kill();
                break;
            }
            // Last, for a flood of it is always ready.
            () = output.read(&mut group.shell.stderr) => {}
        }
    }
    // Reads what is in the pipe, without waiting for a process that keeps it open.
    let _ = timeout(Duration::from_millis(200), output.read_to_end(&mut group.shell.stderr)).await;
    let told = String::from_utf8_lossy(&status).trim().parse().ok();
    let end = why.unwrap_or_else(|| told.map_or(End::Untold, End::Exited));
    Ok(Ended { end, output: output.text() })
}

/// The last bytes of the output.
#[derive(Default)]
struct Output {
    kept: VecDeque<u8>,
    over: bool,
}

impl Output {
    /// Reads some bytes; pends forever at the end of the stream.
    async fn read(&mut self, stream: &mut Option<impl AsyncRead + Unpin>) {
        if self.over {
            std::future::pending::<()>().await;
        }
        let mut bytes = Vec::new();
        self.over = read_some(stream, &mut bytes).await == 0;
        self.kept.extend(bytes);
        self.kept.drain(..self.kept.len().saturating_sub(KEPT));
    }

    async fn read_to_end(&mut self, stream: &mut Option<impl AsyncRead + Unpin>) {
        while !self.over {
            self.read(stream).await;
        }
    }

    fn text(mut self) -> String {
        String::from_utf8_lossy(self.kept.make_contiguous()).trim_end().to_owned()
    }
}

/// Reads some bytes, none at the end.
async fn read_some(stream: &mut Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>) -> usize {
    let mut bytes = [0; 4096];
    let Some(stream) = stream else { return 0 };
    let count = stream.read(&mut bytes).await.unwrap_or(0);
    into.extend_from_slice(&bytes[..count]);
    count
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures::poll;
    use rustix::process::{WaitId, WaitIdOptions, waitid};

    use super::*;

    fn never() -> StopSignal {
        watch::Sender::new(false).subscribe()
    }

    async fn ran(line: &str) -> Ended {
        let env = vec![("FACT".to_owned(), "$(touch pwned); \"'".to_owned())];
        run(&Program::line(line, env, Duration::from_secs(30)), never()).await.expect("a shell")
    }

    #[tokio::test]
    async fn its_status_and_last_lines_are_told() {
        assert_eq!(
            ran("echo out; echo err >&2; exit 3").await,
            Ended { end: End::Exited(3), output: "out\nerr".into() }
        );
        assert_eq!(ran("exit 255").await.end, End::Exited(255));
        assert_eq!(ran("kill -s KILL $$").await.end, End::Exited(137));
        assert_eq!(ran("printf %s \"$FACT\"").await.output, "$(touch pwned); \"'");
        assert_eq!(ran("cat").await.end, End::Exited(0), "it has nothing to read");
        let flood = ran("i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i + 1)); done").await;
        assert!(flood.output.len() <= KEPT && flood.output.ends_with("line 19999"), "{}", flood.output);
    }

    #[tokio::test]
    async fn it_is_ended_with_all_that_it_started_when_its_time_is_up_or_the_run_is() {
        let program = |timeout| Program::line("trap 'echo bye' TERM; sleep 300 & wait; wait", Vec::new(), timeout);
        let ended = run(&program(Duration::from_millis(300)), never()).await.expect("a shell");
        assert_eq!(ended.end, End::TimedOut);
        assert!(ended.output.contains("bye"), "{}", ended.output);
        let stop = watch::Sender::new(true);
        let ended = run(&program(Duration::from_mins(1)), stop.subscribe()).await.expect("a shell");
        assert_eq!(ended.end, End::Stopped);
    }

    /// As after Ctrl-Z: when this program goes on, the end and the deadline are there at once.
    #[tokio::test]
    async fn a_program_that_ended_while_this_one_stood_still_did_not_time_out() {
        let timeout = Duration::from_millis(1);
        let program = Program::line("exit 3", Vec::new(), timeout);
        // Which of two that are ready is seen first may be chance.
        for _ in 0..20 {
            let mut running = pin!(run(&program, never()));
            assert!(poll!(&mut running).is_pending());
            waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).expect("a child");
            std::thread::sleep(timeout);
            assert_eq!(running.await.expect("a shell").end, End::Exited(3));
        }
    }

    #[tokio::test]
    async fn a_child_that_stays_behind_is_not_waited_for() {
        let ended = ran("sleep 300 & echo done").await;
        assert_eq!(ended, Ended { end: End::Exited(0), output: "done".into() });
    }
}
