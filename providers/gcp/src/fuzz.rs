//! Fuzzing with arbitrary answers of Compute Engine, or of something in its place. `tests/fuzz` searches; the test here
//! replays.

use crate::response::Page;

/// Any answer is either a page of complete machines, or an error.
///
/// # Panics
/// When it is neither.
pub fn page(input: &[u8]) {
    let Ok(page) = Page::from_json("shop-prod", input) else { return };
    for machine in &page.machines {
        let instance = &machine.instance;
        assert!(!instance.id.as_str().is_empty() && !instance.name.is_empty(), "{instance:?}");
        assert_eq!(instance.provider, crate::NAME);
    }
    assert_ne!(page.next.as_deref(), Some(""), "an empty token would ask for the first page again");
}

#[cfg(test)]
mod tests {
    use provider_core::replay::replay;

    #[test]
    fn every_answer_that_was_found_is_read_or_refused() {
        replay("gce_page", super::page);
    }
}
