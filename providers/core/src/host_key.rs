//! A server's public host key, as clouds publish it and `known_hosts` files hold it.
//!
//! The instance itself wrote the keys that a cloud publishes for it: anyone with enough rights on it can set them to
//! anything. So a key is parsed and printed anew, and nothing else of the text is kept: no comment, no option, no line
//! break.

use std::{fmt, str::FromStr};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};
use sha2::{Digest, Sha256};

/// A key with a modulus of 16,384 bits, OpenSSH's longest, has about this many bytes.
const LONGEST: usize = 2200;

/// A well-formed public host key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostKey {
    kind: Kind,
    blob: Vec<u8>,
}

/// The types of host keys that OpenSSH uses. DSA is not included, because OpenSSH has dropped it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Kind {
    Ed25519,
    Nistp256,
    Nistp384,
    Nistp521,
    Rsa,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Ed25519, Self::Nistp256, Self::Nistp384, Self::Nistp521, Self::Rsa];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Ed25519 => "ssh-ed25519",
            Self::Nistp256 => "ecdsa-sha2-nistp256",
            Self::Nistp384 => "ecdsa-sha2-nistp384",
            Self::Nistp521 => "ecdsa-sha2-nistp521",
            Self::Rsa => "ssh-rsa",
        }
    }

    /// Whether these are the fields of such a key, without its name (RFC 4253 6.6, 5656 3.1, 8709 4).
    fn has(self, fields: &[&[u8]]) -> bool {
        let point = |curve: &str, length: usize| matches!(fields, [name, point] if *name == curve.as_bytes() && point.len() == length && point[0] == 4);
        match self {
            Self::Ed25519 => matches!(fields, [point] if point.len() == 32),
            Self::Nistp256 => point("nistp256", 65),
            Self::Nistp384 => point("nistp384", 97),
            Self::Nistp521 => point("nistp521", 133),
            Self::Rsa => matches!(fields, [exponent, modulus] if !exponent.is_empty() && modulus.len() > 64),
        }
    }
}

impl HostKey {
    /// Parses the two words that represent a key everywhere: its type, and the rest in base64.
    ///
    /// # Errors
    /// When they are anything but a complete key of a known type that matches its name.
    pub fn new(kind: &str, base64: &str) -> Result<Self, BadHostKey> {
        let kind = Kind::ALL.into_iter().find(|known| known.as_str() == kind).ok_or(BadHostKey::Kind)?;
        // Four base64 characters are three bytes.
        if base64.len() > LONGEST * 4 / 3 + 4 {
            return Err(BadHostKey::Content);
        }
        let blob = STANDARD.decode(base64).map_err(|_| BadHostKey::Content)?;
        let fields = fields(&blob).ok_or(BadHostKey::Content)?;
        match &fields[..] {
            [name, rest @ ..] if *name == kind.as_str().as_bytes() && kind.has(rest) => Ok(Self { kind, blob }),
            _ => Err(BadHostKey::Content),
        }
    }

    /// The type's name in the protocol, such as `ssh-ed25519`.
    pub fn kind(&self) -> &'static str {
        self.kind.as_str()
    }

    /// `SHA256:…`, in OpenSSH's form.
    pub fn fingerprint(&self) -> String {
        format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(&self.blob)))
    }
}

/// The form of a `known_hosts` file, after the names: type and base64.
impl fmt::Display for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), STANDARD.encode(&self.blob))
    }
}

/// Parses type and base64, as in a `.pub` file. A comment after them is ignored.
impl FromStr for HostKey {
    type Err = BadHostKey;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        let mut words = line.split_ascii_whitespace();
        Self::new(words.next().unwrap_or_default(), words.next().unwrap_or_default())
    }
}

/// The strings of a key, each preceded by its length; `None` when they do not make up the whole blob.
fn fields(mut blob: &[u8]) -> Option<Vec<&[u8]>> {
    let mut fields = Vec::new();
    while !blob.is_empty() {
        let (length, rest) = blob.split_first_chunk::<4>()?;
        let (field, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        fields.push(field);
        blob = rest;
    }
    Some(fields)
}

/// A text that is not a public host key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadHostKey {
    /// The type is unknown.
    #[error("no type of host key that is known")]
    Kind,
    /// The key is incomplete, or does not have the type that it names.
    #[error("not a whole key of the type that it names")]
    Content,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by `ssh-keygen`, with the fingerprints of `ssh-keygen -l`.
    const KEYS: [(&str, &str); 5] = [
        (
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOZ/jew7GxIJd9+TUnAUq7qhZBffZO1FW5oQLmSlI1dl",
            "SHA256:SZZiNuOyG3LiIgk5dLVTqX9UUM9mgfkenP2Ok3ehxWs",
        ),
        (
            "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBFTF8q8KeWClocFMGh2RJ1376FPQOeaQpDPlSx4KnrSPUI9LEV+2661O3IkiTb4bUvCf9ha9czx6z1mtgc3jxeU=",
            "SHA256:2Ucf5/t1WdcQCzXGQ66AX4DxL55RIBuRh+xcNbn/fJs",
        ),
        (
            "ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBGt9zGJLzyyJJOQ8H1BMOfR3Y6ZC4slgB83XwxMBsHUT5stTSs/m2ki+BjuqHdMWW/wS7iJfeXIvjxon1RYZ/rXZtlL/rRZG/vJ2x5vnenoVhtAP0EyMzJB9EbhouyGqFg==",
            "SHA256:9C9CBtktzDcNFthVjNebyCjZ5Shr8g0PQH68qTFF4BI",
        ),
        (
            "ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBAAMgM3XgEgSzYLnEdQH5Sg6ttlChTtjxve5IqWoJ+3bCZUk2DcujSrCPPsVOHRY9V2wZ7WQNmjVLLBhPPbq9FA3+QCZew2z+uX2hIQfAc7X+dOex1z6zZFcyCZBA9rkXvEH0NCGdzrNJzvFVDW+wabKlQ1s49WdAkMbAE/pkex/S8R/gw==",
            "SHA256:YQ8TYQPTTKkSa36WunAaWY5azB4BFEIFwmG+xvmgkO4",
        ),
        (
            "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDHyCrxxkc0v7dx1ex7UF++Bd5W8FAjx598tXtWVeCYuOa046oe1TZw+GgQM+udvrBqCZmq2AcaCjJbwrdu2v3bXreiVT8YiGyiRN4FMAyFRe9HX9qIXM2RZxNHSI5W9EWKVH8cIkTSZ2IZQU3KAa/GPOIl4qlTEdgRwGitfzNMoMMcsEwjUfwu7BgDq8TS2F1fz+2IM+rhgGs9H2GA/bHzeOkfVDOD0d3miGsKbcG53SPMTKbEBevVWPfhSPwtyZ15tkzcZNRfnf708UFL7kX4v8CTcLcKvB6apFd6cZlF5g4KZ6ImbI/24CqfKtZb5SXgYCAOtQOUcK+qdzz1V5RR",
            "SHA256:FBv8/RgmkFI/FvOvSCScbpZ89VyuQ+oNrDb/+0JSVqs",
        ),
    ];

    #[test]
    fn real_keys_are_read_and_written_as_they_were() {
        for (line, fingerprint) in KEYS {
            let key: HostKey = format!("{line} root@web-1").parse().expect(line);
            assert_eq!((key.to_string().as_str(), key.fingerprint().as_str()), (line, fingerprint));
            assert_eq!(line.split(' ').next(), Some(key.kind()));
        }
    }

    #[test]
    fn a_key_of_another_type_than_it_names_is_none() {
        for (one, _) in KEYS {
            for (other, _) in KEYS {
                let kind = one.split(' ').next().expect("a type");
                let blob = other.split(' ').nth(1).expect("a key");
                assert_eq!(HostKey::new(kind, blob).is_ok(), one == other, "{kind} {blob}");
            }
        }
    }

    #[test]
    fn what_is_no_whole_key_is_none() {
        let (_, blob) = KEYS[0].0.split_once(' ').expect("two words");
        for end in 0..blob.len() {
            assert!(HostKey::new("ssh-ed25519", &blob[..end]).is_err(), "{end}");
        }
        for bad in [
            format!("{blob}AAAA"),
            format!("{blob}\n"),
            format!(" {blob}"),
            blob.replace('A', "-"),
            "A".repeat(1 << 20),
        ] {
            assert_eq!(HostKey::new("ssh-ed25519", &bad), Err(BadHostKey::Content));
        }
        for kind in ["", "ssh-dss", "ssh-ed25519-cert-v01@openssh.com", "SSH-ED25519", "@revoked", "*"] {
            assert_eq!(HostKey::new(kind, blob), Err(BadHostKey::Kind), "{kind}");
        }
    }
}
