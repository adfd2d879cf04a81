//! In a pipeline: what its log shows, and what is left when it kills the program.

use std::{process::Command, thread, time::Duration};

use serde_json::{Value, json};

use super::{
    project::{Finished, Project, Running, eventually, processes_with},
    ssh_fleet::SshFleet,
};

/// The time from SIGINT to SIGTERM, and from there to SIGKILL, when a job of GitHub Actions is cancelled.
const TO_TERM: Duration = Duration::from_millis(7_500);

/// Ends at once on hosts with a tag `quick`; elsewhere only when killed.
const STUBBORN: &str = "#!/bin/sh\ntrap '' TERM\necho begun\n[ -z \"$FLEETWIDE_TAG_QUICK\" ] || exit 0\n\
                        while :; do sleep 1; done\n";

const DEPLOY: [&str; 8] = ["deploy", "web", "--revision", "v1", "--report", "report.json", "--junit", "junit.xml"];

fn fleet() -> SshFleet {
    let tags = |number| if number == 0 { vec![("quick", "yes".to_owned())] } else { Vec::new() };
    let hosts: Vec<_> = (0..4).map(|number| (format!("web-{number}"), tags(number))).collect();
    let fleet = SshFleet::start(&hosts, "kill_grace = \"10m\"\n");
    fleet.project.write("deploy.sh", STUBBORN);
    fleet
}

/// A deploy in which one host has succeeded, and the other hosts' scripts ignore TERM by now.
fn started(fleet: &SshFleet) -> Running {
    let mut deploy = fleet.project.start(&DEPLOY);
    deploy.await_events("output", 4);
    eventually(
        Duration::from_secs(30),
        || (host(&fleet.project.report("report.json"), "web-0")["outcome"] == "succeeded").then_some(()),
        || fleet.project.read("report.json"),
    );
    deploy
}

fn host<'r>(report: &'r Value, name: &str) -> &'r Value {
    let hosts = report["hosts"].as_array().expect("hosts");
    hosts.iter().find(|host| host["name"] == name).expect("every host is in the report")
}

/// The sleep is the pipeline's own interval: there is no event to wait for.
#[test]
fn a_cancelled_job_ends_scripts_that_ignore_term_before_it_is_killed_itself() {
    let fleet = fleet();
    let deploy = started(&fleet);
    deploy.signal("INT");
    thread::sleep(TO_TERM);
    let report = fleet.project.report("report.json");
    assert_eq!((&report["status"], &report["exit_code"]), (&json!("interrupted"), &json!(null)));
    deploy.signal("TERM");
    deploy.finish().expect(130);

    let report = fleet.project.report("report.json");
    assert_eq!((&report["status"], &report["exit_code"]), (&json!("interrupted"), &json!(130)));
    assert_eq!(host(&report, "web-0")["outcome"], "succeeded");
    for name in ["web-1", "web-2", "web-3"] {
        let host = host(&report, name);
        assert_eq!((&host["signal"], &host["killed"]), (&json!("KILL"), &json!("confirmed")), "{host:#}");
    }
}

#[test]
fn killed_in_the_end_it_leaves_a_true_report() {
    let fleet = fleet();
    let deploy = started(&fleet);
    // One host hangs, so it cannot even confirm that it obeyed.
    let frozen = Frozen::of(&fleet, "web-3");
    deploy.signal("INT");
    thread::sleep(TO_TERM);
    deploy.signal("TERM");
    // A job has 2.5 s for this; the duration here depends on the machine.
    let confirmed = || {
        let report = fleet.project.report("report.json");
        ["web-1", "web-2"].iter().all(|name| host(&report, name)["killed"] == "confirmed").then_some(())
    };
    eventually(Duration::from_mins(1), confirmed, || fleet.project.read("report.json"));
    deploy.signal("KILL");
    assert_eq!(deploy.finish().code, None, "killed by a signal");

    let report = fleet.project.report("report.json");
    assert_eq!((&report["status"], &report["exit_code"]), (&json!("interrupted"), &json!(null)));
    assert_eq!(report["finished"], json!(null));
    assert_eq!(host(&report, "web-0")["outcome"], "succeeded");
    for name in ["web-1", "web-2"] {
        assert_eq!(host(&report, name)["killed"], "confirmed", "{:#}", host(&report, name));
    }
    let hung = host(&report, "web-3");
    assert_eq!((&hung["outcome"], &hung["killed"]), (&json!(null), &json!(null)), "{hung:#}");
    let group = hung["group"].as_u64().expect("its process group is named");
    assert!(!hung["started"].is_null());
    let running = frozen.processes();
    assert!(running.iter().any(|process| process.starts_with(&format!("{group} "))), "{group} of {running:#?}");

    let junit = fleet.project.read("junit.xml");
    assert!(junit.ends_with("</testsuites>\n"), "{junit}");
    assert!(junit.contains("<property name=\"status\" value=\"interrupted\"/>"), "{junit}");
    assert!(junit.contains(&format!("process group {group}")), "{junit}");
    drop(frozen);
}

/// Everything in a server's output that GitHub's runner, or its page, would obey.
const HOSTILE: &str =
    "#!/bin/sh\nseq 1 50\necho '::add-mask::a'\nprintf 'x ##[error]b\\n````\\n</details>\\n' >&2\nexit 3\n";

#[test]
fn github_is_told_once_of_each_kind_of_failure_and_obeys_no_server() {
    let hosts: Vec<_> = (0..3).map(|number| (format!("web-{number}"), Vec::new())).collect();
    let fleet = SshFleet::start(&hosts, "max_failures = \"100%\"\n");
    fleet.project.write("deploy.sh", HOSTILE);
    for file in ["summary", "outputs"] {
        fleet.project.write(file, "");
    }
    let deploy = ["deploy", "web", "--revision", "v1", "--log-dir", "logs"];
    let run = |output| {
        let mut command = fleet.project.command(&deploy);
        command.args(["--output", output]).env("GITHUB_ACTIONS", "true").env("CI", "true");
        command.env("GITHUB_STEP_SUMMARY", fleet.project.path("summary"));
        command.env("GITHUB_OUTPUT", fleet.project.path("outputs"));
        Finished::from(command.output().expect("the binary runs")).expect(8)
    };
    for output in ["human", "stream", "json"] {
        let run = run(output);
        let log = run.stdout.clone() + &run.stderr;
        assert!(!log.contains("##["), "{log}");
        let commands: Vec<_> = log.lines().filter(|line| line.trim_start().starts_with("::")).collect();
        let (errors, groups): (Vec<_>, Vec<_>) = commands.into_iter().partition(|line| line.starts_with("::error "));
        assert_eq!(errors.len(), 1, "{log}");
        assert!(errors[0].starts_with("::error title=web%3A 3 hosts failed%3A exit status 3::"), "{log}");
        let folded = if output == "human" { 6 } else { 0 };
        assert_eq!(groups.len(), folded, "{log}");
    }
    let page = fleet.project.read("summary");
    assert_eq!(page.matches("\n`````text\n").count(), 3, "a longer fence than any in the output: {page}");
    let outputs = fleet.project.read("outputs");
    assert_eq!(outputs.matches("status=failed\nexit_code=8\nrun=").count(), 3, "{outputs}");
}

/// The error for a command line in an environment; expects exit code 2.
fn refused(project: &Project, line: &[&str], variables: &[(&str, &str)]) -> String {
    let mut command = project.command(line);
    command.envs(variables.iter().copied());
    Finished::from(command.output().expect("the binary runs")).expect(2).stderr
}

#[test]
fn an_error_before_the_run_is_an_annotation_too() {
    let project = Project::new();
    let (unknown, misspelt) = (["deploy", "nosuch"], ["depoly", "web"]);
    let (github, azure) = (("GITHUB_ACTIONS", "true"), ("TF_BUILD", "True"));
    for (line, variables, annotation) in [
        (unknown, [github].as_slice(), "::error title=fleetwide::there is no target"),
        (misspelt, &[github], "::error title=fleetwide::there is no verb `depoly`\n"),
        (misspelt, &[azure], "##vso[task.logissue type=error]fleetwide%0Athere is no verb `depoly`\n"),
        (misspelt, &[("FLEETWIDE_PIPELINE", "github")], "::error title=fleetwide::there is no verb"),
        (unknown, &[github, ("FLEETWIDE_PIPELINE", "")], "::error title=fleetwide::there is no target"),
        (misspelt, &[github, ("FLEETWIDE_PIPELINE", "")], "::error title=fleetwide::there is no verb"),
        (unknown, &[github, ("FLEETWIDE_PIPELINE", "gihtub")], "::error title=fleetwide::invalid value 'gihtub'"),
    ] {
        let said = refused(&project, &line, variables);
        assert!(
            said.starts_with("error: ") && said.contains(&format!("\n{annotation}")),
            "{line:?} {variables:?}: {said}"
        );
    }
    for line in [["deploy", "nosuch", "--pipeline=none"], ["depoly", "--pipeline", "none"]] {
        let said = refused(&project, &line, &[github]);
        assert!(!said.contains("::error"), "{said}");
    }
}

#[test]
fn a_file_named_by_an_empty_variable_is_none() {
    let project = Project::new();
    let said = refused(&project, &["hosts", "nosuch"], &[("FLEETWIDE_CONFIG", "")]);
    assert!(said.contains("there is no target `nosuch`"), "{said}");
}

#[test]
fn one_file_cannot_be_both_report_and_junit() {
    let project =
        Project::with_config("[targets.web]\nselect = [ { provider = \"static\", hosts = [\"127.0.0.9\"] } ]\n");
    let run = ["run", "web", "--report", "same", "--junit", "same", "--", "true"];
    project.run(&run).expect(2).says("name the same file").says("hint: each is of another kind");
    assert!(!project.path("same").exists());
}

/// A host that hangs; killed when this is dropped.
struct Frozen<'f> {
    fleet: &'f SshFleet,
    name: &'static str,
}

impl<'f> Frozen<'f> {
    fn of(fleet: &'f SshFleet, name: &'static str) -> Self {
        let frozen = Self { fleet, name };
        frozen.send_until("STOP", |processes| processes.iter().all(|process| is_stopped(pid(process))));
        frozen
    }

    fn processes(&self) -> Vec<String> {
        processes_with(self.fleet.state(self.name).parent().expect("a folder of the host's own"))
    }

    /// Sends a signal to all processes, repeatedly, because processes begin and end meanwhile.
    fn send_until(&self, signal: &str, done: impl Fn(&[String]) -> bool) {
        eventually(
            Duration::from_secs(10),
            || {
                for process in self.processes() {
                    // A process that has just ended needs no signal.
                    let _ = Command::new("kill").args(["-s", signal, pid(&process)]).output();
                }
                done(&self.processes()).then_some(())
            },
            || format!("not yet {signal}: {:#?}", self.processes()),
        );
    }
}

fn pid(process: &str) -> &str {
    process.split(' ').next().unwrap_or_default()
}

/// True when a process is stopped, or has ended (proc(5), the third field of `stat`).
fn is_stopped(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_none_or(|rest| rest.trim_start().starts_with('T') || rest.is_empty())
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        self.send_until("KILL", <[String]>::is_empty);
    }
}
