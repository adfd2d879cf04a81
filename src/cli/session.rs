//! The surroundings of a verb: environment, terminal, signals. Read once, here.

use std::{
    ffi::OsString,
    io::{self, IsTerminal, Write},
    os::fd::AsFd,
    path::{Path, PathBuf},
};

use clap::ValueEnum;
use tokio::sync::mpsc;

use super::{
    args::{GlobalArgs, Output, PipelineKind},
    error::CliError,
    exit_code,
    patient::Patient,
    signals, terminal,
};
use crate::{
    config::Places,
    report::{Builder, Destination, Detail, Format, Pipeline, Reporter, Screen, paragraphs},
    rollout::Cancel,
};

/// The surroundings of one invocation.
#[derive(Debug)]
pub(super) struct Session {
    /// Ctrl-C and the like, from the program's start on.
    pub(super) cancel: mpsc::Receiver<Cancel>,
    quiet: bool,
}

impl Session {
    /// Takes over the signals.
    pub(super) fn begin(global: &GlobalArgs) -> Result<Self, CliError> {
        Ok(Self { cancel: signals::listen().map_err(CliError::Runtime)?, quiet: global.quiet })
    }

    /// Tells people something that is not a result.
    pub(super) fn say(&self, text: &str) {
        if !self.quiet {
            // The work does not depend on an open standard error.
            let _ = Patient(io::stderr()).write_all(text.as_bytes());
        }
    }

    /// Does something that touches no host, until it is done or interrupted.
    pub(super) async fn unless_interrupted<T>(&mut self, work: impl Future<Output = T>) -> Result<T, CliError> {
        tokio::select! {
            done = work => Ok(done),
            Some(reason) = self.cancel.recv() => Err(CliError::Interrupted(reason)),
        }
    }
}

impl Session {
    /// Asks the person at the terminal; `None` if there is none.
    pub(super) async fn ask(&mut self, question: &str) -> Result<Option<String>, CliError> {
        let Some(terminal) = terminal::open() else { return Ok(None) };
        let question = question.to_owned();
        let answer = tokio::task::spawn_blocking(move || terminal::ask(terminal, &question));
        let answer = self.unless_interrupted(answer).await?.map_err(io::Error::from);
        Ok(Some(answer.and_then(|answer| answer).map_err(CliError::Terminal)?))
    }
}

/// A reporter to this terminal, or to whatever replaces it.
pub(super) fn reporter(global: &GlobalArgs) -> Builder {
    let screen = |terminal, columns| Screen::detect(terminal, columns, env);
    let stdout = Destination {
        screen: screen(io::stdout().is_terminal(), columns(io::stdout())),
        writer: Box::new(Patient(io::stdout())),
    };
    let stderr = Destination {
        screen: screen(io::stderr().is_terminal(), columns(io::stderr())),
        writer: Box::new(Patient(io::stderr())),
    };
    let detail = match (global.quiet, global.verbose) {
        (true, _) => Detail::Quiet,
        (false, true) => Detail::Verbose,
        (false, false) => Detail::Normal,
    };
    let format = match global.output {
        Output::Human | Output::SshConfig | Output::Ansible | Output::Csv => Format::Human,
        Output::Stream => Format::Stream,
        Output::Group => Format::Group,
        Output::Json => Format::Json,
    };
    Reporter::builder(stdout, stderr)
        .detail(detail)
        .format(format)
        .pipeline(pipeline(global.pipeline), env)
        .live_width(|| columns(io::stderr()).unwrap_or(80))
}

/// The pipeline that runs this program, if any.
pub(super) fn pipeline(kind: PipelineKind) -> Option<Pipeline> {
    match kind {
        PipelineKind::Auto => Pipeline::detect(env),
        PipelineKind::GitHub => Some(Pipeline::GitHub),
        PipelineKind::GitLab => Some(Pipeline::GitLab),
        PipelineKind::Azure => Some(Pipeline::Azure),
        PipelineKind::None => None,
    }
}

/// The pipeline that runs this program, for a command line that cannot be parsed.
pub(super) fn pipeline_of_line() -> Option<Pipeline> {
    let line: Vec<_> = std::env::args_os().collect();
    let said = flag(&line, "--pipeline").and_then(|word| word.into_string().ok()).or_else(|| env("FLEETWIDE_PIPELINE"));
    let kind = said.and_then(|word| PipelineKind::from_str(&word, false).ok());
    pipeline(kind.unwrap_or(PipelineKind::Auto))
}

/// The value of a flag on a line that may be unfinished or wrong, as far as it can be found.
pub(super) fn flag(line: &[OsString], name: &str) -> Option<OsString> {
    let mut words = line.iter().take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        if word == name {
            return words.next().cloned();
        }
        let value = word.to_str().and_then(|word| word.strip_prefix(name)).and_then(|rest| rest.strip_prefix('='));
        if let Some(value) = value {
            return Some(value.into());
        }
    }
    None
}

/// One variable of the environment; `None` if it is not text.
pub(super) fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Where configuration files may be.
pub(super) fn places(global: &GlobalArgs) -> Result<Places, CliError> {
    let here = std::env::current_dir().map_err(|source| CliError::File {
        what: "find the current folder",
        path: PathBuf::from("."),
        hint: Some("change to a folder that exists"),
        source,
    })?;
    Ok(Places::new(global.config.clone(), here, &env))
}

/// The folder that remembers host keys.
pub(super) fn known_hosts() -> Result<PathBuf, CliError> {
    Ok(folder("XDG_STATE_HOME", ".local/state", "host keys")?.join("known_hosts"))
}

/// The folder that caches discovered hosts for a short while.
pub(super) fn cache_folder() -> Result<PathBuf, CliError> {
    folder("XDG_CACHE_HOME", ".cache", "what was found")
}

/// Fleetwide's folder in the folder that `variable` names, or in its usual place at home.
fn folder(variable: &str, usual: &str, what: &str) -> Result<PathBuf, CliError> {
    let base = match env(variable).map(PathBuf::from).filter(|path| path.is_absolute()) {
        Some(base) => base,
        None => home()
            .ok_or_else(|| CliError::Usage {
                message: format!("there is no home folder in which {what} could be remembered"),
                hint: Some(format!("set HOME or {variable}")),
            })?
            .join(usual),
    };
    Ok(base.join("fleetwide"))
}

fn home() -> Option<PathBuf> {
    env("HOME").map(PathBuf::from).filter(|path| path.is_absolute())
}

/// The current width of a terminal; `None` if the stream is not a terminal.
fn columns(stream: impl AsFd) -> Option<u16> {
    rustix::termios::tcgetwinsize(stream).ok().map(|size| size.ws_col).filter(|columns| *columns > 0)
}

/// The words of this invocation, for display: words that are not text are shown approximately.
pub(super) fn arguments() -> impl Iterator<Item = String> {
    std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned())
}

/// Shows people an error.
pub(super) fn complain(text: &str) {
    let text = match columns(io::stderr()) {
        Some(columns) => paragraphs(text, usize::from(columns)),
        None => text.to_owned(),
    };
    // If even this cannot be written, there is no way to report it.
    let _ = Patient(io::stderr()).write_all(text.as_bytes());
}

/// Writes a result to standard output. A reader that has gone (`| head`) is not an error.
pub(super) fn print(bytes: &[u8]) -> Result<u8, CliError> {
    let mut stdout = Patient(io::stdout().lock());
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CliError::Output(error)),
        _ => Ok(exit_code::SUCCESS),
    }
}

/// Creates a file for the user; never overwrites one.
pub(super) fn create(path: &Path, text: &str) -> io::Result<()> {
    std::fs::File::create_new(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_of_a_flag_is_found_in_any_line() {
        let value = |words: &str| flag(&words.split(' ').map(OsString::from).collect::<Vec<_>>(), "--config");
        assert_eq!(value("fleetwide deploy"), None);
        assert_eq!(value("fleetwide --config a.toml deploy"), Some("a.toml".into()));
        assert_eq!(value("fleetwide deploy --config=b.toml"), Some("b.toml".into()));
        assert_eq!(value("fleetwide deploy --config"), None);
        assert_eq!(value("fleetwide deploy --configure x"), None);
        assert_eq!(value("fleetwide run -- x --config c.toml"), None);
    }
}
