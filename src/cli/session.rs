//! What a verb needs of the surroundings: environment, terminal, signals. Read once, here.

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

/// One invocation's surroundings.
#[derive(Debug)]
pub(super) struct Session {
    /// Ctrl-C and its like, from the program's start on.
    pub(super) cancel: mpsc::Receiver<Cancel>,
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
            let _ = Patient(io::stderr()).write_all(text.as_bytes());
        }
    }

    /// Does something that touches no host, until it is done or somebody interrupts.
    pub(super) async fn unless_interrupted<T>(&mut self, work: impl Future<Output = T>) -> Result<T, CliError> {
        tokio::select! {
            done = work => Ok(done),
            Some(reason) = self.cancel.recv() => Err(CliError::Interrupted(reason)),
        }
    }
}

impl Session {
    /// Asks the person at the terminal; `None` where there is none.
    pub(super) async fn ask(&mut self, question: &str) -> Result<Option<String>, CliError> {
        let Some(terminal) = terminal::open() else { return Ok(None) };
        let question = question.to_owned();
        let answer = tokio::task::spawn_blocking(move || terminal::ask(terminal, &question));
        let answer = self.unless_interrupted(answer).await?.map_err(io::Error::from);
        Ok(Some(answer.and_then(|answer| answer).map_err(CliError::Terminal)?))
    }
}

/// A reporter to this terminal, or whatever stands in its place.
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

/// The pipeline that runs us, if one does.
pub(super) fn pipeline(kind: PipelineKind) -> Option<Pipeline> {
    match kind {
        PipelineKind::Auto => Pipeline::detect(env),
        PipelineKind::GitHub => Some(Pipeline::GitHub),
        PipelineKind::GitLab => Some(Pipeline::GitLab),
        PipelineKind::Azure => Some(Pipeline::Azure),
        PipelineKind::None => None,
    }
}

/// The pipeline that runs us, where our command line cannot be understood as a whole.
pub(super) fn pipeline_of_line() -> Option<Pipeline> {
    let line: Vec<_> = std::env::args_os().collect();
    let said = flag(&line, "--pipeline").and_then(|word| word.into_string().ok()).or_else(|| env("FLEETWIDE_PIPELINE"));
    let kind = said.and_then(|word| PipelineKind::from_str(&word, false).ok());
    pipeline(kind.unwrap_or(PipelineKind::Auto))
}

/// The value that a line gives to a flag, as far as that can be told of a line that is not finished, or wrong.
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

/// One variable of the environment; none when it is not text.
pub(super) fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Where configuration may be.
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

/// The folder that remembers what was found, for a short while.
pub(super) fn cache_folder() -> Result<PathBuf, CliError> {
    folder("XDG_CACHE_HOME", ".cache", "what was found")
}

/// Our own folder in that of `variable`, or in its usual place at home.
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

/// How wide a terminal is now; none when it is no terminal.
fn columns(stream: impl AsFd) -> Option<u16> {
    rustix::termios::tcgetwinsize(stream).ok().map(|size| size.ws_col).filter(|columns| *columns > 0)
}

/// The words of this invocation, to be shown: one that is not text is shown as near as can be.
pub(super) fn arguments() -> impl Iterator<Item = String> {
    std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned())
}

/// Tells people of an error.
pub(super) fn complain(text: &str) {
    let text = match columns(io::stderr()) {
        Some(columns) => paragraphs(text, usize::from(columns)),
        None => text.to_owned(),
    };
    // Nobody is left to be told when even this cannot be written.
    let _ = Patient(io::stderr()).write_all(text.as_bytes());
}

/// Writes a result to standard output. A reader that has gone away (`| head`) is no error.
pub(super) fn print(bytes: &[u8]) -> Result<u8, CliError> {
    let mut stdout = Patient(io::stdout().lock());
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CliError::Output(error)),
        _ => Ok(exit_code::SUCCESS),
    }
}

/// Writes a file of the user's, never over another.
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
