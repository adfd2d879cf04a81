//! A real Prometheus on loopback, for tests that need one. It ends with the value.

use std::{
    fmt::Write as _,
    fs,
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

/// A server, its configuration and its data.
#[derive(Debug)]
pub(crate) struct Prometheus {
    address: SocketAddr,
    folder: PathBuf,
    process: Option<Child>,
}

impl Prometheus {
    /// Starts one at this address, with its files in `folder`, that scrapes each of these apps continuously.
    pub(crate) fn start(folder: PathBuf, address: Ipv4Addr, apps: &[SocketAddr]) -> Self {
        fs::create_dir(&folder).expect("a folder");
        let mut config = "global: { scrape_interval: 500ms, scrape_timeout: 500ms }\nscrape_configs:\n\
                          - job_name: apps\n  static_configs:\n  - targets:\n"
            .to_owned();
        for app in apps {
            writeln!(config, "    - '{app}'").expect("a text grows");
        }
        fs::write(folder.join("prometheus.yml"), config).expect("writes");
        fs::write(folder.join("web.yml"), "").expect("writes");
        let free = TcpListener::bind((address, 0)).and_then(|free| free.local_addr()).expect("a free port");
        let mut prometheus = Self { address: free, folder, process: None };
        prometheus.resume();
        prometheus
    }

    /// Makes it accept only TLS, and only the user `ops` with the password `hunter2`.
    pub(crate) fn lock(&mut self) {
        self.stop();
        let ca = ["-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca"];
        let name = format!("subjectAltName=IP:{}", self.address.ip());
        let server = [
            ["-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=prometheus"].as_slice(),
            &["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", &name, "-addext", "basicConstraints=CA:FALSE"],
        ];
        for arguments in [ca.to_vec(), server.concat()] {
            let made = Command::new("openssl")
                .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
                .args(arguments)
                .current_dir(&self.folder)
                .output()
                .expect("openssl runs");
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        }
        let web = "tls_server_config: { cert_file: cert.pem, key_file: key.pem }\nbasic_auth_users:\n\
                   \x20 ops: $2b$05$abcdefghijklmnopqrstuuoXuKqgZXLiJqzfmMXDDhSFPIvxV7t8.\n";
        fs::write(self.folder.join("web.yml"), web).expect("writes");
        self.resume();
    }

    /// Its certificate authority, once it is locked.
    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// `address:port`.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts it again with its data, and waits until it answers.
    pub(crate) fn resume(&mut self) {
        let binary =
            ["/usr/bin/prometheus", "/usr/local/bin/prometheus"].into_iter().find(|path| Path::new(path).exists());
        let mut process = Command::new(binary.expect("prometheus is installed"))
            .args(["--config.file=prometheus.yml", "--web.config.file=web.yml", "--storage.tsdb.path=data"])
            .arg(format!("--web.listen-address={}", self.address))
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("prometheus starts");
        let mut log = BufReader::new(process.stderr.take().expect("piped")).lines().map_while(Result::ok);
        let mut said = String::new();
        let ready = log.by_ref().any(|line| {
            writeln!(said, "{line}").expect("a text grows");
            line.contains("Server is ready to receive web requests")
        });
        self.process = Some(process);
        assert!(ready, "prometheus ended:\n{said}");
        // Its further output is read, so that it never blocks on the pipe.
        std::thread::spawn(move || log.for_each(drop));
    }

    /// Stops it gracefully, and keeps its data.
    pub(crate) fn stop(&mut self) {
        self.end(Signal::TERM);
    }

    fn end(&mut self, signal: Signal) {
        let Some(mut process) = self.process.take() else { return };
        let pid = i32::try_from(process.id()).ok().and_then(Pid::from_raw).expect("a process id");
        // It may have ended by itself.
        let _ = kill_process(pid, signal);
        let _ = process.wait();
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.end(Signal::KILL);
    }
}
