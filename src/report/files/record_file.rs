//! `--report FILE`, `--junit FILE` and `--html FILE`: the record on disk, always complete, never more than a moment
//! behind.
//!
//! The first save is made before any host is touched. Each save replaces the file, so a reader always finds a complete
//! record, even after the run was killed. A separate thread saves: a large fleet's record takes a while to write, and
//! no host should wait for that. Once the run was asked to end, saves follow each other quickly, because SIGKILL may
//! come next.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{
    record::Record,
    whole::{self, Sync},
};
use crate::report::lock;

/// The least time between two saves.
const PAUSE: Duration = Duration::from_millis(500);

/// Saving takes at most one part in this many of the time.
const SHARE: u32 = 10;

/// The least time between two saves once the run is being ended.
const SHORT_PAUSE: Duration = Duration::from_millis(100);

/// Renders a record as the content of a file.
pub(in crate::report) type Form = fn(&Record) -> io::Result<Vec<u8>>;

/// A record that is saved to a file whenever it changes.
#[derive(Debug)]
pub(in crate::report) struct RecordFile {
    shared: Arc<Shared>,
    saver: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    form: Form,
    record: Arc<Mutex<Record>>,
    wish: Mutex<Wish>,
    wished: Condvar,
}

#[derive(Debug, Default)]
struct Wish {
    /// The record has changed since the last save started.
    dirty: bool,
    haste: Haste,
    /// No more changes will come.
    last: bool,
    /// Why the latest save failed.
    failure: Option<io::Error>,
}

/// How soon a change must be on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Haste {
    /// When its turn comes.
    #[default]
    None,
    /// At once, however long the last save took.
    Now,
    /// Very soon, because the run may be killed at any moment.
    Soon,
}

impl RecordFile {
    /// Saves `record` for the first time, before this returns.
    ///
    /// # Errors
    /// When it cannot be saved. The caller should then start nothing that the record was to report.
    pub(in crate::report) fn create(path: &Path, form: Form, record: &Arc<Mutex<Record>>) -> io::Result<Self> {
        let (path, record) = (whole::destination(path)?, Arc::clone(record));
        let shared = Arc::new(Shared { path, form, record, wish: Mutex::default(), wished: Condvar::new() });
        shared.save()?;
        let saver = thread::Builder::new().name("record".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || shared.keep_saving()
        })?;
        Ok(Self { shared, saver: Some(saver) })
    }

    /// Tells the saver that the record has changed; it is saved soon.
    pub(in crate::report) fn changed(&self) {
        lock(&self.shared.wish).dirty = true;
        self.shared.wished.notify_one();
    }

    /// Tells the saver of a change that must be on disk if the next signal kills the run. All later changes are as
    /// urgent.
    pub(in crate::report) fn changed_gravely(&self) {
        {
            let mut wish = lock(&self.shared.wish);
            wish.dirty = true;
            wish.haste = Haste::Now;
        }
        self.shared.wished.notify_one();
    }

    /// Saves for the last time, before this returns. Returns why that failed, if it did.
    pub(in crate::report) fn finish(&mut self) -> Option<String> {
        {
            let mut wish = lock(&self.shared.wish);
            wish.dirty = true;
            wish.last = true;
        }
        self.shared.wished.notify_one();
        if let Some(saver) = self.saver.take() {
            // A saver that panicked has saved nothing; the return value reports it like any other failure.
            if saver.join().is_err() {
                lock(&self.shared.wish).failure = Some(io::Error::other("the thread that saves it ended"));
            }
        }
        let failure = lock(&self.shared.wish).failure.take();
        failure.map(|error| format!("cannot write the report {}: {error}", self.shared.path.display()))
    }
}

impl Drop for RecordFile {
    fn drop(&mut self) {
        if self.saver.is_some() {
            self.finish();
        }
    }
}

impl Shared {
    fn keep_saving(&self) {
        loop {
            let mut wish = lock(&self.wish);
            while !wish.dirty {
                wish = self.wished.wait(wish).unwrap_or_else(PoisonError::into_inner);
            }
            wish.dirty = false;
            if wish.haste == Haste::Now {
                wish.haste = Haste::Soon;
            }
            let last = wish.last;
            drop(wish);

            let began = Instant::now();
            let failure = self.save().err();
            let cost = began.elapsed();

            let mut wish = lock(&self.wish);
            wish.failure = failure;
            if last {
                return;
            }
            let pause = match wish.haste {
                Haste::None => PAUSE.max(cost * SHARE),
                Haste::Now | Haste::Soon => SHORT_PAUSE,
            };
            let until = Instant::now() + pause;
            while wish.haste != Haste::Now && !wish.last {
                let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else {
                    break;
                };
                wish = self.wished.wait_timeout(wish, left).unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }

    fn save(&self) -> io::Result<()> {
        // A copy, so that the run can enter events while a slow form is rendered.
        let record = lock(&self.record).clone();
        let bytes = (self.form)(&record)?;
        whole::write(&self.path, &bytes, if record.finished.is_some() { Sync::Now } else { Sync::Later })
    }
}

/// The record as the JSON of `--report FILE`.
///
/// # Errors
/// When it cannot be put into JSON.
pub(in crate::report) fn json(record: &Record) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(record)?;
    bytes.push(b'\n');
    Ok(bytes)
}
