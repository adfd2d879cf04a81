//! Finding and reading the files.
//!
//! The caller passes the environment and the home folder, so that a test needs neither.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use super::{document::Document, error::ConfigError, layers::Layer, paths::Anchor};

/// The name of a project's file.
pub const FILE_NAME: &str = "fleetwide.toml";

/// The largest file that is read. A configuration of ten thousand listed hosts is smaller; a log or an image named by
/// mistake is not.
const LARGEST: u64 = 4 * 1024 * 1024;

/// Where to look for configuration.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// The file that the user named. If set, no project file is searched.
    pub config: Option<PathBuf>,
    /// The working directory, absolute. `fleetwide.toml` is searched here and above.
    pub directory: PathBuf,
    /// The home folder.
    pub home: Option<PathBuf>,
    /// The folder of the user's configuration files (`XDG_CONFIG_HOME`).
    pub config_home: Option<PathBuf>,
}

impl Places {
    /// The places from `--config`, the working directory and the environment (`HOME`, `XDG_CONFIG_HOME`).
    pub fn new(config: Option<PathBuf>, directory: PathBuf, env: &dyn Fn(&str) -> Option<String>) -> Self {
        let folder = |name| env(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = folder("HOME");
        let config_home = folder("XDG_CONFIG_HOME").or_else(|| home.as_ref().map(|home| home.join(".config")));
        Self { config, directory, home, config_home }
    }

    /// The files that exist.
    pub fn find(&self) -> Sources {
        let named = self.config.as_ref().map(|path| self.directory.join(path));
        let user = self.config_home.as_ref().map(|folder| folder.join("fleetwide/config.toml"));
        Sources { project: named.or_else(|| self.search()), user: user.filter(|path| is_there(path)) }
    }

    /// Searches here and above, up to the root of a checkout: a file outside it belongs to another project.
    fn search(&self) -> Option<PathBuf> {
        for folder in self.directory.ancestors() {
            let path = folder.join(FILE_NAME);
            if is_there(&path) {
                return Some(path);
            }
            if is_there(&folder.join(".git")) {
                break;
            }
        }
        None
    }
}

/// True for anything with that name. A broken link counts, so that it becomes an error instead of being ignored.
fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// The files that configuration was read from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// The project's.
    pub project: Option<PathBuf>,
    /// The user's.
    pub user: Option<PathBuf>,
}

/// The content of all files. [`Config::target`] makes a target of it.
#[derive(Clone, Debug, Default)]
pub struct Config {
    pub(super) sources: Sources,
    pub(super) project: Layer,
    pub(super) user: Layer,
    /// The folder to which paths of flags and variables are relative.
    pub(super) anchor: Anchor,
}

impl Config {
    /// Finds and reads the files. Finding none is no error: flags may set everything.
    ///
    /// # Errors
    /// When a file cannot be read, or is wrong.
    pub fn load(places: &Places) -> Result<Self, ConfigError> {
        let sources = places.find();
        let anchor = Anchor { folder: places.directory.clone(), home: places.home.clone() };
        let layer = |path: &Option<PathBuf>| path.as_deref().map(|path| read(path, &anchor)).transpose();
        let project = layer(&sources.project)?.unwrap_or_default();
        let user = layer(&sources.user)?.unwrap_or_default();
        Ok(Self { sources, project, user, anchor })
    }

    /// Which files were read.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }
}

fn read(path: &Path, from: &Anchor) -> Result<Layer, ConfigError> {
    let text = read_text(path)?;
    let folder = path.parent().unwrap_or(Path::new("/")).to_owned();
    Layer::read(Document::new(path, &from.folder, text), &Anchor { folder, home: from.home.clone() })
}

/// Reads a file that should be a small text.
fn read_text(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    let no_text = |why: String| ConfigError::NoText { path: path.to_owned(), why };
    if fs::metadata(path).map_err(unreadable)?.is_dir() {
        return Err(no_text("it is a directory".into()));
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err(no_text(format!("it is larger than {} MiB", LARGEST / 1024 / 1024)));
    }
    String::from_utf8(bytes).map_err(|error| {
        no_text(format!("it is not text (byte {} is not UTF-8)", error.utf8_error().valid_up_to() + 1))
    })
}
