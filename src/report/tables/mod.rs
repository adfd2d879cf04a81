//! The results of the commands that run nothing. Pure: data in, text out.
//!
//! [`table`] draws, `field` is a column of hosts. `hosts`, `plan` (and `rollback` for a rollback by hand), `check` and
//! `host_keys` are the results of one command each; `listing`, `ssh_config` and `ansible` are other forms of `hosts`.

pub(super) mod ansible;
pub(super) mod check;
pub(super) mod field;
pub(super) mod host_keys;
pub(super) mod hosts;
pub(super) mod listing;
pub(super) mod plan;
pub(super) mod rollback;
pub(super) mod ssh_config;
pub(super) mod table;
