//! Endless output: memory use stays bounded, and the logs are complete.
//!
//! With `FLEETWIDE_FLOOD=full`, 50 hosts print 20 MB each, and one prints 500 MB without a line end (use `cargo test`,
//! because nextest ends a test after five minutes). By default, it is 10 hosts with 5 MB, and one with 50 MB.

use std::{
    fs::{self, File},
    io::{self, Read},
    process::Stdio,
    thread,
    time::Duration,
};

use sha2::{Digest, Sha256};

use super::{project::Project, ssh_fleet::SshFleet};

/// How much more memory a flood may use than a single word, in KiB.
const GROWTH: u64 = 64 * 1024;

/// Every line that the script prints, except on the host that never ends a line.
const LINE: &str = "0123456789 abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ\n";

const SCRIPT: &str = r#"#!/bin/sh
case $FLEETWIDE_HOST_NAME in
endless) head -c "$ENDLESS" /dev/zero | tr '\000' x ;;
*) yes '0123456789 abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ' 2>/dev/null | head -c "$LINES_OF" ;;
esac
"#;

/// How much the hosts print, in bytes.
#[derive(Clone, Copy)]
struct Sizes {
    lines: u64,
    endless: u64,
}

/// Runs the script, and returns the peak memory use of the program in KiB (`VmHWM` in proc(5)).
fn peak(project: &Project, output: &str, logs: &str, sizes: Sizes) -> u64 {
    let (lines, endless) = (format!("LINES_OF={}", sizes.lines), format!("ENDLESS={}", sizes.endless));
    let arguments = ["deploy", "web", "--revision", "v1", "--env", &lines, "--env", &endless, "--output", output];
    let mut command = project.command(&[&arguments[..], &["--log-dir", logs]].concat());
    let progress = File::create(project.path("progress")).expect("a file");
    let mut child = command.stdout(Stdio::piped()).stderr(progress).spawn().expect("the binary runs");
    let mut stdout = child.stdout.take().expect("piped");
    let reader = thread::spawn(move || io::copy(&mut stdout, &mut io::sink()));
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    // The kernel keeps the highest value, so only growth after the last look is missed.
    let code = loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let value = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = value.and_then(|value| value.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0).max(peak);
        if let Some(code) = child.try_wait().expect("it can be waited for") {
            break code;
        }
        thread::sleep(Duration::from_millis(20));
    };
    reader.join().expect("no panic").expect("it can be read");
    assert_eq!(code.code(), Some(0), "{output}: {}", project.read("progress"));
    assert!(peak > 0, "it was looked at");
    peak
}

/// The checksum and length of the data from `read`.
fn checksum(mut read: impl Read) -> ([u8; 32], u64) {
    let (mut hash, mut buffer, mut length) = (Sha256::new(), vec![0; 1 << 20], 0);
    loop {
        match read.read(&mut buffer).expect("readable") {
            0 => return (hash.finalize().into(), length),
            n => {
                hash.update(&buffer[..n]);
                length += n as u64;
            }
        }
    }
}

/// [`LINE`] again and again.
struct Lines(usize);

impl Read for Lines {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        for byte in &mut *buffer {
            *byte = LINE.as_bytes()[self.0];
            self.0 = (self.0 + 1) % LINE.len();
        }
        Ok(buffer.len())
    }
}

#[track_caller]
fn assert_whole(project: &Project, folder: &str, hosts: usize, sizes: Sizes) {
    let lines = checksum(Lines(0).take(sizes.lines));
    let endless = checksum(io::repeat(b'x').take(sizes.endless));
    let run = fs::read_dir(project.path(folder)).expect("a folder").next().expect("a run").expect("an entry").path();
    let mut logs = 0;
    for log in fs::read_dir(&run).expect("a folder of logs") {
        let path = log.expect("an entry").path();
        let is_endless = path.to_string_lossy().contains("endless");
        let found = checksum(File::open(&path).expect("a log"));
        assert!(found == if is_endless { endless } else { lines }, "{}: {} bytes", path.display(), found.1);
        logs += 1;
    }
    assert_eq!(logs, hosts);
    fs::remove_dir_all(run).expect("ours");
}

#[test]
fn a_flood_costs_no_memory_and_the_logs_are_whole() {
    let full = std::env::var("FLEETWIDE_FLOOD").is_ok_and(|size| size == "full");
    let (hosts, sizes) = if full {
        (51, Sizes { lines: 20_000_000, endless: 500_000_000 })
    } else {
        (11, Sizes { lines: 5_000_000, endless: 50_000_000 })
    };
    let mut names: Vec<_> = (1..hosts).map(|n| (format!("web-{n}"), Vec::new())).collect();
    names.push(("endless".to_owned(), Vec::new()));
    let fleet = SshFleet::start(&names, "");
    fleet.project.write("deploy.sh", SCRIPT);
    for output in ["human", "stream", "group"] {
        let little = peak(&fleet.project, output, &format!("{output}-little"), Sizes { lines: 10, endless: 10 });
        let much = peak(&fleet.project, output, &format!("{output}-much"), sizes);
        println!("{output}: {little} KiB for a word, {much} KiB for a flood");
        assert!(much < little + GROWTH, "{output}: {little} KiB for a word, {much} KiB for a flood");
        assert_whole(&fleet.project, &format!("{output}-much"), hosts, sizes);
    }
}
