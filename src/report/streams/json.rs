//! `--output json`: one event per line, written whole and at once, for programs.
//!
//! `{"schema":1,"run":"01J…","seq":7,"at":"…","type":"output","host":"aws:i-0abc",…}`. Fields are `snake_case`, words
//! `kebab-case`. The output of a host is text, cut anywhere, with bytes that are not UTF-8 replaced: the log file has
//! them raw. A character that never became complete appears in no `output`; `torn` in the event that ends the host
//! names its stream. A reader that is too slow misses whole `output` lines, and detects that by `seq`.

use std::{collections::HashMap, sync::Mutex};

use jiff::Timestamp;
use serde::Serialize;

use super::outlet::Outlet;
use crate::{
    inventory::HostId,
    plan::RunId,
    report::{
        files::{
            host_record::{HostRecord, PartRecord},
            record::{MissingScope, Record, SkippedInstance, Status, ms},
            rollout_record::{PauseRecord, SampleRecord, end_word},
        },
        lock,
        tables::{hosts::HostJson, plan::PlanJson},
        text::neutral,
    },
    rollout::{Event, EventKind, SCHEMA, StopReason, Summary},
    transport::Stream,
};

#[derive(Debug, Serialize)]
struct Line<'a> {
    schema: u32,
    run: RunId,
    seq: u64,
    at: Timestamp,
    #[serde(flatten)]
    body: Body<'a>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Body<'a> {
    RunStarted { plan: Box<PlanJson<'a>>, missing_scopes: Vec<MissingScope>, skipped_unaddressed: Vec<SkippedInstance> },
    HostConnecting { host: &'a HostId, attempt: u32 },
    ScriptStarted { host: &'a HostId, group: u32 },
    Output { host: &'a HostId, stream: Stream, text: String },
    PartStarted { host: &'a HostId, part: &'a str },
    PartFinished { host: &'a HostId, part: PartRecord },
    HostHeld { host: &'a HostId, part: &'a str },
    HostLost { host: &'a HostId, message: &'a str },
    HostReattaching { host: &'a HostId, tries: u32, wait_ms: u64 },
    HostReattached { host: &'a HostId, group: u32 },
    HostRetrying { host: &'a HostId, attempt: u32, message: &'a str, wait_ms: u64 },
    StageStarted { stage: usize, hosts: usize },
    PauseStarted { pause: PauseRecord },
    CheckSampled { sample: SampleRecord },
    Approved { who: &'a str, by: &'a str },
    PauseEnded { step: usize, end: &'static str, message: Option<&'a str> },
    HookFinished { hook: &'static str, host: Option<&'a HostId>, failure: Option<&'a str>, output: &'a str },
    FleetSighted { joined: Vec<JoinedHost<'a>>, gone: &'a [HostId] },
    FleetUnseen { message: &'a str },
    UndoStarted { hosts: usize },
    HostUndone(HostEnd<'a>),
    HostReturned { host: &'a HostId, stage: &'a str },
    HostFinished(HostEnd<'a>),
    Stopping { reason: StopReason, running: usize },
    RunFinished { status: Status, exit_code: u8, summary: Summary },
}

/// The end of a host.
#[derive(Debug, Serialize)]
struct HostEnd<'a> {
    host: &'a HostId,
    result: Option<&'a HostRecord>,
    /// The streams that ended within a character, the beginning of which no `output` has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    torn: Vec<Stream>,
}

/// A host that joined late.
#[derive(Debug, Serialize)]
struct JoinedHost<'a> {
    #[serde(flatten)]
    host: HostJson<'a>,
    stage: &'a str,
}

/// Writes events as lines of JSON.
#[derive(Debug)]
pub(in crate::report) struct Json {
    out: Outlet,
    /// The beginning of an incomplete character, for each stream.
    torn: HashMap<(HostId, Stream), Vec<u8>>,
    /// The first event that could not be put into JSON, and why.
    unwritten: Option<String>,
}

impl Json {
    pub(in crate::report) fn new(out: Outlet) -> Self {
        Self { out, torn: HashMap::new(), unwritten: None }
    }

    /// Writes one event, which `record` already includes.
    pub(in crate::report) fn event(&mut self, event: &Event<'_>, record: &Mutex<Record>, host: Option<&HostRecord>) {
        let body = match event.kind {
            EventKind::RunStarted { plan } => {
                let record = lock(record);
                Body::RunStarted {
                    plan: Box::new(plan.into()),
                    missing_scopes: record.missing_scopes.clone(),
                    skipped_unaddressed: record.skipped_unaddressed.clone(),
                }
            }
            EventKind::StageStarted { stage, hosts } => Body::StageStarted { stage, hosts },
            EventKind::PauseStarted { step, pause } => {
                Body::PauseStarted { pause: PauseRecord::new(step, pause, event.at) }
            }
            EventKind::CheckSampled { check, host, sample, at, elapsed } => {
                Body::CheckSampled { sample: SampleRecord::new(check, host, sample, at, elapsed) }
            }
            EventKind::Approved { who, by } => Body::Approved { who: who.as_str(), by },
            EventKind::PauseEnded { step, end, message } => Body::PauseEnded { step, end: end_word(end), message },
            EventKind::HookFinished { hook, host, failure } => Body::HookFinished {
                hook: hook.as_str(),
                host,
                failure: failure.map(|failure| failure.message.as_str()),
                output: failure.map_or("", |failure| failure.output.as_str()),
            },
            EventKind::FleetSighted { joined, gone } => Body::FleetSighted {
                joined: joined.iter().map(|(host, stage)| JoinedHost { host: (&**host).into(), stage }).collect(),
                gone,
            },
            EventKind::FleetUnseen { message } => Body::FleetUnseen { message },
            EventKind::UndoStarted { hosts } => Body::UndoStarted { hosts },
            EventKind::HostUndone { result } => Body::HostUndone(self.end(&result.host, host)),
            EventKind::HostConnecting { host, attempt } => Body::HostConnecting { host, attempt },
            EventKind::ScriptStarted { host, group } => Body::ScriptStarted { host, group },
            EventKind::Output { host, stream, bytes } => {
                Body::Output { host, stream, text: self.text(host, stream, bytes) }
            }
            EventKind::PartStarted { host, part } => Body::PartStarted { host, part },
            EventKind::PartFinished { host, part } => Body::PartFinished { host, part: part.into() },
            EventKind::HostHeld { host, part } => Body::HostHeld { host, part },
            EventKind::HostLost { host, message } => Body::HostLost { host, message },
            EventKind::HostReattaching { host, tries, wait } => {
                Body::HostReattaching { host, tries, wait_ms: ms(wait) }
            }
            EventKind::HostReattached { host, group } => Body::HostReattached { host, group },
            EventKind::HostRetrying { host, attempt, message, wait } => {
                Body::HostRetrying { host, attempt, message, wait_ms: ms(wait) }
            }
            EventKind::HostReturned { host, stage } => Body::HostReturned { host, stage },
            EventKind::HostFinished { result } => Body::HostFinished(self.end(&result.host, host)),
            EventKind::Stopping { reason, running } => Body::Stopping { reason, running },
            EventKind::RunFinished { status, summary } => {
                Body::RunFinished { status: status.into(), exit_code: status.exit_code(), summary }
            }
        };
        let line = Line { schema: SCHEMA, run: event.run, seq: event.seq, at: event.at, body };
        match serde_json::to_string(&line) {
            Ok(text) if matches!(event.kind, EventKind::Output { .. }) => {
                self.out.flood(&format!("{}\n", harmless(text)), |_| String::new());
            }
            Ok(text) => self.out.line(&harmless(text)),
            Err(error) => {
                self.unwritten.get_or_insert_with(|| format!("cannot write event {} as JSON: {error}", event.seq));
            }
        }
    }

    /// Ends a host's output.
    fn end<'a>(&mut self, host: &'a HostId, result: Option<&'a HostRecord>) -> HostEnd<'a> {
        let mut torn = vec![Stream::Stdout, Stream::Stderr];
        torn.retain(|stream| self.torn.remove(&(host.clone(), *stream)).is_some());
        HostEnd { host, result, torn }
    }

    /// What could not be put into JSON.
    pub(in crate::report) fn trouble(&self) -> Option<String> {
        self.unwritten.clone()
    }

    /// `bytes` as text; a character that is cut at the end waits for the rest.
    fn text(&mut self, host: &HostId, stream: Stream, bytes: &[u8]) -> String {
        let key = (host.clone(), stream);
        let mut whole = self.torn.remove(&key).unwrap_or_default();
        whole.extend_from_slice(bytes);
        if let Some(last) = whole.utf8_chunks().last() {
            let rest = last.invalid();
            let missing = rest.first().is_some_and(|first| rest.len() < character_length(*first));
            if missing && whole.ends_with(rest) {
                let rest = whole.split_off(whole.len() - rest.len());
                self.torn.insert(key, rest);
            }
        }
        String::from_utf8_lossy(&whole).into_owned()
    }
}

/// The same JSON, escaped so that nothing in it moves a terminal's cursor, reorders characters, ends a line for a
/// reader that obeys Unicode's line ends, or is a command to a pipeline's runner (see [`neutral`]).
pub(in crate::report) fn harmless(json: String) -> String {
    let special = |c: char| {
        let shows = !(neutral::is_bidi_control(c) || neutral::is_invisible(c) || neutral::is_line_end(c));
        !shows || c.is_control() && c != '\n'
    };
    if !json.contains("##") && !json.contains(special) {
        return json;
    }
    let mut out = String::with_capacity(json.len() + 16);
    let mut before = ' ';
    for c in json.chars() {
        // JSON contains neither outside of strings.
        if special(c) || c == '#' && before == '#' {
            let units = c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
            out.push_str(&units);
        } else {
            out.push(c);
        }
        before = c;
    }
    out
}

/// The length in bytes of the UTF-8 character that starts with `first`.
const fn character_length(first: u8) -> usize {
    match first {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_escaped_and_reads_the_same() {
        let evil = "##[error]x ###[a] \u{85}\u{2028}\u{9b}31m\u{7f}\u{202e}\u{e0041}\u{200b}\0 é 🚀 #";
        let json = serde_json::to_string_pretty(&[evil, "plain"]).expect("text");
        let shown = harmless(json);
        assert!(!shown.contains("##") && !shown.contains(|c: char| c.is_control() && c != '\n'), "{shown}");
        assert!(!shown.contains(['\u{2028}', '\u{202e}']) && shown.contains("é 🚀 #"), "{shown}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&shown).expect("JSON"), [evil, "plain"]);
    }

    #[test]
    fn a_character_in_two_pieces_is_one_character() {
        let mut json = Json::new(Outlet::pair(Box::new(std::io::sink()), Box::new(std::io::sink())).0);
        let host = HostId::new(&provider_core::ProviderName::new("aws"), &provider_core::InstanceId::new("i-1"));
        let mut text = |stream, bytes: &[u8]| json.text(&host, stream, bytes);
        assert_eq!(text(Stream::Stdout, b"caf\xc3"), "caf");
        assert_eq!(text(Stream::Stderr, b"\xf0\x9f"), "");
        assert_eq!(text(Stream::Stdout, b"\xa9!"), "é!");
        assert_eq!(text(Stream::Stderr, b"\x9a\x80\xff"), "🚀\u{fffd}");
        assert_eq!(text(Stream::Stdout, b"\xe2x"), "\u{fffd}x");
    }
}
