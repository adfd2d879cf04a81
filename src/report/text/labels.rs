//! The label of each host on a screen: its name, made harmless, with its id where two hosts share a name.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use super::{cells, neutral};
use crate::{
    inventory::HostId,
    report::{files::record::Record, lock},
};

/// The labels of hosts, all different.
#[derive(Debug)]
pub(in crate::report) struct Labels {
    names: HashMap<HostId, String>,
    width: usize,
}

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
        let names: HashMap<_, _> = names.iter().map(label).collect();
        Self { width: names.values().map(|name| cells::width(name)).max().unwrap_or(0), names }
    }

    /// The width of the widest label. In cells.
    pub(in crate::report) const fn width(&self) -> usize {
        self.width
    }

    /// The label of `host`. Of a host that the report does not list only the id is known, which may be any text.
    pub(in crate::report) fn get<'a>(&'a self, host: &'a HostId) -> &'a str {
        match self.names.get(host) {
            Some(label) => label,
            None if neutral::is_harmless_line(host.as_str()) => host.as_str(),
            None => "a host that is not listed",
        }
    }
}

/// The labels of a run under way, shared by all that show it, because hosts may still join.
#[derive(Clone, Debug)]
pub(in crate::report) struct LiveLabels(Arc<Mutex<Arc<Labels>>>);

impl LiveLabels {
    pub(in crate::report) fn of(record: &Record) -> Self {
        Self(Arc::new(Mutex::new(Arc::new(Labels::of(record)))))
    }

    /// The labels as they are now.
    pub(in crate::report) fn now(&self) -> Arc<Labels> {
        Arc::clone(&lock(&self.0))
    }

    /// Renews the labels after hosts have joined, which `record` already lists.
    pub(in crate::report) fn renew(&self, record: &Record) {
        *lock(&self.0) = Arc::new(Labels::of(record));
    }
}
