//! JSON for programs.

use provider_core::{FailureKind, Scope, ScopeError};
use serde_json::Value;

use super::*;
use crate::report::{Format, Gaps, Listing};

fn told(tell: impl FnOnce(&RunReporter, &Plan), plan: &Plan) -> Vec<Value> {
    let (out, err, builder) = capture(terminal(80));
    let run = builder.format(Format::Json).build().start(plan, Gaps::default()).expect("no files");
    tell(&run, plan);
    drop(run);
    assert_eq!(err.text(), "", "programs read one stream only");
    assert!(!out.text().contains('\x1b'));
    out.text().lines().map(|line| serde_json::from_str(line).expect("each line is whole")).collect()
}

#[test]
fn one_event_a_line() {
    let plan = plan(8);
    let lines = told(tell_all_outcomes, &plan);
    for (n, line) in lines.iter().enumerate() {
        assert_eq!((line["schema"].as_u64(), line["seq"].as_u64()), (Some(1), Some(n as u64 + 1)), "{line}");
        assert_eq!(line["run"], "01JQZX0000000000000000TEST");
    }
    let types: Vec<_> = lines.iter().filter_map(|line| line["type"].as_str()).collect();
    assert_eq!(&types[..4], ["run-started", "host-connecting", "script-started", "host-finished"]);
    assert_eq!(lines[0]["plan"]["stages"][0]["hosts"].as_array().map(Vec::len), Some(8));
    assert!(!lines[0].to_string().contains("hunter2"));
    insta::assert_snapshot!(lines[lines.len() - 1], @r#"{"at":"2027-01-15T08:00:22Z","exit_code":8,"run":"01JQZX0000000000000000TEST","schema":1,"seq":22,"status":"failed","summary":{"failed":3,"gone":0,"skipped":2,"succeeded":1,"total":8,"unknown":1,"unreachable":1},"type":"run-finished"}"#);
}

#[test]
fn output_is_text_and_escaped() {
    let plan = plan(1);
    let id = &ids(&plan)[0];
    let lines = told(
        |sink, plan| {
            let mut telling = Telling::of(sink, plan);
            telling.begin(id);
            telling.output(id, Stream::Stderr, b"\x1b[31mcaf\xc3");
            telling.output(id, Stream::Stderr, b"\xa9\xff\n");
            telling.event(EventKind::HostRetrying {
                host: id,
                attempt: 2,
                message: "no",
                wait: Duration::from_millis(1500),
            });
        },
        &plan,
    );
    let shown: Vec<_> = lines[3..].iter().map(Value::to_string).collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    {"at":"2027-01-15T08:00:04Z","host":"gcp:4000000000000000001","run":"01JQZX0000000000000000TEST","schema":1,"seq":4,"stream":"stderr","text":"\u001b[31mcaf","type":"output"}
    {"at":"2027-01-15T08:00:05Z","host":"gcp:4000000000000000001","run":"01JQZX0000000000000000TEST","schema":1,"seq":5,"stream":"stderr","text":"é�\n","type":"output"}
    {"at":"2027-01-15T08:00:06Z","attempt":2,"host":"gcp:4000000000000000001","message":"no","run":"01JQZX0000000000000000TEST","schema":1,"seq":6,"type":"host-retrying","wait_ms":1500}
    "#);
}

#[test]
fn a_character_that_never_became_whole_is_told_of_at_the_end() {
    let plan = plan(1);
    let id = &ids(&plan)[0];
    let lines = told(
        |sink, plan| {
            let mut telling = Telling::of(sink, plan);
            telling.begin(id);
            telling.output(id, Stream::Stdout, b"caf\xc3");
            telling.end(&succeeded(id));
            telling.event(EventKind::UndoStarted { hosts: 1 });
            telling.begin(id);
            telling.output(id, Stream::Stderr, b"\xf0\x9f");
            telling.event(EventKind::HostUndone {
                result: &taken_back(succeeded(id), UndoOutcome::Undone, succeeded(id)),
            });
            telling.event(EventKind::HostUndone {
                result: &taken_back(succeeded(id), UndoOutcome::Undone, succeeded(id)),
            });
        },
        &plan,
    );
    let torn: Vec<_> = lines.iter().filter_map(|line| Some((line["type"].as_str()?, line.get("torn")?))).collect();
    let (out, err) = (serde_json::json!(["stdout"]), serde_json::json!(["stderr"]));
    assert_eq!(torn, [("host-finished", &out), ("host-undone", &err)]);
}

#[test]
fn hosts_are_an_array() {
    let mut evil = host(1);
    evil.instance.name = "web\x1b[2J".to_owned();
    evil.address.port = Some(2222);
    let (out, _, builder) = capture(terminal(80));
    builder.format(Format::Json).build().show_hosts(&[evil], &Listing::default(), Gaps::default());
    insta::assert_snapshot!(out.text(), @r#"
    [
      {
        "id": "gcp:4000000000000000001",
        "provider": "gcp",
        "account": "shop-prod",
        "region": "europe-west1",
        "zone": "europe-west1-b",
        "name": "web\u001b[2J",
        "address": "10.0.0.1",
        "port": 2222,
        "user": "deploy",
        "state": "running",
        "tags": {
          "env": "prod",
          "role": "web"
        }
      }
    ]
    "#);
}

#[test]
fn the_plan_is_whole_and_holds_no_secret() {
    let (out, _, builder) = capture(terminal(80));
    let missing =
        [ScopeError::new(Scope::new(&ProviderName::new("aws"), "eu-west-1"), FailureKind::TimedOut, "no answer in 2m")];
    let gaps = Gaps { missing_scopes: &missing, unaddressed: &[host(3).instance] };
    builder.format(Format::Json).build().show_plan(&plan(1), gaps);
    insta::assert_snapshot!(out.text(), @r#"
    {
      "schema": 1,
      "run": "01JQZX0000000000000000TEST",
      "target": "web",
      "app": "shop",
      "revision": "4f2a91c",
      "script": {
        "name": "deploy.sh",
        "sha256": "abababababababababababababababababababababababababababababababab",
        "bytes": 7
      },
      "parts": [],
      "rollback": null,
      "command": null,
      "args": [
        "--fast"
      ],
      "env": {
        "NODE_ENV": "production"
      },
      "secrets": [
        "API_TOKEN"
      ],
      "concurrency": 10,
      "handshakes": 4,
      "max_failures": 0,
      "worst_case": 1,
      "broken_script_meets": 1,
      "slow_start": true,
      "on_stop": "finish",
      "on_failure": "stop",
      "late_hosts": "ignore",
      "retries": 2,
      "sudo": false,
      "idempotent": false,
      "on_lost": "finish",
      "limits": {
        "script_ms": 600000,
        "idle_ms": 90000,
        "kill_grace_ms": 10000
      },
      "narrowed_from": null,
      "on_record": null,
      "taken_back": null,
      "steps": [
        {
          "step": "stage",
          "stage": 0
        }
      ],
      "stages": [
        {
          "name": "all",
          "hosts": [
            {
              "id": "gcp:4000000000000000001",
              "provider": "gcp",
              "account": "shop-prod",
              "region": "europe-west1",
              "zone": "europe-west1-b",
              "name": "web-1",
              "address": "10.0.0.1",
              "port": null,
              "user": "deploy",
              "state": "running",
              "tags": {
                "env": "prod",
                "role": "web"
              }
            }
          ]
        }
      ],
      "missing_scopes": [
        {
          "scope": "aws eu-west-1",
          "kind": "timed-out",
          "message": "no answer in 2m"
        }
      ],
      "skipped_unaddressed": [
        {
          "id": "aws:i-0000000000000003",
          "name": "web-3"
        }
      ]
    }
    "#);
}
