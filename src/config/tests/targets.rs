//! Choosing a target, finding its file, and targets made of flags alone.

use std::{fs, path::PathBuf};

use provider_core::{StaticHost, TagFilter};

use super::{Fixture, said};
use crate::config::{DeployTable, Overrides, Places, Regions, Source, SshTable, Target};

const TWO: &str = r#"
[targets.web]
select = [{ provider = "aws", regions = ["eu-west-1"], profile = "shop", tags = { env = "prod" } }, { provider = "gcp", projects = ["shop"], tags = { env = "prod" } }]
[targets.worker]
select = [{ provider = "static", hosts = ["10.0.0.1"] }]
"#;

fn flags() -> Overrides {
    Overrides {
        aws_regions: vec!["eu-west-1".into()],
        tags: [("role", "web")].into_iter().collect(),
        ssh: SshTable { user: Some("deploy".parse().expect("one word")), ..SshTable::default() },
        deploy: DeployTable { script: Some("deploy.sh".into()), ..DeployTable::default() },
        ..Overrides::default()
    }
}

fn target(fixture: &Fixture, name: Option<&str>, overrides: &Overrides) -> Result<Target, String> {
    fixture.config().target(name, overrides).map_err(|error| said(&error))
}

#[test]
fn flags_alone_make_a_target() {
    let fixture = Fixture::new();
    let target = target(&fixture, None, &flags()).expect("a target");
    assert_eq!((target.name.as_str(), target.app.as_str()), ("adhoc", "adhoc"));
    let Source::Aws(aws) = &target.select[0].source else { panic!("{:?}", target.select) };
    assert_eq!(aws.regions, Regions::Listed(vec!["eu-west-1".into()]));
    assert_eq!(target.ssh.user, "deploy".parse().ok());
    assert_eq!(target.deploy.script, Some(fixture.places().directory.join("deploy.sh")));
}

#[test]
fn flags_alone_keep_the_defaults_of_the_files() {
    let fixture = Fixture::with_project("[defaults.deploy]\ntimeout = \"1m\"\n");
    fixture.write("home/.config/fleetwide/config.toml", "[defaults.ssh]\nport = 2222\n");
    let target = target(&fixture, None, &flags()).expect("a target");
    assert_eq!((target.ssh.port, target.deploy.timeout.as_secs()), ("2222".parse().ok(), 60));
}

#[test]
fn several_clouds_and_hosts_are_a_selector_each() {
    let overrides = Overrides {
        gcp_projects: vec!["shop".into()],
        azure_subscriptions: vec!["6f1d".into()],
        hosts: vec![StaticHost::from_address("10.0.0.7").expect("an address")],
        ..flags()
    };
    let target = target(&Fixture::new(), None, &overrides).expect("a target");
    let providers: Vec<_> = target.select.iter().map(|select| select.source.provider().to_string()).collect();
    assert_eq!(providers, ["aws", "gcp", "azure", "static"]);
}

#[test]
fn a_cloud_without_a_tag_is_refused_and_hosts_by_hand_are_not() {
    let complaint =
        target(&Fixture::new(), None, &Overrides { tags: TagFilter::default(), ..flags() }).expect_err("all of it");
    insta::assert_snapshot!(complaint, @r"
    no tag says which instances of aws are meant
    hint: add --tag KEY=VALUE; `KEY=` stands for any value
    ");
    let by_hand =
        Overrides { hosts: vec![StaticHost::from_address("10.0.0.7").expect("an address")], ..Overrides::default() };
    assert!(target(&Fixture::new(), None, &by_hand).is_ok());
}

#[test]
fn a_profile_alone_asks_its_own_region() {
    let overrides = Overrides { aws_regions: Vec::new(), aws_profile: Some("shop".into()), ..flags() };
    let target = target(&Fixture::new(), None, &overrides).expect("a target");
    let Source::Aws(aws) = &target.select[0].source else { panic!("{:?}", target.select) };
    assert_eq!((&aws.regions, aws.profile.as_deref()), (&Regions::FromChain, Some("shop")));
}

#[test]
fn nothing_to_go_by_is_said() {
    insta::assert_snapshot!(target(&Fixture::new(), None, &Overrides::default()).expect_err("nothing"), @r"
    no target: there is no fleetwide.toml here or above, and no flag says where to look
    hint: write a file with `fleetwide init`, name one with --config, or say where to look: --aws-region eu-west-1 --tag role=web
    ");
}

#[test]
fn among_several_targets_one_is_named() {
    let fixture = Fixture::with_project(TWO);
    insta::assert_snapshot!(target(&fixture, None, &Overrides::default()).expect_err("which"), @r"
    which target? the configuration has web, worker
    hint: name one, for example web
    ");
    assert_eq!(target(&fixture, Some("worker"), &Overrides::default()).expect("worker").name, "worker");
    insta::assert_snapshot!(target(&fixture, Some("wroker"), &Overrides::default()).expect_err("a slip"), @r"
    there is no target `wroker` (known: web, worker)
    hint: did you mean `worker`?
    ");
}

#[test]
fn flags_replace_parts_of_a_named_target() {
    let fixture = Fixture::with_project(TWO);
    let overrides = Overrides { aws_regions: vec!["all".into()], ..Overrides::default() };
    let web = target(&fixture, Some("web"), &overrides).expect("web");
    let Source::Aws(aws) = &web.select[0].source else { panic!("{:?}", web.select) };
    assert_eq!((&aws.regions, aws.profile.as_deref()), (&Regions::All, Some("shop")));
    assert_eq!(web.select.len(), 2, "the other cloud stays");
    insta::assert_snapshot!(target(&fixture, Some("worker"), &overrides).expect_err("no aws"), @r"
    a flag or variable says where to look in aws, but the target `worker` has no aws selector
    hint: leave it out, or name the target `adhoc`, which consists of the flags alone
    ");
    assert_eq!(target(&fixture, Some("adhoc"), &flags()).expect("flags alone").select.len(), 1);
}

#[test]
fn targets_of_both_files_are_known() {
    let fixture = Fixture::with_project(TWO);
    fixture.write(
        "home/.config/fleetwide/config.toml",
        "[targets.home]\nselect = [{ provider = \"aws\", tags = { role = \"web\" } }]\n",
    );
    assert_eq!(fixture.config().target_names(), ["home", "web", "worker"]);
    assert!(target(&fixture, Some("home"), &Overrides::default()).is_ok());
}

#[test]
fn the_file_is_found_above_but_not_outside_the_checkout() {
    let fixture = Fixture::with_project(TWO);
    let deep = fixture.places().directory.join("a/b");
    fs::create_dir_all(&deep).expect("a folder");
    let places = Places { directory: deep, ..fixture.places() };
    assert_eq!(places.find().project, Some(fixture.places().directory.join("fleetwide.toml")));

    fixture.write("shop/a/.git", "gitdir: elsewhere");
    assert_eq!(places.find().project, None);
}

#[test]
fn the_users_file_is_where_xdg_says() {
    let fixture = Fixture::new();
    fixture.write("xdg/fleetwide/config.toml", "");
    let xdg = fixture.root.path().join("xdg");
    let env = |name: &str| match name {
        "HOME" => Some("/nowhere".to_owned()),
        "XDG_CONFIG_HOME" => Some(xdg.display().to_string()),
        _ => None,
    };
    let places = Places::new(None, "/".into(), &env);
    assert_eq!(places.find().user, Some(xdg.join("fleetwide/config.toml")));
    let relative = |name: &str| Some(if name == "HOME" { "/nowhere" } else { "relative" }.to_owned());
    assert_eq!(Places::new(None, "/".into(), &relative).config_home, Some(PathBuf::from("/nowhere/.config")));
}
