//! Which layer wins.

use std::{collections::BTreeMap, time::Duration};

use super::Fixture;
use crate::config::{DeployTable, EnvValue, Overrides, SshTable, UserFrom, VARIABLES, Word, defaults, schema};

const PROJECT: &str = r#"
[defaults.ssh]
user = "project-default"
[defaults.deploy]
env = { A = "project-default", B = "project-default" }
[targets.web]
select = [{ provider = "aws", regions = ["eu-west-1"], tags = { role = "web", env = "prod" } }]
[targets.web.ssh]
user = "project"
[targets.web.deploy]
env = { A = "project" }
"#;

const USER: &str = r#"
[defaults.ssh]
user = "user-default"
port = 2222
identity_file = "keys/id"
[defaults.deploy]
env = { A = "user-default", B = "user-default", C = "user-default" }
[targets.web.ssh]
user = "user"
"#;

fn word(text: &str) -> Word {
    text.parse().expect("one word")
}

fn env(pairs: &[(&str, &str)]) -> Overrides {
    let pairs: BTreeMap<_, _> = pairs.iter().copied().collect();
    Overrides::from_env(&|name| pairs.get(name).map(ToString::to_string)).expect("good variables")
}

#[test]
fn the_five_layers_are_peeled_off_one_by_one() {
    let user = |text: &str| Overrides {
        ssh: SshTable { user: Some(word(text).into()), ..SshTable::default() },
        ..Overrides::default()
    };
    let both = Fixture::with_project(PROJECT);
    both.write("home/.config/fleetwide/config.toml", USER);
    let variables = env(&[("FLEETWIDE_USER", "variable")]);
    let bare = "[targets.web]\nselect = [{ provider = \"aws\", tags = { role = \"web\" } }]\n";
    let login = |fixture: &Fixture, overrides: &Overrides| match fixture.target(overrides).ssh.user {
        Some(UserFrom::Fixed(user)) => Some(String::from(user)),
        other => panic!("{other:?}"),
    };

    assert_eq!(login(&both, &user("flag").over(variables.clone())).as_deref(), Some("flag"));
    assert_eq!(login(&both, &Overrides::default().over(variables)).as_deref(), Some("variable"));
    assert_eq!(login(&both, &Overrides::default()).as_deref(), Some("project"));

    let without_target = PROJECT.replace("user = \"project\"\n", "");
    both.write("shop/fleetwide.toml", without_target);
    assert_eq!(login(&both, &Overrides::default()).as_deref(), Some("project-default"));
    both.write("shop/fleetwide.toml", bare);
    assert_eq!(login(&both, &Overrides::default()).as_deref(), Some("user"));
    both.write("home/.config/fleetwide/config.toml", USER.replace("user = \"user\"\n", ""));
    assert_eq!(login(&both, &Overrides::default()).as_deref(), Some("user-default"));

    let target = Fixture::with_project(bare).target(&Overrides::default());
    assert_eq!(target.ssh.user, None);
    assert_eq!(target.deploy.timeout, defaults::TIMEOUT);
    assert_eq!(target.deploy.concurrency, defaults::CONCURRENCY);
    assert_eq!(target.ssh.address, defaults::ADDRESS);
    assert_eq!(target.app.as_str(), "web");
}

#[test]
fn tables_merge_key_by_key() {
    let fixture = Fixture::with_project(PROJECT);
    fixture.write("home/.config/fleetwide/config.toml", USER);
    let overrides = Overrides {
        deploy: DeployTable {
            env: BTreeMap::from([("D".to_owned(), EnvValue::Plain("flag".into()))]),
            timeout: Some("90s".parse().expect("a duration")),
            ..DeployTable::default()
        },
        tags: [("env", "staging"), ("zone", "a")].into_iter().collect(),
        ..Overrides::default()
    };
    let target = fixture.target(&overrides);
    assert_eq!((target.ssh.user, target.ssh.port), ("project".parse().ok(), "2222".parse().ok()));
    let key = fixture.root.path().join("home/.config/fleetwide/keys/id");
    assert_eq!(target.ssh.identity_file, Some(key), "relative to the file that names it");
    let env: Vec<_> = target.deploy.env.values().map(|value| format!("{value:?}")).collect();
    assert_eq!(
        env,
        [r#"Plain("project")"#, r#"Plain("project-default")"#, r#"Plain("user-default")"#, r#"Plain("flag")"#]
    );
    assert_eq!(target.deploy.timeout, Duration::from_secs(90));
    let tags: Vec<_> = target.select[0].tags.iter().map(|(key, accepted)| format!("{key}={accepted}")).collect();
    assert_eq!(tags, ["env=staging", "role=web", "zone=a"]);
}

#[test]
fn every_variable_is_read_and_sets_something() {
    let example = |name: &str| match name {
        "FLEETWIDE_HOSTS" => "10.0.0.7, ops@10.0.0.8:2222",
        "FLEETWIDE_TAGS" => "role=web,env=prod",
        "FLEETWIDE_STATES" => "running,stopped",
        "FLEETWIDE_ADDRESS" => "public_ipv4,tag:ssh",
        "FLEETWIDE_IDEMPOTENT" | "FLEETWIDE_SUDO" | "FLEETWIDE_SURVEY" | "FLEETWIDE_SLOW_START" => "true",
        "FLEETWIDE_STEPS" => "1, 100%",
        "FLEETWIDE_ON_FAILURE" => "rollback",
        "FLEETWIDE_LATE_HOSTS" => "ignore",
        "FLEETWIDE_UNADDRESSED" => "skip",
        "FLEETWIDE_HOST_KEYS" => "strict",
        "FLEETWIDE_ON_LOST" | "FLEETWIDE_ON_STOP" => "kill",
        name if name.ends_with("_TIMEOUT") || name.ends_with("TIMEOUT") => "90s",
        "FLEETWIDE_DEADLINE" | "FLEETWIDE_KILL_GRACE" | "FLEETWIDE_KEEPALIVE" => "5s",
        _ => "7",
    };
    let mut seen = Vec::new();
    for variable in VARIABLES {
        let said = env(&[(variable.name, example(variable.name))]);
        assert_ne!(said, Overrides::default(), "{} sets nothing", variable.name);
        assert!(!seen.contains(&said), "{} sets what another sets", variable.name);
        assert_eq!(env(&[(variable.name, " ")]), Overrides::default(), "{} is empty", variable.name);
        seen.push(said);
    }
}

#[test]
fn every_key_of_ssh_and_deploy_has_a_variable() {
    let schema = schema();
    for (table, name) in [("SshTable", "ssh"), ("DeployTable", "deploy")] {
        for key in schema["$defs"][table]["properties"].as_object().expect(table).keys() {
            // Lists and tables of free text do not fit into one variable.
            let fits = !matches!(key.as_str(), "args" | "env" | "parts" | "canary");
            let sets =
                |variable: &&crate::config::variables::Variable| variable.sets.contains(&format!("`{name}.{key}`"));
            assert_eq!(VARIABLES.iter().any(|variable| sets(&variable)), fits, "{name}.{key}");
        }
    }
}

#[test]
fn no_variable_is_one_that_a_script_is_given() {
    let given = [
        "REVISION",
        "PREVIOUS_REVISION",
        "RUN",
        "HOST_ID",
        "HOST_NAME",
        "PROVIDER",
        "REGION",
        "ZONE",
        "TARGET",
        "STAGE",
    ];
    for variable in VARIABLES {
        let name = variable.name.strip_prefix("FLEETWIDE_").expect("they all begin so");
        assert!(
            !given.contains(&name) && !name.starts_with("TAG_"),
            "a script that runs fleetwide would change it: {name}"
        );
    }
}

#[test]
fn a_bad_variable_is_named() {
    for (name, value, why) in [
        ("FLEETWIDE_CONCURRENCY", "many", "`many`: invalid digit"),
        ("FLEETWIDE_TIMEOUT", "soon", "`soon` is not a duration"),
        ("FLEETWIDE_TAGS", "web", "`web` is not KEY=VALUE"),
        ("FLEETWIDE_HOSTS", "a b", "`a b` is not a host address"),
        ("FLEETWIDE_ON_LOST", "panic", "unknown variant `panic`, expected `finish` or `kill`"),
    ] {
        let error = Overrides::from_env(&|asked| (asked == name).then(|| value.to_owned())).expect_err(name);
        let said = super::said(&error);
        assert!(said.contains(name) && said.contains(why), "{said}");
    }
}

#[test]
fn a_variable_that_nobody_knows_is_no_error() {
    assert_eq!(env(&[("FLEETWIDE_COLOUR", "mauve"), ("FLEETWIDE_STORE", "postgres://x")]), Overrides::default());
}
