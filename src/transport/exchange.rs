//! One conversation with a host's guard over three byte streams, whatever carries them.
//!
//! Only reading, writing and waiting; [`conversation`] decides what it all means.
//!
//! [`conversation`]: super::conversation

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, sleep_until},
};

use super::{
    Job, Lost, OutputSink, RemoteExit, Stream, Wishes,
    conversation::{BrokenOff, Conversation},
};
use crate::{guard::Nonce, local::until};

/// The three streams of a guard.
#[derive(Debug)]
pub(super) struct Streams<I, O, E> {
    pub(super) stdin: I,
    pub(super) stdout: O,
    pub(super) stderr: E,
}

/// Runs `job` on the guard at the other end of `streams`.
///
/// Dropping the future closes the lifeline: the guard then does what the job specifies for lost contact.
pub(super) async fn exchange<I, O, E>(
    streams: Streams<I, O, E>,
    job: &Job,
    out: &mut dyn OutputSink,
    mut wishes: Wishes,
) -> Result<RemoteExit, BrokenOff>
where
    I: AsyncWrite + Unpin,
    O: AsyncRead + Unpin,
    E: AsyncRead + Unpin,
{
    let nonce = Nonce::random();
    let request = job.request.encode(&nonce).map_err(|error| Lost::before_sending(error.to_string()))?;

    let Streams { stdin, mut stdout, mut stderr } = streams;
    let mut stdin = Some(stdin);
    let mut talk = Conversation::new(job, request, &nonce, Instant::now());
    let (mut from_stdout, mut from_stderr) = (vec![0; 64 * 1024], vec![0; 16 * 1024]);
    let mut piece = vec![0; job.request.input().map_or(0, |_| 64 * 1024)];
    loop {
        if let (Some(offset), Some(input)) = (talk.wants_input(), job.request.input()) {
            // Reads a local file that was just written, so this hardly blocks.
            talk.give_input(input.read_at(offset, &mut piece).map(|count| &piece[..count]));
        }
        if let Some(end) = talk.end() {
            if end.is_ok() {
                talk.finish(out);
            }
            return end;
        }
        let (known, known_open) = (talk.wish(), talk.open_barriers());
        tokio::select! {
            read = stdout.read(&mut from_stdout), if talk.is_open(Stream::Stdout) => match read {
                Ok(count) if count > 0 => talk.hear(Stream::Stdout, &from_stdout[..count], out, Instant::now()),
                Ok(_) | Err(_) => talk.close(Stream::Stdout, out, Instant::now()),
            },
            read = stderr.read(&mut from_stderr), if talk.is_open(Stream::Stderr) => match read {
                Ok(count) if count > 0 => talk.hear(Stream::Stderr, &from_stderr[..count], out, Instant::now()),
                Ok(_) | Err(_) => talk.close(Stream::Stderr, out, Instant::now()),
            },
            // A guard that refuses closes its input early, and gives the reason on its output: keep reading.
            written = write_some(&mut stdin, talk.unwritten()) => match written {
                Some(count) => talk.wrote(count, Instant::now()),
                None => stdin = None,
            },
            wish = until(&mut wishes.stop, |wish| wish > known) => talk.wants(wish, Instant::now()),
            open = until(&mut wishes.open, |open| open > known_open) => talk.opens(open, Instant::now()),
            () = sleep_until(talk.alarm()) => talk.overdue(Instant::now()),
        }
    }
}

/// Writes some of `bytes`, if any; `None` when nothing can be written any more.
async fn write_some(stdin: &mut Option<impl AsyncWrite + Unpin>, bytes: &[u8]) -> Option<usize> {
    match stdin {
        Some(stdin) if !bytes.is_empty() => stdin.write(bytes).await.ok().filter(|count| *count > 0),
        _ => std::future::pending().await,
    }
}
