//! What each host is called on a screen: its name, made harmless; with its id where two share one.

use std::collections::HashMap;

use super::neutral;
use crate::{inventory::HostId, report::files::record::Record};

/// The hosts' names on screens, each different.
#[derive(Debug)]
pub(in crate::report) struct Labels(HashMap<HostId, String>);

impl Labels {
    /// The labels of a run's hosts.
    pub(in crate::report) fn of(record: &Record) -> Self {
        let names: Vec<_> = record.hosts.iter().map(|host| (&host.id, neutral::line(&host.name))).collect();
        let mut uses = HashMap::<&str, usize>::new();
        for (_, name) in &names {
            *uses.entry(name).or_default() += 1;
        }
        let label = |(id, name): &(&HostId, String)| {
            let shown = match (name.trim().is_empty(), uses[name.as_str()]) {
                (true, _) => neutral::line(id.as_str()),
                (false, 1) => name.clone(),
                (false, _) => format!("{name} ({})", neutral::line(id.as_str())),
            };
            ((*id).clone(), shown)
        };
        Self(names.iter().map(label).collect())
    }

    /// All of them, in no order.
    pub(in crate::report) fn all(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(String::as_str)
    }

    /// What `host` is called. Of one that the report does not list nothing but the id is known, and that may be anything.
    pub(in crate::report) fn get<'a>(&'a self, host: &'a HostId) -> &'a str {
        match self.0.get(host) {
            Some(label) => label,
            None if neutral::is_harmless_line(host.as_str()) => host.as_str(),
            None => "a host that is not listed",
        }
    }
}
