//! The reports of a run to pipelines.

use std::fs;

use super::{
    rollback::{by_hand, undone},
    *,
};
use crate::{
    report::{Detail, Gaps, Pipeline},
    rollout::{PartOutcome, PartResult},
};

/// A job of a pipeline, with the files that GitHub gives to a step.
struct Job {
    pipeline: Pipeline,
    detail: Detail,
    files: tempfile::TempDir,
}

/// The output and the files of such a job.
struct Left {
    out: String,
    err: String,
    page: String,
    outputs: String,
    trouble: Vec<String>,
}

impl Job {
    fn new(pipeline: Pipeline) -> Self {
        let files = tempfile::tempdir().expect("a folder");
        for name in ["GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"] {
            fs::write(files.path().join(name), "").expect("writable");
        }
        Self { pipeline, detail: Detail::Normal, files }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.files.path().join(name)
    }

    /// `text` without the folder's path, as it is and as Markdown escapes it.
    fn without_path(&self, text: &str) -> String {
        let path = self.files.path().display().to_string();
        let sign = |c: char| c.is_ascii_punctuation() && !matches!(c, '-' | ',' | '.');
        let escaped: String = path.chars().flat_map(|c| ['\\', c].into_iter().skip(usize::from(!sign(c)))).collect();
        text.replace(&path, "FOLDER").replace(&escaped, "FOLDER")
    }

    fn run(&self, plan: &Plan, tell: impl FnOnce(&RunReporter)) -> Left {
        let (out, err, builder) = capture(Screen::PLAIN);
        let env = |name: &str| name.starts_with("GITHUB").then(|| self.path(name).display().to_string());
        let run = builder
            .detail(self.detail)
            .pipeline(Some(self.pipeline), env)
            .log_dir(self.path("logs"))
            .report(self.path("report.json"))
            .build()
            .start(plan, Gaps::default())
            .expect("writable");
        tell(&run);
        let trouble = run.trouble();
        drop(run);
        let read = |name| fs::read_to_string(self.path(name)).unwrap_or_default();
        let (page, outputs) = (read("GITHUB_STEP_SUMMARY"), read("GITHUB_OUTPUT"));
        let [out, err, page, outputs] = [out.text(), err.text(), page, outputs].map(|text| self.without_path(&text));
        Left { out, err, page, outputs, trouble }
    }
}

/// The commands that GitHub's runner finds in a log, as its `ActionCommand` looks for them: `::name …::`
/// after blanks, and `##[name …]` anywhere.
fn commands(log: &str) -> Vec<&str> {
    let found = |line: &&str| {
        let new = line.trim_start().strip_prefix("::").is_some_and(|rest| rest.contains("::"));
        new || line.split_once("##[").is_some_and(|(_, rest)| rest.contains(']'))
    };
    log.lines().filter(found).collect()
}

#[test]
fn github_gets_one_annotation_for_each_kind_of_failure() {
    let plan = plan(8);
    let left = Job::new(Pipeline::GitHub).run(&plan, |run| tell_all_outcomes(run, &plan));
    insta::assert_snapshot!(commands(&left.err).join("\n"));
    assert_eq!(commands(&left.out), [""; 0]);
    insta::assert_snapshot!(left.page);
    let outputs: Vec<_> = left.outputs.lines().collect();
    assert_eq!(
        outputs,
        ["status=failed", "exit_code=8", "run=01JQZX0000000000000000TEST", "report=FOLDER/report.json"]
    );
    assert!(left.trouble.is_empty());
}

#[test]
fn the_check_or_hook_that_failed_is_named_and_so_is_what_was_not_taken_back() {
    let plan = plan(6);
    let left = Job::new(Pipeline::GitHub).run(&plan, |run| tell_checks_hooks_and_undos(run, &plan));
    insta::assert_snapshot!(commands(&left.err).join("\n"), @"
    ::error title=web::check errors: 7 is not < 5%0Afailed (exit code 8): 0 of 6 hosts of web are at 4f2a91c: the fleet is mixed
    ::error title=web%3A 2 hosts failed%3A check health::check health: web-2, web-3%0Acheck health: 3 times in a row, the last time: HTTP 503%0Adeployed%0Alog: FOLDER/logs/01JQZX0000000000000000TEST/web-2--azure_7f6e9a52-1111-4222-8333-000000000002.log
    ::error title=web%3A 1 host failed%3A hook after_host::hook after_host: web-4%0Ahook after_host: timed out after 60s%0Adeployed%0Alog: FOLDER/logs/01JQZX0000000000000000TEST/web-4--gcp_4000000000000000004.log
    ::error title=web%3A 1 host unreachable%3A hook before_host::hook before_host: web-5%0Ahook before_host: exit status 1: no such server
    ::error title=web%3A 1 host undo-failed%3A exit status 7::exit status 7: web-1%0Anot back at v1: exit status 7%0Adisk full
    ::error title=web%3A 1 host undo-unknown%3A contact was lost while the script ran::contact was lost while the script ran: web-3%0Anot back at v1: contact was lost while the script ran%0Arestarting
    ");
    let counts = "| failed | 3 |\n| unreachable | 1 |\n| undone | 3 |\n| undo-failed | 1 |\n| undo-unknown | 1 |\n";
    assert!(left.page.contains(counts), "{}", left.page);
}

#[test]
fn of_a_rollback_by_hand_nothing_is_told_but_undos() {
    let plan = by_hand(2);
    let left = Job::new(Pipeline::GitHub).run(&plan, |run| {
        let [back, worn] = [0, 1].map(|place| ids(&plan).remove(place));
        let mut telling = Telling::of(run, &plan);
        telling.event(EventKind::UndoStarted { hosts: 2 });
        for result in [
            undone(&back, UndoOutcome::Undone, succeeded(&back)),
            undone(&worn, UndoOutcome::UndoFailed, failed(&worn, 7, "disk full\n")),
        ] {
            telling.event(EventKind::HostUndone { result: &result });
        }
        telling.event(EventKind::RunFinished { status: RunStatus::RollbackIncomplete, summary: Summary::of([]) });
    });
    let commands = commands(&left.err);
    assert_eq!(commands.len(), 1, "{commands:#?}");
    assert!(commands[0].starts_with("::error title=web%3A 1 host undo-failed%3A exit status 7::"), "{}", commands[0]);
    assert!(left.page.contains("| --- | ---: |\n| undone | 1 |\n| undo-failed | 1 |\n\n"), "{}", left.page);
    assert!(left.page.contains("\n| 1 | undo-failed | exit status 7 | web-2 |\n"), "{}", left.page);
}

#[test]
fn a_run_that_went_well_has_no_annotation_and_a_short_page() {
    let plan = plan(2);
    let left = Job::new(Pipeline::GitHub).run(&plan, |run| {
        let mut telling = Telling::of(run, &plan);
        for id in &ids(&plan) {
            telling.whole(&succeeded(id));
        }
        telling.finish(None);
    });
    assert_eq!(commands(&left.err), [""; 0]);
    assert!(left.page.starts_with("### ✅ web 4f2a91c\n"), "{}", left.page);
    assert!(!left.page.contains("<details>"), "{}", left.page);
}

#[test]
fn no_more_annotations_than_a_step_shows() {
    let plan = plan(30);
    let left = Job::new(Pipeline::GitHub).run(&plan, |run| {
        let mut telling = Telling::of(run, &plan);
        for (id, status) in ids(&plan).iter().zip(1..) {
            telling.whole(&failed(id, status, "no\n"));
        }
        telling.finish(None);
    });
    let commands = commands(&left.err);
    assert_eq!(commands.len(), 10);
    let last = "::error title=web%3A 21 hosts failed in other ways::1 host failed: exit status 10%0A1 host failed";
    assert!(commands[9].starts_with(last), "{}", commands[9]);
}

#[test]
fn an_interrupted_run_says_so_though_nothing_failed() {
    let plan = plan(3);
    let left = Job::new(Pipeline::GitHub).run(&plan, |run| {
        let mut telling = Telling::of(run, &plan);
        telling.whole(&succeeded(&ids(&plan)[0]));
        telling.event(EventKind::Stopping { reason: StopReason::Cancel(Cancel::Interrupt), running: 0 });
        telling.finish(Some(StopReason::Cancel(Cancel::Interrupt)));
    });
    assert_eq!(
        commands(&left.err),
        ["::error title=web::interrupted (exit code 130): 1 of 3 hosts of web is at 4f2a91c: the fleet is mixed"]
    );
}

/// Everything that a host could print to give the pipeline a command, or to break out of its page.
const HOSTILE: &str = "##[error]a\n::add-mask::b\n \u{2003}::stop-commands::c\nx ##[add-mask]d ##vso[task.complete]\n\
    \r\x1b[0Ksection_start:1:e\r\x1b[0K\n`````\n~~~\n</details><script>f</script>\n| g | @h\n\x1b]0;i\x07%0A::error::j\n";

#[test]
fn what_a_host_prints_is_never_a_command() {
    let mut hostile = host(1);
    hostile.instance.name = "::error::|`<b>##[group]".to_owned();
    let plan = plan_for(vec![hostile]);
    for (pipeline, detail) in [
        (Pipeline::GitHub, Detail::Normal),
        (Pipeline::GitHub, Detail::Verbose),
        (Pipeline::GitHub, Detail::Quiet),
        (Pipeline::Azure, Detail::Normal),
        (Pipeline::GitLab, Detail::Verbose),
    ] {
        let job = Job { detail, ..Job::new(pipeline) };
        let left = job.run(&plan, |run| {
            let id = &ids(&plan)[0];
            let mut telling = Telling::of(run, &plan);
            telling.begin(id);
            for _ in 0..100 {
                telling.output(id, Stream::Stdout, HOSTILE.as_bytes());
            }
            let result = HostResult {
                message: Some(HOSTILE.to_owned()),
                hint: Some(HOSTILE.to_owned()),
                ..failed(id, 3, HOSTILE)
            };
            telling.end(&result);
            telling.finish(None);
        });
        let ours: &[&str] = match pipeline {
            Pipeline::GitHub => &["::error title=web%3A 1 host failed%3A exit status 3::", "::group::", "::endgroup::"],
            Pipeline::Azure => &["##[group]", "##[endgroup]", "##vso[task.logissue type=error]web: 1 host"],
            Pipeline::GitLab => &[],
        };
        let log = left.out + &left.err;
        if pipeline == Pipeline::GitLab {
            let marks = log.matches("\r\x1b[0K").count();
            assert_eq!((marks, log.matches('\x1b').count()), (0, 0), "{log:?}");
            continue;
        }
        for command in commands(&log).into_iter().chain(log.lines().filter(|line| line.contains("##vso["))) {
            assert!(ours.iter().any(|own| command.starts_with(own)), "{command:?}");
            assert_eq!(command.matches("##").count(), usize::from(command.starts_with("##")), "{command:?}");
        }
        if pipeline == Pipeline::GitHub {
            insta::allow_duplicates! { insta::assert_snapshot!("hostile_page", left.page); }
        }
    }
}

#[test]
fn the_whole_output_of_what_failed_is_folded_away() {
    let plan = plan(3);
    let ids = ids(&plan);
    let job = Job::new(Pipeline::GitLab);
    let left = job.run(&plan, |run| {
        let mut telling = Telling::of(run, &plan);
        for id in &ids {
            telling.begin(id);
            telling.output(id, Stream::Stdout, b"first\n");
        }
        for n in 0..100_000 {
            telling.output(&ids[0], Stream::Stdout, format!("line {n}\n").as_bytes());
        }
        telling.end(&failed(&ids[0], 3, "no\n"));
        // The last screen shows all output of this host.
        telling.end(&HostResult { stdout_tail: "first".to_owned(), ..failed(&ids[1], 3, "") });
        // The tail of this host lacks a little of its output.
        telling.output(&ids[2], Stream::Stdout, b"second\nthird\n");
        telling.end(&HostResult { stdout_tail: "third".to_owned(), ..failed(&ids[2], 3, "") });
        telling.finish(None);
    });
    let sections: Vec<_> = left.err.lines().filter(|line| line.contains("\x1b[0Ksection_")).collect();
    assert_eq!(sections.len(), 4, "{sections:?}");
    let opened = ":fleetwide-log-0[collapsed=true]\r\x1b[0Kweb-1: the end of what it printed (";
    assert!(sections[0].contains(opened), "{sections:?}");
    assert!(sections[2].contains("web-3: all that it printed ("), "{sections:?}");
    assert!(left.err.contains("are in the file only\nline "), "what is long is cut at a line's beginning");
    assert!(left.err.contains("line 99999\n\x1b[0Ksection_end:"), "{}", &left.err[left.err.len() - 500..]);
    assert!(left.err.len() < 300 * 1024, "{}", left.err.len());
}

#[test]
fn the_whole_output_of_an_undo_that_failed_is_folded_away_too() {
    let plan = plan(1);
    let id = &ids(&plan)[0];
    let left = Job::new(Pipeline::GitLab).run(&plan, |run| {
        let mut telling = Telling::of(run, &plan);
        telling.begin(id);
        telling.end(&succeeded(id));
        telling.event(EventKind::UndoStarted { hosts: 1 });
        telling.begin(id);
        telling.output(id, Stream::Stdout, b"stops\nstarts\n");
        let undo = HostResult { stdout_tail: "starts".to_owned(), ..failed(id, 7, "") };
        telling.event(EventKind::HostUndone { result: &taken_back(succeeded(id), UndoOutcome::UndoFailed, undo) });
        telling.event(EventKind::RunFinished { status: RunStatus::RollbackIncomplete, summary: Summary::default() });
    });
    let opened = left.err.lines().find(|line| line.contains("section_start")).expect("a section");
    assert!(opened.contains("web-1: all that its undo printed (FOLDER/logs/"), "{opened:?}");
    assert!(opened.ends_with(".undo.log)") && left.err.contains("\nstops\nstarts\n"), "{}", left.err);
}

#[test]
fn a_page_that_cannot_be_written_is_a_warning_and_no_trouble() {
    let plan = plan(1);
    let succeed = |run: &RunReporter| {
        let mut telling = Telling::of(run, &plan);
        telling.whole(&succeeded(&ids(&plan)[0]));
        telling.finish(None);
    };
    let job = Job::new(Pipeline::GitHub);
    for name in ["GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"] {
        fs::remove_file(job.path(name)).expect("ours");
        fs::create_dir(job.path(name)).expect("free");
    }
    let left = job.run(&plan, succeed);
    assert!(left.err.contains("warning: cannot write the step's summary "), "{}", left.err);
    assert!(left.err.contains("warning: cannot write the step's outputs "), "{}", left.err);
    assert!(left.trouble.is_empty(), "{:?}", left.trouble);

    let full = Job::new(Pipeline::GitHub);
    let others = "x".repeat(1024 * 1024 - 10);
    fs::write(full.path("GITHUB_STEP_SUMMARY"), &others).expect("writable");
    let left = full.run(&plan, succeed);
    assert!(left.err.contains("the page is full"), "{}", left.err);
    assert_eq!(left.page, others, "what others wrote is still shown");
}

#[test]
fn a_part_that_failed_is_named_wherever_it_is_told_of() {
    let plan = plan(3);
    let left = Job::new(Pipeline::GitHub).run(&plan, |run| {
        let (ids, mut telling) = (ids(&plan), Telling::of(run, &plan));
        for (id, name) in ids.iter().zip(["fetch", "test", "test"]) {
            let part = PartResult {
                name: name.to_owned(),
                outcome: PartOutcome::Failed,
                exit_status: Some(3),
                signal: None,
                duration: None,
            };
            let message = Some(format!("part {name}: exit status 3"));
            let result = HostResult { parts: vec![part], message, ..failed(id, 3, "") };
            telling.event(EventKind::HostFinished { result: &result });
        }
        let summary = Summary { total: 3, failed: 3, ..Summary::default() };
        telling.event(EventKind::RunFinished { status: RunStatus::Failed, summary });
    });
    for told in [&left.err, &left.page] {
        assert!(told.contains("part test") && told.contains("part fetch"), "{told}");
    }
    assert!(left.err.contains("web%3A 2 hosts failed%3A part test%3A exit status 3::"), "{}", left.err);
}
