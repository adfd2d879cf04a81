//! The demo app (`fixtures/scripts/app.py`) on simulated hosts, and a steady load of requests for it.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{project::eventually, simulated_fleet::SimulatedFleet};

/// A file of `fixtures/scripts`.
pub(crate) fn script(name: &str) -> String {
    format!("{}/fixtures/scripts/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The way many teams restart an app: for a moment nothing answers, and requests in progress are lost.
const RESTART: &str = "#!/bin/sh\nset -eu\npython3 \"$APP\" stop\n\
                       # The third word is the address of this host.\nset -- $SSH_CONNECTION\n\
                       python3 \"$APP\" start \"$3\" \"$APP_PORT\" \"$FLEETWIDE_REVISION\"\n";

/// Where the app of a fleet listens.
#[derive(Debug)]
pub(crate) struct DemoApp {
    hosts: Vec<(String, SocketAddr)>,
}

/// The keys of `[targets.web.deploy]` that give the app to a fleet's hosts, and its port.
pub(crate) fn deployed() -> (String, u16) {
    let port = free_port(super::simulated_fleet::own_address(1));
    (format!("env = {{ APP = \"{}\", APP_PORT = \"{port}\" }}\n", script("app.py")), port)
}

/// A free port at one of the tests' own addresses.
pub(crate) fn free_port(address: Ipv4Addr) -> u16 {
    TcpListener::bind((address, 0)).and_then(|free| free.local_addr()).expect("a free port").port()
}

impl DemoApp {
    /// The app that the fleet's deploy script restarts.
    pub(crate) fn of(fleet: &SimulatedFleet, port: u16) -> Self {
        fleet.project.write("deploy.sh", RESTART);
        let host = |host: &fleetwide_simulator::ssh::RunningHost| {
            (host.name().to_owned(), SocketAddr::from((host.address(), port)))
        };
        Self { hosts: fleet.hosts().iter().map(host).collect() }
    }

    /// The hosts, and the address of the app on each.
    pub(crate) fn hosts(&self) -> &[(String, SocketAddr)] {
        &self.hosts
    }

    /// The revision that each host serves.
    pub(crate) fn served(&self) -> Vec<String> {
        self.hosts
            .iter()
            .map(|(name, address)| get(*address, "/").unwrap_or_else(|why| panic!("{name}: {why}")))
            .collect()
    }
}

/// The body of an answer with status 200.
pub(crate) fn get(address: SocketAddr, path: &str) -> Result<String, String> {
    request(&mut None, address, path, Kept::No)
}

/// Whether a connection is used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    Yes,
    No,
}

fn request(
    open: &mut Option<BufReader<TcpStream>>,
    address: SocketAddr,
    path: &str,
    kept: Kept,
) -> Result<String, String> {
    let answer = exchange(open, address, path, kept).map_err(|error| error.to_string());
    if kept == Kept::No || answer.is_err() {
        *open = None;
    }
    match answer? {
        (200, body) => Ok(body),
        (status, body) => Err(format!("HTTP {status}: {}", body.lines().last().unwrap_or_default())),
    }
}

/// Sends one request without retrying, so that a lost request is noticed.
fn exchange(
    open: &mut Option<BufReader<TcpStream>>,
    address: SocketAddr,
    path: &str,
    kept: Kept,
) -> io::Result<(u16, String)> {
    const PATIENCE: Duration = Duration::from_secs(30);
    let stream = if let Some(stream) = open {
        stream
    } else {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        open.insert(BufReader::new(stream))
    };
    let connection = if kept == Kept::Yes { "keep-alive" } else { "close" };
    let head = format!("GET {path} HTTP/1.1\r\nHost: shop\r\nConnection: {connection}\r\n\r\n");
    stream.get_mut().write_all(head.as_bytes())?;
    let mut line = || -> io::Result<String> {
        let mut line = String::new();
        let read = stream.read_line(&mut line)?;
        if read == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(line.trim_end().to_ascii_lowercase()) }
    };
    let first = line()?;
    let mut length = 0;
    loop {
        let header = line()?;
        if header.is_empty() {
            break;
        }
        if let Some(bytes) = header.strip_prefix("content-length:") {
            length = bytes.trim().parse().map_err(io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::other(format!("no answer of a web server: {first}")))?;
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

/// Requests, one after another from each of several threads, until the load is finished.
#[derive(Debug)]
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<Vec<String>>>,
}

/// The results of a load's requests.
#[derive(Debug)]
pub(crate) struct Tally {
    /// How many got an answer with status 200.
    pub(crate) answered: usize,
    /// Why the others failed.
    pub(crate) failures: Vec<String>,
}

impl Tally {
    /// Checks that every request was answered.
    #[track_caller]
    pub(crate) fn has_lost_nothing(&self) {
        let (lost, some) = (self.failures.len(), &self.failures[..self.failures.len().min(5)]);
        assert_eq!(lost, 0, "requests failed, and {} did not: {some:#?}", self.answered);
    }
}

impl Load {
    /// Starts `fours` times four threads per address. Of each four, two keep their connection, and two make slow
    /// requests. Returns when all are running.
    pub(crate) fn on(addresses: &[SocketAddr], fours: usize) -> Self {
        let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let addresses: Vec<SocketAddr> = addresses.iter().copied().cycle().take(addresses.len() * fours).collect();
        let start = |(address, path, kept): (SocketAddr, &'static str, Kept)| {
            let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
            thread::spawn(move || {
                let (mut open, mut failures) = (None, Vec::new());
                while !stop.load(Ordering::Relaxed) {
                    match request(&mut open, address, path, kept) {
                        Ok(_) => _ = answered.fetch_add(1, Ordering::Relaxed),
                        Err(why) => {
                            failures.push(why);
                            // A failed client tries again, but not at full speed.
                            thread::sleep(Duration::from_millis(10));
                        }
                    }
                }
                failures
            })
        };
        let kinds = [("/", Kept::Yes), ("/", Kept::No), ("/slow", Kept::Yes), ("/slow", Kept::No)];
        let of = |address: SocketAddr| kinds.map(|(path, kept)| (address, path, kept));
        let threads = addresses.into_iter().flat_map(of).map(start).collect();
        let load = Self { stop, answered, threads };
        let enough = load.threads.len() * 10;
        let under_way = || (load.answered.load(Ordering::Relaxed) >= enough).then_some(());
        eventually(Duration::from_secs(30), under_way, || "nobody answers".to_owned());
        load
    }

    /// Ends the load.
    pub(crate) fn finish(self) -> Tally {
        self.stop.store(true, Ordering::Relaxed);
        let failures = self.threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect();
        Tally { answered: self.answered.load(Ordering::Relaxed), failures }
    }
}
