//! Standard output and standard error that may be non-blocking: a parent that shares the pipe or terminal with this
//! program (Node, `ssh`, an editor) may set `O_NONBLOCK`, which applies to every process that writes there.
//!
//! For such a stream, the system reports a full pipe as an error. [`Patient`] waits for the reader instead.

use std::{
    io::{self, Write},
    os::fd::AsFd,
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
};

/// A stream that waits for its reader, even if it is non-blocking.
#[derive(Debug)]
pub(super) struct Patient<S>(pub(super) S);

impl<S: Write + AsFd> Patient<S> {
    fn wait(&mut self, mut attempt: impl FnMut(&mut S) -> io::Result<usize>) -> io::Result<usize> {
        loop {
            match attempt(&mut self.0) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => writable(&self.0)?,
                done => return done,
            }
        }
    }
}

// `write_all` is not forwarded: after an error, it does not say how much was written.
impl<S: Write + AsFd> Write for Patient<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.wait(|stream| stream.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.wait(|stream| stream.flush().map(|()| 0)).map(drop)
    }
}

/// Waits until the stream can be written, or is broken; the next write then reports the error.
fn writable(stream: &impl AsFd) -> io::Result<()> {
    loop {
        match poll(&mut [PollFd::new(stream, PollFlags::OUT)], None) {
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
