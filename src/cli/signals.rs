//! Ctrl-C, SIGTERM and a closed terminal, as messages to the run.

use std::{fs, io};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
};

use crate::rollout::Cancel;

/// Listens for the signals from now on. Each is a message; the first asks, the second insists.
///
/// A signal that this process was started to ignore stays ignored, as `nohup` intends.
pub(super) fn listen() -> io::Result<mpsc::Receiver<Cancel>> {
    let ignored = ignored_signals();
    let (sender, receiver) = mpsc::channel(8);
    for (kind, cancel) in [
        (SignalKind::interrupt(), Cancel::Interrupt),
        (SignalKind::terminate(), Cancel::Terminate),
        (SignalKind::hangup(), Cancel::Terminate),
    ] {
        if ignored & (1 << (kind.as_raw_value() - 1)) == 0 {
            tokio::spawn(pass_on(signal(kind)?, cancel, sender.clone()));
        }
    }
    // Kept open even if every signal is ignored: a closed channel would look like a message.
    tokio::spawn(async move { sender.closed().await });
    Ok(receiver)
}

async fn pass_on(mut signal: Signal, cancel: Cancel, to: mpsc::Sender<Cancel>) {
    while signal.recv().await.is_some() && to.send(cancel).await.is_ok() {}
}

/// The signals that this process was started to ignore, one bit each from SIGHUP on (proc(5), `SigIgn`). 0 if the
/// system does not say.
fn ignored_signals() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
