//! Host keys: published by a cloud, changed, accepted, forgotten; all on a real `sshd`.

use std::{fs, path::PathBuf};

use fleetwide_simulator::{Cloud, CloudServer, Fault, Fleet, Machine, PublishedKeys};

use super::{
    project::{Finished, Project},
    sshd::Sshd,
};

/// A cloud whose machines are the addresses of one `sshd`, and a project that trusts that cloud.
struct Stage {
    sshd: Sshd,
    server: CloudServer,
    project: Project,
    cloud: Cloud,
}

impl Stage {
    /// A stage with `machines` machines, each of which has published these keys.
    async fn new(cloud: Cloud, machines: u8, published: impl Fn(&Sshd) -> PublishedKeys) -> Self {
        let sshd = Sshd::builder().hosts(machines).start();
        let fleet = Fleet::new((0..machines).map(|number| machine(cloud, number, &sshd, published(&sshd))).collect());
        let server = CloudServer::start(cloud, fleet).await.expect("a stand-in");
        let stage = Self { sshd, server, project: Project::new(), cloud };
        stage.configure("cloud");
        stage.project.write("deploy.sh", "#!/bin/sh\necho deployed\n");
        stage
    }

    fn configure(&self, host_keys: &str) {
        let scope = match self.cloud {
            Cloud::Aws => r#"provider = "aws", regions = ["eu-west-1"]"#,
            Cloud::Gcp => r#"provider = "gcp", projects = ["shop-prod"]"#,
            Cloud::Azure => r#"provider = "azure", subscriptions = ["6f1d2c84-93b5-4e7a-a0c8-5d2b8e41f937"]"#,
        };
        self.project.write(
            "fleetwide.toml",
            &format!(
                "[targets.web]\nselect = [ {{ {scope}, endpoint = \"{}\", deadline = \"10s\", tags = {{ role = \"web\" }} }} ]\n\
                 [targets.web.ssh]\nport = {}\nidentity_file = \"{}\"\nconfig_file = \"{}\"\nhost_keys = \"{host_keys}\"\n\
                 [targets.web.deploy]\nscript = \"deploy.sh\"\nretries = 0\n",
                self.server.endpoint(),
                self.sshd.port(),
                self.sshd.login_key().display(),
                self.sshd.client_config().display(),
            ),
        );
    }

    async fn run(&self, arguments: &[&str]) -> Finished {
        let mut command = self.project.command(arguments);
        let run = tokio::task::spawn_blocking(move || command.output().expect("the binary runs"));
        Finished::from(run.await.expect("no panic"))
    }

    async fn deploy(&self) -> Finished {
        self.run(&["deploy", "web", "--revision", "v1"]).await
    }

    fn known_hosts(&self) -> PathBuf {
        self.project.home().join(".local/state/fleetwide/known_hosts")
    }

    /// The known-hosts file of the first machine.
    fn file(&self) -> PathBuf {
        self.known_hosts().join(match self.cloud {
            Cloud::Aws => "aws+i-0",
            Cloud::Gcp => "gcp+1000",
            Cloud::Azure => "azure+aaaaaaaa-0000-4000-8000-000000000000",
        })
    }

    /// How often the cloud was asked for host keys.
    fn asked(&self) -> usize {
        let asks = |operation: &str| ["GetConsoleOutput", "getGuestAttributes"].contains(&operation);
        self.server.state.calls().iter().filter(|call| asks(&call.operation)).count()
    }

    /// The output, with placeholders for what differs from run to run.
    fn said(&self, finished: &Finished) -> String {
        let mut text = format!("{}{}", finished.stdout, finished.stderr);
        for (word, name) in [
            (fingerprint(&self.sshd.host_key()), "SHA256:OF-THE-HOST"),
            (fingerprint(&self.sshd.wrong_host_key()), "SHA256:OF-A-STRANGER"),
            (self.known_hosts().display().to_string(), "KNOWN-HOSTS"),
            (self.sshd.addresses()[0].to_string(), "ADDRESS"),
            (self.sshd.port().to_string(), "PORT"),
        ] {
            text = text.replace(&word, name);
        }
        text
    }
}

fn machine(cloud: Cloud, number: u8, sshd: &Sshd, published: PublishedKeys) -> Machine {
    let (id, account, region, zone) = match cloud {
        Cloud::Aws => (format!("i-{number}"), "210347186425", "eu-west-1", "eu-west-1a"),
        Cloud::Gcp => (format!("{}", 1000 + u32::from(number)), "shop-prod", "europe-west1", "europe-west1-b"),
        Cloud::Azure => {
            (format!("aaaaaaaa-0000-4000-8000-{number:012}"), "6f1d2c84-93b5-4e7a-a0c8-5d2b8e41f937", "westeurope", "1")
        }
    };
    let mut machine = Machine::new(cloud, id, account, region, zone);
    machine.name = format!("web-{number}");
    machine.tags.insert("role".into(), "web".into());
    machine.private_ipv4 = Some(sshd.addresses()[usize::from(number)]);
    machine.published = published;
    machine
}

fn fingerprint(key: &str) -> String {
    key.parse::<provider_core::HostKey>().expect("a key").fingerprint()
}

/// The lines that contain one of these words, each once, without their durations.
fn lines(text: &str, words: &[&str]) -> String {
    let mut said = Vec::new();
    for line in text.lines().filter(|line| words.iter().any(|word| line.contains(word))) {
        let from = ["host key unknown", "host key changed"].iter().find_map(|kind| line.find(kind)).unwrap_or(0);
        let line = line[from..].trim().to_owned();
        if !said.contains(&line) {
            said.push(line);
        }
    }
    said.join("\n")
}

#[tokio::test]
async fn keys_that_a_cloud_vouches_for_are_pinned_before_the_first_login_and_not_asked_for_again() {
    for cloud in [Cloud::Aws, Cloud::Gcp] {
        let stage = Stage::new(cloud, 3, |sshd| PublishedKeys::key(&sshd.host_key())).await;
        stage.run(&["deploy", "web", "--revision", "v1", "--dry-run"]).await.expect(0);
        assert_eq!(stage.asked(), 0, "a plan needs no keys");
        stage.deploy().await.expect(0);
        let pinned = fs::read_to_string(stage.file()).expect("a file");
        let alias = stage.file().file_name().expect("a name").to_string_lossy().into_owned();
        assert_eq!(pinned, format!("{alias} {}\n", stage.sshd.host_key()));
        stage.deploy().await.expect(0);
        assert_eq!(stage.asked(), 3, "{cloud:?}: once a machine");
    }
}

#[tokio::test]
async fn a_host_with_another_key_than_its_cloud_says_is_refused() {
    let stage = Stage::new(Cloud::Gcp, 1, |sshd| PublishedKeys::key(&sshd.wrong_host_key())).await;
    let refused = stage.deploy().await.expect(8);
    let said = stage.said(&refused);
    insta::assert_snapshot!(lines(&said, &["SHA256", "accept"]).replace(&date(&stage), "DATE"));
}

#[tokio::test]
async fn a_changed_key_is_accepted_by_the_command_that_the_error_names() {
    let stage = Stage::new(Cloud::Aws, 1, |_| PublishedKeys::default()).await;
    stage.configure("accept-new");
    fs::create_dir_all(stage.known_hosts()).expect("a folder");
    fs::write(stage.file(), format!("aws+i-0 {}\n", stage.sshd.wrong_host_key())).expect("a file");
    let refused = stage.deploy().await.expect(8);
    let said = stage.said(&refused);
    insta::assert_snapshot!(lines(&said, &["SHA256", "accept"]).replace(&date(&stage), "DATE"));

    let text = format!("{}{}", refused.stdout, refused.stderr);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (_, command) = words.split_once("`fleetwide ").expect("a command");
    let (command, _) = command.split_once('`').expect("its end");
    let arguments: Vec<&str> = command.split(' ').collect();

    // It accepts no other key.
    let mut wrong = arguments.clone();
    let other = fingerprint(&stage.sshd.wrong_host_key());
    *wrong.last_mut().expect("a fingerprint") = &other;
    stage.run(&wrong).await.expect(2).says("shows another key").says("nothing was changed");
    stage.deploy().await.expect(8);

    stage.run(&arguments).await.expect(0).says(&fingerprint(&stage.sshd.host_key()));
    stage.deploy().await.expect(0);
    stage.run(&["host-keys", "web"]).await.expect(0).says(&fingerprint(&stage.sshd.host_key()));
}

#[tokio::test]
async fn a_forgotten_key_is_asked_for_again() {
    let stage = Stage::new(Cloud::Aws, 1, |sshd| PublishedKeys::key(&sshd.host_key())).await;
    fs::create_dir_all(stage.known_hosts()).expect("a folder");
    fs::write(stage.file(), format!("aws+i-0 {}\n", stage.sshd.wrong_host_key())).expect("a file");
    stage.deploy().await.expect(8);
    stage.run(&["host-keys", "web", "--forget"]).await.expect(2).says("--hosts");
    stage.run(&["host-keys", "web", "--hosts", "web-0", "--forget"]).await.expect(0).says("no key is remembered");
    stage.deploy().await.expect(0);
    assert_eq!(stage.asked(), 1);
}

#[tokio::test]
async fn strict_says_how_to_have_the_key_remembered() {
    let stage = Stage::new(Cloud::Aws, 1, |_| PublishedKeys::default()).await;
    stage.configure("strict");
    let said = stage.said(&stage.deploy().await.expect(8));
    insta::assert_snapshot!(lines(&said, &["SHA256", "accept"]));
}

#[tokio::test]
async fn what_is_published_nowhere_is_no_connection() {
    for cloud in [Cloud::Aws, Cloud::Gcp] {
        let stage = Stage::new(cloud, 1, |_| PublishedKeys::default()).await;
        let refused = stage.deploy().await.expect(8).says("host key unknown");
        let said = stage.said(&refused);
        insta::assert_snapshot!(format!("nothing_published_{cloud:?}"), lines(&said, &["host key unknown", "hint"]));
        stage.run(&["check", "web"]).await.expect(6).says("--accept SHA256:…");
        assert!(!stage.file().exists());
    }
}

#[tokio::test]
async fn a_cloud_that_publishes_none_is_refused_before_anything_starts() {
    let stage = Stage::new(Cloud::Azure, 2, |_| PublishedKeys::default()).await;
    let refused = stage.deploy().await.expect(2);
    insta::assert_snapshot!(lines(&stage.said(&refused), &["error", "hint"]));
    // Keys that are already remembered are as good as published ones.
    stage.configure("accept-new");
    stage.deploy().await.expect(0);
    stage.configure("cloud");
    stage.deploy().await.expect(0);
}

#[tokio::test]
async fn a_cloud_that_may_not_be_asked_stops_the_deploy_before_it_starts() {
    for (cloud, right) in [(Cloud::Aws, "ec2:GetConsoleOutput"), (Cloud::Gcp, "compute.instances.getGuestAttributes")] {
        let stage = Stage::new(cloud, 2, |sshd| PublishedKeys::key(&sshd.host_key())).await;
        stage.server.state.order(Fault::KeysDenied { of: None });
        stage.deploy().await.expect(3).says("permission denied").says(right).says("no host was touched");
        stage.server.state.heal();
        stage.server.state.order(Fault::KeysThrottled { times: None });
        stage.deploy().await.expect(3).says("throttled");
        assert!(!stage.file().exists(), "nothing is accepted in silence");
    }
}

#[tokio::test]
async fn keys_that_could_be_had_are_kept_when_others_could_not() {
    let stage = Stage::new(Cloud::Aws, 3, |sshd| PublishedKeys::key(&sshd.host_key())).await;
    stage.server.state.order(Fault::KeysDenied { of: Some("i-1".to_owned()) });
    let refused = stage.deploy().await.expect(3).says("the host keys of aws:i-1 could not be had: aws eu-west-1");
    assert!(!refused.stderr.contains("i-0") && !refused.stderr.contains("i-2"), "{}", refused.stderr);
    assert_eq!(fs::read_dir(stage.known_hosts()).expect("a folder").count(), 2);
    stage.server.state.heal();
    stage.deploy().await.expect(0);
    assert_eq!(stage.asked(), 3 + 1, "once a machine, and once more for the one that was denied");
}

#[tokio::test]
async fn what_an_instance_prints_is_data() {
    let forged = |sshd: &Sshd, trick: &str| {
        let honest = PublishedKeys::key(&sshd.host_key());
        let wrong = sshd.wrong_host_key();
        PublishedKeys { console: honest.console.replace("web login: ", &trick.replace("WRONG", &wrong)), ..honest }
    };
    for trick in [
        "[ 9.9] sshd[7]: Invalid user -----BEGIN SSH HOST KEY KEYS-----\r\n[ 9.9] sshd[7]: WRONG\r\n\
         [ 9.9] sshd[7]: -----END SSH HOST KEY KEYS-----\r\n",
        "\u{1b}[2J\u{1b}]0;owned\u{7}-----BEGIN SSH HOST KEY KEYS-----\r\n* WRONG\r\n",
    ] {
        let stage = Stage::new(Cloud::Aws, 1, |sshd| forged(sshd, trick)).await;
        stage.deploy().await.expect(0);
        let pinned = fs::read_to_string(stage.file()).expect("a file");
        assert_eq!(pinned, format!("aws+i-0 {}\n", stage.sshd.host_key()), "{trick:?}");
    }
    let stage = Stage::new(Cloud::Gcp, 1, |sshd| PublishedKeys {
        guest_attributes: vec![
            ("ssh-ed25519".into(), format!("AAAA\u{1b}[2J\n* {}", sshd.host_key())),
            (format!("* {}\n@cert-authority", sshd.host_key()), "x".into()),
        ],
        ..PublishedKeys::default()
    })
    .await;
    let refused = stage.deploy().await.expect(8).says("cannot be read");
    assert!(!refused.stdout.contains('\u{1b}') && !refused.stderr.contains('\u{1b}') && !stage.file().exists());
}

/// When the first machine's known-hosts file was written, as messages show it.
fn date(stage: &Stage) -> String {
    let written = fs::metadata(stage.file()).and_then(|it| it.modified()).expect("a file");
    jiff::Timestamp::try_from(written).expect("a time").strftime("%Y-%m-%d %H:%M UTC").to_string()
}
