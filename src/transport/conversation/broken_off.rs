//! Describes a conversation that ended without the guard's last word.

use super::Conversation;
use crate::{
    guard::Work,
    transport::{Lost, Stop},
};

/// A conversation that ended without the guard's last word.
#[derive(Debug)]
pub(in crate::transport) struct BrokenOff {
    /// What is known, unless the caller learns more.
    pub(in crate::transport) lost: Lost,
    /// Whether the guard was heard.
    pub(in crate::transport) guard: Guard,
    /// What something other than the guard said.
    pub(in crate::transport) remark: Option<String>,
}

impl From<Lost> for BrokenOff {
    fn from(lost: Lost) -> Self {
        Self { lost, guard: Guard::NotAwaited, remark: None }
    }
}

/// What was heard from a guard that did not say how the script ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::transport) enum Guard {
    /// It spoke, on one of its streams.
    Spoke,
    /// It said nothing before its streams or our patience ended.
    Mute,
    /// It said nothing, and the caller did not wait for it.
    NotAwaited,
}

impl Conversation<'_> {
    pub(super) fn broken_off(&self) -> BrokenOff {
        let guard = match (self.listener.guard_spoke, self.wish) {
            (true, _) => Guard::Spoke,
            (false, Stop::No) => Guard::Mute,
            (false, Stop::Terminate | Stop::Kill) => Guard::NotAwaited,
        };
        BrokenOff { lost: self.lost(), guard, remark: self.listener.remark() }
    }

    fn lost(&self) -> Lost {
        let message = match (&self.given_up, self.listener.group) {
            (Some(reason), _) => reason.clone(),
            (None, Some(_)) if self.job.request.may_start() => {
                "the connection ended while the script ran, before the host said how it ended".to_owned()
            }
            (None, _) => self.cut_short(),
        };
        let message = match self.listener.remark() {
            Some(remark) => format!("{message}; the host said: {remark}"),
            None => message,
        };
        Lost { group: self.listener.group, sent: self.order_sent, message }
    }

    /// The message for a connection that ended too early.
    fn cut_short(&self) -> String {
        if self.listener.group.is_some() {
            "the connection ended before the host said how the script ended".to_owned()
        } else if self.order_sent {
            format!("the connection ended before the host said {}", self.first_word())
        } else {
            self.before_the_order("the connection ended before it was sent")
        }
    }

    /// The message when the order was not sent. It makes no claim about a script that was started earlier.
    pub(super) fn before_the_order(&self, why: &str) -> String {
        let what = if self.job.request.may_start() { "the script never started" } else { "the host was not asked" };
        format!("{what}: {why}")
    }

    /// What a host reports first, once it has the order.
    pub(super) fn first_word(&self) -> &'static str {
        match self.job.request.work {
            Work::Deploy(_) | Work::Run { .. } => "that the script started",
            Work::Attach(_) => "how the script goes on",
            Work::Query(_) => "what it has on record",
        }
    }

    /// The message about a host whose last word did not come in time.
    pub(super) fn reproach(&self) -> String {
        if !self.open.stdout {
            return self.cut_short();
        }
        if !self.order_sent {
            return self.before_the_order("it was not ready for it in time");
        }
        if self.listener.group.is_none() {
            return format!("the host did not say {}, so it could not be told to end it", self.first_word());
        }
        match self.wish {
            Stop::Terminate | Stop::Kill => "told to end the script, the host never said that it did".to_owned(),
            Stop::No if self.job.request.may_start() => format!(
                "the script's deadline of {:?} passed, and the host never said how it ended",
                self.job.request.deadline
            ),
            // This request's deadline is only the remainder of the script's.
            Stop::No => "the script's deadline passed, and the host never said how it ended".to_owned(),
        }
    }
}
