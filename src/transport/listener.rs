//! What comes from a guard, sorted: the script's output to the sink, the guard's words to whoever
//! holds the conversation, and what neither said kept for an error message.

use super::{OutputSink, RemoteExit, Stream};
use crate::guard::{Control, ControlLine, Mark, Nonce, Parsed, ProtocolError, StderrParser, StdoutParser};

/// So much of what is not the script's is kept: the beginning of a login shell's complaint.
const REMARK: usize = 300;

/// What a stretch of a stream held; the gravest, if several things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Heard {
    /// Nothing that matters.
    Noise,
    /// Output of the script.
    Output,
    /// The script runs.
    Started,
    /// The guard's last word.
    Ended,
}

/// The guard's two streams, and what is known from them.
#[derive(Debug)]
pub(super) struct Listener {
    stdout: StdoutParser,
    stderr: StderrParser,
    /// The script's process group, since it was started.
    pub(super) group: Option<u32>,
    /// The guard's last word on stdout.
    pub(super) exit: Option<RemoteExit>,
    /// The guard's last word on stderr.
    pub(super) stderr_ended: bool,
    noise: Vec<u8>,
    error: Option<ProtocolError>,
}

impl Listener {
    pub(super) fn new(nonce: &Nonce) -> Self {
        Self {
            stdout: StdoutParser::new(nonce),
            stderr: StderrParser::new(nonce),
            group: None,
            exit: None,
            stderr_ended: false,
            noise: Vec::new(),
            error: None,
        }
    }

    /// Takes bytes of stdout.
    pub(super) fn stdout(&mut self, bytes: &[u8], out: &mut dyn OutputSink) -> Heard {
        let Self { stdout, group, exit, noise, error, .. } = self;
        let words = stdout.push(bytes).map(|parsed| {
            take(parsed, Stream::Stdout, out, noise, error, |control, out| match control {
                Control::Started { group: started, previous } => {
                    *group = Some(started);
                    out.started(started, previous.as_deref());
                    Heard::Started
                }
                Control::Refused { reason, text } => {
                    *exit = Some(RemoteExit::Refused { reason, text });
                    Heard::Ended
                }
                Control::Ended(trailer) => {
                    *exit = Some(RemoteExit::Ended(trailer));
                    Heard::Ended
                }
            })
        });
        words.max().unwrap_or(Heard::Noise)
    }

    /// Takes bytes of stderr.
    pub(super) fn stderr(&mut self, bytes: &[u8], out: &mut dyn OutputSink) -> Heard {
        let Self { stderr, stderr_ended, noise, error, .. } = self;
        let words = stderr.push(bytes).map(|parsed| {
            take(parsed, Stream::Stderr, out, noise, error, |mark, _| {
                match mark {
                    // Said on stdout too, with the particulars.
                    Mark::Started => {}
                    Mark::Ended => *stderr_ended = true,
                }
                Heard::Noise
            })
        });
        words.max().unwrap_or(Heard::Noise)
    }

    /// A stream has ended: hands on what was held back.
    pub(super) fn finish(&mut self, stream: Stream, out: &mut dyn OutputSink) {
        let rest = match stream {
            Stream::Stdout => self.stdout.finish().map(|parsed| drop_control(&parsed)),
            Stream::Stderr => self.stderr.finish().map(|parsed| drop_control(&parsed)),
        };
        if let Some(bytes) = rest.flatten() {
            out.output(stream, bytes);
        }
    }

    /// What was said that was neither the script's nor the guard's, in one line.
    pub(super) fn remark(&self) -> Option<String> {
        if let Some(error) = &self.error {
            return Some(error.to_string());
        }
        let text = String::from_utf8_lossy(&self.noise);
        let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
        Some(line.chars().filter(|c| !c.is_control()).collect())
    }
}

/// The script's bytes among what a parser held back.
fn drop_control<'a, L>(parsed: &Parsed<'a, L>) -> Option<&'a [u8]> {
    match parsed {
        Parsed::Output(bytes) => Some(bytes),
        Parsed::Noise(_) | Parsed::Control(_) => None,
    }
}

fn take<L: ControlLine>(
    parsed: Result<Parsed<'_, L>, ProtocolError>,
    stream: Stream,
    out: &mut dyn OutputSink,
    noise: &mut Vec<u8>,
    error: &mut Option<ProtocolError>,
    control: impl FnOnce(L, &mut dyn OutputSink) -> Heard,
) -> Heard {
    match parsed {
        Ok(Parsed::Noise(bytes)) => {
            noise.extend_from_slice(&bytes[..bytes.len().min(REMARK - noise.len())]);
            Heard::Noise
        }
        Ok(Parsed::Output(bytes)) => {
            out.output(stream, bytes);
            Heard::Output
        }
        Ok(Parsed::Control(line)) => control(line, out),
        Err(bad) => {
            error.get_or_insert(bad);
            Heard::Noise
        }
    }
}
