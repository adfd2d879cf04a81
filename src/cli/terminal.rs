//! Asks the person at the terminal, if there is one.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, IsTerminal, Write},
};

use crate::report::neutral;

/// The terminal of the person who started this program, if they watch it and can answer: standard error goes there, and
/// this program is not in the background. Standard input may be anything, for example a script.
pub(super) fn open() -> Option<File> {
    if !io::stderr().is_terminal() {
        return None;
    }
    let terminal = File::options().read(true).write(true).open("/dev/tty").ok()?;
    // The system stops a background process that reads from the terminal, and the user would not know why.
    let foreground = rustix::termios::tcgetpgrp(&terminal).ok()?;
    (foreground == rustix::process::getpgrp()).then_some(terminal)
}

/// Whether an answer is yes.
pub(super) fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

/// Shows `question` and waits for a line; end of input counts as an empty one.
pub(super) fn ask(mut terminal: File, question: &str) -> io::Result<String> {
    terminal.write_all(neutral::block(question).as_bytes())?;
    let mut line = String::new();
    BufReader::new(terminal).read_line(&mut line)?;
    Ok(line)
}
