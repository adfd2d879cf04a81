//! Hosts that hang, two of a hundred in each phase of a deploy: the run ends by its deadlines, and reports for each
//! host where it hung.

use fleetwide_simulator::ssh::Behaviour;
use serde_json::Value;

use super::simulated_fleet::SimulatedFleet;

const HOSTS: usize = 100;

/// Where hosts hang, and what the report must contain: the outcome, and words of the message.
const PHASES: [(Behaviour, &str, &str); 5] = [
    (Behaviour::HangBeforeBanner, "unreachable", "connected, but no SSH banner within"),
    (Behaviour::HangInKeyExchange, "unreachable", "connected, but no end of the key exchange within"),
    (Behaviour::HangInAuth, "unreachable", "connected, but no login within"),
    (Behaviour::FreezeMidScript { after: 3000 }, "unknown", "connected, but no SSH banner within"),
    (Behaviour::HangAfterExit, "succeeded", ""),
];

/// How many hang in each phase; as many more have a script that hangs by itself.
const EACH: usize = HOSTS / 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_of_a_hundred_hang_in_each_phase_and_each_is_told_apart() {
    let behaviour =
        |number: usize| PHASES.get(number / EACH).map_or(Behaviour::Normal, |(behaviour, ..)| behaviour.clone());
    let settings = "timeout = \"30s\"\nkill_grace = \"1s\"\nconnect_timeout = \"20s\"\nauth_timeout = \"20s\"\nretries = 0\n\
                    max_failures = \"100%\"\nslow_start = false\n";
    let fleet = SimulatedFleet::of(HOSTS).behaving(behaviour).start(settings).await;
    let project = &fleet.project;
    let stuck: Vec<String> = (PHASES.len() * EACH..(PHASES.len() + 1) * EACH).map(|n| format!("web-{n:03}")).collect();
    let script =
        format!("#!/bin/sh\nseq 1000\ncase $FLEETWIDE_HOST_NAME in {}) exec sleep 1000;; esac\n", stuck.join("|"));
    project.write("deploy.sh", &script);

    fleet.run(&["deploy", "web", "--revision", "r1", "--report", "report.json"]).await.expect(7);

    let report = project.report("report.json");
    let results = report["hosts"].as_array().expect("hosts");
    assert_eq!(results.len(), HOSTS);
    for result in results {
        let number: usize =
            result["name"].as_str().and_then(|name| name.rsplit('-').next()?.parse().ok()).expect("web-N");
        let (outcome, words) = match PHASES.get(number / EACH) {
            Some((_, outcome, words)) => (*outcome, *words),
            None if number < (PHASES.len() + 1) * EACH => ("failed", "timed out after 30s; the script was ended"),
            None => ("succeeded", ""),
        };
        assert_eq!(result["outcome"], outcome, "{result:#}");
        let message = result["message"].as_str().unwrap_or_default();
        assert!(message.contains(words), "{result:#}");
    }
    println!("took {} ms", took(&report));
    fleet.shutdown().await;
}

fn took(report: &Value) -> u64 {
    let longest =
        report["hosts"].as_array().into_iter().flatten().filter_map(|host| host["duration_ms"].as_u64()).max();
    longest.unwrap_or_default()
}
