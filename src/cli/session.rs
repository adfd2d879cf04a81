//! What a verb needs of the surroundings: environment, terminal, signals. Read once, here.

use std::{
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
};

use tokio::sync::mpsc;

use super::{args::GlobalArgs, error::CliError, signals};
use crate::{
    config::Places,
    report::Screen,
    rollout::StopReason,
};

/// One invocation's surroundings.
#[derive(Debug)]
pub(super) struct Session {
    /// Ctrl-C and its like, from the program's start on.
    pub(super) cancel: mpsc::Receiver<StopReason>,
    quiet: bool,
}

impl Session {
    /// Takes the signals over.
    pub(super) fn begin(global: &GlobalArgs) -> Result<Self, CliError> {
        Ok(Self { cancel: signals::listen().map_err(CliError::Runtime)?, quiet: global.quiet })
    }

    /// Tells people something that is no result.
    pub(super) fn say(&self, text: &str) {
        if !self.quiet {
            // A closed standard error takes nothing away from the work.
            let _ = io::stderr().write_all(text.as_bytes());
        }
    }
}

/// One variable of the environment; none when it is not text.
pub(super) fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Where configuration may be.
pub(super) fn places(global: &GlobalArgs) -> Result<Places, CliError> {
    let here = std::env::current_dir()
        .map_err(|source| CliError::File { what: "find the current folder", path: PathBuf::from("."), source })?;
    Ok(Places { file: global.config.clone(), here, home: home(), config_home: env("XDG_CONFIG_HOME").map(PathBuf::from) })
}

/// The folder that remembers host keys.
pub(super) fn known_hosts() -> Result<PathBuf, CliError> {
    let state = match env("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute()) {
        Some(state) => state,
        None => home()
            .ok_or_else(|| CliError::Usage {
                message: "there is no home folder in which host keys could be remembered".to_owned(),
                hint: Some("set HOME or XDG_STATE_HOME".to_owned()),
            })?
            .join(".local/state"),
    };
    Ok(state.join("fleetwide/known_hosts"))
}

fn home() -> Option<PathBuf> {
    env("HOME").map(PathBuf::from).filter(|path| path.is_absolute())
}

/// What standard output can show.
pub(super) fn stdout_screen() -> Screen {
    Screen::detect(io::stdout().is_terminal(), columns(&io::stdout()), env)
}

/// What standard error can show.
pub(super) fn stderr_screen() -> Screen {
    Screen::detect(io::stderr().is_terminal(), columns(&io::stderr()), env)
}

fn columns(stream: &impl std::os::fd::AsFd) -> Option<u16> {
    rustix::termios::tcgetwinsize(stream).ok().map(|size| size.ws_col).filter(|columns| *columns > 0)
}

/// Writes a result to standard output. A reader that has gone away (`| head`) is no error.
pub(super) fn print(bytes: &[u8]) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CliError::Output(error)),
        _ => Ok(()),
    }
}

/// Writes a file of the user's, never over another.
pub(super) fn create(path: &Path, text: &str) -> Result<(), CliError> {
    let file = std::fs::File::create_new(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|source| CliError::File { what: "write", path: path.to_owned(), source })
}
