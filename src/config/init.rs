//! The file that `fleetwide init` writes: a small working target, and every other setting as a comment beside it.

/// The text of a new `fleetwide.toml`.
pub const STARTER: &str = include_str!("init.toml");

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use super::*;
    use crate::config::{Config, Overrides, Places, schema::schema};

    fn load(text: &str) -> Config {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("fleetwide.toml"), text).expect("writable");
        let places = Places { directory: folder.path().to_owned(), home: Some("/home/me".into()), ..Places::default() };
        Config::load(&places).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Uncomments every setting that is off. Prose has a space after its `#`.
    fn switch_all_on(text: &str) -> String {
        let setting = |line: &str| {
            line.trim_start().strip_prefix('#').is_some_and(|rest| !rest.is_empty() && !rest.starts_with(' '))
        };
        text.lines()
            .map(|line| if setting(line) { line.replacen('#', "", 1) } else { line.to_owned() } + "\n")
            .collect()
    }

    #[test]
    fn the_starter_works_as_it_is() {
        let target = load(STARTER).target(None, &Overrides::default()).expect("one target");
        assert_eq!((target.name.as_str(), target.select.len()), ("web", 1));
        assert!(target.deploy.script.is_some_and(|script| script.ends_with(Path::new("deploy.sh"))));
    }

    #[test]
    fn every_setting_that_is_off_can_be_switched_on() {
        let text = switch_all_on(STARTER);
        let target = load(&text).target(Some("web"), &Overrides::default()).expect("a target");
        assert_eq!((target.select.len(), target.deploy.env.len(), target.exclude.len()), (5, 3, 1));
    }

    #[test]
    fn the_values_of_settings_that_are_off_are_the_defaults() {
        let bare = "[targets.web]\nselect = [{ provider = \"aws\", tags = { role = \"web\" } }]\n";
        let keep = |line: &&str| {
            let own =
                ["args", "idle_timeout", "port", "jump", "identity_file", "config_file", "exclude", "unaddressed"];
            !own.iter().any(|key| line.starts_with(&format!("#{key} ")))
        };
        let section = |name: &str| {
            let lines = STARTER.lines().skip_while(|line| *line != format!("[targets.web.{name}]"));
            let lines = lines.skip(1).take_while(|line| !line.starts_with('[') && !line.starts_with("#["));
            lines
                .filter(keep)
                .filter_map(|line| line.strip_prefix('#'))
                .filter(|line| !line.starts_with(' '))
                .map(|line| format!("{line}\n"))
                .collect::<String>()
        };
        let text = format!("{bare}[targets.web.ssh]\n{}[targets.web.deploy]\n{}", section("ssh"), section("deploy"));
        let said = load(&text).target(None, &Overrides::default()).expect("a target");
        let built_in = load(bare).target(None, &Overrides::default()).expect("a target");
        assert!(text.contains("handshakes"), "{text}");
        assert_eq!(format!("{:?} {:?}", said.ssh, said.deploy), format!("{:?} {:?}", built_in.ssh, built_in.deploy));
    }

    #[test]
    fn the_starter_shows_every_key_of_ssh_and_deploy() {
        let schema = schema();
        for table in ["SshTable", "DeployTable", "TargetTable"] {
            let keys: BTreeSet<_> = schema["$defs"][table]["properties"].as_object().expect(table).keys().collect();
            for key in keys {
                let shown = STARTER.lines().any(|line| {
                    let line = line.trim_start_matches(['#', ' ']);
                    line.starts_with(&format!("{key} ="))
                        || line.trim_end_matches(']').split('.').any(|part| part == key)
                });
                assert!(shown, "{table}.{key} is not in the starter");
            }
        }
    }
}
