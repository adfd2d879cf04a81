//! Ways to a host: jump hosts, a command for each host, IPv6; and the errors when there is no way.

use std::{fs, net::TcpListener, path::Path, time::Duration};

use futures::future::join_all;
use tokio::sync::watch;

use super::{
    super::{ConnectFailure, Halt, OpenSsh, Transport},
    host, in_time, job, refusal, run, session,
    sshd::Sshd,
    transport,
};
use crate::{
    config::Way,
    guard::{ScriptStatus, Trailer},
    inventory::Host,
    transport::RemoteExit,
};

/// Configures the client to log in on jump hosts, as a user's own configuration would.
fn trust(sshd: &Sshd, jumps: &[&Sshd], checking: &str) {
    let block = |jump: &&Sshd| {
        format!(
            "Host {}\n  IdentityFile {}\n  UserKnownHostsFile {}/jump\n  StrictHostKeyChecking {checking}\n",
            jump.addresses()[0],
            jump.login_key().display(),
            sshd.dir().display()
        )
    };
    fs::write(sshd.client_config(), jumps.iter().map(block).collect::<String>()).expect("writes");
}

/// A transport to the hosts of `sshd` through these jump hosts.
fn through(sshd: &Sshd, jumps: &[&Sshd]) -> OpenSsh {
    let hops: Vec<String> = jumps.iter().map(|jump| format!("{}:{}", jump.addresses()[0], jump.port())).collect();
    transport(sshd, |config| config.way = Way::Jump(hops.join(",").parse().expect("jump hosts")))
}

const ACCEPTED: &str = "Accepted publickey for ";

#[tokio::test]
async fn all_hosts_share_one_login_on_each_jump_host() {
    let [outer, inner] = [Sshd::builder().start(), Sshd::builder().start()];
    let sshd = Sshd::builder().hosts(8).start();
    trust(&sshd, &[&outer, &inner], "accept-new");
    let transport = through(&sshd, &[&outer, &inner]);
    let hosts: Vec<_> = (0..8).map(|number| host(&sshd, number)).collect();
    let connected = in_time(join_all(hosts.iter().map(|host| transport.connect(host)))).await;
    for connected in connected {
        let mut session = connected.expect("logs in").session;
        let (end, out) = run(session.as_mut(), &job("echo here")).await;
        let ended = matches!(end, Ok(RemoteExit::Ended(Trailer { status: ScriptStatus::Exited(0), .. })));
        assert!(ended && out.stdout == b"here\n", "{end:?}");
        session.close().await;
    }
    assert_eq!((outer.count_in_log(ACCEPTED), inner.count_in_log(ACCEPTED)), (1, 1));
    assert_eq!(sshd.count_in_log(ACCEPTED), 8);
}

#[tokio::test]
async fn a_jump_host_that_cannot_be_trusted_is_named() {
    let [sshd, jump] = [Sshd::builder().start(), Sshd::builder().start()];
    // No person is there to answer the question, so `ssh` must not ask it.
    trust(&sshd, &[&jump], "ask");
    let error = refusal(&through(&sshd, &[&jump]), &host(&sshd, 0)).await;
    assert_eq!(error.kind, ConnectFailure::HostKeyUnknown, "{error:?}");
    assert!(error.message.starts_with(&format!("jump host {}:{}: ", jump.addresses()[0], jump.port())), "{error:?}");
    assert!(error.hint.expect("a hint").contains("jump host once by hand"));
}

#[tokio::test]
async fn a_jump_host_that_refuses_the_login_is_asked_once_for_all() {
    let [sshd, jump] = [Sshd::builder().hosts(5).start(), Sshd::builder().start()];
    trust(&sshd, &[], "accept-new");
    let config =
        format!("Host *\n  UserKnownHostsFile {}/jump\n  StrictHostKeyChecking accept-new\n", sshd.dir().display());
    fs::write(sshd.client_config(), config).expect("writes");
    let transport = through(&sshd, &[&jump]);
    let hosts: Vec<_> = (0..5).map(|number| host(&sshd, number)).collect();
    let refused = in_time(join_all(hosts.iter().map(|host| transport.connect(host)))).await;
    let errors: Vec<_> = refused.into_iter().map(|refused| refused.expect_err("no key")).collect();
    assert!(errors.iter().all(|error| error.kind == ConnectFailure::LoginRefused), "{errors:?}");
    assert!(errors.iter().all(|error| error.message == errors[0].message), "one reason, in the same words");
    assert_eq!(jump.count_in_log("Connection from "), 1, "one connection for all of them");
}

#[tokio::test]
async fn the_second_jump_host_is_named_when_it_is_the_one_that_fails() {
    let [sshd, outer, inner] = [Sshd::builder().start(), Sshd::builder().start(), Sshd::builder().start()];
    trust(&sshd, &[&outer, &inner], "accept-new");
    let gone = format!("{}:1", inner.addresses()[0]);
    let hops = format!("{}:{},{gone}", outer.addresses()[0], outer.port());
    let transport = transport(&sshd, |config| config.way = Way::Jump(hops.parse().expect("jump hosts")));
    let error = refusal(&transport, &host(&sshd, 0)).await;
    assert_eq!(error.kind, ConnectFailure::Refused, "{error:?}");
    assert!(error.message.starts_with(&format!("jump host {gone}: jump host {}", outer.addresses()[0])), "{error:?}");
    assert!(error.message.ends_with(&format!("cannot reach {gone}: Connection refused")), "{error:?}");
}

#[tokio::test]
async fn a_host_that_its_jump_host_cannot_reach_has_the_jump_hosts_reason() {
    let [sshd, jump] = [Sshd::builder().start(), Sshd::builder().start()];
    trust(&sshd, &[&jump], "accept-new");
    let transport = through(&sshd, &[&jump]);
    let mut gone = host(&sshd, 0);
    gone.address.port = Some(1);
    let error = refusal(&transport, &gone).await;
    assert_eq!(error.kind, ConnectFailure::Refused, "{error:?}");
    assert!(error.message.ends_with(":1: Connection refused"), "{error:?}");
    gone.address.host = "no-such-host.invalid".into();
    assert_eq!(refusal(&transport, &gone).await.kind, ConnectFailure::NameNotFound);
    in_time(transport.connect(&host(&sshd, 0))).await.expect("the way is fine").session.close().await;
    assert_eq!(jump.count_in_log(ACCEPTED), 1);
}

#[tokio::test]
async fn a_jump_host_that_forwards_nothing_says_so() {
    let [sshd, jump] = [Sshd::builder().start(), Sshd::builder().option("AllowTcpForwarding no").start()];
    trust(&sshd, &[&jump], "accept-new");
    let error = refusal(&through(&sshd, &[&jump]), &host(&sshd, 0)).await;
    assert_eq!(error.kind, ConnectFailure::ForwardingRefused, "{error:?}");
    assert!(error.hint.expect("a hint").contains("AllowTcpForwarding"));
}

#[tokio::test]
async fn a_host_that_says_nothing_behind_a_jump_host_is_given_up() {
    let [sshd, jump] = [Sshd::builder().start(), Sshd::builder().start()];
    trust(&sshd, &[&jump], "accept-new");
    let transport = through(&sshd, &[&jump]);
    // The login on the jump host gets enough time.
    in_time(transport.connect(&host(&sshd, 0))).await.expect("logs in").session.close().await;
    let mute = TcpListener::bind((sshd.addresses()[0], 0)).expect("listens");
    let mut silent = host(&sshd, 0);
    silent.address.port = mute.local_addr().ok().map(|address| address.port());
    let hops = format!("{}:{}", jump.addresses()[0], jump.port()).parse().expect("a jump host");
    let transport = super::transport(&sshd, |config| {
        config.way = Way::Jump(hops);
        config.connect_timeout = Duration::from_secs(5);
    });
    let error = refusal(&transport, &silent).await;
    assert_eq!(error.kind, ConnectFailure::TimedOut, "{error:?}");
    assert!(error.message.contains("no SSH banner came through the jump host within 5s"), "{error:?}");
}

#[tokio::test]
async fn a_host_that_allows_no_session_says_which_setting_that_is() {
    let sshd = Sshd::builder().option("MaxSessions 0").start();
    let mut session = session(&sshd).await;
    let lost = run(session.as_mut(), &job("true")).await.0.expect_err("no session");
    assert!(!lost.sent && lost.message.contains("MaxSessions"), "{lost:?}");
}

#[tokio::test]
async fn sessions_do_not_count_at_a_jump_host() {
    let jump = Sshd::builder().option("MaxSessions 0").start();
    let sshd = Sshd::builder().hosts(3).start();
    trust(&sshd, &[&jump], "accept-new");
    let transport = through(&sshd, &[&jump]);
    let hosts: Vec<_> = (0..3).map(|number| host(&sshd, number)).collect();
    for connected in in_time(join_all(hosts.iter().map(|host| transport.connect(host)))).await {
        connected.expect("logs in").session.close().await;
    }
}

#[tokio::test]
async fn a_jump_host_that_lost_its_connection_is_logged_in_on_again_for_the_next_host() {
    let [sshd, jump] = [Sshd::builder().hosts(2).start(), Sshd::builder().start()];
    trust(&sshd, &[&jump], "accept-new");
    let transport = through(&sshd, &[&jump]);
    let first = in_time(transport.connect(&host(&sshd, 0))).await.expect("logs in");
    jump.cut_connections();
    // The login that went through the jump host ends with it.
    drop(first);
    let second = in_time(async {
        loop {
            // For a moment, the old master may still seem to be alive.
            match transport.connect(&host(&sshd, 1)).await {
                Ok(connected) => return connected,
                Err(error) => assert!(error.kind.is_transient(), "{error:?}"),
            }
        }
    })
    .await;
    second.session.close().await;
    assert_eq!(jump.count_in_log(ACCEPTED), 2);
}

#[tokio::test]
async fn the_users_own_jump_host_is_passed_and_its_failures_are_its_own() {
    let [sshd, jump] = [Sshd::builder().start(), Sshd::builder().start()];
    let write = |checking: &str| {
        trust(&sshd, &[&jump], checking);
        let own = format!("Host {}\n  ProxyJump {}:{}\n", sshd.addresses()[0], jump.addresses()[0], jump.port());
        let config = fs::read_to_string(sshd.client_config()).expect("reads") + &own;
        fs::write(sshd.client_config(), config).expect("writes");
    };
    let transport = transport(&sshd, |_| {});
    write("ask");
    let error = refusal(&transport, &host(&sshd, 0)).await;
    assert_eq!(error.kind, ConnectFailure::HostKeyUnknown, "{error:?}");
    assert!(error.message.starts_with("on the way to the host"), "{error:?}");
    write("accept-new");
    in_time(transport.connect(&host(&sshd, 0))).await.expect("logs in").session.close().await;
    assert_eq!(jump.count_in_log(ACCEPTED), 1);

    let past = super::transport(&sshd, |config| config.way = Way::Jump("none".parse().expect("none")));
    in_time(past.connect(&host(&sshd, 0))).await.expect("logs in").session.close().await;
    assert_eq!(jump.count_in_log(ACCEPTED), 1, "`none` passes it by");
}

/// A transport through a command.
fn by_command(sshd: &Sshd, command: &str) -> OpenSsh {
    transport(sshd, |config| config.way = Way::Command(command.parse().expect("a command")))
}

/// A script that carries a connection, as a cloud's own tool would, and records its arguments.
fn tunnel(sshd: &Sshd) -> std::path::PathBuf {
    let script = sshd.dir().join("tunnel");
    let text = format!(
        "#!/bin/bash\necho \"$@\" >>{}/asked\nexec 3<>\"/dev/tcp/$1/$2\"\ncat <&3 &\ncat >&3\nkill $!\n",
        sshd.dir().display()
    );
    write_executable(&script, &text);
    script
}

fn write_executable(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, text).expect("writes");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("may be run");
}

#[tokio::test]
async fn a_command_carries_each_connection_with_the_hosts_own_words() {
    let sshd = Sshd::builder().hosts(2).start();
    let script = tunnel(&sshd);
    let command = format!("{} {{address}} %p {{id}} {{name}} {{region}} {{zone}}", script.display());
    let transport = by_command(&sshd, &command);
    for number in 0..2 {
        in_time(transport.connect(&host(&sshd, number))).await.expect("logs in").session.close().await;
    }
    let asked = fs::read_to_string(sshd.dir().join("asked")).expect("was asked");
    let (port, [one, two]) = (sshd.port(), sshd.addresses()) else { panic!("two hosts") };
    let place = "eu-west-1 eu-west-1a";
    assert_eq!(asked, format!("{one} {port} i-0 web0 {place}\n{two} {port} i-1 web1 {place}\n"));
}

#[tokio::test]
async fn no_shell_reads_what_a_host_is_called() {
    let sshd = Sshd::builder().start();
    let script = tunnel(&sshd);
    let transport = by_command(&sshd, &format!("{} %h %p {{name}}", script.display()));
    let pwned = sshd.dir().join("pwned");
    for name in [
        "$(touch PWNED)",
        "`touch PWNED`",
        "x; touch PWNED",
        "x' ; touch PWNED ; '",
        "%h",
        "-x",
        "a b",
        "x\ntouch PWNED",
    ] {
        let host = Host {
            instance: named(&host(&sshd, 0), &name.replace("PWNED", &pwned.to_string_lossy())),
            ..host(&sshd, 0)
        };
        let error = refusal(&transport, &host).await;
        assert_eq!(error.kind, ConnectFailure::LocalSsh, "{error:?}");
        assert!(error.message.contains("its name `"), "{error:?}");
    }
    assert!(!pwned.exists() && !sshd.dir().join("asked").exists());
}

fn named(host: &Host, name: &str) -> provider_core::Instance {
    provider_core::Instance { name: name.to_owned(), ..host.instance.clone() }
}

#[tokio::test]
async fn a_command_that_fails_is_heard() {
    let sshd = Sshd::builder().start();
    let script = sshd.dir().join("tunnel");
    write_executable(&script, "#!/bin/sh\necho 'An error occurred (TargetNotConnected)' >&2\nexit 254\n");
    let error = refusal(&by_command(&sshd, &script.to_string_lossy()), &host(&sshd, 0)).await;
    assert!(error.message.contains("TargetNotConnected") && error.kind.is_transient(), "{error:?}");
}

#[tokio::test]
async fn ipv6_is_an_address_like_any_other() {
    let sshd = Sshd::builder().option("ListenAddress ::1").start();
    for address in ["::1", "0:0:0:0:0:0:0:1"] {
        let mut host = host(&sshd, 0);
        host.address.host = address.to_owned();
        in_time(transport(&sshd, |_| {}).connect(&host)).await.expect(address).session.close().await;
    }
    // The same behind a jump host, where the brackets matter.
    let jump = Sshd::builder().start();
    trust(&sshd, &[&jump], "accept-new");
    let mut host = host(&sshd, 0);
    host.address.host = "::1".to_owned();
    in_time(through(&sshd, &[&jump]).connect(&host)).await.expect("logs in").session.close().await;
    host.address.port = Some(1);
    let error = refusal(&through(&sshd, &[&jump]), &host).await;
    assert_eq!(error.kind, ConnectFailure::Refused, "{error:?}");
}

#[tokio::test]
async fn a_wrong_key_is_tried_on_three_hosts_and_no_more() {
    let sshd = Sshd::builder().hosts(12).start();
    let transport = transport(&sshd, |config| config.identity_file = Some(sshd.stranger_key()));
    let hosts: Vec<_> = (0..12).map(|number| host(&sshd, number)).collect();
    let refused = in_time(join_all(hosts.iter().map(|host| transport.connect(host)))).await;
    let errors: Vec<_> = refused.into_iter().map(|refused| refused.expect_err("a stranger")).collect();
    assert!(errors.iter().all(|error| error.kind == ConnectFailure::LoginRefused), "{errors:?}");
    assert_eq!(errors.iter().filter(|error| error.message.starts_with("not tried")).count(), 9);
    // The server has logged every connection by the time its login is refused.
    assert_eq!(sshd.count_in_log("Connection from "), 3);
}

#[tokio::test]
async fn once_the_run_halts_no_jump_host_is_logged_in_on_any_more() {
    let sshd = Sshd::builder().hosts(2).start();
    let mute = TcpListener::bind((sshd.addresses()[0], 0)).expect("listens");
    let hop = mute.local_addr().expect("an address").to_string();
    let transport = transport(&sshd, |config| config.way = Way::Jump(hop.parse().expect("a jump host")));
    let (caller, halted) = watch::channel(false);
    let hosts = [host(&sshd, 0), host(&sshd, 1)];
    let halt = || Halt::when(halted.clone());
    let first = transport.connect_unless(halt(), &hosts[0]);
    let second = async {
        let waiting = transport.connect_unless(halt(), &hosts[1]);
        let (refused, ()) = tokio::join!(waiting, async { _ = caller.send(true) });
        refused.expect_err("it did not begin")
    };
    let refused = in_time(async {
        tokio::select! {
            biased;
            ended = first => panic!("what is under way is not cut off: {ended:?}"),
            refused = second => refused,
        }
    })
    .await;
    assert_eq!(refused.kind, ConnectFailure::Halted, "{refused:?}");
}
