//! Values that differ from run to run (addresses, ids, times, fingerprints), and what a page shows instead.

use std::sync::LazyLock;

use regex::Regex;

/// Patterns, and their replacements.
static VARYING: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    [
        (r"\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b", "01K9ZC8Q4M7T2V5X6Y3R1N0PWE"),
        (r"SHA256:[A-Za-z0-9+/]{43}", "SHA256:Q7m3yJtZ0cV8rXk2fW5nB1hL9dPsE4gUaTqIoYvC6xM"),
        (r"\b[0-9a-f]{40}\b", "4f1c2e97b0a85d36e2f4c1a90b7d8e5f3a6c2b14"),
        (r"\b\d+(\.\d+)? ms\b", "38 ms"),
        (r"\b((failed|unreachable|unknown) after|(attempts|succeeded) in|allowed -) (\d+m )?\d+(\.\d+)?s\b", "$1 0.7s"),
        (r"\b(\d+m )?\d+(\.\d+)?s( -|  )", "0.7s$3"),
        (r"\b(calls|[a-z]+ \d+\)), \d+\.\d+s\b", "$1, 0.4s"),
        (r"\d+ API calls \([a-z0-9, ]+\)", "8 API calls (aws 2, azure 5, gcp 1)"),
        // Azure gets several requests concurrently; the error names whichever is refused first.
        (
            r"(virtualMachines statusOnly|virtualMachineScaleSets|networkInterfaces|publicIPAddresses) at",
            "virtualMachines at",
        ),
        (r"\.fleetwide-report-\w{6}", ".fleetwide-report-a1B2c3"),
        (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?", "2026-11-23 03:00:00Z"),
        (r"\b\d{4}-\d\d-\d\d \d\d:\d\d UTC", "2026-11-23 03:00 UTC"),
        // Azure's tags ignore case, and the stand-in writes some of them like this.
        (r"\bEnv=prod Role=web\b", "env=prod role=web"),
    ]
    .map(|(pattern, shown)| (Regex::new(pattern).expect("a pattern"), shown))
    .into()
});

/// The text as a page shows it.
pub(crate) fn plain(text: &str, words: &[(String, String)]) -> String {
    let mut text = text.to_owned();
    for (word, shown) in words {
        text = text.replace(word, shown);
    }
    for (pattern, shown) in VARYING.iter() {
        text = pattern.replace_all(&text, *shown).into_owned();
    }
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// True when the output matches the page. A line `…` stands for any lines, and the width of columns does not matter.
pub(crate) fn matches(shown: &[String], printed: &[&str]) -> bool {
    match (shown.split_first(), printed.split_first()) {
        (None, None) => true,
        (Some((any, rest)), _) if any.trim() == "…" => {
            (0..=printed.len()).any(|skipped| matches(rest, &printed[skipped..]))
        }
        (Some((one, shown)), Some((other, printed))) => words(one).eq(words(other)) && matches(shown, printed),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split_whitespace().filter(|word| !word.chars().all(|letter| letter == '─'))
}

#[test]
fn any_lines_any_width_and_nothing_else() {
    let page = |text: &str| text.lines().map(ToOwned::to_owned).collect::<Vec<_>>();
    let same = |shown, printed: &str| matches(&page(shown), &printed.lines().collect::<Vec<_>>());
    assert!(same("a  b\n…\nc", "a b\nx\ny\nc") && same("…", "") && same("a\n…", "a") && same("──\na", "─────\na"));
    assert!(!same("a", "a\nb") && !same("a\n…\nc", "a\nx") && !same("", "a") && !same("b", "a"));
}

#[test]
fn what_varies_is_shown_in_one_way() {
    let words = [("/tmp/x".to_owned(), "/srv/shop".to_owned())];
    assert_eq!(
        plain("run 01K9ZC8Q4M7T2V5X6Y3R1N0PAA in /tmp/x took 3.25 ms  \n", &words),
        "run 01K9ZC8Q4M7T2V5X6Y3R1N0PWE in /srv/shop took 38 ms"
    );
}
