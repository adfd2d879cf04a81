//! A hundred hosts behind two jump hosts, each a real `sshd` that drops excess logins.

use std::fs;

use super::{project::Project, sshd::Sshd};

const HOSTS: u8 = 100;

/// `sshd` drops logins at random from ten in progress on, and always from sixty on.
const MAX_STARTUPS: &str = "10:30:60";

/// A cheap key exchange, because a hundred of them, with both sides here, are a load for a small machine.
const KEY_EXCHANGE: &str = "KexAlgorithms curve25519-sha256";

const ACCEPTED: &str = "Accepted publickey for ";

#[test]
fn a_hundred_hosts_behind_two_jump_hosts_cost_one_login_on_each() {
    let start = |hosts: u8| Sshd::builder().hosts(hosts).max_startups_rule(MAX_STARTUPS).option(KEY_EXCHANGE).start();
    let (outer, inner, hosts) = (start(1), start(1), start(HOSTS));
    let jumps = [&outer, &inner];
    // Like a user's own configuration: it names the key, and trusts jump hosts that were never seen.
    let block = |jump: &&Sshd| {
        let (address, key) = (jump.addresses()[0], jump.login_key());
        let known = hosts.dir().join("jump-hosts");
        let (key, known) = (key.display(), known.display());
        format!(
            "Host {address}\n  IdentityFile {key}\n  UserKnownHostsFile {known}\n  StrictHostKeyChecking accept-new\n"
        )
    };
    fs::write(hosts.client_config(), jumps.iter().map(block).collect::<String>()).expect("writes");
    let listed: Vec<String> = hosts
        .addresses()
        .iter()
        .enumerate()
        .map(|(number, address)| format!("{{ name = \"web-{number:03}\", address = \"{address}\" }}"))
        .collect();
    let hops: Vec<String> = jumps.iter().map(|jump| format!("\"{}:{}\"", jump.addresses()[0], jump.port())).collect();
    let project = Project::with_config(&format!(
        "[targets.web]\nselect = [ {{ provider = \"static\", hosts = [\n{}\n] }} ]\n\
         [targets.web.ssh]\nport = {}\njump = [{}]\nidentity_file = \"{}\"\nconfig_file = \"{}\"\n\
         [targets.web.deploy]\nscript = \"deploy.sh\"\nconnect_timeout = \"60s\"\nauth_timeout = \"60s\"\n",
        listed.join(",\n"),
        hosts.port(),
        hops.join(", "),
        hosts.login_key().display(),
        hosts.client_config().display(),
    ));
    project.write("deploy.sh", "#!/bin/sh\necho \"$FLEETWIDE_HOST_NAME\"\n");

    project.run(&["deploy", "web", "--revision", "r1", "--report", "report.json"]).expect(0);
    let report = project.report("report.json");
    let results = report["hosts"].as_array().expect("hosts");
    assert_eq!(results.len(), usize::from(HOSTS));
    for result in results {
        assert_eq!(result["outcome"], "succeeded", "{result:#}");
        let said = result["stdout_tail"].as_str().expect("text");
        assert_eq!(said.trim(), result["name"], "each its own");
    }
    assert_eq!((outer.count_in_log(ACCEPTED), inner.count_in_log(ACCEPTED)), (1, 1), "one login on each jump host");
    assert_eq!(hosts.count_in_log(ACCEPTED), usize::from(HOSTS));
    let attempts: u64 = results.iter().map(|result| result["attempts"].as_u64().expect("a number")).sum();
    println!("{HOSTS} hosts, {attempts} attempts, {} dropped by MaxStartups", hosts.count_in_log("drop connection"));
}
