//! A rollback by hand: its plan and its end, as people see them.

use std::collections::BTreeMap;

use super::*;
use crate::{
    config::Part,
    plan::{Back, Goal, Rollback, Tally, Way},
    report::Gaps,
    rollout::{UndoOutcome, UndoResult},
};

const RUN: &str = "01JQZX00000000000000000001";

/// Four hosts: two that can be rolled back, one with nothing to return to, one that could not be asked.
pub(super) fn by_hand(hosts: usize) -> Plan {
    let mut plan = plan(hosts);
    let Work::Deploy { payload, .. } = plan.work else { panic!("a deploy") };
    let start = |revision: &str| {
        let (revision, failed) = (Some(revision.to_owned()), Some("4f2a91c".to_owned()));
        Way::Start(Back { run: format!("{RUN}-undo"), attempt: 1, revision, failed })
    };
    let ways = [start("v1"), start("v0"), Way::Nowhere, Way::Silent("connection refused".into())];
    let ways: BTreeMap<_, _> = plan.stages[0].hosts.iter().map(|host| host.id.clone()).zip(ways).collect();
    let goal = Goal { run: Some(RUN.parse().expect("an id")), to: None };
    plan.work = Work::Rollback(Rollback { goal, payload, ways });
    plan.found = Some(Tally { revisions: vec![(Some("4f2a91c".to_owned()), 8), (None, 1)], silent: 1 });
    plan
}

pub(super) fn undone(host: &HostId, outcome: UndoOutcome, run: HostResult) -> HostResult {
    let undo = UndoResult { outcome, revision: Some("v1".to_owned()), run: run.clone() };
    HostResult { host: host.clone(), undo: Some(Box::new(undo)), ..run }
}

fn told(plan: &Plan, end: impl FnOnce(&mut Telling<'_>)) -> (String, String, crate::report::Record) {
    let (out, err, builder) = capture(terminal(100));
    let run = builder
        .rerun(rerun("fleetwide --config ops.toml rollback web -- --fast"))
        .build()
        .start(plan, Gaps::default())
        .expect("no files");
    end(&mut Telling::of(&run, plan));
    (err.text(), out.text(), run.record())
}

#[test]
fn the_plan_says_who_gets_back_to_what() {
    let (out, _, builder) = capture(terminal(80));
    builder.build().show_plan(&by_hand(4), Gaps::default());
    insta::assert_snapshot!(out.text(), @r#"
    Undo run 01JQZX00000000000000000001 on web

      script      deploy.sh, 7 bytes
      sha256      abababababababababababababababababababababababababababababababab
      app         shop
      arguments   "--fast"
      environment NODE_ENV="production"
      secrets     API_TOKEN (values are never shown)
      hosts       4 (aws 1, azure 1, gcp 2)
      on record   8 on 4f2a91c, 1 without a revision, 1 without an answer
      at once     10 hosts, of these 4 in the SSH handshake
      failures    none stops the others
      time limits script 10m, silence 90s
      ending      TERM, then KILL after 10s
      retries     2 more tries, only where the script never started
      if cut off  the script goes on to its end

    Back to v0: 1 host
      NAME   ID                            ZONE        ADDRESS          TAGS
      web-2  azure:7f6e9a5…3-000000000002  westeurope  deploy@10.0.0.2  env=prod ro…

    Back to v1: 1 host
      NAME   ID                       ZONE            ADDRESS          TAGS
      web-1  gcp:4000000000000000001  europe-west1-b  deploy@10.0.0.1  env=prod rol…

    Nothing to return to: no revision before, and no rollback script: 1 host
      NAME   ID                      ZONE        ADDRESS          TAGS
      web-3  aws:i-0000000000000003  eu-west-1a  deploy@10.0.0.3  env=prod role=web

    Not asked what they have on record: connection refused: 1 host
      NAME   ID                       ZONE            ADDRESS          TAGS
      web-4  gcp:4000000000000000004  europe-west1-b  deploy@10.0.0.4  env=prod rol…
    "#);
}

#[test]
fn the_end_says_who_is_back_and_why_others_are_not() {
    let plan = by_hand(4);
    let ids = ids(&plan);
    let (err, out, record) = told(&plan, |telling| {
        let nothing = "nothing to return to: it had no revision before, and there is no rollback script";
        let nowhere = HostResult {
            outcome: Outcome::Failed,
            message: Some(nothing.to_owned()),
            ..HostResult::skipped(ids[2].clone())
        };
        let silent = HostResult {
            outcome: Outcome::Unreachable,
            message: Some("not asked what it has on record: connection refused".to_owned()),
            ..HostResult::skipped(ids[3].clone())
        };
        let ends = [
            undone(&ids[3], UndoOutcome::UndoUnknown, silent),
            undone(&ids[2], UndoOutcome::UndoFailed, nowhere),
            undone(&ids[1], UndoOutcome::UndoFailed, failed(&ids[1], 3, "no such release\n")),
            undone(&ids[0], UndoOutcome::Undone, succeeded(&ids[0])),
        ];
        telling.event(EventKind::UndoStarted { hosts: 4 });
        for result in &ends {
            telling.event(EventKind::HostUndone { result });
        }
        let summary = Summary::of(ends.iter().map(|result| result.outcome));
        telling.event(EventKind::RunFinished { status: RunStatus::RollbackIncomplete, summary });
    });
    assert_eq!(record.hosts.iter().filter(|host| host.has_succeeded()).count(), 1);
    insta::assert_snapshot!(format!("{err}--\n{out}"), @"
    Undo run 01JQZX00000000000000000001 on web: 4 hosts (aws 1, azure 1, gcp 2)
      10 at once · no failure stops the others · run 01JQZX0000000000000000TEST
    Undo: rolling 4 hosts back
    ✗ web-4 undo-unknown: not asked what it has on record: connection refused
    ✗ web-3 undo-failed: nothing to return to: it had no revision before, and there is no rollback
      script
    ✗ web-2 undo-failed after 12s: exit status 3
    ✓ web-1 undone in 12s
    --

      1 undone, 2 undo-failed, 1 undo-unknown

      HOST   OUTCOME       TRIES  TIME  WHY
      web-2  undo-failed       1   12s  exit status 3
      web-3  undo-failed       0        nothing to return to: it had no revision before, and there is n…
      web-4  undo-unknown      0        not asked what it has on record: connection refused

    ✗ web-2 undo-failed after 12s: exit status 3
      azure:7f6e9a52-1111-4222-8333-000000000002 · 10.0.0.2 · westeurope
      stderr │ no such release
      stdout │ fetching 4f2a91c
             │ unpacking

    ✗ web-3 undo-failed: nothing to return to: it had no revision before, and there is no rollback
      script
      aws:i-0000000000000003 · 10.0.0.3 · eu-west-1

    ✗ web-4 undo-unknown: not asked what it has on record: connection refused
      gcp:4000000000000000004 · 10.0.0.4 · europe-west1

    ✗ failed (exit code 10): 1 of 4 hosts of web to be rolled back is back
      6.0s · run 01JQZX0000000000000000TEST
    next: fleetwide --config ops.toml rollback web --run 01JQZX00000000000000000001 -- --fast
            # rolls back every host that is not back by then, and no other
    ");
}

#[test]
fn where_all_are_back_the_closing_line_says_it_all() {
    let plan = by_hand(1);
    let id = ids(&plan).remove(0);
    let (_, out, _) = told(&plan, |telling| {
        let result = undone(&id, UndoOutcome::Undone, succeeded(&id));
        telling.event(EventKind::HostUndone { result: &result });
        let summary = Summary::of([Outcome::Succeeded]);
        telling.event(EventKind::RunFinished { status: RunStatus::Succeeded, summary });
    });
    insta::assert_snapshot!(out, @"
    ✓ succeeded: the only host of web to be rolled back is back
      2.0s · run 01JQZX0000000000000000TEST
    ");
}

#[test]
fn where_nothing_is_to_be_taken_back_no_hosts_are_told_of() {
    let plan = by_hand(0);
    let (err, out, _) = told(&plan, |telling| {
        telling.event(EventKind::UndoStarted { hosts: 0 });
        telling.event(EventKind::RunFinished { status: RunStatus::Succeeded, summary: Summary::default() });
    });
    insta::assert_snapshot!(format!("{err}--\n{out}"), @"
    Undo run 01JQZX00000000000000000001 on web: 0 hosts
      10 at once · no failure stops the others · run 01JQZX0000000000000000TEST
    --
    ✓ succeeded: nothing to roll back: every host of web that run 01JQZX00000000000000000001 touched is
      back
      2.0s · run 01JQZX0000000000000000TEST
    ");

    let (out, _, builder) = capture(terminal(120));
    builder.build().show_plan(&Plan { narrowed_from: Some(4), ..plan }, Gaps::default());
    let whose = format!("\nnothing to roll back: every chosen host of web that run {RUN} touched is back\n");
    assert!(out.text().ends_with(&whose), "{}", out.text());
}

#[test]
fn whoever_is_taken_back_by_parts_waits_for_no_one() {
    let mut plan = by_hand(1);
    let Work::Rollback(rollback) = &mut plan.work else { panic!("a rollback") };
    let part = |name: &str, barrier| Part { name: name.parse().expect("a name"), run: "true".into(), barrier };
    rollback.payload = Payload::Parts([part("test", true), part("restart", false)].into());
    let (out, _, builder) = capture(terminal(80));
    builder.build().show_plan(&plan, Gaps::default());
    assert!(out.text().contains("  parts       test: true\n              restart: true\n"), "{}", out.text());
}
