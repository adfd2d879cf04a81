//! What a run leaves behind: the record, and the files that it is written to.
//!
//! All screens and files of a run are drawn from the [`record`], which is itself the JSON of `--report`; `places`
//! enters events into it. Its parts: `hosts` and `host_record` describe hosts; `rollout_record` describes stages,
//! checks and hooks; `samples` holds the checks' answers. `record_file` keeps a file up to date while the run goes on,
//! and `whole` writes it so that nobody ever reads half of it; `junit` is another form of the record; `log_dir` holds
//! the complete output of hosts.

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
