//! A stream to somebody who may go away: `fleetwide … | head` must neither panic nor end the run.

use std::{
    fmt,
    io::{self, Write},
    sync::{Arc, Mutex},
};

use super::lock;

/// One output stream, shared by all who write to it. After the first failure it swallows the rest
/// and remembers why.
#[derive(Clone)]
pub(super) struct Outlet(Arc<Mutex<State>>);

struct State {
    writer: Box<dyn Write + Send>,
    failure: Option<io::Error>,
}

impl Outlet {
    pub(super) fn new(writer: Box<dyn Write + Send>) -> Self {
        Self(Arc::new(Mutex::new(State { writer, failure: None })))
    }

    /// Writes `text` as it is and flushes.
    pub(super) fn print(&self, text: &str) {
        let mut state = lock(&self.0);
        if state.failure.is_some() {
            return;
        }
        let written = state.writer.write_all(text.as_bytes()).and_then(|()| state.writer.flush());
        if let Err(failure) = written {
            state.failure = Some(failure);
        }
    }

    /// Writes `text` and a line break.
    pub(super) fn line(&self, text: &str) {
        self.print(&format!("{text}\n"));
    }

    /// Why nothing is written any more, if so.
    pub(super) fn failure(&self) -> Option<String> {
        lock(&self.0).failure.as_ref().map(ToString::to_string)
    }
}

impl fmt::Debug for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outlet").field("failure", &self.failure()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_remembered_and_harmless() {
        let outlet = Outlet::new(Box::new(Closed));
        outlet.line("one");
        outlet.line("two");
        assert_eq!(outlet.failure().as_deref(), Some("broken pipe"));
    }
}
