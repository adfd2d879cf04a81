//! Hosts for people and for programs: the output of `hosts`, and the host part of a plan.

use std::collections::BTreeMap;

use provider_core::InstanceState;
use serde::Serialize;

use super::{
    listing::{self, Listing},
    table::{Cell, Column, Table},
};
use crate::{
    inventory::{Host, SshAddress},
    report::{
        files::record::Gaps,
        text::{
            neutral,
            screen::{Ink, Screen},
            words,
        },
    },
};

/// The width of `deploy@10.20.30.40:2222`: other columns shrink before an address of this width loses its port.
const WHOLE_ADDRESS: usize = 23;

/// A host for programs. A promise: see DESIGN section 5.
#[derive(Debug, Serialize)]
pub(in crate::report) struct HostJson<'a> {
    id: &'a str,
    provider: &'a str,
    account: &'a str,
    region: &'a str,
    zone: &'a str,
    name: &'a str,
    address: &'a str,
    port: Option<u16>,
    user: Option<&'a str>,
    state: InstanceState,
    tags: &'a BTreeMap<String, String>,
}

impl<'a> From<&'a Host> for HostJson<'a> {
    fn from(host: &'a Host) -> Self {
        let instance = &host.instance;
        Self {
            id: host.id.as_str(),
            provider: instance.provider.as_str(),
            account: &instance.account,
            region: &instance.region,
            zone: &instance.zone,
            name: &instance.name,
            address: &host.address.host,
            port: host.address.port,
            user: host.address.user.as_deref(),
            state: instance.state,
            tags: &instance.tags,
        }
    }
}

/// The table of `hosts`, with the number of hosts below it.
pub(in crate::report) fn screenful(hosts: &[Host], listing: &Listing, screen: &Screen) -> String {
    let hosts: Vec<&Host> = hosts.iter().collect();
    let tables = match &listing.group_by {
        None => columns(&hosts, listing, screen, 0),
        Some(field) => listing::groups(&hosts, field)
            .iter()
            .map(|(value, members)| {
                let heading = listing::heading(field, value, members.len(), screen);
                format!("{heading}{}\n", columns(members, listing, screen, 2))
            })
            .collect(),
    };
    let total = words::count(hosts.len(), "host");
    let providers = words::by_provider(hosts.iter().copied());
    let shares = if providers.is_empty() { String::new() } else { format!(": {providers}") };
    format!("{tables}{}\n", screen.paint(Ink::Strong, &format!("{total}{shares}")))
}

fn columns(hosts: &[&Host], listing: &Listing, screen: &Screen, indent: usize) -> String {
    match &listing.columns[..] {
        [] => table(hosts, screen, indent),
        columns => listing::table(hosts, columns, screen, indent),
    }
}

/// The table of `hosts`; empty if there are none.
pub(in crate::report) fn table(hosts: &[&Host], screen: &Screen, indent: usize) -> String {
    // The state needs a column only where it is not the expected one.
    let states = hosts.iter().any(|host| host.instance.state != InstanceState::Running);
    // Hosts listed in a file have no zone.
    let zones = hosts.iter().any(|host| !zone(host).is_empty());
    let mut columns = vec![Column::left("NAME", 12), Column::ids("ID", 12)];
    columns.extend(zones.then(|| Column::left("ZONE", 10)));
    columns.push(Column::left("ADDRESS", WHOLE_ADDRESS));
    columns.extend(states.then(|| Column::left("STATE", 7)));
    columns.push(Column::left("TAGS", 12));
    let mut table = Table::new(columns);
    for host in hosts {
        let instance = &host.instance;
        let mut cells: Vec<Cell> = vec![neutral::line(&instance.name).into(), neutral::line(host.id.as_str()).into()];
        cells.extend(zones.then(|| Cell::from(neutral::line(zone(host)))));
        cells.push(address(&host.address).into());
        cells.extend(states.then(|| Cell::from(instance.state.as_str())));
        cells.push(tags(&instance.tags).into());
        table.row(cells);
    }
    if table.is_empty() { String::new() } else { table.render(screen, indent) }
}

/// The most specific location that the cloud gives for a host.
fn zone(host: &Host) -> &str {
    let instance = &host.instance;
    if instance.zone.is_empty() { &instance.region } else { &instance.zone }
}

/// The gaps in discovery, as warnings; empty if there are none.
pub(in crate::report) fn gaps(gaps: Gaps<'_>, screen: &Screen) -> String {
    let mut out = String::new();
    if !gaps.missing_scopes.is_empty() {
        let scopes = words::count(gaps.missing_scopes.len(), "scope");
        let warning = format!("warning: {scopes} could not be read; hosts there are missing");
        out.push_str(&format!("{}\n", screen.paint(Ink::Warning, &warning)));
        for scope in gaps.missing_scopes {
            out.push_str(&format!("  {}\n", neutral::line(&scope.to_string())));
        }
    }
    if !gaps.unaddressed.is_empty() {
        let instances = words::count(gaps.unaddressed.len(), "instance");
        let warning = format!("warning: {instances} left out for want of a usable address");
        out.push_str(&format!("{}\n", screen.paint(Ink::Warning, &warning)));
        for instance in gaps.unaddressed {
            let (name, id) = (neutral::line(&instance.name), neutral::line(instance.id.as_str()));
            out.push_str(&format!("  {name} ({}:{id})\n", instance.provider));
        }
    }
    out
}

/// `user@address:port`, without the unknown parts.
fn address(address: &SshAddress) -> String {
    let user = address.user.as_deref().map(|user| format!("{user}@")).unwrap_or_default();
    let bracketed = address.port.is_some() && address.host.contains(':');
    let host = if bracketed { format!("[{}]", address.host) } else { address.host.clone() };
    let port = address.port.map(|port| format!(":{port}")).unwrap_or_default();
    neutral::line(&format!("{user}{host}{port}"))
}

fn tags(tags: &BTreeMap<String, String>) -> String {
    let pairs: Vec<_> =
        tags.iter().map(|(key, value)| if value.is_empty() { key.clone() } else { format!("{key}={value}") }).collect();
    neutral::line(&pairs.join(" "))
}
