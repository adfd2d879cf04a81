//! A session leaves no process behind on this machine, however it ends.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    os::fd::OwnedFd,
    process::{Command, Stdio},
};

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::{io::unix::AsyncFd, sync::watch};

use super::{
    super::{Stop, Transport, Wishes},
    Output, host, in_time, job, session,
    sshd::Sshd,
    transport,
};

/// The processes that have `word` in their command line, each as a handle that signals its end.
fn with_word(word: &str) -> Vec<OwnedFd> {
    let entries = fs::read_dir("/proc").expect("Linux").filter_map(Result::ok);
    let open = |entry: fs::DirEntry| {
        let pid = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
        let command = fs::read(entry.path().join("cmdline")).ok()?;
        let ours = String::from_utf8_lossy(&command).contains(word) && pid != rustix::process::getpid();
        ours.then(|| pidfd_open(pid, PidfdFlags::NONBLOCK).ok())?
    };
    entries.filter_map(open).collect()
}

/// The word that every `ssh` of this server's tests has in its command line, and so has its leash.
fn word(sshd: &Sshd) -> String {
    sshd.dir().join("known_hosts").to_string_lossy().into_owned()
}

async fn all_end(processes: Vec<OwnedFd>) {
    for process in processes {
        #[expect(
            deprecated,
            reason = "its successor is unsafe code; this owns the descriptor, and so keeps the promise"
        )]
        let process = AsyncFd::new(process).expect("can be waited for");
        // Readable means that the process has ended.
        let _ = in_time(process.readable()).await.expect("tells its end");
    }
}

#[tokio::test]
async fn a_closed_session_leaves_nothing() {
    let sshd = Sshd::builder().start();
    let session = session(&sshd).await;
    let processes = with_word(&word(&sshd));
    assert_eq!(processes.len(), 2, "ssh and its leash");
    in_time(session.close()).await;
    all_end(processes).await;
}

#[tokio::test]
async fn a_client_that_is_configured_to_go_its_own_way_does_not() {
    let sshd = Sshd::builder().start();
    // A user may declare names that an older `ssh` does not know, and our options do not interfere.
    let config =
        "IgnoreUnknown ForkAfterAuthentication,NotYetInvented\nForkAfterAuthentication yes\nNotYetInvented yes\n";
    fs::write(sshd.client_config(), config).expect("writes");
    let session = session(&sshd).await;
    let processes = with_word(&word(&sshd));
    assert_eq!(processes.len(), 2, "ssh and its leash");
    in_time(session.close()).await;
    all_end(processes).await;
}

#[tokio::test]
async fn a_connect_that_is_dropped_leaves_nothing() {
    let sshd = Sshd::builder().start();
    let mute = TcpListener::bind((sshd.addresses()[0], 0)).expect("listens");
    let transport = transport(&sshd, |_| {});
    let mut host = host(&sshd, 0);
    host.address.port = mute.local_addr().ok().map(|address| address.port());
    // The search runs while the connection is in progress, because `select!` drops the branch that loses.
    let client_and_processes = async {
        let client = tokio::task::spawn_blocking(move || mute.accept().expect("a client")).await.expect("accepts");
        (client, with_word(&word(&sshd)))
    };
    let (client, processes) = tokio::select! {
        connected = transport.connect(&host) => panic!("nobody answers: {connected:?}"),
        found = client_and_processes => found,
    };
    assert_eq!(processes.len(), 2, "ssh and its leash");
    all_end(processes).await;
    drop(client);
}

#[tokio::test]
async fn a_proxy_command_that_hangs_goes_with_its_ssh() {
    let sshd = Sshd::builder().start();
    let fifo = sshd.dir().join("proxy");
    // The command announces itself by opening the pipe, ignores every signal it can, and keeps every stream open.
    fs::write(
        sshd.client_config(),
        format!(
            "Host *\n  ProxyCommand sh -c 'trap \"\" TERM HUP INT; : {0}; echo > {0}; sleep 1000; :'\n",
            fifo.display()
        ),
    )
    .expect("writes");
    assert!(Command::new("mkfifo").arg(&fifo).status().expect("runs").success());
    let transport = transport(&sshd, |_| {});
    let host = host(&sshd, 0);
    let processes = async {
        assert_eq!(tokio::fs::read(&fifo).await.expect("reads"), b"\n");
        (with_word(&fifo.to_string_lossy()), with_word(&word(&sshd)))
    };
    let (proxy, ssh) = tokio::select! {
        connected = transport.connect(&host) => panic!("nobody answers: {connected:?}"),
        found = processes => found,
    };
    assert!(!proxy.is_empty() && !ssh.is_empty());
    all_end(proxy).await;
    all_end(ssh).await;
}

#[tokio::test]
async fn a_run_that_is_dropped_leaves_nothing_here_nor_there() {
    let sshd = Sshd::builder().start();
    let mut session = session(&sshd).await;
    let (_stop, hear) = watch::channel(Stop::No);
    let mut out = Output::default();
    let mut seen = out.seen.subscribe();
    let script = job(&format!("echo ready; sleep 1000.{}; :", std::process::id()));
    let processes = async {
        seen.wait_for(|stdout| stdout == b"ready\n").await.expect("it writes a line");
        (with_word(&format!("1000.{}", std::process::id())), with_word(&word(&sshd)))
    };
    let (remote, local) = tokio::select! {
        end = session.run(&script, &mut out, Wishes::to_stop(hear)) => panic!("it never ends: {end:?}"),
        found = processes => found,
    };
    assert!(!remote.is_empty() && !local.is_empty());
    drop(session);
    all_end(local).await;
    // The job demands that the script is killed when contact is lost.
    all_end(remote).await;
}

#[tokio::test]
#[ignore = "no test by itself: `nothing_outlives_us_when_we_are_killed` starts it, and kills it"]
async fn somebody_who_will_be_killed() {
    let server = std::env::var("FLEETWIDE_TEST_SSHD").expect("said by who starts it");
    let [dir, address, port] = server.split(' ').collect::<Vec<_>>()[..] else { panic!("three words") };
    let config = super::config(dir.as_ref());
    let transport = super::OpenSsh::new(config).expect("ssh is installed");
    let mut host = super::testing::host("i-0", "web0");
    host.address.host = address.to_owned();
    host.address.port = port.parse().ok();
    host.address.user = None;
    let _connected = transport.connect(&host).await.expect("logs in");
    fs::write("/dev/stdout", "logged in\n").expect("writes");
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn nothing_outlives_us_when_we_are_killed() {
    let sshd = Sshd::builder().start();
    let server = format!("{} {} {}", sshd.dir().display(), sshd.addresses()[0], sshd.port());
    let mut us = Command::new(std::env::current_exe().expect("this test"))
        .args(["--ignored", "--exact", "--nocapture", "transport::tests_sshd::processes::somebody_who_will_be_killed"])
        .env("FLEETWIDE_TEST_SSHD", server)
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let said = BufReader::new(us.stdout.take().expect("piped"));
    assert!(said.lines().map_while(Result::ok).any(|line| line.contains("logged in")));
    let processes = with_word(&word(&sshd));
    assert_eq!(processes.len(), 2, "ssh and its leash");
    us.kill().expect("SIGKILL");
    us.wait().expect("dead");
    all_end(processes).await;
}
