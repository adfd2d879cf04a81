//! Many names in one word, as the screens print them and a person copies them: `web-[01-48,50]`. Pure.

/// The names that `folded` stands for: one per number in its first brackets. A range's numbers are as wide as its first
/// one, so `08-10` contains `09` and `8-10` contains `9`. `None` if there are no ranges in brackets.
///
/// The iterator is lazy, because a mistyped range may have more numbers than memory can hold.
pub fn unfold(folded: &str) -> Option<impl Iterator<Item = String> + '_> {
    let (before, rest) = folded.split_once('[')?;
    let (inside, after) = rest.split_once(']')?;
    let ranges: Vec<_> = inside.split(',').map(range).collect::<Option<_>>()?;
    let names = ranges
        .into_iter()
        .flat_map(move |(width, from, to)| (from..=to).map(move |number| format!("{before}{number:0width$}{after}")));
    Some(names)
}

/// The minimum width of a range's numbers, its first number and its last.
fn range(text: &str) -> Option<(usize, u64, u64)> {
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?;
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (from, to) = (number(first)?, number(last)?);
    (from <= to).then_some((first.len(), from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_brackets_are_counted_as_they_are_written() {
        let names = |folded| unfold(folded).map(|names| names.take(5).collect::<Vec<_>>().join(" "));
        assert_eq!(names("web-[08-10,7].eu-1").as_deref(), Some("web-08.eu-1 web-09.eu-1 web-10.eu-1 web-7.eu-1"));
        assert_eq!(names("10.0.0.[9-10]").as_deref(), Some("10.0.0.9 10.0.0.10"));
        assert_eq!(names("x[0-18446744073709551615]").as_deref(), Some("x0 x1 x2 x3 x4"), "counted one by one");
        for other in ["web-1", "web-[a-c]", "web-[3-1]", "web-[1-]", "web-[]", "web-[1", "[::1]", "x[+1]"] {
            assert_eq!(names(other), None, "{other}");
        }
    }
}
