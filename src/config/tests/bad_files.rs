//! Files that cannot be read, or are no configuration at all.

use std::iter;

use super::{Fixture, said};
use crate::config::{Config, ConfigError, Places};

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
