//! What happens next: a pure state machine.
//!
//! Inputs come in (an attempt ended, a check failed, somebody pressed Ctrl-C), commands go out (start this host, begin
//! the soak, undo that host, finish). It has no clock, no socket and no task, so that many thousands of generated
//! histories can be played through it in a test. All that touches the world is in the executor and its siblings.
//!
//! [`words`] is what is heard and said. `machine` keeps the order of things, below: `steps` are its middle, `stop` its short
//! cut, `status` its end. `fleet` is where every host stands, `wave` the hosts of the stage under way, `hosts` what an input
//! means for a host, `late` what the clouds say meanwhile, `undo` the way back.
//!
//! ```text
//! before_run -> steps: a stage (hook, hosts, hook, ask the clouds) or a pause -> ask the clouds for late hosts
//!    |                    |                                                      |    ^ again, while there are some
//!    +---- something is not well: begin with nothing new, let what runs end <----+    |
//!                         |                                                           v
//!                         +-> on_failure -> on_rollback -> undo ----------------> after_run -> finish
//! ```
//!
//! A rollback by hand goes from `before_run` to `on_rollback` at once, with all hosts.

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
