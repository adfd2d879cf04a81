//! The output of `host-keys`: the remembered keys. Pure.

use std::sync::Arc;

use jiff::Timestamp;
use provider_core::HostKey;
use serde::Serialize;

use crate::{
    inventory::Host,
    report::text::{
        neutral,
        screen::{Ink, Screen},
    },
};

/// The remembered keys of one host.
#[derive(Clone, Debug)]
pub struct HostKeyRow {
    /// The host.
    pub host: Arc<Host>,
    /// Its keys.
    pub keys: Vec<HostKey>,
    /// When they were remembered.
    pub since: Option<Timestamp>,
}

/// The same for programs.
#[derive(Debug, Serialize)]
pub(in crate::report) struct HostKeyJson<'a> {
    id: &'a str,
    name: &'a str,
    keys: Vec<KeyJson>,
    since: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
struct KeyJson {
    r#type: &'static str,
    fingerprint: String,
}

impl<'a> From<&'a HostKeyRow> for HostKeyJson<'a> {
    fn from(row: &'a HostKeyRow) -> Self {
        let key = |key: &HostKey| KeyJson { r#type: key.kind(), fingerprint: key.fingerprint() };
        let Host { id, instance, .. } = &*row.host;
        Self { id: id.as_str(), name: &instance.name, keys: row.keys.iter().map(key).collect(), since: row.since }
    }
}

/// One line per host, and one line per key below it. A fingerprint is never cut, because half of one cannot be
/// compared.
pub(in crate::report) fn screenful(rows: &[HostKeyRow], screen: &Screen) -> String {
    let mut out = String::new();
    for HostKeyRow { host, keys, since } in rows {
        let (name, id) = (neutral::line(&host.instance.name), neutral::line(host.id.as_str()));
        let since = since.map(|since| since.strftime(" since %Y-%m-%d %H:%M UTC").to_string());
        let what = match keys.len() {
            0 => "no key is remembered".to_owned(),
            _ => format!("remembered{}", since.unwrap_or_default()),
        };
        out.push_str(&format!(
            "{} {}\n",
            screen.paint(Ink::Strong, &name),
            screen.paint(Ink::Faint, &format!("({id}): {what}"))
        ));
        for key in keys {
            out.push_str(&format!("  {} {}\n", key.kind(), key.fingerprint()));
        }
    }
    out
}
