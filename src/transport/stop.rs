//! How urgently what runs is to be ended, and how one waits for that.

use std::future::pending;

use tokio::sync::watch;

/// How urgently a running script is to be ended. Only ever rises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// Let it run.
    #[default]
    No,
    /// TERM, then KILL after the job's grace; wait for the host's word.
    Terminate,
    /// KILL at once; wait for the host's word, but not for long.
    Kill,
}

/// Waits until what is watched is `enough`, and gives it; for ever, if nobody can change it any more.
pub async fn until<T: Copy>(watched: &mut watch::Receiver<T>, enough: impl Fn(T) -> bool) -> T {
    let found = watched.wait_for(|now| enough(*now)).await.ok().map(|now| *now);
    match found {
        Some(now) => now,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use tokio::{sync::watch, time::Duration};

    use super::{Stop, until};

    #[tokio::test]
    async fn a_wish_is_heard_and_one_that_nobody_can_have_is_waited_for_without_end() {
        let (wish, mut stop) = watch::channel(Stop::Terminate);
        assert_eq!(until(&mut stop, |wish| wish > Stop::No).await, Stop::Terminate);
        drop(wish);
        let never = until(&mut stop, |wish| wish > Stop::Terminate);
        tokio::time::timeout(Duration::from_millis(10), never).await.expect_err("nobody can wish it");
    }
}
