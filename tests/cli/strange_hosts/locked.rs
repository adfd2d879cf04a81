//! Restricted accounts.

use super::host::{Fate, StrangeHost, all};

pub(super) fn rows() -> Vec<(&'static str, StrangeHost, Fate)> {
    let forced = |command: &str| StrangeHost::new().option(&format!("ForceCommand {command}"));
    // The options before the key in `authorized_keys`.
    let key = |options: &str| StrangeHost::new().setup(&format!("sed -i '1s|^|{options} |' $DIR/login.pub"));
    let ended = "before it was sent";
    vec![
        ("ForceCommand that does something else", forced("echo backups only"), Fate::Unreachable("backups only")),
        ("ForceCommand internal-sftp", forced("internal-sftp"), Fate::Unreachable(ended)),
        ("ForceCommand that lets commands through", forced("exec sh -c \"$SSH_ORIGINAL_COMMAND\""), Fate::Works),
        (
            "ForceCommand that swallows all output",
            forced("exec sh -c \"$SSH_ORIGINAL_COMMAND\" >/dev/null 2>&1"),
            Fate::Unreachable(ended),
        ),
        (
            "ForceCommand that hands nothing on",
            forced("exec sh -c \"$SSH_ORIGINAL_COMMAND\" </dev/null"),
            Fate::Unreachable(ended),
        ),
        (
            "command= in authorized_keys",
            key("restrict,command=\"echo backups only\""),
            Fate::Unreachable("backups only"),
        ),
        ("restrict in authorized_keys", key("restrict"), Fate::Works),
        (
            "a gatekeeper as rrsync is",
            key("restrict,command=\"echo rrsync error: SSH_ORIGINAL_COMMAND does not run rsync >\\&2; exit 1\""),
            Fate::Unreachable("does not run rsync"),
        ),
        ("no sessions at all", StrangeHost::new().option("MaxSessions 0"), Fate::Unreachable("logged in, but")),
        ("one session at a time", StrangeHost::new().option("MaxSessions 1"), Fate::Works),
        (
            "no terminal, no forwarding",
            StrangeHost::new().option("PermitTTY no").option("DisableForwarding yes"),
            Fate::Works,
        ),
        (
            "a chroot with nothing in it",
            StrangeHost::new().setup("mount -t tmpfs -o mode=755 none /srv").option("ChrootDirectory /srv"),
            Fate::Unreachable("/bin/bash: No such file or directory"),
        ),
        (
            "closed for maintenance",
            StrangeHost::new()
                .user(65534)
                .setup("cp -a /etc $DIR/etc; mount --bind $DIR/etc /etc; echo back at noon >/etc/nologin"),
            Fate::Unreachable("back at noon"),
        ),
    ]
}

#[test]
fn every_locked_account() {
    all(&rows());
}

/// Streams that were merged on the way cannot be separated here. The script runs once, and its end is true.
#[test]
fn outputs_that_are_mixed_or_dropped_on_the_way_do_not_matter_to_the_end() {
    for (end, stderr) in [("2>&1", ""), ("2>/dev/null", "")] {
        let command = format!("ForceCommand exec sh -c \"$SSH_ORIGINAL_COMMAND\" {end}");
        let stage = StrangeHost::new().option(&command).start();
        let host = stage.deploy("v2");
        assert_eq!((host["outcome"].as_str(), host["exit_status"].as_u64()), (Some("failed"), Some(143)), "{host:#}");
        assert_eq!(host["stderr_tail"], stderr, "{host:#}");
        assert_eq!(stage.runs(), 1);
        stage.await_silence();
    }
}
