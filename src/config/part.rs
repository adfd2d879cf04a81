//! A deploy in named parts, as people do it by hand.

use schemars::JsonSchema;
use serde::Deserialize;

use super::steps::Label;

/// One part: a line for the host's `sh`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// What it is called in the report.
    pub name: Label,
    /// The line for the host's `sh`.
    pub run: String,
    /// No host goes on behind this part before all hosts of its stage are through with it. Default: false.
    #[serde(default)]
    pub barrier: bool,
}

/// What is wrong with a list of parts, if anything is.
pub(super) fn problem_of(parts: &[Part]) -> Option<(usize, &'static str, String)> {
    if parts.is_empty() {
        return Some((0, "name", "`parts` is empty: leave it out, or say what is to be run".to_owned()));
    }
    for (place, part) in parts.iter().enumerate() {
        if part.run.trim().is_empty() {
            return Some((place, "run", format!("the part `{}` runs nothing", part.name)));
        }
        if part.run.contains('\0') {
            return Some((place, "run", "a part cannot hold a NUL character".to_owned()));
        }
        if parts[..place].iter().any(|earlier| earlier.name == part.name) {
            return Some((place, "name", format!("two parts are called `{}`", part.name)));
        }
    }
    None
}
