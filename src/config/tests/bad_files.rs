//! What is said of bad files: the text a person reads, hint included.

use std::iter;

use super::{Fixture, said};
use crate::config::{Config, ConfigError, Places};

/// One test a file, each with what is said of it.
macro_rules! bad_files {
    ($($name:ident: $text:literal => @$said:literal;)+) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(Fixture::with_project($text).complaint(), @$said);
        }
    )+};
}

bad_files! {
    unknown_key_of_a_selector: r#"[targets.web]
app = "shop"
select = [
  { provider = "gcp", projects = ["shop-prod"] },
  { provider = "aws", regoins = ["eu-west-1"], tags = { env = "prod" } },
]
"# => @"";

    unknown_table: r#"[target.web]
"# => @"";

    key_that_belongs_elsewhere: r#"[targets.web]
select = [{ provider = "aws" }]
user = "deploy"
"# => @"";

    key_of_no_table: r#"[targets.web]
select = [{ provider = "aws" }]
[targets.web.deploy]
rollback = "rollback.sh"
"# => @"";

    key_of_another_provider: r#"[targets.web]
select = [{ provider = "aws", projects = ["shop-prod"] }]
"# => @"";

    unknown_provider: r#"[targets.web]
select = [{ provider = "awz" }]
"# => @"";

    missing_provider: r#"[targets.web]
select = [{ tags = { role = "web" } }]
"# => @"";

    unknown_state: r#"[targets.web]
select = [{ provider = "aws", states = ["runing"] }]
"# => @"";

    unknown_address_kind: r#"[targets.web]
select = [{ provider = "aws" }]
ssh.address = ["private_ipv4", "ipv4"]
"# => @"";

    unknown_host_keys: r#"[targets.web]
select = [{ provider = "aws" }]
[targets.web.ssh]
host_keys = "off"
"# => @"";

    no_select: r#"[targets.web]
app = "shop"
"# => @"";

    empty_select: r#"[targets.web]
select = []
"# => @"";

    empty_list: r#"[targets.web]
select = [{ provider = "gcp", projects = [] }]
"# => @"";

    empty_tags: r#"[targets.web]
select = [{ provider = "gcp", tags = {} }]
"# => @"";

    static_without_hosts: r#"[targets.web]
[[targets.web.select]]
provider = "static"
"# => @"";

    bad_host: r#"[targets.web]
select = [{ provider = "static", hosts = ["10.0.0.7", "-oProxyCommand=x"] }]
"# => @"";

    bad_host_table: r#"[targets.web]
select = [{ provider = "static", hosts = [{ name = "db1", address = "ops@10.0.0.8" }] }]
"# => @"";

    host_without_address: r#"[targets.web]
select = [{ provider = "static", hosts = [{ name = "db1" }] }]
"# => @"";

    bad_endpoint: r#"[targets.web]
select = [{ provider = "aws", endpoint = "http://10.0.0.1" }]
"# => @"";

    endpoint_with_a_password: r#"[targets.web]
select = [{ provider = "aws", endpoint = "https://ops:hunter2@example.com" }]
"# => @"";

    all_among_regions: r#"[targets.web]
select = [{ provider = "aws", regions = ["all", "eu-west-1"] }]
"# => @"";

    one_region_as_text: r#"[targets.web]
select = [{ provider = "aws", regions = "eu-west-1" }]
"# => @"";

    bad_role: r#"[targets.web]
select = [{ provider = "aws", assume_role = { arn = "deploy" } }]
"# => @"";

    tag_that_is_a_number: r#"[targets.web]
select = [{ provider = "aws", tags = { shard = 7 } }]
"# => @"";

    exclude_of_everything: r#"[targets.web]
select = [{ provider = "aws" }]
exclude = [{}]
"# => @"";

    bad_app_name: r#"[targets.web]
select = [{ provider = "aws" }]
app = "my shop"
"# => @"";

    bad_target_name: r#"[targets."my shop"]
select = [{ provider = "aws" }]
"# => @"";

    min_hosts_zero: r#"[targets.web]
select = [{ provider = "aws" }]
min_hosts = 0
"# => @"";

    port_too_large: r#"[targets.web]
select = [{ provider = "aws" }]
[targets.web.ssh]
port = 70000
"# => @"";

    user_that_is_an_option: r#"[defaults.ssh]
user = "-oProxyCommand=x"
"# => @"";

    percent_above_hundred: r#"[targets.web]
select = [{ provider = "aws" }]
[targets.web.deploy]
max_failures = "105%"
"# => @"";

    negative_failures: r#"[targets.web]
select = [{ provider = "aws" }]
[targets.web.deploy]
max_failures = -1
"# => @"";

    bad_duration: r#"[targets.web]
select = [{ provider = "aws" }]
[targets.web.deploy]
timeout = "ten minutes"
"# => @"";

    duration_without_unit: r#"[defaults.deploy]
timeout = 600
"# => @"";

    zero_duration: r#"[defaults.deploy]
idle_timeout = "0s"
"# => @"";

    number_as_text: r#"[defaults.deploy]
concurrency = "50"
"# => @"";

    table_expected: r#"[targets]
web = 5
"# => @"";

    secret_in_two_places: r#"[targets.web]
select = [{ provider = "aws" }]
[targets.web.deploy.env]
TOKEN = { env = "TOKEN", file = "/run/secrets/token" }
"# => @"";

    secret_in_no_place: r#"[targets.web]
select = [{ provider = "aws" }]
[targets.web.deploy]
env = { TOKEN = {} }
"# => @"";

    variable_that_is_a_number: r#"[targets.web]
select = [{ provider = "aws" }]
[targets.web.deploy.env]
PIN = 90210
"# => @"";

    variable_of_fleetwide: r#"[defaults.deploy.env]
FLEETWIDE_RUN = "x"
"# => @"";

    bad_variable_name: r#"[defaults.deploy]
env = { "MY-VAR" = "hunter2" }
"# => @"";

    environment_as_text: r#"[defaults.deploy]
env = "TOKEN=hunter2"
"# => @"";

    unclosed_list: r#"[targets.web]
select = [{ provider = "aws" }
[targets.web.ssh]
"# => @"";

    unclosed_text: r#"[targets.web]
app = "shop
"# => @"";

    unclosed_secret: r#"[targets.web]
select = [{ provider = "aws" }]
[targets.web.deploy.env]
TOKEN = "hunter2
"# => @"";

    unclosed_inline_secret: r#"[targets.web]
select = [{ provider = "aws" }]
[targets.web.deploy]
env = { TOKEN = "hunter2 }
"# => @"";

    unclosed_argument: r#"[targets.web]
select = [{ provider = "aws" }]
[targets.web.deploy]
args = [
  "--token=hunter2,
]
"# => @"";

    key_twice: r#"[targets.web]
app = "a"
app = "b"
"# => @"";

    table_twice: r#"[targets.web]
select = [{ provider = "aws" }]
[targets.web]
"# => @"";

    control_characters: "[targets.web]\napp = \"\u{1b}[2J\"\n" => @"";
}

#[test]
fn a_directory_a_binary_and_a_huge_file_are_told_apart() {
    let fixture = Fixture::new();
    fixture.write("shop/folder/x", "");
    fixture.write("shop/binary", [b'a', 0xff, 0xfe]);
    fixture.write("shop/huge", iter::repeat_n(b'\n', 5 * 1024 * 1024).collect::<Vec<_>>());
    for (name, why) in
        [("folder", "it is a directory"), ("binary", "byte 2 is not UTF-8"), ("huge", "larger than 4 MiB")]
    {
        let places = Places { config: Some(name.into()), ..fixture.places() };
        let complaint = said(&Config::load(&places).expect_err(name));
        assert!(complaint.contains(why) && complaint.contains(&format!("shop/{name}")), "{complaint}");
    }
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let fixture = Fixture::new();
    let places = Places { config: Some("prod.toml".into()), ..fixture.places() };
    let error = Config::load(&places).expect_err("no such file");
    assert!(matches!(&error, ConfigError::Unreadable { path, .. } if path.ends_with("shop/prod.toml")), "{error}");
    assert!(said(&error).contains("fleetwide init"), "{}", said(&error));
}

#[cfg(unix)]
#[test]
fn a_broken_link_is_not_passed_over() {
    let fixture = Fixture::new();
    let link = fixture.places().directory.join("fleetwide.toml");
    std::os::unix::fs::symlink("nowhere.toml", link).expect("a link");
    assert!(matches!(Config::load(&fixture.places()), Err(ConfigError::Unreadable { .. })));
}

#[test]
fn a_problem_in_the_users_file_names_that_file() {
    let fixture = Fixture::new();
    fixture.write("home/.config/fleetwide/config.toml", "[defaults.ssh]\nusr = \"me\"\n");
    let complaint = fixture.complaint();
    assert!(complaint.contains("home/.config/fleetwide/config.toml:2:1"), "{complaint}");
    assert!(complaint.ends_with("hint: did you mean `user`?"), "{complaint}");
}

#[test]
fn no_home_is_said_where_it_is_needed() {
    let fixture = Fixture::with_project("[defaults.ssh]\nidentity_file = \"~/.ssh/id\"\n");
    let places = Places { home: None, config_home: None, ..fixture.places() };
    let complaint = said(&Config::load(&places).expect_err("no home"));
    assert!(complaint.contains("fleetwide.toml:2:1") && complaint.contains("HOME"), "{complaint}");
}

#[test]
fn nesting_without_end_is_an_error_and_no_crash() {
    for text in ["a = ".to_owned() + &"[".repeat(100_000), "[a".to_owned() + &".a".repeat(100_000) + "]"] {
        assert!(Fixture::with_project(&text).complaint().contains("fleetwide.toml:1"));
    }
}
