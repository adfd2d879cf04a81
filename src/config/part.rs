//! A deploy in named parts.

use schemars::JsonSchema;
use serde::Deserialize;

use super::steps::Label;

/// One part: commands for the host's `sh`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The part's name in the report.
    pub name: Label,
    /// The commands that the host's `sh` runs. They see the script's arguments as `$1` and so on.
    pub run: String,
    /// No host goes on after this part until all hosts of its stage have finished it. Default: false.
    #[serde(default)]
    pub barrier: bool,
}

/// The first problem in a list of parts: the part's index, the key, and the reason.
pub(super) fn problem_of(parts: &[Part]) -> Option<(Option<usize>, &'static str, String)> {
    let Some((last, earlier)) = parts.split_last() else {
        return Some((None, "parts", "`parts` is empty: leave it out, or say what is to be run".to_owned()));
    };
    for (place, Part { name, run, .. }) in parts.iter().enumerate() {
        if run.trim().is_empty() {
            return Some((Some(place), "run", format!("the part `{name}` runs nothing")));
        }
        if run.contains('\0') {
            return Some((Some(place), "run", "a part cannot hold a NUL character".to_owned()));
        }
        if parts[..place].iter().any(|earlier| earlier.name == *name) {
            return Some((Some(place), "name", format!("two parts are called `{name}`")));
        }
    }
    last.barrier.then(|| {
        let why = format!("nothing is behind the last part, `{}`, that could wait at a barrier", last.name);
        (Some(earlier.len()), "barrier", why)
    })
}
