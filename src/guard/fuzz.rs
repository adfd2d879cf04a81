//! Fuzzing of the parsers with anything that a host may send in the guard's place. `tests/fuzz` searches; the tests
//! here replay.

use super::{Control, ControlLine, Nonce, Parsed, Parser, ProtocolError, StderrParser, StdoutParser};

/// The result of parsing a stream, with adjacent pieces joined.
#[derive(Debug, PartialEq)]
struct Read<L> {
    noise: Vec<u8>,
    output: Vec<u8>,
    /// Each control line, and how much of the script's output came before it.
    words: Vec<(usize, Result<L, ProtocolError>)>,
}

fn read<L: ControlLine>(mut parser: Parser<L>, stream: &[u8], chunk: usize) -> Read<L> {
    let mut read = Read { noise: Vec::new(), output: Vec::new(), words: Vec::new() };
    for bytes in stream.chunks(chunk) {
        for parsed in parser.push(bytes) {
            match parsed {
                Ok(Parsed::Noise(bytes)) => read.noise.extend_from_slice(bytes),
                Ok(Parsed::Output(bytes)) => read.output.extend_from_slice(bytes),
                Ok(Parsed::Control(word)) => read.words.push((read.output.len(), Ok(word))),
                Err(error) => read.words.push((read.output.len(), Err(error))),
            }
        }
    }
    match parser.finish() {
        Some(Parsed::Noise(bytes)) => read.noise.extend_from_slice(bytes),
        Some(Parsed::Output(bytes)) => read.output.extend_from_slice(bytes),
        Some(Parsed::Control(_)) | None => {}
    }
    assert_eq!(parser.output_bytes(), read.output.len() as u64, "what is handed on is what is counted");
    read
}

/// The first byte says how the rest is cut into chunks.
fn cut(input: &[u8]) -> Option<(usize, &[u8])> {
    let (&chunk, stream) = input.split_first()?;
    Some((usize::from(chunk) + 1, stream))
}

/// A stdout parses the same however it is cut, nothing is invented, and nothing can be forged without the nonce.
///
/// # Panics
/// When one of these does not hold.
pub fn stdout_protocol(input: &[u8]) {
    let Some((chunk, stream)) = cut(input) else { return };
    let known = Nonce::known();
    let whole = read(StdoutParser::new(&known), stream, usize::MAX);
    assert_eq!(whole, read(StdoutParser::new(&known), stream, chunk), "the same, however it is cut");
    assert!(whole.noise.len() + whole.output.len() <= stream.len(), "nothing is made up");
    for word in &whole.words {
        if let (_, Ok(Control::Ended(trailer))) = word {
            let status = trailer.status.to_string();
            assert!(!status.contains(char::is_control) && status.len() < 40, "{status:?}");
        }
    }

    let forged = read(StdoutParser::new(&Nonce::random()), stream, chunk);
    assert!(forged.words.is_empty() && forged.output.is_empty(), "without the nonce nothing is the guard's word");
    assert_eq!(forged.noise, stream, "and nothing is lost");
}

/// The same for a stderr.
///
/// # Panics
/// When one of these does not hold.
pub fn stderr_protocol(input: &[u8]) {
    let Some((chunk, stream)) = cut(input) else { return };
    let known = Nonce::known();
    let whole = read(StderrParser::new(&known), stream, usize::MAX);
    assert_eq!(whole, read(StderrParser::new(&known), stream, chunk), "the same, however it is cut");
    assert!(whole.noise.len() + whole.output.len() <= stream.len(), "nothing is made up");
}

#[cfg(test)]
mod tests {
    use provider_core::replay::replay;

    use super::{stderr_protocol, stdout_protocol};

    #[test]
    fn the_protocol_holds_for_all_that_was_found() {
        replay("stdout_protocol", stdout_protocol);
        replay("stderr_protocol", stderr_protocol);
    }
}
