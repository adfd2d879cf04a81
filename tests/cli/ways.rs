//! Logins, ports and commands that come from the instances' data, as `hosts` shows them and `deploy` refuses them.

use fleetwide_simulator::{Cloud, CloudServer, Fleet, Image, Machine};

use super::project::{Finished, Project};

/// Two static hosts with these tags, and an `ssh` table.
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

#[tokio::test]
async fn a_login_by_the_name_of_an_image_is_found_in_aws_which_lists_ids() {
    let machine = |number: u8, id: &str, name: &str| {
        let mut machine = Machine::new(Cloud::Aws, format!("i-{number}"), "210347186425", "eu-west-1", "eu-west-1a");
        machine.tags.insert("role".into(), "web".into());
        machine.private_ipv4 = Some([10, 0, 0, number].into());
        machine.image = Image { id: id.into(), name: Some(name.into()) };
        machine
    };
    let fleet = Fleet::new(vec![machine(1, "ami-0a", "ubuntu/images/jammy-22.04"), machine(2, "ami-0b", "al2023")]);
    let server = CloudServer::start(Cloud::Aws, fleet).await.expect("a stand-in");
    let with = |user: &str| {
        Project::with_config(&format!(
            "[targets.web]\nselect = [ {{ provider = \"aws\", regions = [\"eu-west-1\"], endpoint = \"{}\", \
             tags = {{ role = \"web\" }} }} ]\n[targets.web.ssh]\nuser = {user}\n",
            server.endpoint()
        ))
    };
    let logins = async |project: Project| {
        let mut command = project.command(&["hosts", "--output", "csv", "--columns", "user"]);
        let run = tokio::task::spawn_blocking(move || command.output().expect("the binary runs"));
        Finished::from(run.await.expect("no panic"))
            .expect(0)
            .stdout
            .lines()
            .skip(1)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let by_image = with("{ image = { \"*ubuntu*\" = \"ubuntu\", \"ami-0b\" = \"ec2-user\" } }");
    assert_eq!(logins(by_image).await, ["ubuntu", "ec2-user"]);
    let asked = || server.state.calls().iter().filter(|call| call.operation == "DescribeImages").count();
    assert_eq!((logins(with("\"ops\"")).await, asked()), (vec!["ops".to_owned(), "ops".to_owned()], 1));
}
