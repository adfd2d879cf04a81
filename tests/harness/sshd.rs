//! A real OpenSSH server on loopback, for tests that need one.
//!
//! One server plays any number of hosts: each is an address of 127.0.0.0/8 with its own state folder
//! (`XDG_STATE_HOME`). Keys, configuration and state are in a temporary folder. The server and all its connections end
//! with the value. It runs as the user of the tests.
//!
//! Included by `#[path]`, from tests inside the crate and outside, so it depends on neither.

use std::{
    collections::HashMap,
    fs,
    io::{BufRead, BufReader},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// sshd listens on no more addresses than this (`MAX_LISTEN_SOCKS`).
const ADDRESSES: usize = 16;

/// A server to start.
#[derive(Debug)]
pub(crate) struct SshdBuilder {
    hosts: u8,
    max_startups: String,
    options: Vec<String>,
    world: Option<String>,
}

impl SshdBuilder {
    /// How many addresses it listens on; one by default.
    pub(crate) fn hosts(mut self, hosts: u8) -> Self {
        self.hosts = hosts;
        self
    }

    /// How many logins may be in progress at once; 200 by default.
    pub(crate) fn max_startups(self, logins: u16) -> Self {
        self.max_startups_rule(&logins.to_string())
    }

    /// The same in `sshd`'s form: `start:rate:full`.
    pub(crate) fn max_startups_rule(mut self, rule: &str) -> Self {
        rule.clone_into(&mut self.max_startups);
        self
    }

    /// Another line of its configuration; `$DIR` is the server's folder.
    pub(crate) fn option(mut self, line: &str) -> Self {
        self.options.push(line.to_owned());
        self
    }

    /// Lines for `sh`, run as root before the server starts, in its own mount namespace, which ends with it. So it can
    /// see other accounts, file systems and tools than the rest of this machine. `$DIR` is its folder. Such a server
    /// plays one host, whose state is in its home folder.
    pub(crate) fn within(mut self, setup: &str) -> Self {
        self.world = Some(setup.to_owned());
        self
    }

    /// Starts the server, and waits until it listens on every address.
    pub(crate) fn start(self) -> Sshd {
        let dir = tempfile::Builder::new().prefix("sshd").tempdir().expect("a folder");
        for key in ["host", "login", "stranger"] {
            let path = dir.path().join(key);
            let made =
                Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", key, "-f"]).arg(&path).status();
            assert!(made.expect("ssh-keygen runs").success());
        }
        fs::write(dir.path().join("ssh_config"), "").expect("writes");
        let addresses = own_addresses(self.hosts);
        let port = TcpListener::bind((addresses[0], 0)).and_then(|free| free.local_addr()).expect("a free port").port();
        if rustix::process::getuid().is_root() {
            fs::create_dir_all("/run/sshd").expect("sshd's empty folder");
        }
        let sshd = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"]
            .into_iter()
            .find(|path| Path::new(path).exists())
            .expect("openssh-server is installed");
        let log = Arc::new(Log::default());
        let start = |(number, addresses): (usize, &[Ipv4Addr])| {
            let config = dir.path().join(format!("sshd_config-{number}"));
            fs::write(&config, self.config(dir.path(), addresses, port)).expect("writes");
            let mut server = self
                .command(sshd, dir.path())
                .args(["-D", "-e", "-f"])
                .arg(&config)
                .stdin(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .expect("sshd starts");
            log.follow(server.stderr.take().expect("piped"));
            server
        };
        let servers = addresses.chunks(ADDRESSES).enumerate().map(start).collect();
        let sshd = Sshd { dir, servers, addresses, port, log };
        for address in &sshd.addresses {
            sshd.wait_for_log(&format!("Server listening on {address} port"));
        }
        sshd
    }

    fn command(&self, sshd: &str, dir: &Path) -> Command {
        let Some(setup) = &self.world else { return Command::new(sshd) };
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-euc"]);
        command.arg(format!("{setup}\nexec \"$@\"")).args(["sh", sshd]).env("DIR", dir);
        command
    }

    fn config(&self, dir: &Path, addresses: &[Ipv4Addr], port: u16) -> String {
        let home = dir.display();
        let mut lines = vec![
            format!("Port {port}"),
            format!("HostKey {home}/host"),
            format!("AuthorizedKeysFile {home}/login.pub"),
            "PidFile none".to_owned(),
            "UsePAM no".to_owned(),
            "StrictModes no".to_owned(),
            "PasswordAuthentication no".to_owned(),
            "KbdInteractiveAuthentication no".to_owned(),
            "LogLevel VERBOSE".to_owned(),
            format!("MaxStartups {}", self.max_startups),
        ];
        lines.extend(addresses.iter().map(|address| format!("ListenAddress {address}")));
        lines.extend(self.options.iter().map(|line| line.replace("$DIR", &home.to_string())));
        // Settings under Match would override the environment from the options.
        for address in addresses.iter().filter(|_| self.world.is_none()) {
            lines.push(format!("Match LocalAddress {address}"));
            // The startup files of the tests' user are not read either: they may hang, and a killed login may damage
            // them.
            lines.push(format!("  SetEnv XDG_STATE_HOME={home}/state-{address} HOME={home}"));
        }
        lines.join("\n") + "\n"
    }
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Sshd {
    dir: TempDir,
    servers: Vec<Child>,
    addresses: Vec<Ipv4Addr>,
    port: u16,
    log: Arc<Log>,
}

impl Sshd {
    /// An ordinary server with one address.
    pub(crate) fn builder() -> SshdBuilder {
        SshdBuilder { hosts: 1, max_startups: "200".to_owned(), options: Vec::new(), world: None }
    }

    /// Where it listens.
    pub(crate) fn addresses(&self) -> &[Ipv4Addr] {
        &self.addresses
    }

    /// The port, the same on every address.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// A private key that may log in.
    pub(crate) fn login_key(&self) -> PathBuf {
        self.dir.path().join("login")
    }

    /// A private key that may not.
    pub(crate) fn stranger_key(&self) -> PathBuf {
        self.dir.path().join("stranger")
    }

    /// The server's public key, as `type base64`.
    pub(crate) fn host_key(&self) -> String {
        public_key(&self.dir.path().join("host.pub"))
    }

    /// A public key that is not the server's, as `type base64`.
    pub(crate) fn wrong_host_key(&self) -> String {
        public_key(&self.dir.path().join("stranger.pub"))
    }

    /// An empty client configuration, so that the one of the tests' user has no effect.
    pub(crate) fn client_config(&self) -> PathBuf {
        self.dir.path().join("ssh_config")
    }

    /// A folder that lasts as long as the server.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The state folder of a host.
    pub(crate) fn state(&self, host: usize) -> PathBuf {
        self.dir.path().join(format!("state-{}", self.addresses[host]))
    }

    /// Waits until its log holds `text`.
    pub(crate) fn wait_for_log(&self, text: &str) {
        self.log.wait_for(text);
    }

    /// How often its log holds `text` so far.
    pub(crate) fn count_in_log(&self, text: &str) -> usize {
        self.log.text.lock().expect("the writer does not panic").matches(text).count()
    }

    /// Cuts every connection, as if the host had lost power, but leaves the scripts running.
    pub(crate) fn cut_connections(&self) {
        for (pid, name) in self.servers.iter().flat_map(|server| descendants(server.id())) {
            if name.starts_with("sshd") {
                kill(pid);
            }
        }
    }
}

impl Sshd {
    /// Cuts the connections of one host, but leaves its scripts running.
    pub(crate) fn cut_host(&self, host: usize) {
        self.connections_of(host).into_iter().for_each(kill);
    }

    /// Kills everything that runs on one host, as a power cut does.
    pub(crate) fn fell_host(&self, host: usize) {
        let connections = self.connections_of(host);
        // Some processes may be starting others just now.
        loop {
            let running = self.running_on(host);
            if running.is_empty() {
                break;
            }
            running.into_iter().for_each(kill);
        }
        connections.into_iter().for_each(kill);
    }

    /// The processes of a host, each of which has its state folder in its environment.
    fn running_on(&self, host: usize) -> Vec<u32> {
        let mark = format!("XDG_STATE_HOME={}\0", self.state(host).display()).into_bytes();
        let has_mark = |pid: &u32| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.windows(mark.len()).any(|part| part == mark)
        };
        processes().into_iter().map(|(pid, ..)| pid).filter(has_mark).collect()
    }

    /// The `sshd` processes between the server and a host's processes.
    fn connections_of(&self, host: usize) -> Vec<u32> {
        let all: HashMap<u32, (u32, String)> =
            processes().into_iter().map(|(pid, parent, name)| (pid, (parent, name))).collect();
        let servers: Vec<u32> = self.servers.iter().map(Child::id).collect();
        let mut found = Vec::new();
        for mut pid in self.running_on(host) {
            while let Some((parent, name)) = all.get(&pid)
                && !servers.contains(&pid)
            {
                if name.starts_with("sshd") {
                    found.push(pid);
                }
                pid = *parent;
            }
        }
        found
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        // Scripts that still run are killed with their connections.
        for server in &mut self.servers {
            let connections = descendants(server.id());
            let _ = server.kill();
            let _ = server.wait();
            for (pid, _) in connections {
                kill(pid);
            }
        }
    }
}

/// The servers' log, as it is written.
#[derive(Debug, Default)]
struct Log {
    text: Mutex<String>,
    more: Condvar,
}

impl Log {
    fn follow(self: &Arc<Self>, stderr: ChildStderr) {
        let log = Arc::clone(self);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut text = log.text.lock().expect("no reader panics with the lock held");
                text.push_str(&line);
                text.push('\n');
                log.more.notify_all();
            }
        });
    }

    fn wait_for(&self, wanted: &str) {
        let text = self.text.lock().expect("the writer does not panic");
        let waiting = |text: &mut String| !text.contains(wanted);
        let text = self.more.wait_timeout_while(text, Duration::from_secs(30), waiting).expect("as above").0.clone();
        assert!(text.contains(wanted), "sshd never said `{wanted}`:\n{text}");
    }
}

/// Addresses that no other test uses at the same time, because they contain the number of this process.
fn own_addresses(count: u8) -> Vec<Ipv4Addr> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let pid = std::process::id();
    let address = || {
        // From 1 to 126, so that no address ends in 0 or 255.
        let n = 1 + NEXT.fetch_add(1, Ordering::Relaxed) % 126;
        let [_, a, b, c] = (pid << 7 | u32::from(n)).to_be_bytes();
        Ipv4Addr::new(127, 1 + a % 254, b, c)
    };
    (0..count).map(|_| address()).collect()
}

fn public_key(file: &Path) -> String {
    let text = fs::read_to_string(file).expect("a key");
    text.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

fn kill(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may be gone already.
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Every direct or indirect child of `of`, with its name, from `/proc`.
fn descendants(of: u32) -> Vec<(u32, String)> {
    let mut children: HashMap<u32, Vec<(u32, String)>> = HashMap::new();
    for (pid, parent, name) in processes() {
        children.entry(parent).or_default().push((pid, name));
    }
    let (mut found, mut open) = (Vec::new(), vec![of]);
    while let Some(parent) = open.pop() {
        for (pid, name) in children.remove(&parent).unwrap_or_default() {
            open.push(pid);
            found.push((pid, name));
        }
    }
    found
}

/// Every process that is not a zombie: its number, its parent's, its name.
fn processes() -> Vec<(u32, u32, String)> {
    let entries = fs::read_dir("/proc").expect("Linux").filter_map(Result::ok);
    let read = |entry: fs::DirEntry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        let (before, after) = stat.rsplit_once(") ")?;
        let name = before.split_once('(')?.1.to_owned();
        let mut fields = after.split(' ');
        let state = fields.next()?;
        let parent = fields.next()?.parse().ok()?;
        (state != "Z").then_some((pid, parent, name))
    };
    entries.filter_map(read).collect()
}
