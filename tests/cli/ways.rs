//! Logins, ports and commands that come from what the instances say, as `hosts` shows them and `deploy` refuses them.

use super::project::Project;

/// Two static hosts whose tags say this, and an `ssh` table.
fn project(tags: [&str; 2], ssh: &str) -> Project {
    let [one, two] = tags;
    Project::with_config(&format!(
        "[targets.web]\nselect = [ {{ provider = \"static\", hosts = [\n\
         {{ name = \"web-1\", address = \"127.0.0.1\", tags = {{ {one} }} }},\n\
         {{ name = \"web-2\", address = \"2001:db8::7\", tags = {{ {two} }} }},\n] }} ]\n[targets.web.ssh]\n{ssh}\n\
         [targets.web.deploy]\nscript = \"deploy.sh\"\n"
    ))
}

#[test]
fn hosts_shows_the_login_and_the_port_that_each_tag_gave() {
    let ssh = "user = { tag = \"ssh-user\", default = \"admin\" }\nport = { tag = \"ssh-port\", default = 22 }";
    let project = project(["ssh-user = \"ubuntu\"", "ssh-port = \"2222\""], ssh);
    let hosts = project.run(&["hosts", "--output", "json"]).expect(0).json();
    let login = |number: usize| (hosts[number]["user"].as_str(), hosts[number]["port"].as_u64());
    assert_eq!([login(0), login(1)], [(Some("ubuntu"), Some(22)), (Some("admin"), Some(2222))]);
    project.run(&["hosts"]).expect(0).says("ubuntu@127.0.0.1:22").says("admin@[2001:db8::7]:2222");
}

#[test]
fn a_tag_that_is_no_login_stops_everything_before_it_begins() {
    let project = project(
        ["ssh-user = \"$(touch pwned)\"", "ssh-port = \"ssh\""],
        "user = { tag = \"ssh-user\" }\nport = { tag = \"ssh-port\" }",
    );
    project.write("deploy.sh", "#!/bin/sh\ntrue\n");
    project
        .run(&["deploy", "web", "--revision", "r1", "--report", "report.json"])
        .expect(3)
        .says("web-1 (static:web-1): its tag `ssh-user` is `$(touch pwned)`, which is not a login")
        .says("web-2 (static:web-2): its tag `ssh-port` is `ssh`, which is not a port (1 to 65535)")
        .says("hint: no host was touched");
    assert!(!project.path("pwned").exists());
}

#[test]
fn a_command_for_which_a_host_has_no_answer_stops_everything_before_it_begins() {
    let project = project(["", ""], "proxy_command = \"tunnel {name} {zone} %p\"");
    project.run(&["hosts"]).expect(3).says("web-1 (static:web-1): it has no zone, which `proxy_command` asks for");
    let flag = project.run(&["hosts", "--proxy-command", "tunnel {nmae}"]).expect(2);
    flag.says("nothing is known as {nmae}");
    project.run(&["hosts", "--proxy-command", "x", "--jump", "y"]).expect(2).says("cannot be used with");
    project.run(&["hosts", "--jump", "ops@bastion,inner:2222"]).expect(0);
}
