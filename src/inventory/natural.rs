//! The order in which people expect names: `web-2` before `web-10`.

use std::{cmp::Ordering, iter::Peekable, str::CharIndices};

/// Compares two names part by part: runs of digits by value, everything else letter by letter. Names that are equal so
/// far (`web-1`, `web-01`) are then compared letter by letter, so that the order is total.
pub fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.char_indices().peekable(), b.char_indices().peekable());
    loop {
        let order = match (left.peek().copied(), right.peek().copied()) {
            (None, None) => return a.cmp(b),
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some((_, x)), Some((_, y))) if x.is_ascii_digit() && y.is_ascii_digit() => {
                value(digits(a, &mut left), digits(b, &mut right))
            }
            (Some((_, x)), Some((_, y))) => {
                left.next();
                right.next();
                x.cmp(&y)
            }
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// The run of digits at the start of `rest`, which is advanced past it.
fn digits<'t>(text: &'t str, rest: &mut Peekable<CharIndices<'_>>) -> &'t str {
    let start = rest.peek().map_or(text.len(), |(at, _)| *at);
    while rest.next_if(|(_, c)| c.is_ascii_digit()).is_some() {}
    let end = rest.peek().map_or(text.len(), |(at, _)| *at);
    &text[start..end]
}

/// Compares two numbers of any length.
fn value(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_go_by_their_value() {
        let mut names = [
            "web-10",
            "web-2",
            "web",
            "db-9.z1",
            "web-02",
            "db-9.z10",
            "db-9.z2",
            "web-1",
            "web-99999999999999999999999",
            "web-1a",
            "ü-1",
            "10.0.0.9",
            "9.0.0.10",
        ];
        names.sort_by(|a, b| natural(a, b));
        let expected = [
            "9.0.0.10",
            "10.0.0.9",
            "db-9.z1",
            "db-9.z2",
            "db-9.z10",
            "web",
            "web-1",
            "web-1a",
            "web-02",
            "web-2",
            "web-10",
            "web-99999999999999999999999",
            "ü-1",
        ];
        assert_eq!(names, expected);
    }

    proptest! {
        #[test]
        fn it_is_an_order(a in "[a0-9é]{0,6}", b in "[a0-9é]{0,6}", c in "[a0-9é]{0,6}") {
            prop_assert_eq!(natural(&a, &b), natural(&b, &a).reverse());
            prop_assert_eq!(natural(&a, &b) == Ordering::Equal, a == b);
            if natural(&a, &b).is_le() && natural(&b, &c).is_le() {
                prop_assert!(natural(&a, &c).is_le());
            }
        }
    }
}
