//! Standard output and standard error, where somebody made them non-blocking: a parent that shares the pipe or terminal
//! with us (Node, `ssh`, an editor) may set `O_NONBLOCK`, which holds for all who write there.
//!
//! A full pipe is then an error to the system, and to us a reader who is to be waited for, as ever.

use std::{
    io::{self, Write},
    os::fd::AsFd,
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
};

/// A stream that waits for its reader, whatever the stream is told.
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

// `write_all` is not handed on: how much of it was written before an error, nobody could tell.
impl<S: Write + AsFd> Write for Patient<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.wait(|stream| stream.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.wait(|stream| stream.flush().map(|()| 0)).map(drop)
    }
}

/// Waits until something can be written; also until nothing can be any more, which the next write says better.
fn writable(stream: &impl AsFd) -> io::Result<()> {
    loop {
        match poll(&mut [PollFd::new(stream, PollFlags::OUT)], None) {
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
