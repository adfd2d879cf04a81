//! Selectors to hosts: ask the providers side by side, merge, refuse doubt.

pub mod host;

pub use host::{Host, HostId, SshAddress};
