//! Logs of a real `ssh`, and lines made up to deceive the parser.

use super::*;
use ConnectFailure::{
    Banned, ClosedEarly, HostKeyChanged, HostKeyUnknown, LocalSsh, LoginRefused, NameNotFound, NoCommonAlgorithm,
    NoRoute, Other, Refused, TimedOut, TooManyLogins,
};

/// Real logs of OpenSSH 9.2, with the kind, a part of the message and a part of the hint.
macro_rules! table {
    ($($name:literal => $kind:expr, $message:literal, $hint:literal;)*) => {
        [$(($name, include_str!(concat!("../../../fixtures/ssh-9.2/", $name, ".log")), $kind, $message, $hint),)*]
    };
}

fn read(text: &str) -> (SshLog, Vec<Phase>) {
    let mut log = SshLog::new("static+db1");
    let phases = text.lines().map(|line| log.push(line)).collect();
    (log, phases)
}

#[test]
fn every_failure_of_openssh_9_2_is_recognised() {
    let table = table! {
        "refused" => Refused, "connect to host 127.0.77.1 port 1: Connection refused", "is sshd running";
        "jump-refused" => Refused, "on the way to the host (jump host or ProxyCommand): ssh: connect to host 127.0.77.2", "sshd";
        "behind-jump-refused" => Refused, "on the way", "its port";
        "no-route" => NoRoute, "port 22: No route to host", "VPN";
        "hang-before-banner" => TimedOut, "timed out", "firewall";
        "name-not-found" => NameNotFound, "no-such-host.invalid", "resolver";
        "host-key-changed" => HostKeyChanged, "Host key for static+db1 has changed", "(line /home/ops/kh-wrong:1)";
        "host-key-unknown" => HostKeyUnknown, "No ED25519 host key is known for static+db1", "accept-new";
        "jump-host-key-unknown" => HostKeyUnknown, "on the way", "jump host once by hand";
        "login-refused" => LoginRefused, "root@127.0.77.1: Permission denied (publickey).", "user2 ED25519 SHA256:0b54qyBq";
        "too-many-failures" => LoginRefused, "Too many authentication failures", "user2 ED25519";
        "missing-identity" => LoginRefused, "Permission denied", "Identity file /home/ops/nope not accessible";
        "open-identity" => LoginRefused, "Permission denied", "chmod 600 /home/ops/user-open";
        "encrypted-identity" => LoginRefused, "Permission denied", "it may have a passphrase";
        "closed-at-once" => ClosedEarly, "Connection reset by 127.0.77.2 port 1002", "MaxStartups";
        "closed-in-kex" => ClosedEarly, "Connection closed by 127.0.77.2", "PerSourcePenalties";
        "max-startups" => TooManyLogins, "the host said: Exceeded MaxStartups", "MaxStartups";
        "penalty" => Banned, "the host said: Not allowed at this time", "15 s to 10 min";
        "not-ssh" => ClosedEarly, "the host said: HTTP/1.1 400 Bad Request", "something other than an SSH server";
        "no-kex" => NoCommonAlgorithm, "no matching key exchange method found", "update the older side";
        "no-cipher" => NoCommonAlgorithm, "no matching cipher found", "update";
        "no-host-key-type" => NoCommonAlgorithm, "no matching host key type found", "update";
        "bad-port" => LocalSsh, "Bad port '99999'", "by hand";
        "bad-option" => LocalSsh, "command-line: line 0: Bad configuration option: foo", "configuration";
        "bad-config-file" => LocalSsh, "badcfg: line 1: Bad configuration option: foo", "configuration";
        "missing-config-file" => LocalSsh, "Can't open user config file /home/ops/nope", "configuration";
        "proxy-failed" => Other, "on the way to the host (jump host or ProxyCommand): nope", "";
        "proxy-not-found" => LocalSsh, "no-such-prog: not found", "configuration";
    };
    for (name, text, kind, message, hint) in table {
        let found = read(text).0.diagnosis();
        assert_eq!(found.kind, kind, "{name}: {found:?}");
        assert!(found.message.contains(message), "{name}: {found:?}");
        assert_eq!(found.hint.is_none(), hint.is_empty(), "{name}: {found:?}");
        assert!(found.hint.as_deref().unwrap_or_default().contains(hint), "{name}: {found:?}");
    }
}

#[test]
fn the_phases_of_a_login_are_seen_behind_a_jump_host_too() {
    for text in [
        include_str!("../../../fixtures/ssh-9.2/accepted.log"),
        include_str!("../../../fixtures/ssh-9.2/behind-jump-accepted.log"),
    ] {
        let (_, phases) = read(text);
        assert!(phases.is_sorted());
        let first = |phase| phases.iter().position(|p| *p == phase).expect("the phase is reached");
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[first(Phase::Auth)].contains("SSH2_MSG_NEWKEYS received"));
        assert!(lines[first(Phase::LoggedIn)].starts_with("Authenticated to 127.0.77.1 ("));
    }
}

#[test]
fn the_place_in_the_source_of_ssh_is_no_part_of_what_it_says() {
    for (line, text) in [
        ("debug1: sshconnect.c:ssh_login():14 (pid=4): Connecting to h", "debug1: Connecting to h"),
        ("debug3: a.c:f():1 (bin=ssh, uid=0, pid=4): x (y): z", "debug3: x (y): z"),
        ("sshconnect2.c:ssh_userauth2():523 (pid=4): Authenticated to h ([::1]:22).", "Authenticated to h ([::1]:22)."),
        ("debug1: Authenticated to h (1)", "debug1: Authenticated to h (1)"),
        ("ops@h: Permission denied (publickey).", "ops@h: Permission denied (publickey)."),
        ("it said a.c:f():1 (pid=4): x", "it said a.c:f():1 (pid=4): x"),
    ] {
        assert_eq!(without_place(line), text);
    }
}

#[test]
fn every_log_reads_the_same_with_places_in_it() {
    let placed = |text: &str| -> String {
        let place = |line| {
            let (level, text) = split_level(line);
            let text = text.trim_start_matches("kex_exchange_identification: ");
            format!("{level}kex.c:kex_f():12 (pid=3): {text}\ndebug3: kex.c:kex_f():13 (pid=3): done\n")
        };
        text.lines().map(place).collect()
    };
    for text in [
        include_str!("../../../fixtures/ssh-9.2/refused.log"),
        include_str!("../../../fixtures/ssh-9.2/behind-jump-refused.log"),
        include_str!("../../../fixtures/ssh-9.2/login-refused.log"),
        include_str!("../../../fixtures/ssh-9.2/max-startups.log"),
        include_str!("../../../fixtures/ssh-9.2/not-ssh.log"),
        include_str!("../../../fixtures/ssh-9.2/no-kex.log"),
    ] {
        let (plain, with_places) = (read(text).0.diagnosis(), read(&placed(text)).0.diagnosis());
        assert_eq!((plain.kind, plain.hint), (with_places.kind, with_places.hint), "{text}");
    }
}

#[test]
fn the_login_at_a_jump_host_is_not_taken_for_ours() {
    let text = include_str!("../../../fixtures/ssh-9.2/behind-jump-refused.log");
    assert!(text.contains("Authenticated to 127.0.77.1"), "the jump host let us in");
    assert!(read(text).1.iter().all(|phase| *phase == Phase::Connect));
}

#[test]
fn a_host_behind_a_master_of_ours_speaks_for_itself() {
    let proxy = "debug1: Executing proxy command: exec '/usr/bin/ssh' -F none -S '/tmp/fw/0' -W '[10.0.0.7]:22' jump\n";
    let closed =
        "kex_exchange_identification: Connection closed by remote host\nConnection closed by UNKNOWN port 65535\n";
    let refused = "Stdio forwarding request failed: Session open refused by peer\n";
    let banner = |said: &str| format!("debug1: kex_exchange_identification: banner line 0: {said}\n");
    let read = |text: String| {
        let mut log = SshLog::behind_master("static+db1");
        text.lines().for_each(|line| _ = log.push(line));
        log
    };
    for (said, kind) in [("Not allowed at this time", Banned), ("Exceeded MaxStartups", TooManyLogins)] {
        let log = read(format!("{proxy}{}{closed}", banner(said)));
        let found = log.diagnosis();
        assert_eq!((found.kind, log.carried()), (kind, None));
        assert!(!found.message.contains("on the way") && found.message.contains(said), "{found:?}");
    }
    let carried = |refused| Some(Carried { to: "10.0.0.7:22".into(), refused });
    assert_eq!(read(format!("{proxy}{closed}")).carried(), carried(false));
    assert_eq!(read(format!("{proxy}{refused}{closed}")).carried(), carried(true));
    // A user's own command that prints the same is not one of our masters, and counts as on the way.
    let mut own = SshLog::new("static+db1");
    format!("debug1: Executing proxy command: exec nc 10.0.0.7 22\n{closed}")
        .lines()
        .for_each(|line| _ = own.push(line));
    assert!(own.carried().is_none() && own.diagnosis().message.starts_with("on the way"));
}

#[test]
fn a_login_that_stands_still_is_told_apart_by_what_it_waits_for() {
    let connected = "debug1: Connecting to h [h] port 22.\ndebug1: Connection established.\n";
    let reached =
        "debug1: Remote protocol version 2.0, remote software version x\ndebug1: using hostkeyalias: static+db1\n";
    for (text, standing) in [
        (String::from("debug1: Connecting to h [h] port 22.\n"), Standing::Connection),
        (connected.to_owned(), Standing::Banner),
        (format!("{connected}{reached}"), Standing::KeyExchange),
        // The connection of the user's own jump host is not the host's.
        (format!("debug1: Executing proxy command: exec ssh -W '[h]:22' j\n{connected}"), Standing::Connection),
    ] {
        assert_eq!(read(&text).0.where_it_stands(), standing, "{text}");
    }
}

#[test]
fn a_banner_cannot_pose_as_an_error() {
    let (log, _) = read(
        "debug1: Connecting to h [h] port 22.\nh: Permission denied (publickey).\n\
         Host key verification failed.\nConnection closed by 10.0.0.7 port 22\n",
    );
    assert_eq!(log.diagnosis().kind, ClosedEarly);
}

#[test]
fn a_key_that_was_not_written_down_is_noticed_but_not_a_jump_hosts_nor_a_banner() {
    let failed = "Failed to add the host to the list of known hosts (/k/static+db1).\n";
    let (alias, keys) = ("debug1: using hostkeyalias: static+db1\n", "debug1: SSH2_MSG_NEWKEYS received\n");
    for (text, forgot) in [
        (format!("{alias}{failed}{keys}"), true),
        (format!("{failed}{alias}{keys}"), false),
        (format!("{alias}{keys}{failed}"), false),
    ] {
        let (log, _) = read(&text);
        assert_eq!(log.forgot_the_key(), forgot, "{text}");
        assert_eq!(log.diagnosis().kind == HostKeyUnknown, forgot, "{text}");
    }
}

#[test]
fn a_resolver_that_fails_for_now_may_be_asked_again() {
    let (log, _) = read("ssh: Could not resolve hostname h: Temporary failure in name resolution\n");
    assert!(log.diagnosis().kind.is_transient());
}

#[test]
fn the_log_is_bounded_and_holds_no_control_characters() {
    let mut log = SshLog::new("a");
    for n in 0..2 * LINES {
        log.push(&format!("\u{1b}[31mline {n}\r\n"));
    }
    assert_eq!(log.lines.len(), LINES);
    for _ in 0..LINES {
        log.push("debug3: misc.c:set_nonblock():122 (pid=1): fd 3 setting O_NONBLOCK");
    }
    assert_eq!(log.last_words(), Some("[31mline 999"));
}
