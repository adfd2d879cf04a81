//! What happens next: a pure state machine.
//!
//! It takes inputs (an attempt ended, a check failed, a person pressed Ctrl-C) and returns commands (start this host,
//! begin the soak, undo that host, finish). It has no clock, no socket and no task, so a test can play many thousands
//! of generated histories through it. The executor and its siblings do everything that touches the world.
//!
//! [`words`] are the inputs and commands. `machine` keeps the order of things shown below: `steps` is its middle,
//! `stop` its short cut, `status` its end. `fleet` holds the state of every host, `wave` the hosts of the current
//! stage, `hosts` what an input means for a host, `late` what the clouds say meanwhile, `undo` the way back.
//!
//! ```text
//! before_run -> steps: a stage (hook, hosts, hook, ask the clouds) or a pause -> ask the clouds for late hosts
//!    |                    |                                                      |    ^ again, while there are some
//!    +---- something is not well: begin with nothing new, let what runs end <----+    |
//!                         |                                                           v
//!                         +-> on_failure -> on_rollback -> undo ----------------> after_run -> finish
//! ```
//!
//! A rollback by hand goes from `before_run` straight to `on_rollback`, with all hosts.

mod back_off;
mod fleet;
mod hosts;
mod late;
mod machine;
mod status;
mod steps;
mod stop;
mod undo;
mod wave;
pub mod words;

#[cfg(test)]
mod tests;

pub use self::{
    machine::Dispatcher,
    words::{
        Answer, AskAgain, AttemptEnd, Command, Hook, HookEnd, Hooks, HostIndex, Input, PauseEnd, Purpose, Rules,
        StageIndex, StepIndex, StepKind, UndoEnd,
    },
};
