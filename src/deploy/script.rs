//! Reads from this machine what a deploy runs, and refuses what would only fail on every host.

use std::{fmt, fs, path::Path};

use sha2::{Digest, Sha256};

use super::{DeployError, environment::short_enough};
use crate::{
    config::{Part, Target},
    plan::{Payload, Script},
};

/// What a target runs for a deploy: its script, or its parts.
pub(super) fn payload(target: &Target) -> Result<Option<Payload>, DeployError> {
    let deploy = &target.deploy;
    if deploy.parts.is_empty() {
        return Ok(deploy.script.as_deref().map(|path| script(Role::Deploy, path)).transpose()?.map(Payload::Script));
    }
    for Part { name, run, .. } in &deploy.parts {
        short_enough(|| format!("the part `{name}`"), run)?;
    }
    Ok(Some(Payload::Parts(deploy.parts.as_slice().into())))
}

/// What a script is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// To deploy.
    Deploy,
    /// To roll a host back.
    Rollback,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deploy => "deploy script",
            Self::Rollback => "rollback script",
        })
    }
}

/// Reads a script, and refuses one that would only fail on every host.
pub(super) fn script(role: Role, path: &Path) -> Result<Script, DeployError> {
    let bytes = fs::read(path).map_err(|source| DeployError::Script { role, path: path.to_owned(), source })?;
    let first_line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(DeployError::EmptyScript(role, path.to_owned()));
    }
    if first_line.starts_with(b"#!") && first_line.ends_with(b"\r") {
        return Err(DeployError::WindowsScript(role, path.to_owned()));
    }
    if [&b"\xef\xbb\xbf"[..], b"\xff\xfe", b"\xfe\xff"].iter().any(|mark| bytes.starts_with(mark)) {
        return Err(DeployError::MarkedScript(role, path.to_owned()));
    }
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let sha256 = format!("{:x}", Sha256::digest(&bytes));
    Ok(Script { name, bytes: bytes.into(), sha256 })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join(name);
        fs::write(&path, bytes).expect("write");
        (dir, path)
    }

    #[test]
    fn a_script_that_can_only_fail_is_refused() {
        let (_dir, empty) = file("empty.sh", b" \n");
        assert!(matches!(script(Role::Deploy, &empty), Err(DeployError::EmptyScript(..))));
        let (_dir, windows) = file("windows.sh", b"#!/bin/sh\r\ntrue\r\n");
        assert!(matches!(script(Role::Deploy, &windows), Err(DeployError::WindowsScript(..))));
        let (_dir, marked) = file("marked.sh", b"\xef\xbb\xbf#!/bin/bash\ntrue\n");
        assert!(matches!(script(Role::Deploy, &marked), Err(DeployError::MarkedScript(..))));
        let missing = script(Role::Rollback, Path::new("/nonexistent/x.sh")).expect_err("it is not there");
        assert_eq!(missing.to_string(), "cannot read the rollback script /nonexistent/x.sh");
        let (_dir, good) = file("deploy.sh", b"#!/bin/sh\ntrue\n");
        let script = script(Role::Deploy, &good).expect("a script");
        assert_eq!((script.name.as_str(), script.sha256.len()), ("deploy.sh", 64));
    }
}
