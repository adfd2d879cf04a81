//! Writes a file that is always complete: the new content is written beside the old file and then replaces it.
//!
//! A new file has the mode that the user's umask gives, for other programs of a pipeline read it, often as another user.
//! An existing file keeps its mode, so its readers keep access and nobody else gains it.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{MetadataExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
};

/// When a file must reach the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// Before this returns.
    Now,
    /// When the system gets to it, because another version will soon replace it.
    Later,
}

/// Writes `bytes` to the file at `path`, or leaves an existing file as it is.
///
/// # Errors
/// When there is no room, no folder or no permission.
pub fn write(path: &Path, bytes: &[u8], sync: Sync) -> io::Result<()> {
    let mut file = tempfile::Builder::new()
        .prefix(".fleetwide-report-")
        .permissions(fs::Permissions::from_mode(0o666))
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

/// The path where a file really goes: a link stays a link, and a device or a pipe is never replaced by a file.
///
/// # Errors
/// When the path is something other than a file, or cannot be inspected.
pub fn destination(path: &Path) -> io::Result<PathBuf> {
    match fs::metadata(path) {
        Ok(found) if found.is_file() => fs::canonicalize(path),
        Ok(_) => Err(io::Error::new(io::ErrorKind::InvalidInput, "it exists and is not a file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(path.to_owned()),
        Err(error) => Err(error),
    }
}

/// Gives `file` the mode of the `old` one, and its owner and group if permitted.
fn inherit(file: &fs::File, old: &fs::Metadata) -> io::Result<()> {
    // Only root may change the owner; any member of a group may set that group.
    let own = file.metadata()?;
    let as_it_was = (own.uid(), own.gid()) == (old.uid(), old.gid())
        || fchown(file, Some(old.uid()), Some(old.gid())).is_ok()
        || fchown(file, None, Some(old.gid())).is_ok();
    // The permissions of the old group must not pass to another group.
    let allowed = if as_it_was { 0o777 } else { 0o707 };
    file.set_permissions(fs::Permissions::from_mode(old.mode() & allowed))
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
