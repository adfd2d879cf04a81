//! How the end of an ad hoc command is shown, and which command comes next.

use super::{
    human::{all_outcomes, told_of},
    *,
};
use crate::report::{Detail, Gaps};

fn odd_ends_of_a_command(rerun: Rerun) -> String {
    let (out, _, builder) = capture(terminal(100));
    let plan = Plan { work: Work::Command("systemctl is-active shop".to_owned()), ..plan(60) };
    let ids = ids(&plan);
    let run = builder.rerun(rerun).build().start(&plan, Gaps::default()).expect("no files");
    let mut telling = Telling::of(&run, &plan);
    for id in &ids[..56] {
        telling.whole(&succeeded(id));
    }
    telling.whole(&failed(&ids[56], 3, ""));
    telling.whole(&failed(&ids[57], 3, ""));
    telling.whole(&timed_out(&ids[58]));
    telling.whole(&unreachable(&ids[59]));
    telling.finish(None);
    out.text()
}

#[test]
fn a_long_command_is_broken_between_its_words() {
    let (_, err, builder) = capture(terminal(40));
    let command = "systemctl restart shop && curl -fsS localhost:8080";
    let plan = Plan { work: Work::Command(command.to_owned()), ..plan(3) };
    let run = builder.build().start(&plan, Gaps::default()).expect("no files");
    Telling::of(&run, &plan).finish(None);
    let told = err.text();
    let head: Vec<_> = told.lines().take(3).collect();
    insta::assert_snapshot!(head.join("\n"), @r"
    Run `systemctl restart shop && curl -fsS
      localhost:8080` on web: 3 hosts (aws
      1, azure 1, gcp 1)
    ");
}

#[test]
fn what_a_command_says_by_its_status_is_counted_and_its_hosts_are_named() {
    let told = odd_ends_of_a_command(rerun("fleetwide run web -- systemctl is-active shop"));
    assert!(told.contains("\n\n  exit statuses: 0 × 56, 3 × 2 (web-[57-58]), SIGKILL × 1 (web-59)\n\n"), "{told}");
    let (deployed, _) = all_outcomes(terminal(100), Detail::Normal);
    assert!(!deployed.contains("exit statuses"), "{deployed}");
}

#[test]
fn where_a_report_tells_which_failed_they_alone_are_next() {
    let again = "fleetwide run web -- true";
    let next = |failed: &str| {
        let told = odd_ends_of_a_command(Rerun { failed: Some(failed.to_owned()), ..rerun(again) });
        told.split_once("next: ").map(|(_, next)| next.to_owned()).expect("it says what to do")
    };
    insta::assert_snapshot!(next("fleetwide run web --failed-of report.json -- true"), @r"
    fleetwide run web --failed-of report.json -- true  # only the 4 hosts that did not succeed
          fleetwide run web -- true                          # runs it again, on every host
    ");
    assert_eq!(next(again).lines().count(), 1, "the same line says both");
}

#[test]
fn a_command_that_cannot_be_shown_as_it_is_is_not_shown_as_another() {
    let told = odd_ends_of_a_command(rerun("fleetwide run web -- 'printf \"a\tb\"'"));
    assert!(
        told.ends_with(
            "next: # the same command, which cannot be shown as it was given  # runs it again, on every host\n"
        ),
        "{told}"
    );
    let long = format!("fleetwide run web -- {}", "x".repeat(2000));
    assert!(odd_ends_of_a_command(rerun(&long)).contains(&format!("next: {long}\n")));
}

#[test]
fn a_command_is_run_again_only_where_it_has_ended() {
    let command = Plan { work: Work::Command("true".to_owned()), ..plan(1) };
    let told = told_of(&lost(&ids(&command)[0]), &command);
    let next = "next: fleetwide run web -- true  # when it has ended there: runs it again, on every host\n";
    assert!(told.ends_with(next), "{told}");
    // A deploy's lock prevents it.
    assert!(!told_of(&lost(&ids(&command)[0]), &plan(1)).contains("when it has ended there"));
}
