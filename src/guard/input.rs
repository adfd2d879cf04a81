//! What a command is to read on every host: bytes in a file on this machine.

use std::{fs::File, io, os::unix::fs::FileExt, sync::Arc};

/// Bytes that every host is sent from the first to the last, each at its own pace. They are read when they
/// are sent, so that many hosts and much input take no more memory than one host and little.
#[derive(Clone, Debug)]
pub struct Input {
    file: Arc<File>,
    length: u64,
}

impl Input {
    /// All of `file`, which nobody else may change.
    ///
    /// # Errors
    /// When its length cannot be told.
    pub fn new(file: File) -> io::Result<Self> {
        Ok(Self { length: file.metadata()?.len(), file: Arc::new(file) })
    }

    /// How many bytes there are.
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// Fills some of `buffer` with what stands at `offset`.
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
