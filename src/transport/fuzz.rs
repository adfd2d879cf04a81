//! Fuzz targets for what `ssh` may log and what a host may do in a conversation. Searched by `tests/fuzz`, replayed by
//! the tests here.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use super::{
    Job, OutputSink, RunAs, Stop, Stream,
    conversation::Conversation,
    ssh_log::{Phase, SshLog},
};
use crate::guard::{Deploy, EncodedRequest, GuardRequest, Nonce, OnLost, Part, Payload, Work};

/// Any log can be read: the login's phase never goes back, and the texts about it are safe to show.
///
/// # Panics
/// When that is not so.
pub fn ssh_log(input: &[u8]) {
    let mut log = SshLog::new("static+db1");
    let mut before = Phase::Connect;
    for line in String::from_utf8_lossy(input).lines() {
        let phase = log.push(line);
        assert!(phase >= before, "a login never goes back");
        before = phase;
    }
    let found = log.diagnosis();
    let texts = [Some(found.message.as_str()), found.hint.as_deref(), log.last_words(), log.standing()];
    for text in texts.into_iter().flatten() {
        assert!(!text.contains(char::is_control), "{text:?}");
    }
    assert!(!found.message.is_empty());
}

/// Counts the bytes it gets.
#[derive(Default)]
struct Out {
    bytes: usize,
}

impl OutputSink for Out {
    fn started(&mut self, _group: u32, _previous_revision: Option<&str>) {}

    fn output(&mut self, _stream: Stream, bytes: &[u8]) {
        self.bytes += bytes.len();
    }
}

/// Plays the input as a host, one step per line: the first byte is the action, the rest its bytes. Whatever the host
/// does, the conversation ends.
///
/// # Panics
/// When that is not so.
pub fn conversation(input: &[u8]) {
    for work in [Work::Run { command: "true".to_owned(), input: None }, three_parts()] {
        play(work, input);
    }
}

/// A deploy with two barriers.
pub(super) fn three_parts() -> Work {
    let part = |barrier| Part { name: "a".to_owned(), run: "true".to_owned(), barrier };
    Work::Deploy(Deploy {
        app: "shop".to_owned(),
        run: "r1".to_owned(),
        attempt: 1,
        fence: 1,
        revision: None,
        payload: Payload::Parts(vec![part(true), part(true), part(false)]),
    })
}

fn play(work: Work, input: &[u8]) {
    let request = GuardRequest {
        work,
        deadline: Duration::from_secs(100),
        grace: Duration::from_secs(10),
        on_lost: OnLost::Kill,
        env: BTreeMap::new(),
        args: Vec::new(),
    };
    let job = Job { request, idle_timeout: Some(Duration::from_secs(50)), run_as: RunAs::Login };
    let mut now = Instant::now();
    let mut out = Out::default();
    let request = EncodedRequest { opening: b"the guard".to_vec(), order: b"go\n".to_vec() };
    let mut talk = Conversation::new(&job, request, &Nonce::known(), now);
    for step in input.split_inclusive(|byte| *byte == b'\n') {
        if talk.end().is_some() {
            break;
        }
        let (what, said) = (step[0], &step[1..]);
        match what {
            b'o' if talk.is_open(Stream::Stdout) => talk.hear(Stream::Stdout, said, &mut out, now),
            b'e' if talk.is_open(Stream::Stderr) => talk.hear(Stream::Stderr, said, &mut out, now),
            b'O' if talk.is_open(Stream::Stdout) => talk.close(Stream::Stdout, &mut out, now),
            b'E' if talk.is_open(Stream::Stderr) => talk.close(Stream::Stderr, &mut out, now),
            b'w' if !said.is_empty() => talk.wrote(said.len().min(talk.unwritten().len()), now),
            b'T' => talk.wants(Stop::Terminate, now),
            b'K' => talk.wants(Stop::Kill, now),
            b'G' => talk.opens(talk.open_barriers() + 1, now),
            _ => {
                now = talk.alarm();
                talk.overdue(now);
            }
        }
    }
    assert!(out.bytes <= input.len(), "nothing is made up");
    // A held script may go on at the end. A host that says nothing more is given up after its silence, the deadline,
    // and the grace.
    talk.opens(u32::MAX, now);
    for _ in 0..8 {
        if talk.end().is_none() {
            now = talk.alarm();
            talk.overdue(now);
        }
    }
    assert!(talk.end().is_some(), "a silent host is waited for without end");
}

#[cfg(test)]
mod tests {
    use provider_core::replay::replay;

    #[test]
    fn logs_are_understood_and_conversations_end_for_all_that_was_found() {
        replay("ssh_log", super::ssh_log);
        replay("conversation", super::conversation);
    }
}
