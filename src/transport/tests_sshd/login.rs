//! Every way in which a login can fail, and its error message.

use std::{
    fs,
    io::Read,
    net::{TcpListener, TcpStream},
    time::Duration,
};

use futures::future::join_all;
use provider_core::HostKey;
use tokio::{io::copy_bidirectional, sync::watch};

use super::{
    super::{ConnectFailure, OpenSsh, OpenSshError, Transport},
    host, in_time, refusal,
    sshd::Sshd,
    testing, transport,
};
use crate::config::HostKeys;

/// Remembers a key for the first host, as an earlier login would have.
fn remember(sshd: &Sshd, transport: &OpenSsh, key: &str) {
    let file = transport.known_hosts_file(&host(sshd, 0));
    let alias = file.file_name().expect("a file").to_string_lossy().into_owned();
    fs::write(file, format!("{alias} {key}\n")).expect("writes");
}

#[tokio::test]
async fn a_login_remembers_the_key_under_the_hosts_id() {
    let sshd = Sshd::builder().start();
    let transport = transport(&sshd, |_| {});
    let connected = in_time(transport.connect(&host(&sshd, 0))).await.expect("logs in");
    assert!(connected.connect > Duration::ZERO && connected.auth > Duration::ZERO);
    connected.session.close().await;
    let known = fs::read_to_string(sshd.dir().join("known_hosts/aws+i-0")).expect("a file of its own");
    assert_eq!(known.trim(), format!("aws+i-0 {}", sshd.host_key()));
}

#[tokio::test]
async fn nothing_listens() {
    let sshd = Sshd::builder().start();
    let free = TcpListener::bind((sshd.addresses()[0], 0)).and_then(|it| it.local_addr()).expect("a free port").port();
    let mut host = host(&sshd, 0);
    host.address.port = Some(free);
    let error = refusal(&transport(&sshd, |_| {}), &host).await;
    assert_eq!(error.kind, ConnectFailure::Refused);
    assert!(error.message.contains("Connection refused") && error.hint.is_some(), "{error:?}");
}

#[tokio::test]
async fn a_changed_host_key_is_refused_in_both_modes() {
    let sshd = Sshd::builder().start();
    for mode in [HostKeys::AcceptNew, HostKeys::Strict] {
        let transport = transport(&sshd, |config| config.host_keys = mode);
        remember(&sshd, &transport, &sshd.wrong_host_key());
        let error = refusal(&transport, &host(&sshd, 0)).await;
        assert_eq!(error.kind, ConnectFailure::HostKeyChanged, "{error:?}");
        for key in [sshd.host_key(), sshd.wrong_host_key()] {
            let fingerprint = key.parse::<HostKey>().expect("a key").fingerprint();
            assert!(error.message.contains(&fingerprint), "{error:?}");
        }
        assert!(error.hint.expect("a hint").contains("fleetwide host-keys web --hosts "));
    }
}

#[tokio::test]
async fn strict_takes_known_keys_only() {
    let sshd = Sshd::builder().start();
    let transport = transport(&sshd, |config| config.host_keys = HostKeys::Strict);
    let error = refusal(&transport, &host(&sshd, 0)).await;
    assert_eq!(error.kind, ConnectFailure::HostKeyUnknown, "{error:?}");
    remember(&sshd, &transport, &sshd.host_key());
    in_time(transport.connect(&host(&sshd, 0))).await.expect("it is known now").session.close().await;
}

#[tokio::test]
async fn a_key_that_cannot_be_remembered_is_not_accepted() {
    let sshd = Sshd::builder().start();
    let transport = transport(&sshd, |_| {});
    // The folder was usable when the run began.
    let folder = sshd.dir().join("known_hosts");
    fs::remove_dir(&folder).and_then(|()| fs::write(&folder, "")).expect("a file in its place");
    let error = refusal(&transport, &host(&sshd, 0)).await;
    assert_eq!(error.kind, ConnectFailure::HostKeyUnknown, "{error:?}");
    assert!(error.message.contains("Failed to add the host") && error.hint.is_some(), "{error:?}");
}

#[tokio::test]
async fn a_key_that_may_not_log_in_is_named() {
    let sshd = Sshd::builder().start();
    let error =
        refusal(&transport(&sshd, |config| config.identity_file = Some(sshd.stranger_key())), &host(&sshd, 0)).await;
    assert_eq!(error.kind, ConnectFailure::LoginRefused, "{error:?}");
    assert!(error.hint.expect("a hint").contains(&*sshd.stranger_key().to_string_lossy()));
}

#[tokio::test]
async fn a_host_that_hangs_before_its_banner_is_given_up() {
    let sshd = Sshd::builder().start();
    let mute = TcpListener::bind((sshd.addresses()[0], 0)).expect("listens");
    let transport = transport(&sshd, |config| {
        config.connect_timeout = Duration::from_secs(5);
    });
    let mut host = host(&sshd, 0);
    host.address.port = mute.local_addr().ok().map(|address| address.port());
    let error = refusal(&transport, &host).await;
    assert_eq!(error.kind, ConnectFailure::TimedOut, "{error:?}");
    assert!(error.message.contains("connected, but no SSH banner within 5s"), "{error:?}");
}

#[tokio::test]
async fn a_host_that_hangs_in_the_login_is_given_up_and_said_so() {
    // The server runs a command for the authorised keys, and the command hangs.
    let user = std::process::Command::new("id").arg("-un").output().expect("id runs").stdout;
    let user = String::from_utf8(user).expect("a name");
    let sshd = Sshd::builder()
        .option("AuthorizedKeysCommand /bin/sleep 1000")
        .option(&format!("AuthorizedKeysCommandUser {}", user.trim()))
        .start();
    let transport = transport(&sshd, |config| {
        config.identity_file = Some(sshd.stranger_key());
        config.auth_timeout = Duration::from_secs(5);
    });
    let error = refusal(&transport, &host(&sshd, 0)).await;
    assert_eq!(error.kind, ConnectFailure::TimedOut, "{error:?}");
    assert!(error.message.contains("connected, but no login within 5s"), "{error:?}");
    assert!(error.message.contains("Offering public key"), "where ssh stands: {error:?}");
}

#[tokio::test]
async fn a_host_with_too_many_logins_under_way_says_so() {
    let sshd = Sshd::builder().max_startups(1).start();
    let mut first = TcpStream::connect((sshd.addresses()[0], sshd.port())).expect("connects");
    first.read_exact(&mut [0; 8]).expect("the server is busy with it");
    let error = refusal(&transport(&sshd, |_| {}), &host(&sshd, 0)).await;
    assert_eq!(error.kind, ConnectFailure::TooManyLogins, "{error:?}");
    assert!(error.hint.expect("a hint").contains("MaxStartups"));
}

#[tokio::test]
async fn an_address_that_is_an_option_is_refused() {
    let sshd = Sshd::builder().start();
    let mut host = host(&sshd, 0);
    host.address.host = format!("-oProxyCommand=touch {}/pwned", sshd.dir().display());
    assert_eq!(refusal(&transport(&sshd, |_| {}), &host).await.kind, ConnectFailure::LocalSsh);
    assert!(!sshd.dir().join("pwned").exists());
}

#[tokio::test]
async fn a_wrong_client_configuration_is_named() {
    let sshd = Sshd::builder().start();
    fs::write(sshd.client_config(), "Nonsense yes\n").expect("writes");
    let error = refusal(&transport(&sshd, |_| {}), &host(&sshd, 0)).await;
    assert_eq!(error.kind, ConnectFailure::LocalSsh);
    assert!(error.message.contains("Bad configuration option: nonsense"), "{error:?}");
}

#[tokio::test]
async fn the_clients_configuration_is_honoured() {
    let sshd = Sshd::builder().start();
    let config = format!("Host web\n  HostName {}\n  Port {}\n", sshd.addresses()[0], sshd.port());
    fs::write(sshd.client_config(), config).expect("writes");
    let mut host = host(&sshd, 0);
    host.address.host = "web".to_owned();
    host.address.port = None;
    let transport = transport(&sshd, |_| {});
    in_time(transport.connect(&host)).await.expect("logs in").session.close().await;
}

#[tokio::test]
async fn a_client_that_logs_where_it_logs_from_is_understood() {
    let sshd = Sshd::builder().start();
    fs::write(sshd.client_config(), "LogVerbose *\n").expect("writes");
    in_time(transport(&sshd, |_| {}).connect(&host(&sshd, 0))).await.expect("logs in").session.close().await;
    let stranger = transport(&sshd, |config| config.identity_file = Some(sshd.stranger_key()));
    let error = refusal(&stranger, &host(&sshd, 0)).await;
    assert_eq!(error.kind, ConnectFailure::LoginRefused, "{error:?}");
    assert!(error.hint.expect("a hint").contains(&*sshd.stranger_key().to_string_lossy()));
}

#[tokio::test]
async fn drops_slow_everybody_down_until_all_are_in() {
    // A few more than one, because the server notices the end of a login slightly later than the client.
    let sshd = Sshd::builder().hosts(12).max_startups(3).option("KexAlgorithms curve25519-sha256").start();
    let transport = transport(&sshd, |config| config.handshakes = 12);
    let hosts: Vec<_> = (0..12).map(|number| host(&sshd, number)).collect();
    let patient = async |host| loop {
        match transport.connect(host).await {
            Ok(connected) => return connected,
            Err(error) => assert_eq!(error.kind, ConnectFailure::TooManyLogins, "{error:?}"),
        }
    };
    for connected in in_time(join_all(hosts.iter().map(patient))).await {
        connected.session.close().await;
    }
}

#[tokio::test]
async fn a_door_that_is_closed_three_times_is_taken_for_a_ban() {
    let sshd = Sshd::builder().start();
    let firewall = TcpListener::bind((sshd.addresses()[0], 0)).expect("listens");
    let mut host = host(&sshd, 0);
    host.address.port = firewall.local_addr().ok().map(|address| address.port());
    std::thread::spawn(move || firewall.incoming().take(3).for_each(drop));
    let transport = transport(&sshd, |_| {});
    let mut kinds = Vec::new();
    let mut last = None;
    for _ in 0..3 {
        let error = refusal(&transport, &host).await;
        kinds.push(error.kind);
        last = error.hint;
    }
    assert_eq!(kinds, [ConnectFailure::ClosedEarly, ConnectFailure::ClosedEarly, ConnectFailure::Banned]);
    assert!(last.expect("a hint").contains("15 s to 10 min"));
    assert!(!ConnectFailure::Banned.is_transient(), "knocking again makes it longer");
}

#[tokio::test]
async fn no_more_handshakes_are_under_way_than_may_be() {
    // A few more than one, because the server notices the end of a login slightly later than the client.
    let sshd = Sshd::builder().hosts(12).max_startups(3).start();
    let transport = transport(&sshd, |config| config.handshakes = 1);
    let hosts: Vec<_> = (0..12).map(|number| host(&sshd, number)).collect();
    for connected in in_time(join_all(hosts.iter().map(|host| transport.connect(host)))).await {
        connected.expect("there is room for it").session.close().await;
    }
}

/// A network that stalls, and comes back for all hosts at once.
#[tokio::test]
async fn a_wrong_key_costs_three_logins_though_more_hosts_answer_at_once() {
    let sshd = Sshd::builder().start();
    let (back, is_back) = watch::channel(false);
    let (asked, mut count) = watch::channel(0);
    let mut hosts = Vec::new();
    for number in 0..8 {
        let listener = tokio::net::TcpListener::bind((sshd.addresses()[0], 0)).await.expect("listens");
        let mut host = host(&sshd, 0);
        host.id = testing::host(&format!("i-{number}"), "web").id;
        host.address.port = listener.local_addr().ok().map(|address| address.port());
        hosts.push(host);
        let (asked, mut is_back, server) = (asked.clone(), is_back.clone(), (sshd.addresses()[0], sshd.port()));
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                asked.send_modify(|count| *count += 1);
                is_back.wait_for(|back| *back).await.expect("somebody says so");
                let mut server = tokio::net::TcpStream::connect(server).await.expect("connects");
                tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
            }
        });
    }
    let transport = transport(&sshd, |config| config.identity_file = Some(sshd.stranger_key()));
    let mut dead = host(&sshd, 0);
    dead.address.port =
        TcpListener::bind((sshd.addresses()[0], 0)).and_then(|it| it.local_addr()).ok().map(|it| it.port());
    assert_eq!(refusal(&transport, &dead).await.kind, ConnectFailure::Refused);

    let refusals = join_all(hosts.iter().map(|host| refusal(&transport, host)));
    let (refusals, ()) = tokio::join!(refusals, async {
        count.wait_for(|count| *count >= 6).await.expect("they are asked");
        back.send_replace(true);
    });
    let tried = refusals.iter().filter(|error| !error.message.contains("not tried, so that no account is locked"));
    assert_eq!(tried.count(), 3, "{refusals:#?}");
}

#[test]
fn a_key_that_is_not_there_is_an_error_before_any_host_is_tried() {
    let sshd = Sshd::builder().start();
    let mut config = super::config(sshd.dir());
    config.identity_file = Some(sshd.dir().join("nowhere"));
    let error = OpenSsh::new(config).expect_err("no such key");
    assert!(matches!(&error, OpenSshError::Unreadable { what: "identity_file", .. }), "{error:?}");
}
