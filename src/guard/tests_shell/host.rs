//! A host to test on: its own home folder, a shell named `sh`, and a choice of tools.

use std::{
    collections::BTreeMap,
    fs,
    io::{ErrorKind, Read as _, Write as _},
    net::Shutdown,
    os::{
        fd::OwnedFd,
        unix::{
            fs::{MetadataExt as _, PermissionsExt as _, symlink},
            net::UnixStream,
            process::CommandExt as _,
        },
    },
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::guard::{
    Attach, COMMAND, Control, ControlLine, Deploy, EncodedRequest, GuardRequest, Input, Lifeline, Mark, Nonce, Offsets,
    OnLost, Parsed, Parser, Part, Payload, Query, Refusal, ScriptStatus, StderrParser, StdoutParser, Trailer, Work,
};

/// Only a guard that hangs takes this long.
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shell {
    Dash,
    Bash,
    Busybox,
}

pub(super) struct Host {
    pub(super) home: TempDir,
    bin: TempDir,
}

impl Host {
    pub(super) fn new(shell: Shell) -> Self {
        let host = Self { home: TempDir::new().unwrap(), bin: TempDir::new().unwrap() };
        if shell == Shell::Busybox {
            let applets = Command::new(find("busybox")).arg("--list").output().unwrap();
            for applet in String::from_utf8(applets.stdout).unwrap().lines() {
                host.link(applet, "busybox");
            }
        } else {
            host.link("sh", if shell == Shell::Dash { "dash" } else { "bash" });
            for tool in [
                "awk", "cat", "chmod", "date", "dd", "env", "flock", "head", "ln", "ls", "mkdir", "mv", "readlink",
                "rm", "seq", "setsid", "sleep", "touch", "tr", "wc",
            ] {
                host.link(tool, tool);
            }
        }
        host
    }

    /// Puts `program` of this machine on the host's PATH as `name`.
    pub(super) fn link(&self, name: &str, program: &str) {
        self.without(name);
        symlink(find(program), self.bin.path().join(name)).unwrap();
    }

    /// Puts a shell script on the host's PATH as `name`.
    pub(super) fn forge(&self, name: &str, script: &str) {
        self.without(name);
        let file = self.bin.path().join(name);
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Takes `name` from the host's PATH.
    pub(super) fn without(&self, name: &str) {
        match fs::remove_file(self.bin.path().join(name)) {
            Ok(()) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound),
        }
    }

    /// The folder of the app's state on this host.
    pub(super) fn state(&self) -> PathBuf {
        self.home.path().join(".local/state/fleetwide/shop")
    }

    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(self.bin.path().join("sh"));
        command.arg0("sh").args(["-c", COMMAND]);
        self.dress(&mut command);
        command
    }

    /// The same for a user who is not root, because modes do not bind root.
    pub(super) fn command_of_nobody(&self) -> Command {
        let guard = self.command();
        let mut command = Command::new(find("setpriv"));
        if fs::metadata("/proc/self").is_ok_and(|it| it.uid() == 0) {
            command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
        }
        fs::set_permissions(self.bin.path(), fs::Permissions::from_mode(0o755)).unwrap();
        command.arg(guard.get_program()).args(guard.get_args());
        self.dress(&mut command);
        command
    }

    /// Gives `command` the environment and the folder of a login on this host.
    pub(super) fn dress(&self, command: &mut Command) {
        command.env_clear().env("HOME", self.home.path()).env("PATH", self.bin.path()).current_dir(self.home.path());
    }

    pub(super) fn start(&self, request: &GuardRequest) -> Running {
        Running::start(self.command(), request)
    }

    /// Runs to the end, and checks that no process is left behind.
    pub(super) fn finish(&self, request: &GuardRequest) -> Seen {
        let seen = self.start(request).finish();
        self.await_silence();
        seen
    }

    /// Only the script's status.
    pub(super) fn status(&self, request: &GuardRequest) -> ScriptStatus {
        self.finish(request).trailer().status.clone()
    }

    /// The command lines of all processes that were started on this host and still run.
    pub(super) fn processes(&self) -> Vec<String> {
        let mark = format!("HOME={}", self.home.path().display()).into_bytes();
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
            if environment.split(|&byte| byte == 0).any(|it| it == mark) {
                let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
                found.push(format!("{:?} {}", entry.file_name(), String::from_utf8_lossy(&line).replace('\0', " ")));
            }
        }
        found
    }

    /// Kills all processes of this host at once, as far as possible.
    pub(super) fn kill_all(&self) {
        for _ in 0..100 {
            let left = self.processes();
            if left.is_empty() {
                break;
            }
            for pid in left.iter().filter_map(|it| it.split('"').nth(1)?.parse().ok()).filter_map(Pid::from_raw) {
                let _ = kill_process(pid, Signal::KILL);
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until no process of this host is left. There is no event to wait for, because they are not the test's
    /// children.
    pub(super) fn await_silence(&self) {
        await_that("no process is left on the host", || {
            let left = self.processes();
            if left.is_empty() { Ok(()) } else { Err(format!("{left:#?}")) }
        });
    }
}

/// However a test ends, nothing that it started runs on. A process that traps its signals would run for ever.
impl Drop for Host {
    fn drop(&mut self) {
        self.kill_all();
    }
}

/// Polls `check` until it returns no reason.
pub(super) fn await_that(what: &str, mut check: impl FnMut() -> Result<(), String>) {
    let start = Instant::now();
    while let Err(reason) = check() {
        assert!(start.elapsed() < PATIENCE, "still not so: {what}: {reason}");
        thread::sleep(Duration::from_millis(10));
    }
}

pub(super) fn find(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/bin", "/bin", "/usr/sbin"].map(PathBuf::from))
        .filter(|folder| !folder.ends_with("shims"))
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("this test needs {program}, which tests/run installs"))
}

/// A command line, with long limits.
pub(super) fn run(command: &str) -> GuardRequest {
    request(Work::Run { command: command.to_owned(), input: None })
}

/// The first attempt of run `r1`, with long limits.
pub(super) fn deploy(script: impl AsRef<[u8]>) -> GuardRequest {
    request(Work::Deploy(Deploy {
        app: "shop".to_owned(),
        run: "r1".to_owned(),
        attempt: 1,
        fence: 1_700_000_000_000,
        revision: Some("v1".to_owned()),
        payload: Payload::Script(script.as_ref().to_vec()),
    }))
}

/// The same in parts, each named by its number, with a barrier after those that begin with `:; `.
pub(super) fn parts(parts: &[&str]) -> GuardRequest {
    let mut request = deploy("");
    let part = |(at, run): (usize, &&str)| Part {
        name: format!("part{}", at + 1),
        run: (*run).to_owned(),
        barrier: run.starts_with(":; "),
    };
    request.deploy_mut().payload = Payload::Parts(parts.iter().enumerate().map(part).collect());
    request
}

/// A query for the record.
pub(super) fn query() -> GuardRequest {
    request(Work::Query(Query { app: "shop".to_owned() }))
}

fn request(work: Work) -> GuardRequest {
    GuardRequest {
        work,
        deadline: Duration::from_mins(5),
        grace: Duration::from_mins(5),
        on_lost: OnLost::Kill,
        env: BTreeMap::new(),
        args: Vec::new(),
    }
}

/// Both parts of a request. A guard that finds the second one there already does not wait for it.
pub(super) fn whole(request: &GuardRequest, nonce: &Nonce) -> Vec<u8> {
    let EncodedRequest { opening, order } = request.encode(nonce).unwrap();
    let mut input = vec![0; request.input().map_or(0, |input| usize::try_from(input.length()).unwrap())];
    let mut read = 0;
    while read < input.len() {
        read += request.input().unwrap().read_at(read as u64, &mut input[read..]).unwrap();
    }
    [opening, order, input].concat()
}

/// A command with these bytes as its input.
pub(super) fn reading(command: &str, bytes: &[u8]) -> GuardRequest {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    request(Work::Run { command: command.to_owned(), input: Some(Input::new(file).unwrap()) })
}

impl GuardRequest {
    pub(super) fn deploy_mut(&mut self) -> &mut Deploy {
        match &mut self.work {
            Work::Deploy(deploy) => deploy,
            Work::Attach(_) | Work::Query(_) | Work::Run { .. } => panic!("this request is no deploy"),
        }
    }

    /// A request to follow this one, with output from `resume` on.
    pub(super) fn attach(&self, resume: Offsets) -> Self {
        let Work::Deploy(Deploy { app, run, attempt, payload, .. }) = &self.work else {
            panic!("this request is no deploy")
        };
        let payload = payload.kind();
        let (app, run, barriers) = (app.clone(), run.clone(), self.barriers());
        let attach = Attach { app, run, attempt: *attempt, resume, payload, barriers };
        Self { work: Work::Attach(attach), ..self.clone() }
    }

    /// The same for another run.
    pub(super) fn of_run(mut self, run: &str) -> Self {
        self.deploy_mut().run = run.to_owned();
        self
    }
}

/// Everything that came back.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
    pub(super) noise: Vec<u8>,
    pub(super) controls: Vec<Control>,
    pub(super) marks: Vec<Mark>,
    pub(super) ready: bool,
    closed: usize,
}

impl Seen {
    pub(super) fn trailer(&self) -> &Trailer {
        match self.controls.last() {
            Some(Control::Ended(trailer)) => trailer,
            _ => panic!("no end: {self:#?}"),
        }
    }

    pub(super) fn refusal(&self) -> (Refusal, &str) {
        match &self.controls[..] {
            [Control::Refused { reason, text }] => (*reason, text),
            _ => panic!("no refusal: {self:#?}"),
        }
    }

    /// The same for a guard that had sent something before.
    pub(super) fn last_refusal(&self) -> (Refusal, String) {
        match self.controls.last() {
            Some(Control::Refused { reason, text }) => (*reason, text.clone()),
            _ => panic!("no refusal: {self:#?}"),
        }
    }

    pub(super) fn previous(&self) -> Option<&str> {
        match &self.controls[..] {
            [Control::Started { previous, .. }, ..] => previous.as_deref(),
            _ => panic!("not started: {self:#?}"),
        }
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }
}

enum Event {
    Stdout(Vec<u8>),
    Stderr(Vec<u8>),
    Noise(Vec<u8>),
    Control(Control),
    Mark(Mark),
    Closed,
}

/// A running guard, and the client's end of its connection.
pub(super) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    streams: [UnixStream; 2],
    events: Receiver<Event>,
    seen: Seen,
}

impl Running {
    pub(super) fn start(command: Command, request: &GuardRequest) -> Self {
        let nonce = Nonce::random();
        Self::send_raw(command, &whole(request, &nonce), &nonce)
    }

    /// The same, but reads nothing before `meanwhile` is over.
    pub(super) fn start_deaf(command: Command, request: &GuardRequest, meanwhile: impl FnOnce()) -> Self {
        let nonce = Nonce::random();
        Self::begin(command, &whole(request, &nonce), &nonce, meanwhile)
    }

    /// Sends `bytes` as they are.
    pub(super) fn send_raw(command: Command, bytes: &[u8], nonce: &Nonce) -> Self {
        Self::begin(command, bytes, nonce, || {})
    }

    fn begin(mut command: Command, bytes: &[u8], nonce: &Nonce, meanwhile: impl FnOnce()) -> Self {
        // Socket pairs, as sshd uses them: the client's end can be closed while a thread reads it.
        let (stdout, far_stdout) = UnixStream::pair().unwrap();
        let (stderr, far_stderr) = UnixStream::pair().unwrap();
        command.stdin(Stdio::piped()).stdout(OwnedFd::from(far_stdout)).stderr(OwnedFd::from(far_stderr));
        let mut child = command.spawn().unwrap();
        drop(command);
        let mut stdin = child.stdin.take().unwrap();
        // A refusal may come before the last byte is written.
        if let Err(error) = stdin.write_all(bytes) {
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        }
        meanwhile();
        let (sender, events) = channel();
        let streams = [stdout.try_clone().unwrap(), stderr.try_clone().unwrap()];
        watch(stdout, StdoutParser::new(nonce), sender.clone(), Event::Stdout, Event::Control);
        watch(stderr, StderrParser::new(nonce), sender, Event::Stderr, Event::Mark);
        Self { child, stdin: Some(stdin), streams, events, seen: Seen::default() }
    }

    /// Reads until `enough`.
    pub(super) fn until(&mut self, enough: impl Fn(&Seen) -> bool) -> &mut Self {
        while !enough(&self.seen) {
            match self.events.recv_timeout(PATIENCE) {
                Ok(Event::Stdout(bytes)) => self.seen.stdout.extend(bytes),
                Ok(Event::Stderr(bytes)) => self.seen.stderr.extend(bytes),
                Ok(Event::Noise(bytes)) => self.seen.noise.extend(bytes),
                Ok(Event::Control(Control::Ready)) => self.seen.ready = true,
                Ok(Event::Control(control)) => self.seen.controls.push(control),
                Ok(Event::Mark(mark)) => self.seen.marks.push(mark),
                Ok(Event::Closed) => self.seen.closed += 1,
                Err(error) => panic!("waited in vain ({error}) after {:#?}", self.seen),
            }
        }
        self
    }

    /// Waits for the script to print `text`.
    pub(super) fn until_printed(&mut self, text: &str) -> &mut Self {
        self.until(|seen| String::from_utf8_lossy(&seen.stdout).contains(text))
    }

    pub(super) fn send(&mut self, line: Lifeline) -> &mut Self {
        self.send_bytes(&line.encode())
    }

    /// Sends a line that no client sends.
    pub(super) fn send_bytes(&mut self, line: &[u8]) -> &mut Self {
        self.stdin.as_mut().expect("the lifeline is held").write_all(line).unwrap();
        self
    }

    /// Closes only the lifeline, as a client does that goes on reading.
    pub(super) fn let_go(&mut self) -> &mut Self {
        self.stdin = None;
        self
    }

    /// Breaks the connection: the guard can neither read nor write any more.
    pub(super) fn cut(mut self) -> Child {
        self.stdin = None;
        for stream in &self.streams {
            stream.shutdown(Shutdown::Both).unwrap();
        }
        self.child
    }

    /// Reads to the guard's last line, and waits until the guard has ended by itself.
    pub(super) fn finish(mut self) -> Seen {
        self.until(|seen| {
            let refused = matches!(seen.controls.last(), Some(Control::Refused { .. }));
            let ended =
                matches!(seen.controls.last(), Some(Control::Ended(_))) && seen.marks.last() == Some(&Mark::Ended);
            let told = matches!(seen.controls.last(), Some(Control::Told));
            refused || ended || told || seen.closed == 2
        });
        self.child.wait().unwrap();
        self.seen
    }
}

/// Passes on everything from a stream.
fn watch<L: ControlLine + Send + 'static>(
    mut stream: UnixStream,
    mut parser: Parser<L>,
    sender: Sender<Event>,
    output: fn(Vec<u8>) -> Event,
    control: fn(L) -> Event,
) {
    thread::spawn(move || {
        let mut buffer = [0; 16 * 1024];
        let event = |parsed: Parsed<'_, L>| match parsed {
            Parsed::Noise(bytes) => Event::Noise(bytes.to_vec()),
            Parsed::Output(bytes) => output(bytes.to_vec()),
            Parsed::Control(line) => control(line),
        };
        // There is no receiver any more once the test is over.
        let send = |event| drop(sender.send(event));
        while let Ok(length @ 1..) = stream.read(&mut buffer) {
            parser.push(&buffer[..length]).for_each(|parsed| send(event(parsed.unwrap())));
        }
        if let Some(rest) = parser.finish() {
            send(event(rest));
        }
        send(Event::Closed);
    });
}

/// The group that runs the script of attempt `r1-1`, from its record.
pub(super) fn recorded_group(run: &Path) -> Option<String> {
    let record = fs::read_to_string(run.join("process")).ok()?;
    record.lines().nth(2).map(str::to_owned)
}
