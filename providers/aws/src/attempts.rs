//! Observes every HTTP attempt of one region's client: to report progress, to explain an error at the deadline, and to
//! give up early on failures that waiting does not cure.
//!
//! The SDK retries internally. This module hooks into it in two places: an interceptor before each attempt is sent, and
//! a retry classifier after each has ended (the only hook that sees every end, timeouts included).

use std::{
    error::Error,
    io,
    marker::PhantomData,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use aws_sdk_ec2::{
    config::{
        ConfigBag, Intercept, RuntimeComponents,
        interceptors::{
            BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextRef,
            FinalizerInterceptorContextMut, InterceptorContext,
        },
        retry::{ClassifyRetry, RetryAction},
    },
    error::{BoxError, ProvideErrorMetadata},
    operation::RequestId,
};
use aws_smithy_runtime_api::client::{
    interceptors::context::OutputOrError,
    ser_de::{DeserializeResponse, SharedResponseDeserializer},
};
use provider_core::{FailureKind, lock};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use crate::{
    failure::{Failure, Request},
    wire,
};

/// The number of attempts in a row that may fail for a reason that waiting hardly ever cures, before the request is
/// given up. Failures that waiting does cure end only at the deadline.
const PATIENCE: u32 = 5;

/// An event of an attempt.
#[derive(Debug)]
pub(crate) enum Heard {
    /// An attempt is about to be sent.
    Calling,
    /// The attempt after a failed one is about to be sent.
    Retrying { reason: String, waited: Duration },
}

/// An operation's own error type.
pub(crate) trait OperationError: Error + ProvideErrorMetadata + RequestId + Send + Sync + 'static {}

impl<E: Error + ProvideErrorMetadata + RequestId + Send + Sync + 'static> OperationError for E {}

/// Observes the attempts of requests whose errors are `E`. Clones share what they observed.
#[derive(Debug)]
pub(crate) struct Listener<E>(Arc<Shared<E>>);

#[derive(Debug)]
struct Shared<E> {
    request: Request,
    tell: UnboundedSender<Heard>,
    state: Mutex<State>,
    errors: PhantomData<fn() -> E>,
}

#[derive(Debug, Default)]
struct State {
    calls: u32,
    /// The last attempt's failure and its time; `None` once an attempt succeeded.
    failed: Option<(Failure, Instant)>,
    /// Failures in a row that waiting does not cure.
    unmended: u32,
    /// How many calls there had been when the last attempt was judged: the SDK asks twice about each.
    judged: u32,
}

impl<E> Clone for Listener<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<E> Listener<E> {
    /// A listener for `request`, and the receiver of its events.
    pub(crate) fn new(request: Request) -> (Self, UnboundedReceiver<Heard>) {
        let (tell, heard) = mpsc::unbounded_channel();
        let shared = Shared { request, tell, state: Mutex::default(), errors: PhantomData };
        (Self(Arc::new(shared)), heard)
    }

    /// The request that it observes.
    pub(crate) fn request(&self) -> &Request {
        &self.0.request
    }

    /// How many attempts were sent.
    pub(crate) fn calls(&self) -> u32 {
        self.state().calls
    }

    /// Why the last attempt failed, if it did.
    pub(crate) fn last_failure(&self) -> Option<Failure> {
        self.state().failed.as_ref().map(|(failure, _)| failure.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0.state)
    }

    fn tell(&self, heard: Heard) {
        // The receiver is gone when the deadline has passed.
        let _ = self.0.tell.send(heard);
    }
}

impl<E: OperationError> Listener<E> {
    /// Why this attempt failed, if it did.
    fn failure(&self, attempt: &InterceptorContext) -> Option<Failure> {
        let error = attempt.output_or_error()?.err()?;
        let request = &self.0.request;
        if let Some(Err(cut)) = attempt.response().and_then(|response| wire::whole(response, request.operation)) {
            Some(request.bad_answer(&cut.to_string()))
        } else if let Some(refusal) = error.as_operation_error() {
            let response = attempt.response();
            let status = response.map(|response| response.status().as_u16());
            let Some(refusal) = refusal.downcast_ref::<E>() else { return Some(request.unmade(error)) };
            let mut failure = request.refused(status, refusal.meta(), refusal.request_id(), refusal);
            let body = response.and_then(|response| std::str::from_utf8(response.body().bytes()?).ok());
            if failure.kind == FailureKind::BadAnswer
                && let Some(id) = body.and_then(wire::culprit)
            {
                failure.message = format!("{}, in the description of instance `{id}`", failure.message);
            }
            Some(failure)
        } else if let Some(connector) = error.as_connector_error() {
            Some(request.undelivered(connector))
        } else if error.is_timeout_error() {
            Some(request.attempt_timed_out())
        } else if wire::is_too_long(error) {
            Some(request.bad_answer("the answer is longer than 64 MiB"))
        } else if error.is_response_error() {
            Some(request.undelivered(error))
        } else {
            Some(request.unmade(error))
        }
    }
}

impl<E: OperationError> Intercept for Listener<E> {
    fn name(&self) -> &'static str {
        "FleetwideAttempts"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let mut state = self.state();
        state.calls += 1;
        if let Some((failure, at)) = &state.failed {
            self.tell(Heard::Retrying { reason: failure.message.clone(), waited: at.elapsed() });
        }
        self.tell(Heard::Calling);
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        attempt: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        wire::cap(attempt.response_mut());
        Ok(())
    }

    fn modify_before_attempt_completion(
        &self,
        attempt: &mut FinalizerInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        match attempt.response().and_then(|response| wire::whole(response, self.0.request.operation)) {
            Some(Err(cut)) => return Err(cut.into()),
            Some(Ok(())) => {}
            None => return Ok(()),
        }
        let failed = attempt.output_or_error_mut().is_some_and(|outcome| outcome.is_err());
        if failed
            && let Some(outcome) = read_again(attempt, bag)
            && let Some(first) = attempt.output_or_error_mut()
        {
            *first = outcome;
        }
        Ok(())
    }
}

/// Parses the answer again without its unreadable times; `None` when that does not help.
fn read_again(attempt: &mut FinalizerInterceptorContextMut<'_>, bag: &ConfigBag) -> Option<OutputOrError> {
    let deserializer = bag.load::<SharedResponseDeserializer>()?;
    let response = attempt.response_mut()?;
    let legible = wire::without_unreadable_times(std::str::from_utf8(response.body().bytes()?).ok()?)?;
    let whole = std::mem::replace(response.body_mut(), legible.into());
    let outcome = deserializer.deserialize_nonstreaming_with_config(response, bag);
    *response.body_mut() = whole;
    outcome.is_ok().then_some(outcome)
}

impl<E: OperationError> ClassifyRetry for Listener<E> {
    fn name(&self) -> &'static str {
        "FleetwidePatience"
    }

    fn classify_retry(&self, attempt: &InterceptorContext) -> RetryAction {
        let failure = self.failure(attempt);
        let mut state = self.state();
        let is = |kind| failure.as_ref().is_some_and(|failure| failure.kind == kind);
        let (throttled, bad) = (is(FailureKind::Throttled), is(FailureKind::BadAnswer));
        if state.judged != state.calls {
            state.judged = state.calls;
            let in_vain = failure.as_ref().is_some_and(|failure| !waiting_mends(failure.kind, attempt));
            state.unmended = if in_vain { state.unmended + 1 } else { 0 };
        }
        state.failed = failure.map(|failure| (failure, Instant::now()));
        if bad || state.unmended >= PATIENCE {
            RetryAction::RetryForbidden
        } else if throttled {
            // The SDK judges only by the code, and a proxy's HTTP 429 has none.
            RetryAction::throttling_error()
        } else {
            // The SDK decides which other failures to retry.
            RetryAction::NoActionIndicated
        }
    }
}

/// Whether the same request is likely to succeed later.
fn waiting_mends(kind: FailureKind, attempt: &InterceptorContext) -> bool {
    match kind {
        FailureKind::Throttled | FailureKind::Service | FailureKind::TimedOut => true,
        FailureKind::Unreachable => {
            let connector =
                attempt.output_or_error().and_then(Result::err).and_then(|error| error.as_connector_error());
            !connector.is_some_and(|error| is_settled(error))
        }
        FailureKind::Credentials
        | FailureKind::Denied
        | FailureKind::Scope
        | FailureKind::BadAnswer
        | FailureKind::Configuration => false,
    }
}

/// True when the other side cannot be reached at all: no such name, no listener, or no trusted TLS.
fn is_settled(error: &(dyn Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |error: &&(dyn Error + 'static)| (*error).source());
    causes.any(|cause| match cause.downcast_ref::<io::Error>() {
        Some(error) => matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::InvalidData),
        // The HTTP client has no error type for it.
        None => cause.to_string().starts_with("dns error"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_some_connections_are_hopeless() {
        #[derive(Debug, thiserror::Error)]
        #[error("{0}")]
        struct Outer(&'static str, #[source] io::Error);
        for (kind, settled) in [
            (io::ErrorKind::ConnectionRefused, true),
            (io::ErrorKind::InvalidData, true),
            (io::ErrorKind::ConnectionReset, false),
            (io::ErrorKind::TimedOut, false),
            (io::ErrorKind::UnexpectedEof, false),
        ] {
            assert_eq!(is_settled(&Outer("client error (Connect)", kind.into())), settled, "{kind}");
        }
        assert!(is_settled(&Outer("dns error", io::Error::other("Name or service not known"))));
    }
}
