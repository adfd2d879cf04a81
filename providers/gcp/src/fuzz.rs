//! Whatever Compute Engine, or something in its place, may answer. Searched by `tests/fuzz`, replayed by the test here.

use crate::response::Page;

/// An answer is a page of whole machines, or an error.
///
/// # Panics
/// When that is not so.
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
