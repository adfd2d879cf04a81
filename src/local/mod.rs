//! Programs on this machine: a hook, the command of a check, an `ssh`.
//!
//! None outlives this program: each is held on a leash by a [`Group`]. What a [`Program`] is told, it finds in its
//! environment: nothing is spliced into a command line.

mod group;
mod program;

pub use self::{
    group::Group,
    program::{End, Ended, Program, StopSignal, run},
};
