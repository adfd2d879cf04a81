//! Standard output and standard error, for readers that may go away or stop reading: `fleetwide … | head` must neither
//! panic nor end the run, and a terminal after Ctrl-S, a pager or a stuck log collector must not stall it.
//!
//! Each stream has a queue and a thread that writes. While the queue has room, no caller waits. When it is full, output
//! of hosts waits a while, which is the backpressure on the hosts, and is then left out. Text of limited size (results,
//! failures, events that end something) is always queued, because the run's record holds as much in memory anyway.

use std::{
    collections::VecDeque,
    fmt,
    io::{self, Write},
    mem,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use crate::report::{lock, text::words};

/// The size of the queue above which the output of hosts waits. In bytes.
const ROOM: usize = 4 * 1024 * 1024;

/// Redrawn frames are dropped when more than this is queued. In bytes.
const FRAMES_ROOM: usize = 64 * 1024;

/// The longest wait for room. Short, because the whole run waits and does not react to Ctrl-C meanwhile.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long one stream waits for the other to be written, so that lines keep their order where both lead to the same
/// place. Long enough for a busy machine: a line that overtakes the erasing of a live display leaves it standing among
/// the lines.
const TURN: Duration = Duration::from_secs(1);

/// The most that is handed to the system at once. Small enough to notice whether the reader still reads.
const PIECE: usize = 64 * 1024;

/// How long to wait for readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) enum Wait {
    /// Until all is written, or the reader has gone away.
    Ever,
    /// Until all is written, or nothing has been read for half a minute: a person may be reading in a pager, or nobody
    /// ever will.
    WhileRead,
    /// At most two seconds, because the run was asked to end.
    Briefly,
}

/// Why a stream did not receive everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::report) enum Shortfall {
    /// Its reader has closed it, as `head` does.
    Closed(String),
    /// It cannot be written, as on a full disk.
    Failed(String),
    /// This many bytes were not read in time.
    Unread(usize),
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(error) => write!(f, "standard output was closed before the end: {error}"),
            Self::Failed(error) => write!(f, "cannot write to standard output: {error}"),
            Self::Unread(bytes) => {
                write!(f, "standard output was not read in time: {} not shown", words::count(*bytes, "byte"))
            }
        }
    }
}

/// One output stream, shared by all writers. After the first failure it discards the rest and keeps the error.
#[derive(Clone)]
pub(in crate::report) struct Outlet {
    own: Arc<Handle>,
    other: Arc<Shared>,
}

/// Held by the writers; when the last is dropped, the thread ends.
struct Handle(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Something was queued or written, or the end has come.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<String>,
    /// The size of the text that is queued or being written. In bytes.
    waiting: usize,
    /// Counts the pieces written, to notice whether anybody reads.
    written: u64,
    patience: Patience,
    /// The other stream has waited in vain, and does not wait again until all is written.
    behind: bool,
    /// No more text is accepted.
    closed: bool,
    /// The number of bytes left out since the last text that was not.
    gap: usize,
    /// The number of all bytes left out.
    lost: usize,
    failure: Option<io::Error>,
}

/// Whether output waits for room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Patience {
    /// It does.
    #[default]
    Some,
    /// A text has waited in vain: no other waits until half of the room is free.
    Tried,
    /// Never again.
    None,
}

impl Outlet {
    /// Standard output and standard error.
    pub(in crate::report) fn pair(stdout: Box<dyn Write + Send>, stderr: Box<dyn Write + Send>) -> (Self, Self) {
        let (out, err) = (Shared::start("stdout", stdout), Shared::start("stderr", stderr));
        let outlet = |own: &Arc<Shared>, other: &Arc<Shared>| Self {
            own: Arc::new(Handle(Arc::clone(own))),
            other: Arc::clone(other),
        };
        (outlet(&out, &err), outlet(&err, &out))
    }

    /// Queues `text`, which is never left out. For text of limited size.
    pub(in crate::report) fn print(&self, text: &str) {
        self.other.give_turn();
        self.own.0.push(&mut lock(&self.own.0.state), text);
    }

    /// Queues `text` and a line break.
    pub(in crate::report) fn line(&self, text: &str) {
        self.print(&format!("{text}\n"));
    }

    /// Queues output of any size: waits briefly for room, and then leaves `text` out. The next text that has room is
    /// preceded by `mark` of the number of bytes left out.
    pub(in crate::report) fn flood(&self, text: &str, mark: impl FnOnce(usize) -> String) {
        self.other.give_turn();
        let shared = &self.own.0;
        let deadline = Instant::now() + PATIENCE;
        let mut state = lock(&shared.state);
        while !state.has_room(text) && state.patience == Patience::Some && state.is_open() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                state.patience = Patience::Tried;
                break;
            }
            state = shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.has_room(text) {
            let gap = mem::take(&mut state.gap);
            let mark = if gap > 0 { mark(gap) } else { String::new() };
            shared.push(&mut state, &(mark + text));
        } else {
            state.gap += text.len();
            state.lost += text.len();
        }
    }

    /// Queues a frame of a live display; it is left out when nobody reads.
    pub(in crate::report) fn frame(&self, text: &str) {
        self.other.give_turn();
        let mut state = lock(&self.own.0.state);
        if state.waiting < FRAMES_ROOM {
            self.own.0.push(&mut state, text);
        }
    }

    /// Takes the number of bytes left out since the last text that was not.
    pub(in crate::report) fn take_gap(&self) -> usize {
        mem::take(&mut lock(&self.own.0.state).gap)
    }

    /// From now on no text waits for room, because something is more urgent than output.
    pub(in crate::report) fn hurry(&self) {
        lock(&self.own.0.state).patience = Patience::None;
        self.own.0.changed.notify_all();
    }

    /// Waits until all is written; false if it gave up.
    pub(in crate::report) fn flush(&self, wait: Wait) -> bool {
        self.own.0.flush(wait)
    }

    /// Waits until all is written. Text that is not written by then is discarded, and so is any later text.
    pub(in crate::report) fn finish(&self, wait: Wait) {
        self.own.0.finish(wait);
    }

    /// Why not everything was written, if anything is missing.
    pub(in crate::report) fn shortfall(&self) -> Option<Shortfall> {
        let state = lock(&self.own.0.state);
        match &state.failure {
            Some(error) if error.kind() == io::ErrorKind::BrokenPipe => Some(Shortfall::Closed(error.to_string())),
            Some(error) => Some(Shortfall::Failed(error.to_string())),
            None => (state.lost > 0).then_some(Shortfall::Unread(state.lost)),
        }
    }
}

impl fmt::Debug for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outlet").field("shortfall", &self.shortfall()).finish_non_exhaustive()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.finish(Wait::Briefly);
        lock(&self.0.state).closed = true;
        self.0.changed.notify_all();
    }
}

impl State {
    /// True while the stream accepts text.
    const fn is_open(&self) -> bool {
        self.failure.is_none() && !self.closed
    }

    const fn has_room(&self, text: &str) -> bool {
        self.waiting == 0 || self.waiting + text.len() <= ROOM
    }

    /// Discards the queue; returns the size of what was waiting.
    fn abandon(&mut self) -> usize {
        self.queue.clear();
        mem::take(&mut self.waiting)
    }
}

impl Shared {
    fn start(name: &str, writer: Box<dyn Write + Send>) -> Arc<Self> {
        let shared = Arc::new(Self::default());
        let thread = thread::Builder::new().name(name.to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || shared.keep_writing(writer)
        });
        lock(&shared.state).failure = thread.err();
        shared
    }

    fn push(&self, state: &mut State, text: &str) {
        if state.failure.is_some() || text.is_empty() {
            return;
        }
        if state.closed {
            state.lost += text.len();
            return;
        }
        state.waiting += text.len();
        state.queue.push_back(text.to_owned());
        self.changed.notify_all();
    }

    /// Waits for this stream to be written before the other one goes on.
    fn give_turn(&self) {
        let deadline = Instant::now() + TURN;
        let mut state = lock(&self.state);
        while state.waiting > 0 && !state.behind && state.is_open() {
            let left = deadline.saturating_duration_since(Instant::now());
            state.behind = left.is_zero();
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn flush(&self, wait: Wait) -> bool {
        let patience = match wait {
            Wait::Ever => None,
            Wait::WhileRead => Some(Duration::from_secs(30)),
            Wait::Briefly => Some(Duration::from_secs(2)),
        };
        let mut since = Instant::now();
        let mut state = lock(&self.state);
        let mut written = state.written;
        while state.waiting > 0 && state.is_open() {
            if wait == Wait::WhileRead && state.written != written {
                (written, since) = (state.written, Instant::now());
            }
            let Some(patience) = patience else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = patience.saturating_sub(since.elapsed());
            if left.is_zero() {
                return false;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    fn finish(&self, wait: Wait) {
        self.flush(wait);
        let mut state = lock(&self.state);
        if state.waiting > 0 {
            state.closed = true;
            let lost = state.abandon();
            state.lost += lost;
        }
        drop(state);
        self.changed.notify_all();
    }

    fn keep_writing(&self, mut writer: Box<dyn Write + Send>) {
        loop {
            let mut state = lock(&self.state);
            let text = loop {
                match state.queue.pop_front() {
                    Some(text) => break text,
                    None if state.closed => return,
                    None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                }
            };
            drop(state);
            if let Err(error) = self.write(&mut *writer, text.as_bytes()) {
                let mut state = lock(&self.state);
                state.failure = Some(error);
                state.abandon();
                drop(state);
                return self.changed.notify_all();
            }
        }
    }

    /// Writes one text, and updates the state after each piece.
    fn write(&self, writer: &mut dyn Write, text: &[u8]) -> io::Result<()> {
        let mut rest = text.chunks(PIECE).peekable();
        while let Some(piece) = rest.next() {
            writer.write_all(piece)?;
            if rest.peek().is_none() {
                writer.flush()?;
            }
            let mut state = lock(&self.state);
            state.written += 1;
            state.waiting = state.waiting.saturating_sub(piece.len());
            if state.patience == Patience::Tried && state.waiting <= ROOM / 2 {
                state.patience = Patience::Some;
            }
            state.behind &= state.waiting > 0;
            drop(state);
            self.changed.notify_all();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
