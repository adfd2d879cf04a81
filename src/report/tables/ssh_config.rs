//! `hosts --output ssh-config`: a file for `ssh -F`, `scp -F`, an `Include` or an editor's remote mode. Pure.
//!
//! Names become patterns of `Host` lines, and a cloud's tags may name machines arbitrarily: characters with a meaning
//! to a pattern or a shell are replaced, and names that are then not unique are distinguished by id.

use std::collections::{BTreeMap, BTreeSet};

use crate::{inventory::Host, report::text::neutral, transport::HostBlock};

/// The file. `blocks` are the hosts in order, each with its settings for `ssh`.
pub(in crate::report) fn file(target: &str, blocks: &[(&Host, HostBlock)]) -> String {
    let mut out = format!(
        "# The hosts of target {}, by fleetwide. Use: ssh -F FILE NAME, or Include it in ~/.ssh/config.\n",
        neutral::line(target)
    );
    let names = names(&blocks.iter().map(|(host, _)| *host).collect::<Vec<_>>(), plain);
    for ((_, block), Names { name, id }) in blocks.iter().zip(names) {
        let names = [Some(name), id].into_iter().flatten().collect::<Vec<_>>().join(" ");
        out.push_str(&format!("\nHost {names}\n"));
        // The zone of an IPv6 address starts with `%`, which `ssh` expands here.
        out.push_str(&format!("  HostName {}\n", block.address.replace('%', "%%")));
        for (keyword, value) in &block.settings {
            out.push_str(&format!("  {keyword} {value}\n"));
        }
    }
    out
}

/// The names of a host in the file.
#[derive(Debug)]
pub(in crate::report) struct Names {
    /// Differs from the name and the id of every other host.
    pub(in crate::report) name: String,
    /// Its id, unless another host's id looks the same.
    pub(in crate::report) id: Option<String>,
}

/// Distinct names for the hosts. `plain` makes one word of foreign text, and may give the same word for two texts.
pub(in crate::report) fn names(hosts: &[&Host], plain: impl Fn(&str) -> String) -> Vec<Names> {
    let mut taken = BTreeSet::new();
    // Ids are unique. They are assigned first, so that no machine takes a name that is another one's id.
    let ids: Vec<Option<String>> =
        hosts.iter().map(|host| Some(plain(host.id.as_str())).filter(|id| taken.insert(id.clone()))).collect();
    let mut uses = BTreeMap::<String, usize>::new();
    for host in hosts {
        *uses.entry(plain(&host.instance.name)).or_default() += 1;
    }
    let mut named = Vec::new();
    for (host, id) in hosts.iter().zip(ids) {
        let name = plain(&host.instance.name);
        let own = plain(host.instance.id.as_str());
        let base = if uses[&name] > 1 { format!("{name}-{own}") } else { name };
        let mut name = base.clone();
        let mut number = 2;
        while !taken.insert(name.clone()) {
            name = format!("{base}-{number}");
            number += 1;
        }
        named.push(Names { name, id });
    }
    named
}

/// `text` as one word without any meaning to `ssh` or a shell.
pub(in crate::report) fn plain(text: &str) -> String {
    let fit = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | ':' | '+' | '@');
    let word: String = text.chars().map(|c| if fit(c) { c } else { '_' }).collect();
    if word.is_empty() || word.starts_with(['-', '.', '@', '+']) { format!("host{word}") } else { word }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::testing::host;

    #[test]
    fn names_are_plain_and_tell_every_host_apart() {
        let named = |names_of: &[(&str, &str)]| {
            let hosts: Vec<_> = names_of.iter().map(|(id, name)| host(id, name)).collect();
            let named = names(&hosts.iter().collect::<Vec<_>>(), plain).into_iter();
            named.map(|Names { name, id }| format!("{name} {}", id.unwrap_or_default())).collect::<Vec<_>>()
        };
        assert_eq!(named(&[("i-1", "web-1")]), ["web-1 aws:i-1"]);
        assert_eq!(named(&[("i-1", "web"), ("i-2", "web")]), ["web-i-1 aws:i-1", "web-i-2 aws:i-2"]);
        assert_eq!(
            named(&[("i-1", "* !x \n#"), ("i-2", "-oProxyCommand=x")]),
            ["____x____ aws:i-1", "host-oProxyCommand_x aws:i-2"].map(|s| s.replace("____x____", "___x___"))
        );
        assert_eq!(named(&[("i-1", "aws:i-2"), ("i-2", "")]), ["aws:i-2-2 aws:i-1", "host aws:i-2"]);
        assert_eq!(named(&[("i-1", "a b"), ("i-2", "a_b")]), ["a_b-i-1 aws:i-1", "a_b-i-2 aws:i-2"]);
    }

    #[test]
    fn a_file_has_a_block_a_host() {
        let one = host("i-1", "web-1");
        let block = HostBlock {
            address: "fe80::1%eth0".into(),
            settings: vec![("User", "deploy".into()), ("UserKnownHostsFile", "\"/a b/%k\"".into())],
        };
        insta::assert_snapshot!(file("web\n", &[(&one, block)]), @r#"
        # The hosts of target web , by fleetwide. Use: ssh -F FILE NAME, or Include it in ~/.ssh/config.

        Host web-1 aws:i-1
          HostName fe80::1%%eth0
          User deploy
          UserKnownHostsFile "/a b/%k"
        "#);
    }
}
