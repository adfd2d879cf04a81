//! Hosts with missing tools.

use super::host::{Fate, StrangeHost, all};

/// All tools that the guard calls, except those for a session and a lock.
const TOOLS: [&str; 13] =
    ["sh", "awk", "cat", "chmod", "dd", "head", "ln", "mkdir", "mv", "readlink", "rm", "sleep", "wc"];

/// A host with these tools and no other.
fn only(more: &[&str]) -> StrangeHost {
    StrangeHost::new().only(&[&TOOLS[..], more].concat())
}

/// A host with everything that the guard calls, except this tool.
fn without(missing: &str) -> StrangeHost {
    let left: Vec<_> = TOOLS.into_iter().chain(["setsid", "flock"]).filter(|tool| *tool != missing).collect();
    StrangeHost::new().only(&left)
}

pub(super) fn rows() -> Vec<(&'static str, StrangeHost, Fate)> {
    let awk = |program: &str| {
        let awk = format!("awk={program}");
        let mut tools: Vec<_> = TOOLS.into_iter().filter(|tool| *tool != "awk").collect();
        tools.extend(["setsid", "flock", awk.as_str()]);
        StrangeHost::new().only(&tools)
    };
    let mut rows = vec![
        ("only the tools that the guard calls", only(&["setsid", "flock"]), Fate::Works),
        ("no dd", without("dd"), Fate::Works),
        ("no flock", only(&["setsid"]), Fate::Works),
        ("no setsid, but perl", only(&["flock", "perl"]), Fate::Works),
        ("no setsid, but python3", only(&["flock", "python3=/usr/bin/python3"]), Fate::Works),
        ("neither setsid nor flock, but perl", only(&["perl"]), Fate::Works),
        (
            "neither setsid nor perl nor python3",
            only(&["flock"]),
            Fate::Unreachable("this host has none of setsid, perl and python3"),
        ),
        ("nothing in PATH", StrangeHost::new().path("/nowhere"), Fate::Unreachable("sh: not found")),
        ("awk is mawk", awk("mawk"), Fate::Works),
        ("awk is gawk", awk("gawk"), Fate::Works),
        ("awk is the one true awk", awk("original-awk"), Fate::Works),
    ];
    rows.extend(MISSING.map(|(name, tool)| (name, without(tool), Fate::Unreachable("this host has no "))));
    rows
}

const MISSING: [(&str, &str); 9] = [
    ("no awk", "awk"),
    ("no cat", "cat"),
    ("no chmod", "chmod"),
    ("no head", "head"),
    ("no mkdir", "mkdir"),
    ("no mv", "mv"),
    ("no rm", "rm"),
    ("no sleep", "sleep"),
    ("no wc", "wc"),
];

#[test]
fn every_lack() {
    all(&rows());
}
