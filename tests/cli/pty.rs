//! The binary at a terminal: a pseudo-terminal, with a test that reads and types like a person.

use std::{
    fs::File,
    io::{Read, Write},
    path::Path,
    process::{Child, Command},
    time::Duration,
};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// A program whose controlling terminal is the test's.
#[derive(Debug)]
pub(crate) struct AtTerminal {
    child: Child,
    keyboard: File,
    screen: std::sync::mpsc::Receiver<Vec<u8>>,
    seen: String,
}

impl AtTerminal {
    /// Starts `command` on a new terminal, with standard input from `stdin` if given.
    pub(crate) fn start(command: &Command, stdin: Option<&Path>) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
        grantpt(&ours).and_then(|()| unlockpt(&ours)).expect("it can be opened");
        let name = ptsname(&ours, Vec::new()).expect("it has a name");
        let theirs = || File::options().read(true).write(true).open(name.to_str().expect("text")).expect("it opens");
        // `setsid --ctty` makes its standard input the controlling terminal; the shell then replaces the standard
        // input.
        let mut session = Command::new("setsid");
        session.args(["--ctty", "--wait", "sh", "-c"]);
        session.arg(if stdin.is_some() { "exec \"$@\" <\"$STDIN\"" } else { "exec \"$@\"" });
        session.arg("sh").arg(command.get_program()).args(command.get_args()).env_clear();
        if let Some(folder) = command.get_current_dir() {
            session.current_dir(folder);
        }
        for (name, value) in command.get_envs().filter_map(|(name, value)| Some((name, value?))) {
            session.env(name, value);
        }
        session.env("TERM", "xterm");
        if let Some(stdin) = stdin {
            session.env("STDIN", stdin);
        }
        let child = session.stdin(theirs()).stdout(theirs()).stderr(theirs()).spawn().expect("setsid runs");
        let (sender, screen) = std::sync::mpsc::channel();
        let mut reading = File::from(rustix::io::dup(&ours).expect("a copy"));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // A terminal reports EIO when the other side has no process left.
            while let Ok(count @ 1..) = reading.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { child, keyboard: ours.into(), screen, seen: String::new() }
    }

    /// Waits until the screen shows `words`.
    #[track_caller]
    pub(crate) fn sees(&mut self, words: &str) {
        while !self.seen.contains(words) {
            let more = self.screen.recv_timeout(Duration::from_secs(20));
            let Ok(more) = more else { panic!("the screen never shows {words:?}; it shows\n{}", self.seen) };
            self.seen.push_str(&String::from_utf8_lossy(&more));
        }
    }

    /// Types.
    pub(crate) fn types(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("typed");
    }

    /// Waits for the end, and returns the exit code and everything that the screen showed.
    pub(crate) fn ends(mut self) -> (Option<i32>, String) {
        while let Ok(more) = self.screen.recv_timeout(Duration::from_secs(20)) {
            self.seen.push_str(&String::from_utf8_lossy(&more));
        }
        let status = self.child.wait().expect("it ends");
        (status.code(), self.seen)
    }
}
