//! Hosts that hang, two of a hundred in each phase of a deploy: the run ends by its deadlines, and says of each
//! where it hung.

use std::net::Ipv4Addr;

use fleetwide_simulator::ssh::{Behaviour, ClientKey, SshHost, SshHosts, SshHostsConfig};
use serde_json::Value;

use super::project::{Finished, Project};

const HOSTS: usize = 100;

/// Where hosts hang, and what is to be said of them: the outcome, and words of the message.
const PHASES: [(Behaviour, &str, &str); 5] = [
    (Behaviour::HangBeforeBanner, "unreachable", "connected, but no SSH banner within"),
    (Behaviour::HangInKeyExchange, "unreachable", "connected, but no end of the key exchange within"),
    (Behaviour::HangInAuth, "unreachable", "connected, but no login within"),
    (Behaviour::FreezeMidScript { after: 3000 }, "unknown", "connected, but no SSH banner within"),
    (Behaviour::HangAfterExit, "succeeded", ""),
];

/// So many in each phase; as many more have a script that hangs by itself.
const EACH: usize = HOSTS / 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_of_a_hundred_hang_in_each_phase_and_each_is_told_apart() {
    let project = Project::new();
    let key = ClientKey::create(&project.path("")).expect("a key");
    let pid = std::process::id().to_be_bytes();
    let host = |number: usize| {
        let last = u8::try_from(number + 1).expect("a small fleet");
        SshHost {
            address: Ipv4Addr::new(127, 128 | pid[2], pid[3], last),
            name: format!("web-{number:03}"),
            behaviour: PHASES.get(number / EACH).map_or(Behaviour::Normal, |(behaviour, ..)| behaviour.clone()),
        }
    };
    let hosts = SshHosts::start(SshHostsConfig {
        hosts: (0..HOSTS).map(host).collect(),
        user: "deploy".to_owned(),
        authorized_keys: vec![key.public.clone()],
        homes: project.path("homes"),
        allow_forwarding: false,
    })
    .await
    .expect("simulated hosts");
    let listed: Vec<String> = hosts
        .hosts()
        .iter()
        .map(|host| format!("{{ name = \"{}\", address = \"{}\" }}", host.name(), host.address()))
        .collect();
    project.write("ssh_config", "");
    project.write(
        "fleetwide.toml",
        &format!(
            "[targets.web]\nselect = [ {{ provider = \"static\", hosts = [\n{}\n] }} ]\n\
             [targets.web.ssh]\nuser = \"deploy\"\nport = {}\nidentity_file = \"{}\"\nconfig_file = \"ssh_config\"\n\
             [targets.web.deploy]\nscript = \"deploy.sh\"\ntimeout = \"30s\"\nkill_grace = \"1s\"\n\
             connect_timeout = \"20s\"\nauth_timeout = \"20s\"\nretries = 0\nmax_failures = \"100%\"\nslow_start = false\n",
            listed.join(",\n"),
            hosts.port(),
            key.path.display(),
        ),
    );
    let stuck: Vec<String> = (PHASES.len() * EACH..(PHASES.len() + 1) * EACH).map(|n| format!("web-{n:03}")).collect();
    let script =
        format!("#!/bin/sh\nseq 1000\ncase $FLEETWIDE_HOST_NAME in {}) exec sleep 1000;; esac\n", stuck.join("|"));
    project.write("deploy.sh", &script);

    let mut command = project.command(&["deploy", "web", "--revision", "r1", "--report", "report.json"]);
    let run = tokio::task::spawn_blocking(move || command.output().expect("the binary runs"));
    Finished::from(run.await.expect("no panic")).expect(7);

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
    hosts.shutdown().await;
}

fn took(report: &Value) -> u64 {
    let longest =
        report["hosts"].as_array().into_iter().flatten().filter_map(|host| host["duration_ms"].as_u64()).max();
    longest.unwrap_or_default()
}
