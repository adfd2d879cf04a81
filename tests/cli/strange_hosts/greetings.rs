//! The startup files of login shells, and a server's text before the login: output, exits, hangs.

use super::host::{Fate, StrangeHost, all};

/// Each login shell, and the file that it reads even for a single command.
const SHELLS: [(&str, &str); 5] = [
    ("/bin/bash", ".bashrc"),
    ("/bin/zsh", ".zshenv"),
    ("/usr/bin/tcsh", ".tcshrc"),
    ("/bin/bsd-csh", ".cshrc"),
    ("/usr/bin/fish", ".config/fish/config.fish"),
];

/// Hosts with this line in the startup file of each shell.
fn each(names: [&'static str; 5], line: &str, fate: fn(&str) -> Fate) -> Vec<(&'static str, StrangeHost, Fate)> {
    let host = |(shell, file): (&str, &str)| StrangeHost::new().shell(shell).file(file, line);
    names.into_iter().zip(SHELLS).map(|(name, shell)| (name, host(shell), fate(shell.0))).collect()
}

pub(super) fn rows() -> Vec<(&'static str, StrangeHost, Fate)> {
    let ended = "before it was sent";
    let bashrc = |line: &str| StrangeHost::new().file(".bashrc", line);
    let mut rows = each(
        [".bashrc prints", ".zshenv prints", ".tcshrc prints", ".cshrc prints", "config.fish prints"],
        "echo welcome home; /bin/sh -c 'echo no tty >&2'",
        |_| Fate::Works,
    );
    rows.extend(each(
        [
            ".bashrc prints 1 MB",
            ".zshenv prints 1 MB",
            ".tcshrc prints 1 MB",
            ".cshrc prints 1 MB",
            "config.fish prints 1 MB",
        ],
        "head -c 1000000 /dev/zero; /bin/sh -c 'head -c 1000000 /dev/zero >&2'",
        |_| Fate::Works,
    ));
    rows.extend(each(
        [".bashrc exits 0", ".zshenv exits 0", ".tcshrc exits 0", ".cshrc exits 0", "config.fish exits 0"],
        "exit 0",
        |shell| match shell {
            "/bin/bash" | "/bin/zsh" => {
                Fate::Unreachable("exit status 0; look at this user's login shell there and what it reads")
            }
            // In these shells it only leaves the file.
            _ => Fate::Works,
        },
    ));
    rows.extend(each(
        [".bashrc exits 3", ".zshenv exits 3", ".tcshrc exits 3", ".cshrc exits 3", "config.fish exits 3"],
        "exit 3",
        |shell| match shell {
            "/bin/bash" | "/bin/zsh" => {
                Fate::Unreachable("exit status 3; look at this user's login shell there and what it reads")
            }
            // In these shells it only leaves the file.
            _ => Fate::Works,
        },
    ));
    rows.extend([
        (
            ".bashrc says why and exits",
            bashrc("echo use the new server; exit 1"),
            Fate::Unreachable("use the new server"),
        ),
        (".bashrc becomes another program", bashrc("exec true"), Fate::Unreachable(ended)),
        (".bashrc becomes another shell", bashrc("exec zsh -c \"$BASH_EXECUTION_STRING\""), Fate::Works),
        (".bashrc has an error", bashrc("if then"), Fate::Works),
        (".bashrc reads a line of its input", bashrc("read -r line"), Fate::Unreachable(ended)),
        (".bashrc reads some lines of its input", bashrc("head -n 3 >/dev/null"), Fate::Unreachable(ended)),
        (".bashrc sends a signal to itself", bashrc("kill -s KILL $$"), Fate::Unreachable(ended)),
        (".bashrc prints control characters", bashrc("printf '\\036\\033]0;x\\007\\000\\377'"), Fate::Works),
        ("a banner", StrangeHost::new().setup("echo Welcome >$DIR/banner").option("Banner $DIR/banner"), Fate::Works),
        (
            "a banner of 60 kB",
            StrangeHost::new()
                .setup("yes 'Authorised use only.' | head -c 60000 >$DIR/banner")
                .option("Banner $DIR/banner"),
            Fate::Works,
        ),
        (
            "a motd",
            StrangeHost::new()
                .setup("echo Welcome >$DIR/motd; touch /etc/motd; mount --bind $DIR/motd /etc/motd")
                .option("UsePAM yes")
                .option("PrintMotd yes"),
            Fate::Works,
        ),
        (
            "a sshrc that prints",
            StrangeHost::new().file(".ssh/rc", "echo from sshrc; echo from sshrc >&2"),
            Fate::Works,
        ),
    ]);
    rows
}

/// These take as long as the wait for a silent host.
pub(super) fn hanging() -> Vec<(&'static str, StrangeHost, Fate)> {
    let fate = |_: &str| Fate::Hangs("the script never started: the host was not ready for it within");
    let mut rows = each(
        [".bashrc hangs", ".zshenv hangs", ".tcshrc hangs", ".cshrc hangs", "config.fish hangs"],
        "sleep 1000",
        fate,
    );
    let bashrc = |line: &str| StrangeHost::new().file(".bashrc", line);
    rows.push((".bashrc echoes its input", bashrc("exec cat"), fate("")));
    rows.push((".bashrc reads all of its input", bashrc("timeout 1 cat >/dev/null"), fate("")));
    rows.push((".bashrc prints for ever", bashrc("exec yes"), fate("")));
    rows
}

#[test]
fn every_greeting() {
    all(&rows());
}

#[test]
fn every_hang() {
    all(&hanging());
}
