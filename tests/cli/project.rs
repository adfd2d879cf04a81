//! A throw-away project, and the binary run in it without this machine's environment.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

/// A folder with a `fleetwide.toml`, its own home folder, and files that a test writes.
#[derive(Debug)]
pub(crate) struct Project {
    dir: TempDir,
}

/// The result of a run of the binary.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The exit code; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    /// All of standard output.
    pub(crate) stdout: String,
    /// All of standard error.
    pub(crate) stderr: String,
}

impl Finished {
    /// Runs a command to its end while the simulator keeps running in this process.
    pub(crate) async fn beside(mut command: Command) -> Self {
        let run = tokio::task::spawn_blocking(move || command.output().expect("the binary runs"));
        run.await.expect("no panic").into()
    }

    /// Checks the exit code, and shows everything if it differs.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "\n-- stdout\n{}\n-- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// Checks that either stream contains these words.
    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Self {
        let said = self.stdout.contains(words) || self.stderr.contains(words);
        assert!(said, "nothing says {words:?}\n-- stdout\n{}\n-- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// Standard output as one JSON value.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}:\n{}", self.stdout))
    }
}

impl Project {
    /// An empty project.
    pub(crate) fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("fw-").tempdir().expect("a temporary folder");
        for folder in ["home", "project"] {
            fs::create_dir(dir.path().join(folder)).expect("a folder");
        }
        Self { dir }
    }

    /// A project with this `fleetwide.toml`.
    pub(crate) fn with_config(text: &str) -> Self {
        let project = Self::new();
        project.write("fleetwide.toml", text);
        project
    }

    /// A path in the project.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("project").join(name)
    }

    /// The home folder that the binary sees.
    pub(crate) fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    /// Writes a file of the project.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).expect("a file of the project");
        path
    }

    /// Reads a file of the project.
    pub(crate) fn read(&self, name: &str) -> String {
        let path = self.path(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Reads a report.
    pub(crate) fn report(&self, name: &str) -> Value {
        serde_json::from_str(&self.read(name)).expect("a report is JSON")
    }

    /// A command that runs the binary with these arguments, which the caller may change.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fleetwide"));
        command
            .args(arguments)
            .current_dir(self.path(""))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::null());
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Finished {
        self.command(arguments).output().expect("the binary runs").into()
    }

    /// Runs the binary to its end while the simulator keeps running in this process.
    pub(crate) async fn run_beside(&self, arguments: &[&str]) -> Finished {
        Finished::beside(self.command(arguments)).await
    }

    /// Starts the binary with `--output json`, to be watched and stopped.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        Running::of(self.command(arguments))
    }
}

/// The binary while it runs, with its events read as they come.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    events: BufReader<ChildStdout>,
    seen: String,
}

impl Running {
    /// Starts a command of the binary with `--output json`.
    pub(crate) fn of(mut command: Command) -> Self {
        command.args(["--output", "json"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        let events = BufReader::new(child.stdout.take().expect("stdout is piped"));
        Self { child, events, seen: String::new() }
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Reads events until `count` of this type have come.
    pub(crate) fn await_events(&mut self, kind: &str, count: usize) -> Vec<Value> {
        let mut found = Vec::new();
        while found.len() < count {
            let mut line = String::new();
            let read = self.events.read_line(&mut line).expect("its stdout can be read");
            assert!(read > 0, "it ended before {count} × {kind}; it said\n{}", self.seen);
            self.seen.push_str(&line);
            let event: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            if event["type"] == kind {
                found.push(event);
            }
        }
        found
    }

    /// Sends it a signal, by name.
    pub(crate) fn signal(&self, name: &str) {
        kill(name, self.pid());
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Finished {
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut self.events, &mut rest).expect("its stdout can be read");
        let output = self.child.wait_with_output().expect("it ends");
        Finished { stdout: self.seen + &rest, ..Finished::from(output) }
    }
}

impl From<Output> for Finished {
    fn from(Output { status, stdout, stderr }: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
    }
}

/// Sends a signal to one process.
pub(crate) fn kill(name: &str, pid: u32) {
    let status = Command::new("kill").args(["-s", name, &pid.to_string()]).status().expect("kill runs");
    assert!(status.success(), "kill -s {name} {pid}");
}

/// The processes whose environment or command line contains `mark`, as `pid command`.
pub(crate) fn processes_with(mark: &Path) -> Vec<String> {
    let mark = mark.to_str().expect("a mark is text");
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").expect("/proc").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.bytes().all(|byte| byte.is_ascii_digit()) || name == std::process::id().to_string() {
            continue;
        }
        // A process may end during the search; then it does not count.
        let text = |file: &str| {
            fs::read(entry.path().join(file))
                .map_or_else(|_| String::new(), |bytes| String::from_utf8_lossy(&bytes).replace('\0', " "))
        };
        let command = text("cmdline");
        if !command.is_empty() && (command.contains(mark) || text("environ").contains(mark)) {
            found.push(format!("{name} {command}"));
        }
    }
    found
}

/// Waits until `condition` returns a value, at most for `limit`; then fails with the message from `otherwise`.
#[track_caller]
pub(crate) fn eventually<T>(
    limit: Duration,
    mut condition: impl FnMut() -> Option<T>,
    otherwise: impl FnOnce() -> String,
) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < end, "after {limit:?}: {}", otherwise());
        std::thread::sleep(Duration::from_millis(50));
    }
}
