//! The commands that repeat this run: on the same hosts, or on those that did not succeed.

use std::path::Path;

use super::session;
use crate::{plan::quoted, report::Rerun};

/// The flag that narrows a run to the hosts that did not succeed according to a report.
const FAILED_OF: &str = "--failed-of";

/// The commands that repeat this invocation's run. `input` follows them on the line.
pub(super) fn commands(report: Option<&Path>, input: &str) -> Rerun {
    of(&session::arguments().collect::<Vec<_>>(), report, input)
}

fn of(words: &[String], report: Option<&Path>, input: &str) -> Rerun {
    let line = |words: &[String]| {
        let words: Vec<_> = words.iter().map(|word| quoted(word)).collect();
        format!("fleetwide {}{input}", words.join(" "))
    };
    let failed = report.map(|report| line(&narrowed(words, &report.to_string_lossy())));
    Rerun { again: line(words), failed }
}

/// The words with `--failed-of REPORT`, which replaces an earlier one.
fn narrowed(words: &[String], report: &str) -> Vec<String> {
    let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
    let is_flag = |word: &String| word.split_once('=').map_or(word.as_str(), |(flag, _)| flag) == FAILED_OF;
    let (at, after) = match words[..end].iter().position(is_flag) {
        Some(at) if words[at] == FAILED_OF => (at, at + 2),
        Some(at) => (at, at + 1),
        None => (end, end),
    };
    let flag = [FAILED_OF.to_owned(), report.to_owned()];
    words[..at].iter().cloned().chain(flag).chain(words[after..].iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_failed_hosts_are_meant_by_the_report_of_this_run() {
        let of = |line: &str| {
            let words: Vec<String> = line.split(' ').map(ToOwned::to_owned).collect();
            of(&words, Some(Path::new("a b.json")), " < fix.sh").failed.expect("there is a report")
        };
        let cases = [
            ("deploy web", "deploy web --failed-of 'a b.json'"),
            ("run web -- x --failed-of y", "run web --failed-of 'a b.json' -- x --failed-of y"),
            ("run --failed-of old.json web -- x", "run --failed-of 'a b.json' web -- x"),
            ("deploy --failed-of=old.json web", "deploy --failed-of 'a b.json' web"),
        ];
        for (line, narrowed) in cases {
            assert_eq!(of(line), format!("fleetwide {narrowed} < fix.sh"));
        }
    }

    #[test]
    fn without_a_report_nobody_knows_which_failed() {
        let rerun = of(&["deploy".to_owned(), "a b".to_owned()], None, "");
        assert_eq!((&*rerun.again, rerun.failed), ("fleetwide deploy 'a b'", None));
    }
}
