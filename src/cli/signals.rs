//! Ctrl-C, SIGTERM and a closed terminal, as messages to the run.

use std::io;

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

use crate::rollout::StopReason;

/// Hears the signals from now on. Each one is a message; the first asks, the second insists.
pub(super) fn listen() -> io::Result<mpsc::Receiver<StopReason>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let (sender, receiver) = mpsc::channel(8);
    tokio::spawn(async move {
        loop {
            let reason = tokio::select! {
                Some(()) = interrupt.recv() => StopReason::Interrupt,
                Some(()) = terminate.recv() => StopReason::Terminate,
                Some(()) = hangup.recv() => StopReason::Terminate,
                else => return,
            };
            if sender.send(reason).await.is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}
