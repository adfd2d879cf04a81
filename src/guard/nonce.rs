//! The secret word that distinguishes the guard's lines from a script's output.

use std::fmt;

/// 128 random bits in hexadecimal. The script never sees them: they are in no argument list, environment or file.
#[derive(Clone, PartialEq, Eq)]
pub struct Nonce(String);

impl Nonce {
    /// A new nonce, for one start of the guard.
    pub fn random() -> Self {
        Self(format!("{:032x}", rand::random::<u128>()))
    }

    /// A fixed nonce, for stored inputs.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn known() -> Self {
        Self("0123456789abcdef0123456789abcdef".to_owned())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Nonce {
    /// Keeps the nonce out of logs, where a script could learn it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonce(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::Nonce;

    #[test]
    fn no_two_are_alike_and_none_is_printed() {
        let (one, two) = (Nonce::random(), Nonce::random());
        assert_ne!(one, two);
        assert_eq!(one.as_str().len(), 32);
        assert!(one.as_str().bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert!(!format!("{one:?}").contains(one.as_str()));
    }
}
