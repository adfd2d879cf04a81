//! A sign of life at regular intervals, where nothing is redrawn: many pipelines end a job that is silent for ten
//! minutes.

use std::{
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread::{self, JoinHandle},
    time::Duration,
};

/// A thread that calls a closure at regular intervals until this is dropped.
#[derive(Debug)]
pub(in crate::report) struct Heartbeat {
    /// Dropped to end the thread.
    alive: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Heartbeat {
    /// Calls `beat` every `period`. If no thread can be started, there is no heartbeat, which does no harm.
    pub(in crate::report) fn start(period: Duration, beat: impl Fn() + Send + 'static) -> Self {
        let (alive, ended) = mpsc::channel();
        let thread = thread::Builder::new().name("heartbeat".to_owned()).spawn(move || {
            while ended.recv_timeout(period) == Err(RecvTimeoutError::Timeout) {
                beat();
            }
        });
        Self { alive: Some(alive), thread: thread.ok() }
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        drop(self.alive.take());
        if let Some(thread) = self.thread.take() {
            // A heartbeat that panicked has done no harm, and its message is on stderr already.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_beats_until_it_is_dropped() {
        let (beats, heard) = mpsc::channel();
        let heartbeat = Heartbeat::start(Duration::from_millis(1), move || {
            let _ = beats.send(());
        });
        assert_eq!((heard.recv(), heard.recv()), (Ok(()), Ok(())));
        drop(heartbeat);
        while heard.try_recv().is_ok() {}
        assert_eq!(heard.try_recv(), Err(mpsc::TryRecvError::Disconnected));
    }
}
