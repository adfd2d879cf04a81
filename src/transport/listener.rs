//! What comes from a guard, sorted: the script's output to the sink, the guard's words to whoever
//! holds the conversation, and what neither said kept for an error message.

use super::{OutputSink, RemoteExit, Stream, milestones::Milestones};
use crate::guard::{Control, Mark, Nonce, Offsets, Parsed, ProtocolError, Recorded, StderrParser, StdoutParser};

/// So much of the beginning and of the end of what is not the script's is kept: a login shell may greet, and then complain.
const REMARK: usize = 300;

/// ECMA-48's ST. Where nothing is to be ended it means nothing.
const STRING_TERMINATOR: &str = "\x1b\\";

/// A host remembers ten runs, and what it found no time to forget: one that tells of more than this is no guard.
const MOST_ATTEMPTS: usize = 1000;

/// What a stretch of a stream held; the gravest, if several things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Heard {
    /// Nothing that matters.
    Noise,
    /// Output of the script.
    Output,
    /// The guard waits for the word.
    Ready,
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
    milestones: Milestones,
    /// The script's process group, since it was started.
    pub(super) group: Option<u32>,
    /// The barrier that the script is held at.
    pub(super) held: Option<u32>,
    /// What a host that was asked has told of its record so far.
    recorded: Recorded,
    /// The guard's last word on stdout.
    pub(super) exit: Option<RemoteExit>,
    /// The guard's last word on stderr.
    pub(super) stderr_ended: bool,
    /// The guard has spoken on one of its streams, if only something that we do not understand.
    pub(super) guard_spoke: bool,
    stray: Stray,
}

impl Listener {
    /// `resume` is where the output begins.
    pub(super) fn new(nonce: &Nonce, resume: Offsets) -> Self {
        Self {
            stdout: StdoutParser::new(nonce),
            stderr: StderrParser::new(nonce),
            milestones: Milestones::new(resume),
            group: None,
            held: None,
            recorded: Recorded::default(),
            exit: None,
            stderr_ended: false,
            guard_spoke: false,
            stray: Stray::default(),
        }
    }

    /// Takes bytes of stdout.
    pub(super) fn stdout(&mut self, bytes: &[u8], out: &mut dyn OutputSink) -> Heard {
        let Self { stdout, milestones, group, held, recorded, exit, guard_spoke, stray, .. } = self;
        let words = stdout.push(bytes).map(|parsed| match parsed {
            Ok(Parsed::Noise(bytes)) => stray.noise(bytes),
            Ok(Parsed::Output(bytes)) => {
                milestones.output(Stream::Stdout, bytes, out);
                Heard::Output
            }
            Ok(Parsed::Control(control)) => {
                *guard_spoke = true;
                match control {
                    Control::Ready => Heard::Ready,
                    Control::Started { group: started, previous } => {
                        *group = Some(started);
                        out.started(started, previous.as_deref());
                        Heard::Started
                    }
                    Control::PartBegun(part) => {
                        *held = None;
                        milestones.begun(part, out);
                        Heard::Output
                    }
                    Control::PartEnded(end) => {
                        milestones.ended(end, out);
                        Heard::Output
                    }
                    Control::Held(barrier) => {
                        *held = Some(barrier);
                        milestones.held(barrier, out);
                        Heard::Output
                    }
                    Control::Refused { reason, text } => {
                        *exit = Some(RemoteExit::Refused { reason, text });
                        Heard::Ended
                    }
                    Control::Ended(trailer) => {
                        *exit = Some(RemoteExit::Ended(trailer));
                        Heard::Ended
                    }
                    Control::Revision(revision) => {
                        recorded.revision = revision;
                        Heard::Noise
                    }
                    Control::Recorded(attempt) if recorded.attempts.len() < MOST_ATTEMPTS => {
                        recorded.attempts.push(attempt);
                        Heard::Noise
                    }
                    Control::Recorded(_) => stray.error(ProtocolError::TooMany),
                    // Not all that was said was understood: what is left is no answer.
                    Control::Told if stray.error.is_some() => Heard::Noise,
                    Control::Told => {
                        *exit = Some(RemoteExit::Recorded(std::mem::take(recorded)));
                        Heard::Ended
                    }
                }
            }
            Err(error) => {
                *guard_spoke = true;
                stray.error(error)
            }
        });
        words.max().unwrap_or(Heard::Noise)
    }

    /// Takes bytes of stderr.
    pub(super) fn stderr(&mut self, bytes: &[u8], out: &mut dyn OutputSink) -> Heard {
        let Self { stderr, milestones, stderr_ended, guard_spoke, stray, .. } = self;
        let words = stderr.push(bytes).map(|parsed| match parsed {
            Ok(Parsed::Noise(bytes)) => stray.noise(bytes),
            Ok(Parsed::Output(bytes)) => {
                milestones.output(Stream::Stderr, bytes, out);
                Heard::Output
            }
            Ok(Parsed::Control(mark)) => {
                *guard_spoke = true;
                match mark {
                    // Said on stdout too, with the particulars.
                    Mark::Started => {}
                    Mark::Ended => *stderr_ended = true,
                }
                Heard::Noise
            }
            Err(error) => {
                *guard_spoke = true;
                stray.error(error)
            }
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
            self.milestones.output(stream, bytes, out);
        }
    }

    /// The script has ended, and no more of its output will come.
    pub(super) fn over(&mut self, out: &mut dyn OutputSink) {
        self.milestones.finish(out);
    }

    /// What was said that was neither the script's nor the guard's, in one line. Neutralise before showing.
    pub(super) fn remark(&self) -> Option<String> {
        if let Some(error) = &self.stray.error {
            return Some(error.to_string());
        }
        let text = [String::from_utf8_lossy(&self.stray.noise), String::from_utf8_lossy(&self.stray.late_noise)];
        let mut lines = text.iter().flat_map(|it| it.lines()).map(str::trim).filter(|line| !line.is_empty());
        let first = lines.next()?;
        let mut line = match lines.next_back() {
            Some(last) if last != first => format!("{first} … {last}"),
            Some(_) | None => first.to_owned(),
        };
        if line.contains(char::is_control) {
            // A sequence that has no end would take along what is said after it.
            line.push_str(STRING_TERMINATOR);
        }
        Some(line)
    }
}

/// The script's bytes among what a parser held back.
fn drop_control<'a, L>(parsed: &Parsed<'a, L>) -> Option<&'a [u8]> {
    match parsed {
        Parsed::Output(bytes) => Some(bytes),
        Parsed::Noise(_) | Parsed::Control(_) => None,
    }
}

/// What is neither the script's nor understood, for an error message.
#[derive(Debug, Default)]
struct Stray {
    /// The beginning of what came before the guard's first word.
    noise: Vec<u8>,
    /// The end of what came after that.
    late_noise: Vec<u8>,
    /// The first thing that the guard should not have said.
    error: Option<ProtocolError>,
}

impl Stray {
    fn noise(&mut self, bytes: &[u8]) -> Heard {
        let (early, late) = bytes.split_at(bytes.len().min(REMARK - self.noise.len()));
        self.noise.extend_from_slice(early);
        self.late_noise.extend_from_slice(&late[late.len().saturating_sub(REMARK)..]);
        self.late_noise.drain(..self.late_noise.len().saturating_sub(REMARK));
        Heard::Noise
    }

    fn error(&mut self, error: ProtocolError) -> Heard {
        self.error.get_or_insert(error);
        Heard::Noise
    }
}
