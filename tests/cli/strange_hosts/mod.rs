//! Unusual hosts, each on a real `sshd`, through the real binary.
//!
//! Every one of them either runs the script, with its true end, or is `unreachable` for one clear reason before the
//! script starts. [`host`] makes such a host; the other files are the ways in which one can be strange.
//! `docs/src/strange-hosts.md` lists the result of each, and a test checks that none is missing there.
//!
//! A host is this machine as one `sshd` sees it. Its accounts, mounts, tools and limits are changed in its own mount
//! namespace, which ends with it, so the tests need root.

mod clocks;
mod documented;
mod environment;
mod greetings;
mod homes;
mod host;
mod locked;
mod parts;
mod scripts;
mod shells;
mod sudo;
mod tools;
mod userland;
