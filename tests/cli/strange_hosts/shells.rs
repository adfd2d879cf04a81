//! Various login shells, and various shells as `sh`.

use super::host::{Fate, StrangeHost, all};

pub(super) fn rows() -> Vec<(&'static str, StrangeHost, Fate)> {
    let login = |shell: &str| StrangeHost::new().shell(shell);
    // `/bin/sh` is a link to dash on Debian, so another program in dash's place becomes every `sh` of the host.
    let sh =
        |program: &str| StrangeHost::new().shell("/bin/sh").setup(&format!("mount --bind {program} /usr/bin/dash"));
    vec![
        ("login shell bash", login("/bin/bash"), Fate::Works),
        ("login shell dash", login("/bin/dash"), Fate::Works),
        ("login shell zsh", login("/bin/zsh"), Fate::Works),
        ("login shell fish", login("/usr/bin/fish"), Fate::Works),
        ("login shell csh", login("/bin/bsd-csh"), Fate::Works),
        ("login shell tcsh", login("/usr/bin/tcsh"), Fate::Works),
        ("login shell mksh", login("/bin/mksh"), Fate::Works),
        ("login shell ksh93", login("/bin/ksh93"), Fate::Works),
        ("login shell yash", login("/usr/bin/yash"), Fate::Works),
        ("login shell busybox ash", login("/opt/ash").setup(BUSYBOX_AS_ASH), Fate::Works),
        ("login shell rbash", login("/bin/rbash"), Fate::Unreachable("exec: restricted")),
        (
            "login shell nologin",
            login("/usr/sbin/nologin"),
            Fate::Unreachable("the host said: This account is currently not available."),
        ),
        ("login shell false", login("/bin/false"), Fate::Unreachable("the remote command ended with exit status 1")),
        ("login shell true", login("/bin/true"), Fate::Unreachable("the remote command ended with exit status 0")),
        ("login shell cat", login("/bin/cat"), Fate::Unreachable("exit status 1; look at this user's login shell")),
        ("login shell that is not there", login("/no/such/shell"), Fate::Unreachable("login refused")),
        ("sh is dash", StrangeHost::new().shell("/bin/sh"), Fate::Works),
        ("sh is bash", sh("/usr/bin/bash"), Fate::Works),
        ("sh is busybox ash", sh("/usr/bin/busybox"), Fate::Works),
        ("sh is zsh", sh("/usr/bin/zsh"), Fate::Unreachable("the guard knows dash, bash and busybox ash")),
        ("sh is mksh", sh("/usr/bin/mksh"), Fate::Unreachable("the guard knows dash, bash and busybox ash")),
        ("sh is ksh93", sh("/usr/bin/ksh93"), Fate::Unreachable("the host said: sh: eval: syntax error")),
        ("sh is yash", sh("/usr/bin/yash"), Fate::Unreachable("the guard knows dash, bash and busybox ash")),
    ]
}

/// Busybox acts according to the name it is called by.
const BUSYBOX_AS_ASH: &str = "mount -t tmpfs none /opt; cp \"$(command -v busybox)\" /opt/ash";

#[test]
fn every_shell() {
    all(&rows());
}
