//! Locks that survive a panic.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks even a mutex that a panicking thread left behind: an answer or a report with a flaw is better than none, and
/// the task that awaits that thread reports the panic itself.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{sync::Mutex, thread};

    use super::lock;

    #[test]
    fn what_a_panicking_thread_left_is_still_there() {
        let kept = Mutex::new(7);
        thread::scope(|scope| {
            let panicking = scope.spawn(|| {
                let _held = lock(&kept);
                panic!("on purpose");
            });
            assert!(panicking.join().is_err());
        });
        assert!(kept.is_poisoned());
        assert_eq!(*lock(&kept), 7);
    }
}
