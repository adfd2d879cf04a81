//! The results of `check`: what was checked, and whether it is in order.

use serde::Serialize;

use crate::report::{
    screens::failures,
    text::{
        cells, neutral,
        screen::{Ink, Screen},
    },
};

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was checked: `configuration`, `aws credentials`, `login on web-1`.
    pub label: String,
    /// The result.
    #[serde(flatten)]
    pub finding: Finding,
}

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "finding", rename_all = "lowercase")]
pub enum Finding {
    /// It is in order.
    Ok {
        /// What was found.
        detail: String,
    },
    /// It is not in order.
    Failed {
        /// Why not.
        reason: String,
        /// What to try.
        hint: Option<String>,
    },
    /// It was not checked.
    Skipped {
        /// Why not.
        reason: String,
    },
}

/// The indent of the lines after the first.
const INDENT: usize = 4;

/// One line per check, with hints below.
pub(in crate::report) fn screenful(checks: &[Check], screen: &Screen) -> String {
    let signs = screen.signs();
    let mut out = String::new();
    for check in checks {
        let (sign, ink, text, hint) = match &check.finding {
            Finding::Ok { detail } => (signs.tick, Ink::Good, detail, None),
            Finding::Failed { reason, hint } => (signs.cross, Ink::Bad, reason, hint.as_deref()),
            Finding::Skipped { reason } => (signs.skip, Ink::Faint, reason, None),
        };
        let label = screen.paint(Ink::Strong, &neutral::line(&check.label));
        let colon = if text.is_empty() { "" } else { ": " };
        let used = cells::width(&format!("{sign} {}: ", neutral::line(&check.label)));
        let text = indented(text, used, screen);
        out.push_str(&format!("{} {label}{colon}{text}\n", screen.paint(ink, sign)));
        if let Some(hint) = hint {
            let hint = indented(hint, "  hint: ".len(), screen);
            out.push_str(&format!("  {} {hint}\n", screen.paint(Ink::Faint, "hint:")));
        }
    }
    out
}

/// `text` made harmless, wrapped, with the lines after the first indented; `used` cells of the first line are taken.
fn indented(text: &str, used: usize, screen: &Screen) -> String {
    let clean = neutral::block(text.trim_end());
    let lines = clean.lines().enumerate();
    let wrap = |(n, line)| failures::wrapped(line, if n == 0 { used } else { INDENT }, INDENT, screen);
    lines.map(wrap).collect::<Vec<_>>().join(&format!("\n{}", " ".repeat(INDENT)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checks() -> Vec<Check> {
        let check = |label: &str, finding| Check { label: label.to_owned(), finding };
        vec![
            check("configuration", Finding::Ok { detail: "fleetwide.toml, 2 targets".into() }),
            check(
                "gcp credentials",
                Finding::Failed {
                    reason:
                        "gcp project shop: no usable credentials: tried \x1b[31mADC\x1b[0m\nand the metadata server"
                            .into(),
                    hint: Some("run `gcloud auth application-default login`".into()),
                },
            ),
            check("login on a host", Finding::Skipped { reason: "no host was found".into() }),
        ]
    }

    #[test]
    fn ticks_and_reasons() {
        insta::assert_snapshot!(screenful(&checks(), &Screen::PLAIN), @r"
        ✓ configuration: fleetwide.toml, 2 targets
        ✗ gcp credentials: gcp project shop: no usable credentials: tried ADC
            and the metadata server
          hint: run `gcloud auth application-default login`
        – login on a host: no host was found
        ");
        let ascii = screenful(&checks(), &Screen { unicode: false, ..Screen::PLAIN });
        assert!(ascii.starts_with("ok configuration") && ascii.is_ascii(), "{ascii}");
        insta::assert_snapshot!(screenful(&checks()[1..2], &Screen { width: Some(40), ..Screen::PLAIN }), @r"
        ✗ gcp credentials: gcp project shop: no
            usable credentials: tried ADC
            and the metadata server
          hint: run `gcloud auth
            application-default login`
        ");
    }

    #[test]
    fn programs_read_the_same() {
        insta::assert_snapshot!(serde_json::to_string(&checks()[1]).expect("plain data"), @r#"{"label":"gcp credentials","finding":"failed","reason":"gcp project shop: no usable credentials: tried \u001b[31mADC\u001b[0m\nand the metadata server","hint":"run `gcloud auth application-default login`"}"#);
    }
}
