//! Waiting for what somebody else says.

use std::future::pending;

use tokio::sync::watch;

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

    use super::until;

    #[tokio::test]
    async fn a_word_is_heard_and_one_that_nobody_can_say_is_waited_for_without_end() {
        let (sender, mut watched) = watch::channel(1);
        assert_eq!(until(&mut watched, |said| said > 0).await, 1);
        drop(sender);
        let never = until(&mut watched, |said| said > 1);
        tokio::time::timeout(Duration::from_millis(10), never).await.expect_err("nobody can say it");
    }
}
