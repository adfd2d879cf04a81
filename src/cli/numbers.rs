//! Numbers on the command line, refused in plain words.

use std::num::{NonZeroU16, NonZeroUsize};

/// A count: 1 or more.
pub(super) fn positive(text: &str) -> Result<NonZeroUsize, String> {
    text.trim().parse().map_err(|_| "give a whole number, 1 or more".to_owned())
}

/// A TCP port.
pub(super) fn port(text: &str) -> Result<NonZeroU16, String> {
    text.trim().parse().map_err(|_| "a port is a whole number from 1 to 65535".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_refused_in_plain_words() {
        for bad in ["0", "-1", "5.5", "x", "", "99999999999999999999"] {
            assert_eq!(positive(bad), Err("give a whole number, 1 or more".to_owned()), "{bad}");
        }
        for bad in ["0", "22x", "65536", "-22", ""] {
            assert!(port(bad).is_err_and(|said| said.contains("1 to 65535")), "{bad}");
        }
        assert_eq!(positive("5").map(NonZeroUsize::get), Ok(5));
        assert_eq!(port(" 22").map(NonZeroU16::get), Ok(22));
    }
}
