//! Programs on this machine: a hook, the command of a check, an `ssh`.
//!
//! A [`Group`] holds each on a leash, so that none outlives this program. A [`Program`] gets its input through the
//! environment; nothing is spliced into a command line.

mod group;
mod program;
mod until;

pub use self::{
    group::Group,
    program::{End, Ended, Program, StopSignal, run},
    until::until,
};
