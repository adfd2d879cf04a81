//! Good files, and files with arbitrary text.

use std::time::Duration;

use proptest::prelude::*;
use provider_core::InstanceState;

use super::{Fixture, said};
use crate::config::{
    AddressKind, Config, ConfigError, EnvValue, FailureLimit, HostKeys, OnLost, Overrides, Regions, STARTER, SecretRef,
    Source, Unaddressed, document::Document,
};

/// The design's example, as far as its keys exist today.
const EXAMPLE: &str = include_str!("../../../fixtures/config/shop.toml");

#[test]
fn the_example_says_what_it_says() {
    let fixture = Fixture::with_project(EXAMPLE);
    let target = fixture.target(&Overrides::default());
    let shop = fixture.places().directory;

    assert_eq!((target.name.as_str(), target.app.as_str(), target.min_hosts.get()), ("web", "shop", 2));
    let providers: Vec<_> = target.select.iter().map(|select| select.source.provider().to_string()).collect();
    assert_eq!(providers, ["aws", "gcp", "azure", "static", "static", "aws"]);
    let Source::Aws(aws) = &target.select[0].source else { panic!("{:?}", target.select[0]) };
    assert_eq!(aws.regions, Regions::Listed(vec!["eu-west-1".into(), "us-east-1".into()]));
    assert_eq!(target.select[0].tags.iter().count(), 2);
    let Source::Static(hosts) = &target.select[3].source else { panic!("{:?}", target.select[3]) };
    assert_eq!((hosts.hosts[0].address.as_str(), hosts.hosts[1].name.as_deref()), ("10.0.0.7", Some("db1")));
    let Source::Static(hosts) = &target.select[4].source else { panic!("{:?}", target.select[4]) };
    assert_eq!(hosts.file, Some(shop.join("hosts.toml")));
    let Source::Aws(aws) = &target.select[5].source else { panic!("{:?}", target.select[5]) };
    assert_eq!(aws.regions, Regions::All);
    assert_eq!(aws.assume_role.as_ref().and_then(|role| role.external_id.as_deref()), Some("fleet"));
    assert!(target.select[5].allow_partial && target.select[5].states.contains(&InstanceState::Pending));
    assert_eq!(target.select[5].deadline, Duration::from_secs(30));

    assert_eq!(target.ssh.user, "deploy".parse().ok());
    assert_eq!(target.ssh.address, [AddressKind::Tag("ssh".into()), AddressKind::PublicIpv4]);
    assert_eq!((target.ssh.host_keys, target.ssh.unaddressed), (HostKeys::Strict, Unaddressed::Skip));
    assert_eq!(target.ssh.identity_file, Some(fixture.places().home.expect("a home").join(".ssh/deploy")));

    assert_eq!(target.deploy.script, Some(shop.join("deploy.sh")));
    assert_eq!(target.deploy.env["NODE_ENV"], EnvValue::Plain("production".into()));
    assert_eq!(target.deploy.env["TOKEN"], EnvValue::Secret(SecretRef::Env("SHOP_TOKEN".into())));
    assert_eq!(target.deploy.env["KEY"], EnvValue::Secret(SecretRef::File(shop.join("secrets/key"))));
    assert_eq!((target.deploy.timeout, target.deploy.on_lost), (Duration::from_mins(10), OnLost::Kill));
    assert_eq!(target.deploy.max_failures, FailureLimit::Percent(5));
    assert_eq!(target.exclude[0].tags.iter().next().map(|(key, _)| key), Some("deploy"));
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_are_no_matter() {
    let fixture = Fixture::with_project(&format!("\u{feff}{}", EXAMPLE.replace('\n', "\r\n")));
    assert_eq!(fixture.target(&Overrides::default()).app.as_str(), "shop");
}

#[test]
fn an_empty_file_has_no_targets() {
    let error = Fixture::with_project("").config().target(None, &Overrides::default()).expect_err("nothing");
    assert!(matches!(error, ConfigError::Nothing { file: Some(_) }), "{}", said(&error));
}

/// Reads a text as a file, and prints the errors.
fn read(text: &str) -> Result<(), String> {
    use crate::config::{layers::Layer, paths::Anchor};
    let document = Document::new("/srv/fleetwide.toml".as_ref(), "/srv".as_ref(), text.to_owned());
    let anchor = Anchor { folder: "/srv".into(), home: None };
    let layer = Layer::read(document, &anchor).map_err(|error| said(&error))?;
    let config = Config { project: layer, anchor, ..Config::default() };
    for name in config.target_names() {
        config.target(Some(&name), &Overrides::default()).map_err(|error| said(&error))?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        let _ = read(&text);
    }

    /// A good file with one piece replaced gets much further than noise.
    #[test]
    fn no_slip_of_the_hand_makes_it_panic(
        starter in any::<bool>(), at in 0_usize..3000, length in 0_usize..12, piece in "[\\PC\n\u{1b}\"'=\\[\\]{}#.]{0,6}",
    ) {
        let good = if starter { STARTER } else { EXAMPLE };
        let start = good.floor_char_boundary(at.min(good.len()));
        let end = good.floor_char_boundary((start + length).min(good.len()));
        let text = format!("{}{piece}{}", &good[..start], &good[end..]);
        if let Err(complaint) = read(&text) {
            prop_assert!(complaint.starts_with("fleetwide.toml:"), "{complaint}");
            prop_assert!(!complaint.contains('\u{1b}'), "{complaint:?}");
        }
    }

    /// Wherever the file breaks, the error never shows a script's environment or arguments.
    #[test]
    fn no_slip_of_the_hand_prints_a_secret(at in 0_usize..SECRETS.len(), length in 0_usize..4, piece in "[\"'=\\[\\]{}#.,\n ]{0,2}") {
        let end = (at + length).min(SECRETS.len());
        let text = format!("{}{piece}{}", &SECRETS[..at], &SECRETS[end..]);
        if let Err(complaint) = read(&text) {
            prop_assert!(!complaint.contains("hunter2"), "{text}\n{complaint}");
        }
    }
}

#[test]
fn an_env_whose_header_was_lost_in_a_comment_is_not_shown() {
    let complaint = read(&SECRETS.replace(" }\n[targets.api", "#[targets.api")).expect_err("no TOML");
    assert!(complaint.starts_with("fleetwide.toml:9:") && !complaint.contains("hunter2"), "{complaint}");
}

#[test]
fn a_variable_where_a_target_is_expected_is_not_shown() {
    let complaint = read(&SECRETS.replace("[targets.api.deploy.env]", "[targets]#")).expect_err("no tables");
    assert!(complaint.contains("`PASSWORD`: expected a table") && !complaint.contains("hunter2"), "{complaint}");
    let complaint = read(&SECRETS.replace("[targets.api.deploy.env]", "[targets.a]#")).expect_err("no such key");
    assert!(complaint.contains("unknown key `PASSWORD`") && !complaint.contains("hunter2"), "{complaint}");
}

#[test]
fn a_setting_that_is_switched_off_is_not_shown() {
    let complaint = read("[targets.api.deploy.env]#user = \"hunter2\"\n").expect_err("no select");
    assert!(complaint.contains("targets.api") && !complaint.contains("hunter2"), "{complaint}");
}

const SECRETS: &str = r#"[targets.web]
select = [{ provider = "aws", endpoint = "https://example.com", tags = { role = "web" } }]
[targets.web.deploy]
script = "deploy.sh"
args = ["--token",
  "hunter2"]
env = { A = "hunter2", B = "hunter2",
  C = "hunter2" }
[targets.api.deploy.env]
user = "hunter2"
PASSWORD = "hunter2"
"#;
