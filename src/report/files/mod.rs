//! What a run leaves behind: the record, and the files that it is written to.
//!
//! [`record`] is what all screens and files of a run are drawn from, and is itself the JSON of `--report`; `places` enters
//! events into it. `hosts` and `host_record` are the part of it that tells of hosts, `rollout_record` that of stages, checks and hooks,
//! `samples` that of the checks' answers.
//! `record_file` keeps a file true while the run goes on,
//! and `whole` writes it so that nobody ever reads half of it; `junit` is another form of the same; `log_dir` holds what
//! hosts print, whole.

pub(super) mod host_record;
pub(super) mod hosts;
pub(super) mod junit;
pub(super) mod log_dir;
pub(super) mod places;
pub(super) mod record;
pub(super) mod record_file;
pub(super) mod rollout_record;
pub(super) mod samples;
pub mod whole;
