//! The input of a command on every host, and the confirmation before it runs.

use std::{
    fs::{self, File},
    io::Write,
    process::{Command, Stdio},
};

use super::{
    project::{Finished, Project},
    pty::AtTerminal,
    ssh_fleet::SshFleet,
};

fn fleet(names: &[&str], deploy: &str) -> SshFleet {
    SshFleet::start(&names.iter().map(|name| ((*name).to_owned(), Vec::new())).collect::<Vec<_>>(), deploy)
}

fn reading(project: &Project, arguments: &[&str], file: &str) -> Finished {
    let mut command = project.command(arguments);
    command.stdin(File::open(project.path(file)).expect("a file"));
    command.output().expect("the binary runs").into()
}

#[test]
fn a_file_is_read_whole_by_every_host() {
    let fleet = fleet(&["a", "b", "c"], "");
    fleet.project.write("fix.sh", "two=$((1 + 1))\necho \"$FLEETWIDE_HOST_NAME knows $two\"\nexit 3\n");
    let said = reading(&fleet.project, &["run", "web", "--verbose", "--", "sh"], "fix.sh").expect(7);
    for name in ["a", "b", "c"] {
        assert!(said.stdout.contains(&format!("{name} knows 2")), "{said:?}");
    }
    // The command that repeats the run reads the same file.
    let path = fs::canonicalize(fleet.project.path("fix.sh")).expect("a path");
    assert!(said.stdout.contains(&format!("-- sh < {}", path.display())), "{said:?}");

    // More than any pipe or window holds, and one host that does not read for a while.
    fleet.project.write("big", &"0123456789abcdef".repeat(500_000));
    let line = r#"if [ "$FLEETWIDE_HOST_NAME" = b ]; then sleep 1; fi; wc -c"#;
    let said = reading(&fleet.project, &["run", "web", "--verbose", "--", line], "big").expect(0);
    assert_eq!(said.stdout.matches("8000000").count(), 3, "{said:?}");
    reading(&fleet.project, &["run", "web", "--", "true"], "big").expect(0);
}

#[test]
fn a_loop_that_reads_a_file_loses_no_line_of_it() {
    let fleet = fleet(&["a", "b"], "");
    fleet.project.write("names", "a\nb\n");
    let line = r#"while read -r name; do "$0" run web --hosts "$name" -- true >/dev/null 2>&1 && echo "did $name"; done < names"#;
    let mut shell = Command::new("sh");
    shell.args(["-c", line, env!("CARGO_BIN_EXE_fleetwide")]).current_dir(fleet.project.path(""));
    let output = shell.env("HOME", fleet.project.home()).output().expect("sh runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "did a\ndid b\n", "{output:?}");
}

#[test]
fn a_pipe_is_read_on_request_only() {
    let fleet = fleet(&["only"], "");
    let piped = |arguments: &[&str], text: &[u8]| -> (std::process::Child, std::process::ChildStdin) {
        let mut command = fleet.project.command(arguments);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(text).expect("room in the pipe");
        (child, stdin)
    };
    // This pipe is never written to or closed.
    let (child, open) = piped(&["run", "web", "--", "cat"], b"");
    Finished::from(child.wait_with_output().expect("it ends")).expect(0);
    drop(open);
    // The pipe holds data, which is neither sent nor ignored.
    let (child, open) = piped(&["run", "web", "--", "sh"], b"echo from a pipe\n");
    Finished::from(child.wait_with_output().expect("it ends")).expect(2).says("--stdin sends it to every host");
    drop(open);
    let (child, open) = piped(&["run", "web", "--stdin", "--verbose", "--", "sh"], b"echo from a \"pipe\"\n");
    drop(open);
    Finished::from(child.wait_with_output().expect("it ends")).expect(0).says("from a pipe");
}

#[test]
fn a_person_is_asked_and_without_one_nothing_is_touched() {
    let fleet = fleet(&["a", "b"], "confirm_over = 1\n");
    let flag = fleet.project.path("touched");
    let touch = format!("touch {}", flag.display());
    let run = |flags: &[&str]| fleet.project.run(&[&["run", "web"], flags, &["--", &touch]].concat());
    run(&[]).expect(2).says("nobody is there to be asked").says("on 2 hosts of web?");
    run(&["--confirm", "--limit", "1"]).expect(2).says("on 1 host of web?");
    assert!(!flag.exists());
    run(&["--limit", "1"]).expect(0);
    run(&["--yes"]).expect(0);
    run(&["--confirm=2"]).expect(0);
    fs::remove_file(&flag).expect("touched");

    for (answer, code) in [("n", Some(6)), ("", Some(6)), ("y", Some(0))] {
        // The script is on standard input; the answer comes from the terminal.
        let script = fleet.project.write("fix.sh", &touch);
        let mut person = AtTerminal::start(&fleet.project.command(&["run", "web", "--", "sh"]), Some(&script));
        person.sees("run `sh` on 2 hosts of web? [y/N]");
        assert!(!flag.exists());
        person.types(&format!("{answer}\n"));
        let (ended, screen) = person.ends();
        assert_eq!((ended, flag.exists()), (code, code == Some(0)), "{screen}");
    }
}
