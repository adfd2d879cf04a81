//! The output of a host's script, over one connection or several: passed on as events, counted so that a later
//! connection continues where this one broke off. The last lines are kept for the report.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::Instant;

use super::{
    event::EventKind,
    executor::{Standing, Tell},
    last_lines::LastLines,
    outcome::HostResult,
    parts::Parts,
    recorder::Recorder,
    script_time::ScriptTime,
};
use crate::{
    guard::{Offsets, Part, PartEnd},
    inventory::HostId,
    plan::{Mask, mask::Masked},
    transport::{OutputSink, Stream},
};

/// Receives the output of one attempt's script.
pub(super) struct HostOutput<'a> {
    recorder: &'a Recorder,
    host: &'a HostId,
    running: &'a AtomicUsize,
    time: ScriptTime,
    group: Option<u32>,
    previous_revision: Option<String>,
    contact: Contact,
    reattached: u32,
    stdout: Heard,
    stderr: Heard,
    /// Where the output of the next part begins.
    next_part: Offsets,
    parts: Parts<'a>,
    /// Reports when the script waits at a barrier, and when it is heard again.
    tell: &'a Tell,
}

/// What was received of a stream.
struct Heard {
    mask: Masked,
    lines: LastLines,
}

/// Whether there is contact with the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Contact {
    Held,
    Lost,
}

impl<'a> HostOutput<'a> {
    /// `running` counts the running scripts of all hosts; `parts` is empty for a plain script.
    pub(super) fn new(
        recorder: &'a Recorder,
        host: &'a HostId,
        running: &'a AtomicUsize,
        parts: &'a [Part],
        mask: &Mask,
        time: ScriptTime,
        tell: &'a Tell,
    ) -> Self {
        let heard = || Heard { mask: mask.stream(), lines: LastLines::new(!parts.is_empty()) };
        Self {
            recorder,
            host,
            running,
            time,
            group: None,
            previous_revision: None,
            contact: Contact::Held,
            reattached: 0,
            stdout: heard(),
            stderr: heard(),
            next_part: Offsets::default(),
            parts: Parts::new(parts),
            tell,
        }
    }

    /// How much of the script's output was received.
    pub(super) fn heard(&self) -> Offsets {
        Offsets { stdout: self.stdout.count(), stderr: self.stderr.count() }
    }

    /// How much of the script's time is used up.
    pub(super) fn time(&self) -> &ScriptTime {
        &self.time
    }

    /// Whether there is contact with the host. There is none after [`lose`](Self::lose), until the script is heard
    /// again.
    pub(super) fn in_contact(&self) -> bool {
        self.contact == Contact::Held
    }

    /// Whether the script was seen to run.
    pub(super) fn has_started(&self) -> bool {
        self.group.is_some()
    }

    /// Contact was lost.
    pub(super) fn lose(&mut self, message: &str) {
        self.contact = Contact::Lost;
        self.parts.lost();
        self.time.lost(Instant::now());
        self.recorder.record(EventKind::HostLost { host: self.host, message });
    }

    /// Enters what was received.
    pub(super) fn finish(&mut self, result: &mut HostResult) {
        self.let_go();
        result.group = self.group;
        result.reattached = self.reattached;
        result.previous_revision = self.previous_revision.take();
        result.stdout_tail = self.stdout.lines.text();
        result.stderr_tail = self.stderr.lines.text();
        result.parts = std::mem::replace(&mut self.parts, Parts::new(&[])).into_results();
    }

    /// Passes on the bytes that were held back as the possible beginning of a secret: what comes now does not continue
    /// them.
    fn let_go(&mut self) {
        let Self { recorder, host, stdout, stderr, .. } = self;
        for (stream, heard) in [(Stream::Stdout, stdout), (Stream::Stderr, stderr)] {
            let rest = heard.mask.rest();
            heard.tell(&rest, |bytes| recorder.record(EventKind::Output { host, stream, bytes }));
        }
    }
}

impl Heard {
    /// How many bytes the host has sent.
    fn count(&self) -> u64 {
        self.lines.heard() + self.mask.held() as u64
    }

    fn tell(&mut self, bytes: &[u8], record: impl FnOnce(&[u8])) {
        if !bytes.is_empty() {
            self.lines.push(bytes);
            record(bytes);
        }
    }
}

impl Drop for HostOutput<'_> {
    fn drop(&mut self) {
        if self.group.is_some() {
            self.running.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl OutputSink for HostOutput<'_> {
    fn started(&mut self, group: u32, previous_revision: Option<&str>) {
        let host = self.host;
        self.previous_revision = previous_revision.map(ToOwned::to_owned);
        if self.group.replace(group).is_none() {
            self.running.fetch_add(1, Ordering::Relaxed);
            self.recorder.record(EventKind::ScriptStarted { host, group });
        }
        match self.contact {
            Contact::Held => {}
            Contact::Lost => {
                self.contact = Contact::Held;
                self.reattached += 1;
                self.recorder.record(EventKind::HostReattached { host, group });
                (self.tell)(Standing::HeardAgain);
            }
        }
    }

    fn output(&mut self, stream: Stream, bytes: &[u8]) {
        let heard = match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        };
        let bytes = heard.mask.push(bytes);
        let (recorder, host) = (self.recorder, self.host);
        heard.tell(&bytes, |bytes| recorder.record(EventKind::Output { host, stream, bytes }));
    }

    fn part_begun(&mut self, part: u32) {
        let (host, now) = (self.host, Instant::now());
        self.time.begun(part, now);
        if let Some(part) = self.parts.begun(part, now).map(ToOwned::to_owned) {
            // A failure shows the last lines of the part that failed.
            self.stdout.lines.begin_at(self.next_part.stdout);
            self.stderr.lines.begin_at(self.next_part.stderr);
            self.recorder.record(EventKind::PartStarted { host, part: &part });
        }
    }

    fn part_ended(&mut self, end: &PartEnd) {
        let host = self.host;
        if let Some(part) = self.parts.ended(end.part, &end.status, Instant::now()) {
            let Offsets { stdout, stderr } = self.next_part;
            self.next_part = Offsets { stdout: end.stdout.unwrap_or(stdout), stderr: end.stderr.unwrap_or(stderr) };
            self.recorder.record(EventKind::PartFinished { host, part });
        }
    }

    fn held(&mut self, barrier: u32) {
        let host = self.host;
        self.time.held(barrier, Instant::now());
        if let Some(part) = self.parts.held(barrier) {
            self.recorder.record(EventKind::HostHeld { host, part });
            (self.tell)(Standing::Reached);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, Mutex},
        time::Duration,
    };

    use super::{
        super::{
            event::{Event, EventSink},
            script_time::tests::in_parts,
        },
        *,
    };
    use crate::{config::SecretRef, inventory::testing::host, plan::RunId};

    /// Collects output.
    #[derive(Debug, Default)]
    struct Told(Mutex<Vec<u8>>);

    impl EventSink for Told {
        fn event(&self, event: &Event<'_>) {
            if let EventKind::Output { bytes, .. } = event.kind {
                self.0.lock().expect("no panic").extend_from_slice(bytes);
            }
        }
    }

    #[derive(Debug)]
    struct Deaf;

    impl EventSink for Deaf {
        fn event(&self, _event: &Event<'_>) {}
    }

    /// The secret comes in pieces, as a script with `set -x` prints it.
    #[test]
    fn a_secret_is_told_to_nobody_and_the_bytes_are_counted_as_they_came() {
        let told = Arc::new(Told::default());
        let sink: Arc<dyn EventSink> = Arc::<Told>::clone(&told);
        let (recorder, host, running) = (Recorder::new(RunId::new(), sink), host("i-1", "a"), AtomicUsize::new(0));
        let secret = SecretRef::Env("X".into()).read(|_| Some("hunter2hunter2".into())).expect("set");
        let job = in_parts(&[], Duration::from_secs(10));
        let time = ScriptTime::of(&job, Instant::now());
        let mut out = HostOutput::new(&recorder, &host.id, &running, &[], &Mask::of([&secret]), time, &|_| {});
        out.output(Stream::Stderr, b"+ TOKEN=hunter2h");
        assert_eq!(out.heard().stderr, 16);
        out.lose("reset");
        out.output(Stream::Stderr, b"unter2 npm\nhunt");
        assert_eq!(out.heard().stderr, 31);
        let mut result = HostResult::skipped(host.id.clone());
        out.finish(&mut result);
        let expected = "+ TOKEN=************** npm\nhunt";
        assert_eq!(result.stderr_tail, expected);
        assert_eq!(String::from_utf8_lossy(&told.0.lock().expect("no panic")), expected);
    }

    /// The word comes on standard output, and standard error may lag behind it.
    #[test]
    fn a_secret_is_told_to_nobody_where_the_next_part_begins_within_it() {
        let told = Arc::new(Told::default());
        let sink: Arc<dyn EventSink> = Arc::<Told>::clone(&told);
        let (recorder, host, running) = (Recorder::new(RunId::new(), sink), host("i-1", "a"), AtomicUsize::new(0));
        let secret = SecretRef::Env("X".into()).read(|_| Some("hunter2hunter2".into())).expect("set");
        let job = in_parts(&[false, false], Duration::from_secs(10));
        let (parts, time) = (job.request.parts(), ScriptTime::of(&job, Instant::now()));
        let mut out = HostOutput::new(&recorder, &host.id, &running, parts, &Mask::of([&secret]), time, &|_| {});
        out.part_begun(1);
        out.output(Stream::Stderr, b"TOKEN=hunter2h");
        out.part_begun(2);
        out.output(Stream::Stderr, b"unter2 npm\n");
        out.finish(&mut HostResult::skipped(host.id.clone()));
        assert_eq!(String::from_utf8_lossy(&told.0.lock().expect("no panic")), "TOKEN=************** npm\n");
    }

    /// The script may run for ten seconds, and still has time after fifteen.
    #[test]
    fn what_is_held_or_may_be_does_not_use_up_its_time() {
        let (recorder, host, running) =
            (Recorder::new(RunId::new(), Arc::new(Deaf)), host("i-1", "a"), AtomicUsize::new(0));
        let job = in_parts(&[true, true, false], Duration::from_secs(10));
        let mut out = HostOutput::new(
            &recorder,
            &host.id,
            &running,
            job.request.parts(),
            &Mask::default(),
            ScriptTime::of(&job, Instant::now()),
            &|_| {},
        );
        let is_over = |out: &HostOutput<'_>| out.time().left(Instant::now() + Duration::from_secs(15)).is_zero();
        out.part_begun(1);
        assert!(is_over(&out));
        out.held(1);
        assert!(!is_over(&out));
        out.part_begun(2);
        assert!(is_over(&out));
        out.lose("reset");
        assert!(!is_over(&out));
    }
}
