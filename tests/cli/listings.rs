//! Other forms of `hosts`: chosen columns, groups, CSV, and the files for `ssh -F` and Ansible.

use std::{
    fs,
    process::{Command, Stdio},
};

use super::{project::Project, ssh_fleet::SshFleet};

fn three() -> Project {
    Project::with_config(
        "[targets.web]\nselect = [ { provider = \"static\", hosts = [\n\
         { name = \"web-10\", address = \"10.0.0.10\", region = \"eu\", tags = { role = \"web\", v = \"=1+1\" } },\n\
         { name = \"web-9\", address = \"10.0.0.9\", region = \"eu\", tags = { role = \"web\" } },\n\
         { name = \"db, \\\"1\\\"\", address = \"10.0.0.8\", region = \"us\", tags = { role = \"db\" } } ] } ]\n\
         [targets.web.ssh]\nuser = \"deploy\"\n",
    )
}

#[test]
fn columns_sorting_and_groups() {
    let project = three();
    let table = |flags: &[&str]| project.run(&[&["hosts", "web"], flags].concat()).expect(0).stdout;
    insta::assert_snapshot!(table(&["--columns", "name,tag:role,port", "--sort", "name"]), @r#"
    NAME     TAG:ROLE  PORT
    db, "1"  db
    web-9    web
    web-10   web
    3 hosts: static 3
    "#);
    insta::assert_snapshot!(table(&["--columns", "name", "--sort", "-name", "--group-by", "region"]), @r#"
    eu: 2 hosts
      NAME
      web-10
      web-9

    us: 1 host
      NAME
      db, "1"

    3 hosts: static 3
    "#);
    let csv = table(&["--output", "csv", "--columns", "name,tag:v,address", "--sort=-address"]);
    assert_eq!(
        csv,
        "name,tag:v,address\r\nweb-10,'=1+1,10.0.0.10\r\nweb-9,,10.0.0.9\r\n\"db, \"\"1\"\"\",,10.0.0.8\r\n"
    );
    project.run(&["hosts", "web", "--columns", "colour"]).expect(2).says("there is no `colour` (known: id, name,");
    project.run(&["hosts", "web", "--output", "json", "--columns", "name"]).expect(2).says("--columns does not go");
    project.run(&["hosts", "web", "--output", "csv", "--group-by", "region"]).expect(2).says("--group-by does not go");
    project.run(&["check", "web", "--output", "csv"]).expect(2).says("cannot print `--output csv`");
}

#[test]
fn a_cached_answer_is_for_hosts_alone_and_says_its_age() {
    let project = Project::new();
    project.write("hosts.txt", "10.0.0.1\n");
    let listed = |flags: &[&str]| project.run(&[&["hosts", "--hosts-file", "hosts.txt"], flags].concat()).expect(0);
    listed(&["--cache", "10m"]).says("10.0.0.1");
    project.write("hosts.txt", "10.0.0.2\n");
    listed(&["--cache", "10m"]).says("10.0.0.1").says("no cloud was asked: this is what was found");
    listed(&[]).says("10.0.0.2");
    listed(&["--cache", "10m", "--user", "other"]).says("10.0.0.2");
    project
        .run(&["plan", "--hosts-file", "hosts.txt", "--revision", "v1", "--script", "hosts.txt", "--cache", "10m"])
        .expect(2)
        .says("there is no flag `--cache` here");
    let folder = project.home().join(".cache/fleetwide");
    for file in fs::read_dir(&folder).expect("a cache") {
        fs::write(file.expect("a file").path(), "{\"schema\":").expect("damaged");
    }
    listed(&["--cache", "10m"]).says("10.0.0.2").says("warning: what was remembered in");
    // The cache was written again.
    listed(&["--cache", "10m"]).says("no cloud was asked");
}

#[test]
fn ssh_reads_the_file_that_is_written_for_it() {
    let fleet = SshFleet::start(&["web 1", "web2"].map(|name| (name.to_owned(), Vec::new())), "");
    let file = fleet.project.run(&["hosts", "web", "--output", "ssh-config"]).expect(0).stdout;
    let path = fleet.project.write("web.conf", &file);
    let ssh = |arguments: &[&str]| {
        let mut ssh = Command::new("ssh");
        ssh.arg("-F").arg(&path).args(arguments).stdin(Stdio::null()).env("HOME", fleet.project.home());
        let output = ssh.output().expect("ssh runs");
        assert!(output.status.success(), "{output:?}\n{file}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let address = fleet.address("web2");
    let (host, port) = address.rsplit_once(':').expect("a port");
    let settings = ssh(&["-G", "web2"]);
    for line in [
        format!("hostname {host}"),
        format!("port {port}"),
        format!("identityfile {}", fleet.key().display()),
        "hostkeyalias static+web2".to_owned(),
        "identitiesonly yes".to_owned(),
        "stricthostkeychecking accept-new".to_owned(),
    ] {
        assert!(settings.lines().any(|it| it == line), "{line}\n{settings}");
    }
    assert!(ssh(&["web2", "echo $SSH_CONNECTION"]).trim_end().ends_with(&format!("{host} {port}")));
    assert_eq!(ssh(&["web_1", "echo here"]), "here\n");
    assert_eq!(ssh(&["static:web2", "echo by id"]), "by id\n");
    // Both use the same remembered host keys.
    assert!(fleet.project.home().join(".local/state/fleetwide/known_hosts/static+web2").exists());
    fleet.project.run(&["run", "web", "--host-keys", "strict", "--hosts", "web2", "--", "true"]).expect(0);
}

#[test]
fn ansible_is_given_hosts_groups_and_variables() {
    let project = three();
    let inventory = project.run(&["hosts", "web", "--output", "ansible"]).expect(0).json();
    let variables = &inventory["_meta"]["hostvars"]["web-10"];
    assert_eq!(variables["ansible_host"], "10.0.0.10");
    assert_eq!(variables["ansible_user"], "deploy");
    assert_eq!(variables["fleetwide"]["tags"]["v"], "=1+1");
    assert_eq!(inventory["tag_role_web"]["hosts"], serde_json::json!(["web-10", "web-9"]));
    assert_eq!(inventory["region_us"]["hosts"], serde_json::json!(["db___1_"]));
    assert_eq!(inventory["provider_static"]["hosts"].as_array().map(Vec::len), Some(3));
    let groups = inventory["all"]["children"].as_array().expect("groups");
    assert!(groups.iter().all(|group| inventory[group.as_str().expect("a name")].is_object()), "{inventory:#}");
}
