//! The input of a command on every host: bytes in a file on this machine.

use std::{fs::File, io, os::unix::fs::FileExt, sync::Arc};

/// Bytes for every host, sent to each at its own pace. They are read when they are sent, so that many hosts and much
/// input take no more memory than one host and little input.
#[derive(Clone, Debug)]
pub struct Input {
    file: Arc<File>,
    length: u64,
}

impl Input {
    /// All of `file`, which must not change.
    ///
    /// # Errors
    /// When its length cannot be read.
    pub fn new(file: File) -> io::Result<Self> {
        Ok(Self { length: file.metadata()?.len(), file: Arc::new(file) })
    }

    /// How many bytes there are.
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// Fills at least part of `buffer` with the bytes at `offset`.
    ///
    /// # Errors
    /// When the file cannot be read, or is shorter than it was.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = left.min(buffer.len());
        match self.file.read_at(&mut buffer[..wanted], offset)? {
            0 if wanted > 0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => Ok(count),
        }
    }
}
