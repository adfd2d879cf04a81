//! The output of hosts as it is shown: on real `sshd`s, including hostile output.

use serde_json::Value;

use super::{
    project::{Finished, Project},
    ssh_fleet::SshFleet,
};

/// A script that prints everything that a terminal, a pipeline's runner or a parser might interpret.
const HOSTILE: &str = r"#!/bin/sh
printf '\033]0;owned\007title\n'
printf '\033]52;c;b3duZWQ=\007clipboard\n'
printf '\033]8;;http://evil\033\\link\033]8;;\033\\\n'
printf '\033[2J\033[31mred\033[0m\n'
printf '\302\2332Jc1\n'
printf '\233raw\n'
printf 'right\342\200\256tfel\n'
printf 'wi\342\200\213de\n'
printf 'n\000u\000l\n'
printf 'bad \377\376 bytes\n'
printf '::error::told by a host\n'
printf 'x ##[error]told by a host\n'
printf '##vso[task.complete result=Succeeded;]\n'
printf '10%%\r50%%\r100%%\n'
head -c 1000000 /dev/zero | tr '\000' y
printf '\n'
printf '\033]0;owned\007no end' >&2
";

fn names(count: usize) -> Vec<(String, Vec<(&'static str, String)>)> {
    (1..=count).map(|n| (format!("web-{n}"), Vec::new())).collect()
}

/// Runs a script on `count` hosts with `--output` as given.
fn deploy(count: usize, script: &str, output: &str, more: &[&str]) -> (SshFleet, Finished) {
    let fleet = SshFleet::start(&names(count), "");
    fleet.project.write("deploy.sh", script);
    let finished = fleet.project.run(&[&["deploy", "web", "--revision", "v1", "--output", output], more].concat());
    (fleet, finished)
}

/// Contains nothing that a terminal or a pipeline's runner would obey.
#[track_caller]
fn assert_harmless(text: &str) {
    let bad = |c: char| {
        c.is_control() && c != '\n' || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}')
    };
    for line in text.lines() {
        assert!(!line.contains(bad), "{line:?}");
        assert!(!line.trim_start().starts_with("::") && !line.contains("##[") && !line.contains("##vso["), "{line:?}");
    }
}

#[test]
fn a_stream_of_hostile_lines_is_harmless_and_the_log_has_them_raw() {
    let (fleet, run) = deploy(2, HOSTILE, "stream", &["--log-dir", "logs"]);
    let run = run.expect(0);
    assert_harmless(&run.stdout);
    assert_harmless(&run.stderr);
    let of = |host: &str| {
        let prefix = format!("{host} | ");
        run.stdout.lines().filter_map(|line| line.strip_prefix(&prefix)).map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    let expected = [
        "title",
        "clipboard",
        "link",
        "red",
        "c1",
        "\u{fffd}raw",
        "right\u{fffd}tfel",
        "wide",
        "nul",
        "bad \u{fffd}\u{fffd} bytes",
        ": :error::told by a host",
        "x # #[error]told by a host",
        "# #vso[task.complete result=Succeeded;]",
        "100%",
    ];
    let lines = of("web-1");
    assert_eq!(lines[..expected.len()], expected);
    assert!(lines[expected.len()].ends_with("y [... 999,000 more bytes]"), "{}", lines[expected.len()]);
    assert_eq!(lines, of("web-2"));
    assert_eq!(run.stdout.lines().count(), 2 * lines.len(), "the output and nothing else");
    assert!(run.stderr.contains("web-1 ! no end\n") && run.stderr.contains("succeeded: all 2 hosts"), "{}", run.stderr);
    assert!(fleet.logs("logs").contains("10%\r50%\r100%\n"));
}

/// A script with `set -x` prints everything it knows.
#[test]
fn a_secret_that_a_script_prints_is_shown_and_written_nowhere() {
    const SECRET: &str = "hunter2-hunter2";
    let fleet = SshFleet::start(&names(1), "env = { TOKEN = { file = \"token\" } }");
    fleet.project.write("token", &format!("{SECRET}\n"));
    fleet.project.write("deploy.sh", "set -x\n: \"$TOKEN\"\nprintf hunter2-; printf hunter2\nexit 1\n");
    let files = ["--report", "r.json", "--junit", "j.xml", "--html", "p.html", "--log-dir", "logs"];
    for output in ["human", "stream", "json"] {
        let words = ["deploy", "web", "--revision", "v1", "--pipeline", "github", "--output", output];
        let run = fleet.project.run(&[&words[..], &files].concat()).expect(8);
        let written = ["r.json", "j.xml", "p.html"].map(|name| fleet.project.read(name)).concat();
        for text in [&run.stdout, &run.stderr, &written, &fleet.logs("logs")] {
            assert!(!text.contains(SECRET), "{text}");
        }
        assert!(fleet.logs("logs").contains(": ***************\n"), "a star a byte");
    }
}

#[test]
fn hostile_output_stays_one_json_event_a_line() {
    let (_fleet, run) = deploy(1, HOSTILE, "json", &[]);
    let run = run.expect(0);
    assert_harmless(&run.stdout);
    let events: Vec<Value> =
        run.stdout.lines().map(|line| serde_json::from_str(line).expect("one event a line")).collect();
    let text = |stream: &str| -> String {
        let outputs = events.iter().filter(|event| event["type"] == "output" && event["stream"] == stream);
        outputs.map(|event| event["text"].as_str().expect("text")).collect()
    };
    let stdout = text("stdout");
    assert!(stdout.starts_with("\u{1b}]0;owned\u{7}title\n") && stdout.contains("n\0u\0l\n"), "{stdout:.99}");
    assert!(stdout.contains("bad \u{fffd}\u{fffd} bytes") && stdout.contains("##[error]told"));
    assert!(stdout.contains(&"y".repeat(1_000_000)));
    assert_eq!(text("stderr"), "\u{1b}]0;owned\u{7}no end");
}

#[test]
fn a_kind_of_output_that_a_verb_does_not_have_is_refused() {
    let project = Project::new();
    for (verb, others) in
        [("hosts", "human"), ("plan", "human"), ("check", "human"), ("init", "human"), ("schema", "json")]
    {
        project.run(&[verb, "--output", "stream"]).expect(2).says("`--output stream`").says(others);
    }
    project.run(&["hosts", "--output", "yaml"]).expect(2).says("yaml").says("stream");
}

#[test]
fn a_report_names_the_command() {
    let fleet = SshFleet::start(&names(1), "");
    fleet.project.run(&["run", "web", "--report", "r.json", "--", "echo", "a b"]).expect(0);
    let report = fleet.project.report("r.json");
    assert_eq!((&report["command"], &report["revision"]), (&"echo 'a b'".into(), &Value::Null));
}

#[test]
fn equal_outputs_are_shown_once_and_others_as_a_difference() {
    let script = "#!/bin/sh
printf 'one\\ntwo\\n10%%\\r'
case $FLEETWIDE_HOST_NAME in
web-2) printf '99%%\\r' ;;
web-10) echo 'three b'; exit 3 ;;
web-11) printf 'three\\nfour\\n\\033[31m::error::x\\n' ; exit ;;
esac
printf 'three\\nfour\\n'
";
    let fleet = SshFleet::start(&names(11), "max_failures = 5\n");
    fleet.project.write("deploy.sh", script);
    let run = fleet.project.run(&["deploy", "web", "--revision", "v1", "--output", "group"]).expect(7);
    assert_harmless(&run.stdout);
    insta::assert_snapshot!(run.stdout, @r"
    ok 9 hosts, exit status 0: web-[1-9]
      | one
      | two
      | three
      | four

    !! 1 host, exit status 3: web-10
      compared with the 9 hosts above:
       | one
       | two
      -| three
      -| four
      +| three b

    ok 1 host, exit status 0: web-11
      compared with the 9 hosts above:
       | three
       | four
      +| : :error::x
    ");
    assert!(run.stderr.contains("finished with failures (exit code 7)"), "{}", run.stderr);
}

/// Prints more than the report keeps of the last lines, and ends without a line end.
const TALKATIVE: &str = "n=0; while [ $n -lt 2000 ]; do n=$((n + 1)); echo \"$word $n\"; done
printf \"$word ends\"
";

/// The second host appears during the deploy to the first; its script fails, and both hosts are rolled back.
#[test]
fn a_log_is_whole_of_a_late_host_and_of_what_takes_hosts_back() {
    let fleet = SshFleet::start(&names(2), "on_failure = \"rollback\"\nrollback = \"back.sh\"\n");
    let project = &fleet.project;
    let config = project.read("fleetwide.toml");
    let (before, rest) = config.split_once("hosts = [\n").expect("hosts");
    let (_, after) = rest.split_once("] } ]").expect("their end");
    project.write("fleetwide.toml", &format!("{before}file = \"hosts.toml\" }} ]{after}"));
    let hosts = ["web-1", "web-2"].map(|name| {
        let address = fleet.address(name);
        let (address, _) = address.rsplit_once(':').expect("a port");
        format!("[[hosts]]\nname = \"{name}\"\naddress = \"{address}\"\n")
    });
    let file = project.write("hosts.toml", &hosts[0]);
    project.write(
        "deploy.sh",
        &format!(
            "#!/bin/sh\nword=deploys\n{TALKATIVE}\n[ $FLEETWIDE_HOST_NAME = web-1 ] || exit 3\n\
             printf '{}' >>'{}'\n",
            hosts[1].replace('\n', "\\n"),
            file.display()
        ),
    );
    project.write("back.sh", &format!("#!/bin/sh\nword=undoes\n{TALKATIVE}"));

    for (output, shown) in [("human", ""), ("stream", "\nweb-2 | undoes ends\n"), ("group", "  | undoes ends\n")] {
        project.write("hosts.toml", &hosts[0]);
        let arguments = ["deploy", "web", "--revision", "v2", "--report", "report.json", "--log-dir", "logs"];
        let run = project.run(&[&arguments[..], &["--output", output]].concat()).expect(9);
        assert!(run.stdout.contains(shown), "{output}: {}", run.stdout);
        let report = project.report("report.json");
        let told = report["hosts"].as_array().expect("hosts");
        assert_eq!(told.len(), 2, "{report:#}");
        for host in told {
            for (log, word) in [(&host["log"], "deploys"), (&host["undo"]["log"], "undoes")] {
                let text = project.read(log.as_str().unwrap_or_else(|| panic!("no log: {host:#}")));
                let lines: String = (1..=2000).map(|n| format!("{word} {n}\n")).collect();
                assert!(text == lines + word + " ends", "{output}, {word}: {} bytes: {text:.200}", text.len());
            }
        }
    }
}
