//! `hosts --output ssh-config`: a file for `ssh -F`, `scp -F`, an `Include` or an editor's remote mode. Pure.
//!
//! Names become patterns of `Host` lines, and a cloud's tags may name machines as anybody likes: so
//! what a pattern or a shell would read is replaced, and what is then not unique is told apart by id.

use std::collections::BTreeSet;

use super::neutral;
use crate::{inventory::Host, transport::HostBlock};

/// The file. `blocks` are the hosts in their order, each with what `ssh` is to be told.
pub(super) fn file(target: &str, blocks: &[(&Host, HostBlock)]) -> String {
    let mut out = format!(
        "# The hosts of target {}, by fleetwide. Use: ssh -F FILE NAME, or Include it in ~/.ssh/config.\n",
        neutral::line(target)
    );
    let names = names(&blocks.iter().map(|(host, _)| *host).collect::<Vec<_>>());
    for ((_, block), names) in blocks.iter().zip(names) {
        out.push_str(&format!("\nHost {}\n", names.join(" ")));
        // The zone of an IPv6 address begins with `%`, which `ssh` expands here.
        out.push_str(&format!("  HostName {}\n", block.address.replace('%', "%%")));
        for (keyword, value) in &block.settings {
            out.push_str(&format!("  {keyword} {value}\n"));
        }
    }
    out
}

/// What each host may be called, the first one best: all different, and all plain words.
pub(super) fn names(hosts: &[&Host]) -> Vec<Vec<String>> {
    let mut taken = BTreeSet::new();
    // Ids are unique: they are given first, so that no machine can be named like another one's id.
    let ids: Vec<Option<String>> =
        hosts.iter().map(|host| Some(plain(host.id.as_str())).filter(|id| taken.insert(id.clone()))).collect();
    let shared = |name: &str| hosts.iter().filter(|host| plain(&host.instance.name) == name).count() > 1;
    hosts
        .iter()
        .zip(ids)
        .map(|(host, id)| {
            let name = plain(&host.instance.name);
            let own = plain(host.instance.id.as_str());
            let base = if shared(&name) { format!("{name}-{own}") } else { name };
            let numbered = (2..).map(|n| format!("{base}-{n}"));
            let free = std::iter::once(base.clone()).chain(numbered).find(|name| taken.insert(name.clone()));
            free.into_iter().chain(id).collect()
        })
        .collect()
}

/// `text` as one word that neither `ssh` nor a shell reads anything into.
fn plain(text: &str) -> String {
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
            names(&hosts.iter().collect::<Vec<_>>()).into_iter().map(|names| names.join(" ")).collect::<Vec<_>>()
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
