//! Fuzzing of configuration files with arbitrary text. `tests/fuzz` searches; the test here replays.

use std::{error::Error, path::Path};

use super::{Config, ConfigError, Overrides, document::Document, layers::Layer, paths::Anchor};

/// Any text is either a configuration or an error that is safe to print.
///
/// # Panics
/// When it is neither.
pub fn config(input: &[u8]) {
    // `load` refuses bytes that are not text before this point.
    let Ok(text) = std::str::from_utf8(input) else { return };
    let anchor = Anchor { folder: "/shop".into(), home: Some("/home/ops".into()) };
    let document = Document::new(Path::new("/shop/fleetwide.toml"), Path::new("/shop"), text.to_owned());
    let project = match Layer::read(document, &anchor) {
        Ok(layer) => layer,
        Err(error) => return fit_to_be_shown(&error),
    };
    let config = Config { project, anchor, ..Config::default() };
    for name in config.target_names() {
        match config.target(Some(&name), &Overrides::default()) {
            Ok(target) => assert!(!target.select.is_empty(), "a target without a place to look"),
            Err(error) => fit_to_be_shown(&error),
        }
    }
}

fn fit_to_be_shown(error: &ConfigError) {
    let mut said = error.hint().unwrap_or_default();
    let mut cause: Option<&dyn Error> = Some(error);
    while let Some(error) = cause {
        said += &error.to_string();
        cause = error.source();
    }
    assert!(!said.contains(|c: char| c.is_control() && c != '\n'), "{said:?}");
    assert!(said.len() < 8192, "{} bytes: {said:?}", said.len());
}

#[cfg(test)]
mod tests {
    use provider_core::replay::replay;

    #[test]
    fn every_file_that_was_found_is_read_or_refused() {
        replay("config", super::config);
    }
}
