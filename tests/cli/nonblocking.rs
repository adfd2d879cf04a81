//! Non-blocking standard output and standard error, with a reader that is slower than the program.

use std::{
    fmt::Write as _,
    io::{PipeReader, PipeWriter, Read},
    process::Stdio,
    thread,
};

use rustix::{
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
    pipe::fcntl_setpipe_size,
};
use serde_json::Value;

use super::project::Project;

/// A small pipe whose writer never blocks.
fn pipe() -> (PipeReader, PipeWriter) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    fcntl_setpipe_size(&writer, 4096).expect("a page");
    fcntl_setfl(&writer, fcntl_getfl(&writer).expect("flags") | OFlags::NONBLOCK).expect("it is ours");
    (reader, writer)
}

/// Reads everything, in small pieces.
fn slowly(mut reader: PipeReader) -> String {
    let (mut text, mut piece) = (Vec::new(), [0; 64]);
    loop {
        match reader.read(&mut piece).expect("it can be read") {
            0 => return String::from_utf8(text).expect("text"),
            count => text.extend_from_slice(&piece[..count]),
        }
        thread::yield_now();
    }
}

/// Runs the binary, and returns its exit code and both streams.
fn run(project: &Project, arguments: &[&str]) -> (Option<i32>, String, String) {
    let ((out, stdout), (err, stderr)) = (pipe(), pipe());
    let mut command = project.command(arguments);
    let mut child = command.stdout(Stdio::from(stdout)).stderr(Stdio::from(stderr)).spawn().expect("the binary runs");
    // Closes this process's copies of the writers.
    drop(command);
    let err = thread::spawn(move || slowly(err));
    let out = slowly(out);
    (child.wait().expect("it ends").code(), out, err.join().expect("no panic"))
}

#[test]
fn a_full_pipe_is_waited_for() {
    let mut listed = String::new();
    for n in 0..1000 {
        write!(listed, "\"10.0.{}.{}\", ", n / 250, n % 250).expect("a string");
    }
    let project =
        Project::with_config(&format!("[targets.web]\nselect = [{{ provider = \"static\", hosts = [{listed}] }}]\n"));

    let (code, out, err) = run(&project, &["hosts", "web", "--output", "json"]);
    assert_eq!(code, Some(0), "{err}");
    let hosts: Value = serde_json::from_str(&out).expect("all of it");
    assert_eq!(hosts.as_array().map(Vec::len), Some(1000));

    let (code, out, err) = run(&project, &["schema"]);
    assert_eq!(code, Some(0), "{err}");
    serde_json::from_str::<Value>(&out).expect("all of it");
}
