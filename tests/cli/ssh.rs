//! `ssh`: a person on one host, reached in the same way as by a deploy.

use super::{project::Project, pty::AtTerminal, ssh_fleet::SshFleet};

fn fleet(names: &[&str]) -> SshFleet {
    SshFleet::start(&names.iter().map(|name| ((*name).to_owned(), Vec::new())).collect::<Vec<_>>(), "")
}

#[test]
fn a_command_is_run_by_ssh_itself_and_its_status_is_ours() {
    let fleet = fleet(&["web1", "web2"]);
    let said = fleet.project.run(&["ssh", "web", "web2", "--", "echo", "on", "$SSH_CONNECTION"]).expect(0);
    let address = fleet.address("web2");
    let (host, port) = address.rsplit_once(':').expect("a port");
    assert!(said.stdout.starts_with("on ") && said.stdout.trim_end().ends_with(&format!("{host} {port}")), "{said:?}");
    fleet.project.run(&["ssh", "web", "static:web1", "--", "exit 37"]).expect(37);
    // The host's key is remembered where a deploy looks for it.
    assert!(fleet.project.home().join(".local/state/fleetwide/known_hosts/static+web1").exists());
    fleet.project.run(&["run", "web", "--hosts", "web1", "--", "true"]).expect(0);
}

#[test]
fn a_person_gets_a_terminal_of_the_hosts_and_may_choose_which() {
    let fleet = fleet(&["web1", "web2", "db1"]);
    let mut person = AtTerminal::start(&fleet.project.command(&["ssh", "web"]), None);
    person.sees("which one? [1-3]");
    person.types("2\n");
    // The output is spelled differently from the input, because a terminal echoes what is typed.
    person.sees("known hosts");
    person.types("test -t 0 && echo \"ter\"minal; echo \"$SSH_CONNECTION\"; exit 9\n");
    person.sees("terminal\r\n");
    let (code, screen) = person.ends();
    assert_eq!(code, Some(9), "{screen}");
    let address = fleet.address("web1");
    assert!(screen.contains(&address.replace(':', " ")), "{screen}");

    let mut person = AtTerminal::start(&fleet.project.command(&["ssh", "web"]), None);
    person.sees("which one?");
    person.types("7\n");
    let (code, screen) = person.ends();
    assert!(code == Some(2) && screen.contains("`7` is none of the numbers above"), "{code:?} {screen}");
}

#[test]
fn a_name_that_breaks_the_line_is_no_row_of_its_own() {
    let listed = |name: &str, address| format!("{{ name = \"{name}\", address = \"{address}\" }}");
    let hosts = [listed("web1", "127.0.0.1"), listed("web2\\n   3  \\u001b[1mdb1", "127.0.0.2")].join(", ");
    let project = Project::with_config(&format!(
        "[targets.web]\nselect = [ {{ provider = \"static\", hosts = [ {hosts} ] }} ]\n"
    ));
    let said = project.run(&["ssh", "web"]).expect(2).says("which of 2 hosts?").says("   2  web2    3  db1  (");
    assert!(!said.stderr.lines().any(|line| line.trim_start().starts_with('3')), "{}", said.stderr);
}

#[test]
fn a_command_at_a_terminal_has_one_and_hears_ctrl_c() {
    let fleet = fleet(&["only"]);
    let words = [
        "ssh",
        "web",
        "--",
        "trap 'echo \"caught\" it; exit 3' INT; tty -s && echo \"wait\"ing; while :; do sleep 0.1; done",
    ];
    let mut person = AtTerminal::start(&fleet.project.command(&words), None);
    person.sees("waiting");
    person.types("\u{3}");
    person.sees("caught it");
    let (code, screen) = person.ends();
    assert_eq!(code, Some(3), "{screen}");
}

#[test]
fn without_a_terminal_several_hosts_are_listed_and_nobody_is_asked() {
    let fleet = fleet(&["web1", "web2"]);
    let said = fleet.project.run(&["ssh", "web"]).expect(2).says("which of 2 hosts?").says("static:web2");
    assert!(said.stdout.is_empty(), "{said:?}");
    fleet.project.run(&["ssh", "web", "web*"]).expect(2).says("which of 2 hosts?");
    fleet.project.run(&["ssh", "web", "nope"]).expect(2).says("`nope` is none of the 2 hosts");
}

#[test]
fn no_host_and_no_answer_are_errors() {
    let project = Project::new();
    project.run(&["ssh"]).expect(2).says("no target");
    project.run(&["ssh", "--host", "127.0.0.1", "--port", "1", "--", "true"]).expect(255).says("Connection refused");
    project.run(&["ssh", "--host", "127.0.0.1", "--output", "json"]).expect(2).says("cannot print `--output json`");
}

#[test]
fn jump_hosts_are_gone_through_by_hand_as_well() {
    let fleet = fleet(&["first", "second", "behind"]);
    // A jump host's key is left to the user's own configuration.
    let config = fleet.project.write("ssh_config", "StrictHostKeyChecking no\nUserKnownHostsFile /dev/null\n");
    let config = config.to_str().expect("text");
    let hops = |last: &str| format!("{},{last}", fleet.address("first"));
    let ssh = |jump: &str| {
        let words = ["ssh", "web", "behind", "--ssh-config", config, "--jump", jump, "--", "echo", "there"];
        fleet.project.run(&words)
    };
    assert_eq!(ssh(&hops(&fleet.address("second"))).expect(0).stdout, "there\n");
    ssh(&hops("127.0.0.1:1")).expect(255);
    let jump = hops(&fleet.address("second"));
    let file = ["hosts", "web", "--ssh-config", config, "--jump", &jump, "--output", "ssh-config"];
    let file = fleet.project.run(&file).expect(0).stdout;
    let path = fleet.project.write("web.conf", &file);
    let mut ssh = std::process::Command::new("ssh");
    ssh.arg("-F").arg(path).args(["behind", "echo", "there, too"]).env("HOME", fleet.project.home());
    let output = ssh.stdin(std::process::Stdio::null()).output().expect("ssh runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "there, too\n", "{output:?}\n{file}");
}
