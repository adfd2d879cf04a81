//! Many names in little room: `db-1, web-[01-48,50]`. Pure.

use std::collections::BTreeMap;

use crate::inventory::natural;

/// A name split at one of its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Frame<'n> {
    before: &'n str,
    after: &'n str,
}

/// The names in natural order; names that differ in only one number are folded into one.
pub(in crate::report) fn fold<'n>(names: impl IntoIterator<Item = &'n str>) -> Vec<String> {
    let mut names: Vec<&str> = names.into_iter().collect();
    names.sort_by(|a, b| natural(a, b));
    // A name is folded at the number that it shares with most other names; among equals, at the last one.
    let mut fellows = BTreeMap::<Frame<'_>, usize>::new();
    for name in &names {
        for (frame, _) in numbers(name) {
            *fellows.entry(frame).or_default() += 1;
        }
    }
    let mut folded: Vec<(Option<Frame<'_>>, Vec<&str>)> = Vec::new();
    let mut places = BTreeMap::<Frame<'_>, usize>::new();
    for name in names {
        let best = numbers(name).into_iter().max_by_key(|(frame, _)| fellows[frame]);
        let Some((frame, number)) = best.filter(|(frame, _)| fellows[frame] > 1) else {
            folded.push((None, vec![name]));
            continue;
        };
        let place = *places.entry(frame).or_insert(folded.len());
        match folded.get_mut(place) {
            Some((_, numbers)) => numbers.push(number),
            None => folded.push((Some(frame), vec![number])),
        }
    }
    let text = |(frame, parts): (Option<Frame<'_>>, Vec<&str>)| match frame {
        None => parts.concat(),
        Some(Frame { before, after }) => match &parts[..] {
            [only] => format!("{before}{only}{after}"),
            numbers => format!("{before}[{}]{after}", ranges(numbers)),
        },
    };
    folded.into_iter().map(text).collect()
}

/// Each number of a name, with the text around it. Numbers too long for a machine integer are not counted as numbers.
fn numbers(name: &str) -> Vec<(Frame<'_>, &str)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = name[from..].find(|c: char| c.is_ascii_digit()).map(|at| from + at) {
        let end = name[start..].find(|c: char| !c.is_ascii_digit()).map_or(name.len(), |at| start + at);
        if end - start <= 18 {
            found.push((Frame { before: &name[..start], after: &name[end..] }, &name[start..end]));
        }
        from = end;
    }
    found
}

/// `01-48,50`: numbers in order, consecutive ones as a range. A range keeps the width of its first number: `08-10`, but
/// never `8-010`.
fn ranges(numbers: &[&str]) -> String {
    let mut ranges: Vec<(&str, &str)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((first, last)) if follows(first, last, number) => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let text = |(first, last): (&str, &str)| {
        if first == last { first.to_owned() } else { format!("{first}-{last}") }
    };
    ranges.into_iter().map(text).collect::<Vec<_>>().join(",")
}

/// True when `number` follows `last` in a range that starts with `first`.
fn follows(first: &str, last: &str, number: &str) -> bool {
    let next = last.parse::<u64>().map(|last| format!("{:0width$}", last + 1, width = first.len()));
    next.is_ok_and(|next| next == number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::inventory::unfold;

    fn folded(names: &[&str]) -> String {
        fold(names.iter().copied()).join(", ")
    }

    #[test]
    fn numbers_that_follow_each_other_are_folded() {
        let many: Vec<String> = (1..=48).map(|n| format!("web-{n:02}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(folded(&many), "web-[01-48]");
        assert_eq!(folded(&["web-10", "web-9", "web-8", "web-12", "db-1"]), "db-1, web-[8-10,12]");
        assert_eq!(folded(&["web-09", "web-10", "web-9"]), "web-[09,9-10]");
        assert_eq!(
            folded(&["web-2.eu-west-1", "web-1.eu-west-1", "web-1.eu-west-2"]),
            "web-1.eu-west-[1-2], web-2.eu-west-1"
        );
        assert_eq!(folded(&["10.0.0.7", "10.0.0.8", "10.0.1.7"]), "10.0.0.[7-8], 10.0.1.7");
        assert_eq!(folded(&["one", "two", "web-7", "i-0abc"]), "i-0abc, one, two, web-7");
        assert_eq!(
            folded(&["a99999999999999999999", "a99999999999999999998"]),
            "a99999999999999999998, a99999999999999999999"
        );
        assert_eq!(folded(&[]), "");
    }

    /// The names that a list stands for, as `--hosts` reads it.
    fn unfolded(items: &[String]) -> Vec<String> {
        let names = |item: &String| unfold(item).map_or_else(|| vec![item.clone()], Iterator::collect);
        items.iter().flat_map(names).collect()
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_made(names in proptest::collection::btree_set("[ab]{0,1}-?[0-9]{0,3}[.x]?[0-9]{0,2}", 0..40)) {
            let mut back = unfolded(&fold(names.iter().map(String::as_str)));
            back.sort();
            prop_assert_eq!(back, names.into_iter().collect::<Vec<_>>());
        }
    }
}
