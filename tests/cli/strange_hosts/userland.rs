//! Other sets of tools: busybox, toybox, and as much of a BSD or a Mac as a Linux kernel can imitate.
//!
//! What cannot be imitated: bash 3.2 as `sh`, a kernel without `/proc/PID` (it is hidden instead), BSD's own binaries.

use super::host::{Fate, StrangeHost, all};

/// Programs that refuse GNU extensions: every long option, and tools that BSD lacks or that differ there.
fn bsd() -> StrangeHost {
    let mut host = StrangeHost::new().only(&[
        "sh=bash",
        "bash",
        "awk=original-awk",
        "perl",
        "id",
        "ls",
        "env",
        "printf",
        "true",
        "false",
        "test",
    ]);
    for tool in ["cat", "chmod", "dd", "head", "ln", "mkdir", "mv", "readlink", "rm", "sleep", "date", "touch"] {
        host = host.shim(
            tool,
            &format!(
                "for it; do case $it in --) break ;; --*) echo \"{tool}: illegal option -- -\" >&2; exit 64 ;; esac; done\n\
                 exec /usr/bin/{tool} \"$@\""
            ),
        );
    }
    host.shim("wc", "[ $# -le 1 ] || exit 64\nprintf '%8d\\n' \"$(/usr/bin/wc \"$1\" | /usr/bin/awk '{ print $1 }')\"")
        .shim("stat", "echo 'stat: illegal option' >&2; exit 1")
        // The process list of a kernel without /proc, read from where the setup has moved it.
        .shim(
            "ps",
            "[ \"$1 $2\" = '-o lstart=' ] && [ \"$3\" = -p ] && [ $# = 4 ] || { echo 'usage: ps' >&2; exit 1; }\n\
             [ -r /srv/$4/stat ] || exit 1\nset -- $(/usr/bin/sed 's/.*) //' /srv/$4/stat)\necho \"Mon Jan  1 ${20} 2024\"",
        )
        .shim("sysctl", "[ \"$*\" = '-n kern.boottime' ] && echo '{ sec = 1700000000, usec = 0 } Tue Nov 14 22:13:20 2023'")
        .setup("mount --bind /proc /srv; mount -t tmpfs none /proc")
}

pub(super) fn rows() -> Vec<(&'static str, StrangeHost, Fate)> {
    let busybox =
        "mkdir -p $DIR/bin; busybox --list | while read -r it; do ln -s \"$(command -v busybox)\" $DIR/bin/$it; done";
    let toybox = "mkdir -p $DIR/bin; for it in $(toybox); do ln -s \"$(command -v toybox)\" $DIR/bin/$it; done; \
                  ln -s /usr/bin/dash $DIR/bin/sh; ln -s \"$(command -v mawk)\" $DIR/bin/awk";
    vec![
        ("busybox and nothing else", StrangeHost::new().setup(busybox).path("$DIR/bin"), Fate::Works),
        ("toybox, dash and mawk", StrangeHost::new().setup(toybox).path("$DIR/bin"), Fate::Works),
        ("a BSD userland: no GNU options, no flock, no setsid, no /proc", bsd().shell("/bin/zsh"), Fate::Works),
        (
            "no /proc, and no ps either",
            StrangeHost::new().shim("ps", "exit 1").setup("mount -t tmpfs none /proc"),
            Fate::Works,
        ),
        (
            "/proc shows only one's own processes",
            StrangeHost::new().user(61_233).setup("mount -t proc -o hidepid=2 none /proc"),
            Fate::Works,
        ),
        (
            "sleep takes whole seconds only",
            StrangeHost::new().shim("sleep", "case $1 in *.*) exit 1 ;; esac\nexec /usr/bin/sleep \"$1\""),
            Fate::Works,
        ),
        (
            "head does not know -c",
            StrangeHost::new().shim("head", "case $1 in -c) echo 'head: illegal option -- c' >&2; exit 1 ;; esac"),
            Fate::Unreachable("illegal option -- c"),
        ),
        (
            "an awk that does not tell how a program ended",
            StrangeHost::new().shim("awk", "echo untold"),
            Fate::Unreachable("awk does not tell how a program ended"),
        ),
    ]
}

#[test]
fn every_userland() {
    all(&rows());
}
