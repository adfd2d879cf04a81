//! A deploy in parts, on hosts of the other tables: the leader of the parts needs more from a host than a script does.

use super::{
    host::{Fate, StrangeHost, all},
    shells, sudo, userland,
};

/// The hosts, and their names here.
const HOSTS: [(&str, &str); 8] = [
    ("sh is bash", "parts, and sh is bash"),
    ("sh is busybox ash", "parts, and sh is busybox ash"),
    ("login shell tcsh", "parts, and login shell tcsh"),
    ("sudo without a password", "parts, and sudo without a password"),
    ("sudo with use_pty", "parts, and sudo with use_pty"),
    ("toybox, dash and mawk", "parts, and toybox, dash and mawk"),
    ("a BSD userland: no GNU options, no flock, no setsid, no /proc", "parts, and a BSD userland"),
    ("sleep takes whole seconds only", "parts, and sleep takes whole seconds only"),
];

pub(super) fn rows() -> Vec<(&'static str, StrangeHost, Fate)> {
    let others: Vec<_> = [shells::rows(), sudo::rows(), userland::rows()].into_iter().flatten().collect();
    let row = |(known, name)| {
        let (_, host, fate) = others.iter().find(|row| row.0 == known).expect("a host of another table");
        (name, host.clone().in_parts(), *fate)
    };
    HOSTS.into_iter().map(row).collect()
}

#[test]
fn every_host_with_parts() {
    all(&rows());
}
