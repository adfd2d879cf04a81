//! A file that is always whole: it is written beside the old one, which it then takes the place of.
//!
//! What is written so holds what servers print, which may be nobody else's affair: a new file is its owner's alone. One
//! that is there keeps its mode, so that whoever reads it goes on to, and nobody else begins to.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{MetadataExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
};

/// When a file must be on the disk itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// Before this returns.
    Now,
    /// When the system gets to it: another one will soon take its place.
    Later,
}

/// Writes `bytes` to the file at `path`, or leaves the one that is there as it is.
///
/// # Errors
/// When there is no room, no folder or no permission.
pub fn write(path: &Path, bytes: &[u8], sync: Sync) -> io::Result<()> {
    let mut file = tempfile::Builder::new()
        .prefix(".fleetwide-report-")
        .permissions(fs::Permissions::from_mode(0o600))
        .tempfile_in(folder(path))?;
    file.write_all(bytes)?;
    match fs::metadata(path) {
        Ok(old) => inherit(file.as_file(), &old)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    match sync {
        Sync::Now => file.as_file().sync_all()?,
        Sync::Later => {}
    }
    file.persist(path)?;
    Ok(())
}

/// Where a file really goes: a link stays a link, and a device or a pipe is never replaced by a file.
///
/// # Errors
/// When something is there that is no file, or that cannot be looked at.
pub fn destination(path: &Path) -> io::Result<PathBuf> {
    match fs::metadata(path) {
        Ok(found) if found.is_file() => fs::canonicalize(path),
        Ok(_) => Err(io::Error::new(io::ErrorKind::InvalidInput, "it exists and is not a file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(path.to_owned()),
        Err(error) => Err(error),
    }
}

/// Gives `file` the mode of the `old` one, and its owner and group as far as we may.
fn inherit(file: &fs::File, old: &fs::Metadata) -> io::Result<()> {
    // Only root may give a file away; a group, whoever belongs to it.
    let own = file.metadata()?;
    let as_it_was = (own.uid(), own.gid()) == (old.uid(), old.gid())
        || fchown(file, Some(old.uid()), Some(old.gid())).is_ok()
        || fchown(file, None, Some(old.gid())).is_ok();
    // What the old group might do is not for another.
    let allowed = if as_it_was { 0o777 } else { 0o707 };
    file.set_permissions(fs::Permissions::from_mode(old.mode() & allowed))
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
