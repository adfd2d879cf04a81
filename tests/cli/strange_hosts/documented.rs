//! The page about strange hosts reports the tested result of each.

use super::{clocks, environment, greetings, homes, host::Fate, locked, parts, shells, sudo, tools, userland};

const PAGE: &str = include_str!("../../../docs/src/strange-hosts.md");

#[test]
fn every_strange_host_is_on_the_page() {
    let rows = [
        shells::rows(),
        tools::rows(),
        homes::rows(),
        greetings::rows(),
        greetings::hanging(),
        clocks::rows(),
        locked::rows(),
        userland::rows(),
        environment::rows(),
        sudo::rows(),
        parts::rows(),
    ];
    for (name, _, fate) in rows.into_iter().flatten() {
        let word = match fate {
            Fate::Works => "| works",
            Fate::Unreachable(_) | Fate::Hangs(_) => "| unreachable: ",
        };
        let found =
            PAGE.lines().any(|line| line.strip_prefix(&format!("| {name} ")).is_some_and(|it| it.starts_with(word)));
        assert!(found, "no line `| {name} {word}… |` in docs/src/strange-hosts.md");
    }
}
