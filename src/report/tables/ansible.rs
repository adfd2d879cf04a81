//! `hosts --output ansible`: a dynamic inventory in the form that Ansible reads from a program (`ansible -i ./web.sh`).
//! Pure.
//!
//! Group names follow the convention of Ansible's cloud plugins: `provider_aws`, `region_eu_west_1`, `zone_eu_west_1a`,
//! `tag_role_web`. Ansible allows only letters, digits and `_`, so all else becomes `_`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::ssh_config::{self, Names};
use crate::{inventory::Host, plan::quoted, transport::HostBlock};

/// The inventory. `blocks` are the hosts, each with its settings for `ssh`.
pub(in crate::report) fn inventory(blocks: &[(&Host, HostBlock)]) -> Value {
    let hosts: Vec<&Host> = blocks.iter().map(|(host, _)| *host).collect();
    let mut variables = serde_json::Map::new();
    let mut groups: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    // Ansible reads a colon as part of a pattern.
    let plain = |text: &str| ssh_config::plain(text).replace(':', "_");
    for ((host, block), Names { name, .. }) in blocks.iter().zip(ssh_config::names(&hosts, plain)) {
        for group in groups_of(host) {
            groups.entry(group).or_default().insert(name.clone());
        }
        variables.insert(name, variables_of(host, block));
    }
    let children: Vec<&String> = groups.keys().collect();
    let mut inventory = json!({ "_meta": { "hostvars": variables }, "all": { "children": children } });
    for (group, members) in &groups {
        inventory[group] = json!({ "hosts": members });
    }
    inventory
}

fn groups_of(host: &Host) -> BTreeSet<String> {
    let instance = &host.instance;
    let mut names = vec![format!("provider_{}", instance.provider)];
    names.extend(
        [("region", &instance.region), ("zone", &instance.zone)]
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(kind, value)| format!("{kind}_{value}")),
    );
    names.extend(instance.tags.iter().map(|(key, value)| match value.as_str() {
        "" => format!("tag_{key}"),
        value => format!("tag_{key}_{value}"),
    }));
    let plain = |name: String| name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    names.into_iter().map(plain).collect()
}

fn variables_of(host: &Host, block: &HostBlock) -> Value {
    let instance = &host.instance;
    let mut options = Vec::new();
    let mut variables = serde_json::Map::new();
    variables.insert("ansible_host".to_owned(), text(&block.address));
    for (keyword, value) in &block.settings {
        let (name, value) = match *keyword {
            "User" => ("ansible_user", text(value)),
            "Port" => ("ansible_port", value.parse::<u16>().map_or_else(|_| text(value), |port| json!(port))),
            "IdentityFile" => ("ansible_ssh_private_key_file", text(value.trim_matches('"'))),
            keyword => {
                options.push(format!("-o {}", quoted(&format!("{keyword}={value}"))));
                continue;
            }
        };
        variables.insert(name.to_owned(), value);
    }
    variables.insert("ansible_ssh_common_args".to_owned(), text(&options.join(" ")));
    let tags: serde_json::Map<_, _> = instance.tags.iter().map(|(key, value)| (key.clone(), text(value))).collect();
    variables.insert(
        "fleetwide".to_owned(),
        json!({
            "id": text(host.id.as_str()), "provider": instance.provider, "account": text(&instance.account),
            "region": text(&instance.region), "zone": text(&instance.zone), "name": text(&instance.name),
            "state": instance.state, "tags": tags,
        }),
    );
    Value::Object(variables)
}

/// A text that Ansible must not take for a template: otherwise anybody who may write a tag could run commands on the
/// machine that runs the playbook.
fn text(text: &str) -> Value {
    if text.contains(['{', '}']) { json!({ "__ansible_unsafe": text }) } else { json!(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::testing::host;

    #[test]
    fn every_host_is_there_whatever_it_is_called() {
        let names = ["web:1", "web_1", "web 1", "", "aws_i-0", "all", "web_1-2"];
        let hosts: Vec<_> = names.iter().enumerate().map(|(n, name)| host(&format!("i-{n}"), name)).collect();
        let block = || HostBlock { address: "10.0.0.1".into(), settings: Vec::new() };
        let inventory = inventory(&hosts.iter().map(|host| (host, block())).collect::<Vec<_>>());
        let variables = inventory["_meta"]["hostvars"].as_object().expect("hosts");
        let mut ids: Vec<_> = variables.values().map(|own| own["fleetwide"]["id"].as_str().expect("an id")).collect();
        ids.sort_unstable();
        assert_eq!(ids, (0..names.len()).map(|n| format!("aws:i-{n}")).collect::<Vec<_>>(), "{variables:#?}");
        assert_eq!(inventory["provider_aws"]["hosts"].as_array().map(Vec::len), Some(names.len()));
    }

    #[test]
    fn an_inventory_has_variables_and_groups() {
        let mut one = host("i-1", "web 1");
        one.instance.tags.insert("note".into(), "{{ lookup('pipe', 'id') }}".into());
        one.address.port = Some(2222);
        let block = HostBlock {
            address: "10.0.0.1".into(),
            settings: vec![
                ("User", "deploy".into()),
                ("Port", "2222".into()),
                ("IdentityFile", "\"/a b/key\"".into()),
                ("UserKnownHostsFile", "\"/a b/%k\"".into()),
            ],
        };
        let mut inventory = inventory(&[(&one, block)]);
        let note = inventory["_meta"]["hostvars"]["web_1"]["fleetwide"]["tags"]["note"].take();
        assert_eq!(note, json!({ "__ansible_unsafe": "{{ lookup('pipe', 'id') }}" }));
        inventory["_meta"]["hostvars"]["web_1"]["fleetwide"].take();
        insta::assert_json_snapshot!(inventory, @r#"
        {
          "_meta": {
            "hostvars": {
              "web_1": {
                "ansible_host": "10.0.0.1",
                "ansible_port": 2222,
                "ansible_ssh_common_args": "-o 'UserKnownHostsFile=\"/a b/%k\"'",
                "ansible_ssh_private_key_file": "/a b/key",
                "ansible_user": "deploy",
                "fleetwide": null
              }
            }
          },
          "all": {
            "children": [
              "provider_aws",
              "region_eu_west_1",
              "tag_note____lookup__pipe____id_____",
              "tag_role_web",
              "zone_eu_west_1a"
            ]
          },
          "provider_aws": {
            "hosts": [
              "web_1"
            ]
          },
          "region_eu_west_1": {
            "hosts": [
              "web_1"
            ]
          },
          "tag_note____lookup__pipe____id_____": {
            "hosts": [
              "web_1"
            ]
          },
          "tag_role_web": {
            "hosts": [
              "web_1"
            ]
          },
          "zone_eu_west_1a": {
            "hosts": [
              "web_1"
            ]
          }
        }
        "#);
    }
}
