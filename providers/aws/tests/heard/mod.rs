//! A listener that records a provider's progress.

use std::sync::{Mutex, PoisonError};

use provider_core::{Progress, Scope, Step};

/// One step, without its details.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Calling,
    Page,
    Retrying,
    HostKeys,
    Done,
}

/// Every step so far, with its scope, in order.
#[derive(Debug, Default)]
pub(crate) struct Heard(Mutex<Vec<(String, Kind)>>);

impl Heard {
    pub(crate) fn steps(&self) -> Vec<(String, Kind)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn count(&self, kind: Kind) -> usize {
        self.steps().iter().filter(|(_, heard)| *heard == kind).count()
    }
}

impl Progress for Heard {
    fn step(&self, scope: &Scope, step: Step<'_>) {
        let kind = match step {
            Step::Calling { operation } => {
                assert!(operation.starts_with("Describe") || operation == "GetConsoleOutput", "{operation}");
                Kind::Calling
            }
            Step::Page { .. } => Kind::Page,
            Step::Retrying { reason, .. } => {
                assert!(!reason.is_empty());
                Kind::Retrying
            }
            Step::HostKeys { .. } => Kind::HostKeys,
            Step::Done { .. } => Kind::Done,
            other => panic!("a step that this test does not know: {other:?}"),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((scope.to_string(), kind));
    }
}
