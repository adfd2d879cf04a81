//! Standard input, for a command to read on every host.
//!
//! A file is always sent (`run web -- sh < fix.sh`): it has an end, and reading it takes nothing from other readers. A
//! pipe may never end, and reading it takes its bytes from the next reader: a pipeline's runner or a `while read` loop
//! often leaves one open to the programs it starts. So a pipe is read only on request (`--stdin`). A pipe that holds
//! data is never ignored silently, because a command that was meant to read it would succeed everywhere without doing
//! anything.

use std::{
    fs::File,
    io::{self, Seek, Write},
    os::{fd::AsFd, unix::fs::FileExt},
    path::PathBuf,
};

use rustix::fs::{FileType, fstat};

use super::{error::CliError, session::Session};
use crate::guard::Input;

/// Reads standard input to its end, if it is meant for the hosts. It goes into a file without a name, so that memory
/// use depends neither on its length nor on the number of hosts.
pub(super) async fn take(asked: bool, session: &mut Session) -> Result<Option<Input>, CliError> {
    let regular = is_file().map_err(CliError::Stdin)?;
    if !regular && !asked {
        return Ok(None);
    }
    let copy = move || if regular { copy_file() } else { copy_stream() };
    let copied = session.unless_interrupted(tokio::task::spawn_blocking(copy)).await?;
    let input = copied.map_err(io::Error::from).and_then(|file| Input::new(file?)).map_err(CliError::Stdin)?;
    Ok(Some(input).filter(|input| input.length() > 0))
}

/// Refuses to leave input unread that may be meant for the hosts.
pub(super) fn refuse_unread() -> Result<(), CliError> {
    let waiting = match is_file() {
        Ok(false) => rustix::io::ioctl_fionread(io::stdin()).unwrap_or(0),
        Ok(true) | Err(_) => 0,
    };
    if waiting == 0 || rustix::termios::isatty(io::stdin()) {
        return Ok(());
    }
    Err(CliError::Usage {
        message: "standard input is a pipe that holds something, and nobody said who is to read it".to_owned(),
        hint: Some("no host was touched; --stdin sends it to every host, `< /dev/null` leaves it unread".to_owned()),
    })
}

/// The path of the file on standard input.
pub(super) fn name() -> Option<PathBuf> {
    std::fs::read_link("/proc/self/fd/0").ok().filter(|path| path.is_file())
}

fn is_file() -> io::Result<bool> {
    Ok(FileType::from_raw_mode(fstat(io::stdin().as_fd())?.st_mode) == FileType::RegularFile)
}

/// Copies the rest of the file without moving its offset, so that a loop that reads the file line by line loses none.
fn copy_file() -> io::Result<File> {
    let stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut copy = tempfile::tempfile()?;
    let mut offset = rustix::fs::tell(&stdin)?;
    let mut piece = vec![0; 64 * 1024];
    loop {
        match stdin.read_at(&mut piece, offset)? {
            0 => break,
            count => {
                copy.write_all(&piece[..count])?;
                offset += count as u64;
            }
        }
    }
    copy.rewind()?;
    Ok(copy)
}

fn copy_stream() -> io::Result<File> {
    let mut copy = tempfile::tempfile()?;
    io::copy(&mut io::stdin().lock(), &mut copy)?;
    Ok(copy)
}
