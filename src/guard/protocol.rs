//! Separates the guard's lines from the script's output, as the bytes come.
//!
//! A control line is `\x1e<nonce> <words>\n`. It may begin anywhere, because a script need not end its last line.
//! Everything else is the script's and is handed on untouched, in pieces that borrow from what was pushed. Between two
//! pushes at most the beginning of a control line is kept, so memory is bounded whatever a host sends.

use super::{
    control::{Control, Mark},
    nonce::Nonce,
};

/// Reads the guard's stdout.
pub type StdoutParser = Parser<Control>;

/// Reads the guard's stderr.
pub type StderrParser = Parser<Mark>;

/// Longer than any line of the guard: a refusal's text names one path, and Linux's `PATH_MAX` is 4096.
const LONGEST_LINE: usize = 8192;

/// A piece of one of the guard's streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed<'a, L> {
    /// Bytes from before the script's start; usually a login shell's greeting.
    Noise(&'a [u8]),
    /// The script's output.
    Output(&'a [u8]),
    /// A line of the guard.
    Control(L),
}

/// The lines that the guard can send on one of its streams.
pub trait ControlLine: Sized {
    /// Parses the words after the nonce.
    ///
    /// # Errors
    /// If no guard of this version says them.
    fn parse(line: &str) -> Result<Self, ProtocolError>;

    /// What the line means for the bytes after it.
    fn effect(&self) -> Effect;
}

/// What a line means for the bytes after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// None: the stream goes on as before.
    None,
    /// The script's output begins.
    Begins,
    /// The script's output ends.
    Ends,
}

/// Something that no guard would send.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// A line with the right nonce and unknown words.
    #[error("the guard on the host said {line:?}, which version {version} of its protocol does not know", version = super::VERSION)]
    Malformed {
        /// The line's beginning.
        line: String,
    },
    /// A line with the right nonce that does not end.
    #[error("the guard on the host sent a control line of more than {LONGEST_LINE} bytes")]
    TooLong,
    /// More attempts than any guard has to report.
    #[error("the guard on the host told of too many attempts")]
    TooMany,
}

impl ProtocolError {
    pub(super) fn malformed(line: &str) -> Self {
        Self::Malformed { line: line.chars().take(200).collect() }
    }
}

/// Parses one of the guard's streams: see [`StdoutParser`] and [`StderrParser`].
#[derive(Debug)]
pub struct Parser<L> {
    /// `\x1e<nonce> `. Its first byte occurs only once in it, so a false start never hides a true one.
    marker: Vec<u8>,
    state: State,
    phase: Phase,
    output: u64,
    kind: std::marker::PhantomData<fn() -> L>,
}

#[derive(Debug)]
enum State {
    /// In output. The last bytes matched this many of the marker, and are held back.
    Output { matched: usize },
    /// In a control line, after its marker.
    Line(Vec<u8>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Before,
    Script,
    After,
}

impl<L: ControlLine> Parser<L> {
    /// A parser for one stream of the guard that was started with `nonce`.
    pub fn new(nonce: &Nonce) -> Self {
        Self {
            marker: format!("\x1e{} ", nonce.as_str()).into_bytes(),
            state: State::Output { matched: 0 },
            phase: Phase::Before,
            output: 0,
            kind: std::marker::PhantomData,
        }
    }

    /// Takes the next bytes of the stream; read the iterator to its end. Bytes after the guard's last line are dropped:
    /// they can only come from a process that the script left running.
    ///
    /// # Errors
    /// An item is an error if no guard would send it. The rest of the stream is still parsed.
    pub fn push<'a>(&'a mut self, bytes: &'a [u8]) -> impl Iterator<Item = Result<Parsed<'a, L>, ProtocolError>> {
        let Self { marker, state, phase, output, .. } = self;
        let marker: &'a [u8] = marker;
        let mut rest = bytes;
        std::iter::from_fn(move || {
            if *phase == Phase::After {
                return None;
            }
            Some(match scan(marker, state, &mut rest)? {
                Piece::Bytes(bytes) if *phase == Phase::Before => Ok(Parsed::Noise(bytes)),
                Piece::Bytes(bytes) => {
                    *output += bytes.len() as u64;
                    Ok(Parsed::Output(bytes))
                }
                Piece::Line(line) => line.and_then(|line| L::parse(&String::from_utf8_lossy(&line))).map(|control| {
                    *phase = match control.effect() {
                        Effect::None => *phase,
                        Effect::Begins => Phase::Script,
                        Effect::Ends => Phase::After,
                    };
                    Parsed::Control(control)
                }),
            })
        })
    }

    /// At the end of the stream: bytes that were held back because they might have begun a control line.
    pub fn finish(&mut self) -> Option<Parsed<'_, L>> {
        let State::Output { matched } = std::mem::replace(&mut self.state, State::Output { matched: 0 }) else {
            return None;
        };
        let held = &self.marker[..matched];
        match self.phase {
            _ if held.is_empty() => None,
            Phase::Before => Some(Parsed::Noise(held)),
            Phase::Script => {
                self.output += held.len() as u64;
                Some(Parsed::Output(held))
            }
            Phase::After => None,
        }
    }

    /// Whether the guard's last line was read; nothing after it matters.
    pub fn is_ended(&self) -> bool {
        self.phase == Phase::After
    }

    /// How many bytes of the script's output were handed on, to compare with the [`Trailer`](super::Trailer)'s count
    /// and to resume after a lost connection.
    pub fn output_bytes(&self) -> u64 {
        self.output
    }
}

enum Piece<'a> {
    Bytes(&'a [u8]),
    Line(Result<Vec<u8>, ProtocolError>),
}

/// The next piece of `rest`; `None` when all of it is consumed.
fn scan<'a>(marker: &'a [u8], state: &mut State, rest: &mut &'a [u8]) -> Option<Piece<'a>> {
    loop {
        let &first = rest.first()?;
        match state {
            State::Output { matched: 0 } => {
                let plain = rest.iter().position(|&byte| byte == marker[0]).unwrap_or(rest.len());
                let (bytes, tail) = rest.split_at(plain);
                *rest = tail;
                if bytes.is_empty() {
                    *state = State::Output { matched: 1 };
                    *rest = &rest[1..];
                } else {
                    return Some(Piece::Bytes(bytes));
                }
            }
            State::Output { matched } if first == marker[*matched] => {
                *rest = &rest[1..];
                *matched += 1;
                if *matched == marker.len() {
                    *state = State::Line(Vec::new());
                }
            }
            State::Output { matched } => {
                let held = &marker[..*matched];
                *state = State::Output { matched: 0 };
                return Some(Piece::Bytes(held));
            }
            State::Line(line) => {
                let end = rest.iter().position(|&byte| byte == b'\n');
                line.extend_from_slice(&rest[..end.unwrap_or(rest.len()).min(LONGEST_LINE + 1)]);
                if line.len() > LONGEST_LINE {
                    // The line may go on for long. The rest of it counts as output, but the error is reported.
                    *rest = &rest[end.unwrap_or(rest.len())..];
                    *state = State::Output { matched: 0 };
                    return Some(Piece::Line(Err(ProtocolError::TooLong)));
                }
                let Some(end) = end else {
                    *rest = &[];
                    return None;
                };
                *rest = &rest[end + 1..];
                let line = std::mem::take(line);
                *state = State::Output { matched: 0 };
                return Some(Piece::Line(Ok(line)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::trailer::Trailer, *};

    /// The result of a stream, however the bytes were cut.
    #[derive(Debug, Default, PartialEq, Eq)]
    struct Read {
        noise: Vec<u8>,
        output: Vec<u8>,
        controls: Vec<Result<Control, ProtocolError>>,
        ended: bool,
    }

    fn read<'a>(nonce: &Nonce, chunks: impl IntoIterator<Item = &'a [u8]>) -> Read {
        let mut parser = StdoutParser::new(nonce);
        let mut read = Read::default();
        let mut take = |parsed: Result<Parsed<'_, Control>, ProtocolError>| match parsed {
            Ok(Parsed::Noise(bytes)) => read.noise.extend_from_slice(bytes),
            Ok(Parsed::Output(bytes)) => read.output.extend_from_slice(bytes),
            Ok(Parsed::Control(control)) => read.controls.push(Ok(control)),
            Err(error) => read.controls.push(Err(error)),
        };
        for chunk in chunks {
            parser.push(chunk).for_each(&mut take);
        }
        parser.finish().map(Ok).into_iter().for_each(take);
        assert_eq!(parser.output_bytes(), read.output.len() as u64);
        read.ended = parser.is_ended();
        read
    }

    fn line(nonce: &Nonce, words: &str) -> Vec<u8> {
        format!("\x1e{} {words}\n", nonce.as_str()).into_bytes()
    }

    /// Output with many beginnings of control lines, some of them with this nonce cut short.
    fn output(nonce: &Nonce) -> impl Strategy<Value = Vec<u8>> + use<> {
        let marker = format!("\x1e{} ", nonce.as_str());
        let lookalike = (0..marker.len() - 3).prop_map(move |end| marker.as_bytes()[..end].to_vec());
        let piece = prop_oneof![
            prop::collection::vec(any::<u8>(), 0..20),
            lookalike,
            Just(b"\x1e".to_vec()),
            Just(line(&Nonce::random(), "end exit 0 none gone - -")),
        ];
        prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn the_same_is_read_however_it_is_cut(
            (nonce, noise, script) in Just(()).prop_map(|()| Nonce::random()).prop_flat_map(|nonce| {
                let (noise, script) = (output(&nonce), output(&nonce));
                (Just(nonce), noise, script)
            }),
            cuts in prop::collection::vec(1_usize..60, 1..40),
        ) {
            let started = Control::Started { group: 42, previous: Some("v1".to_owned()) };
            let mut stream = noise.clone();
            stream.extend(line(&nonce, "started 42 v1"));
            stream.extend(&script);
            stream.extend(line(&nonce, "end exit 143 none gone - 7"));
            let expected = Read {
                noise,
                output: script,
                controls: vec![
                    Ok(started),
                    Control::parse("end exit 143 none gone - 7"),
                ],
                ended: true,
            };

            let mut chunks = Vec::new();
            let mut rest = &stream[..];
            for cut in cuts.into_iter().cycle() {
                let (chunk, tail) = rest.split_at(cut.min(rest.len()));
                chunks.push(chunk);
                rest = tail;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(read(&nonce, chunks), expected);
        }
    }

    #[test]
    fn a_stream_cut_short_loses_no_output() {
        let nonce = Nonce::random();
        let mut stream = line(&nonce, "started 42 -");
        stream.extend(b"half\x1e");
        stream.extend(&nonce.as_str().as_bytes()[..5]);
        let read = read(&nonce, [&stream[..]]);
        assert_eq!(read.output, stream[stream.len() - 10..]);
        assert!(!read.ended);
    }

    #[test]
    fn a_line_without_the_nonce_is_output() {
        let nonce = Nonce::random();
        let mut stream = line(&nonce, "started 42 -");
        let forged = line(&Nonce::random(), "end exit 0 none gone - -");
        stream.extend(&forged);
        let read = read(&nonce, [&stream[..]]);
        assert_eq!(read.output, forged);
        assert_eq!(read.controls.len(), 1);
        assert!(!read.ended);
    }

    #[test]
    fn what_comes_after_the_end_is_dropped() {
        let nonce = Nonce::random();
        let mut stream = line(&nonce, "started 42 -");
        stream.extend(line(&nonce, "end signal KILL kill alive 0 0"));
        stream.extend(b"a daemon's last words");
        let read = read(&nonce, [&stream[..]]);
        assert!(read.output.is_empty());
        assert!(matches!(&read.controls[1], Ok(Control::Ended(Trailer { stdout: Some(0), .. }))));
        assert!(read.ended);
    }

    #[test]
    fn a_bad_line_is_an_error_and_the_next_is_still_read() {
        let nonce = Nonce::random();
        let mut stream = line(&nonce, "started 42 -");
        stream.extend(line(&nonce, "end exit 300 none gone - -"));
        stream.extend(line(&nonce, &"x".repeat(100_000)));
        stream.extend(line(&nonce, "end exit 30 none gone - -"));
        let read = read(&nonce, stream.chunks(1000));
        assert_eq!(read.controls[1], Err(ProtocolError::malformed("end exit 300 none gone - -")));
        assert_eq!(read.controls[2], Err(ProtocolError::TooLong));
        assert!(read.ended);
    }

    #[test]
    fn stderr_has_marks_of_its_own() {
        let nonce = Nonce::random();
        let stream =
            [&b"stty: no tty\n"[..], &line(&nonce, "started"), b"oops", &line(&nonce, "end"), b"late"].concat();
        let mut parser = StderrParser::new(&nonce);
        let parsed: Vec<_> = parser.push(&stream).collect::<Result<_, _>>().unwrap();
        assert_eq!(
            parsed,
            [
                Parsed::Noise(b"stty: no tty\n"),
                Parsed::Control(Mark::Started),
                Parsed::Output(b"oops"),
                Parsed::Control(Mark::Ended)
            ]
        );
        assert!(parser.is_ended());
    }
}
