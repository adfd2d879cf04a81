//! Values as single words: every byte that may not be harmless is written `\0ooo`, as `printf %b` reads it.
//!
//! An escaped value holds no blank, quote, newline or NUL, so the guard can read it with `read -r` and put it
//! between single quotes without looking inside. Not in here: which values may be sent (see `request`).

/// `value` as one word. A leading `-` is escaped too, so that a lone `-` can stand for "none".
pub(super) fn escape(value: &[u8]) -> String {
    let mut word = String::with_capacity(value.len());
    for (at, &byte) in value.iter().enumerate() {
        if is_plain(byte) && !(at == 0 && byte == b'-') {
            word.push(char::from(byte));
        } else {
            word.push_str("\\0");
            word.extend([byte >> 6, byte >> 3 & 7, byte & 7].map(|digit| char::from(b'0' + digit)));
        }
    }
    word
}

/// The bytes that `word` stands for; `None` if it is not what [`escape`] writes.
pub(super) fn unescape(word: &[u8]) -> Option<Vec<u8>> {
    let mut value = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((&first, tail)) = rest.split_first() {
        rest = if first == b'\\' {
            let (octal, tail) = tail.strip_prefix(b"0")?.split_at_checked(3)?;
            value.push(octal.iter().try_fold(0_u8, |sum, &digit| match digit {
                b'0'..=b'7' => sum.checked_mul(8)?.checked_add(digit - b'0'),
                _ => None,
            })?);
            tail
        } else if is_plain(first) {
            value.push(first);
            tail
        } else {
            return None;
        };
    }
    Some(value)
}

/// The bytes that the guard's `value` function accepts, except the backslash.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_./:=@%+,-".contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{escape, unescape};

    #[test]
    fn a_value_becomes_one_harmless_word() {
        assert_eq!(escape(b"v1.2-rc_3/x"), "v1.2-rc_3/x");
        assert_eq!(escape(b"a b\n"), "a\\0040b\\0012");
        assert_eq!(escape(b"-"), "\\0055", "a lone `-` means none");
        assert_eq!(escape("ü'".as_bytes()), "\\0303\\0274\\0047");
    }

    #[test]
    fn what_escape_never_writes_is_refused() {
        for word in ["\\", "\\0", "\\012", "\\0400", "\\0999", "\\n", "a b", "'", "\\1012"] {
            assert_eq!(unescape(word.as_bytes()), None, "{word:?}");
        }
    }

    proptest! {
        #[test]
        fn every_value_comes_back(value in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(unescape(escape(&value).as_bytes()), Some(value));
        }
    }
}
