//! Hosts that are not as anybody would have them, each on a real `sshd`, through the real binary.
//!
//! Every one of them either runs the script, with its true end, or is `unreachable` for one clear reason
//! before the script starts. [`host`] makes such a host; the other files are what can be strange about one.
//! What became of each stands in `docs/src/strange-hosts.md`, and a test sees to it that none is missing there.
//!
//! A host is this machine as one `sshd` sees it: its accounts, mounts, tools and limits are changed in a mount
//! namespace of its own, which ends with it, so the tests need root.

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
