//! Configuration as a whole: files in, targets or errors out.

mod bad_files;
mod bad_selectors;
mod bad_text;
mod bad_values;
mod good_files;
mod precedence;
mod readme;
mod targets;

use std::fs;

use tempfile::TempDir;

use super::{Config, ConfigError, Overrides, Places, Target};

/// A folder with a project, and a home beside it.
struct Fixture {
    root: TempDir,
}

impl Fixture {
    fn new() -> Self {
        let fixture = Self { root: tempfile::tempdir().expect("a folder") };
        fixture.write("shop/.git/HEAD", "");
        fixture
    }

    fn with_project(text: &str) -> Self {
        let fixture = Self::new();
        fixture.write("shop/fleetwide.toml", text);
        fixture
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().expect("below the root")).expect("a folder");
        fs::write(path, text).expect("writable");
    }

    fn places(&self) -> Places {
        let home = self.root.path().join("home");
        let env = |name: &str| (name == "HOME").then(|| home.display().to_string());
        Places::new(None, self.root.path().join("shop"), &env)
    }

    fn config(&self) -> Config {
        Config::load(&self.places()).unwrap_or_else(|error| panic!("{error}"))
    }

    fn target(&self, overrides: &Overrides) -> Target {
        self.config().target(None, overrides).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The error for the project's file, with its hint, as the command line prints it.
    fn complaint(&self) -> String {
        let error = Config::load(&self.places()).and_then(|config| config.target(None, &Overrides::default()));
        said(&error.expect_err("a bad file"))
    }
}

/// An error as the command line prints it.
fn said(error: &ConfigError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text += &format!("\ncaused by: {error}");
        cause = error.source();
    }
    text + &error.hint().map(|hint| format!("\nhint: {hint}")).unwrap_or_default()
}

/// One test per file, with the expected error.
macro_rules! complaints {
    ($($name:ident: $text:literal => @$said:literal;)+) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(super::Fixture::with_project($text).complaint(), @$said);
        }
    )+};
}

use complaints;
