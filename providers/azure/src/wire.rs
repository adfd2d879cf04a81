//! One request to the Resource Manager: where it may go, how long it may take, when it is retried.
//!
//! The SDK's own transport keeps no idle connection, follows a link to any host with the bearer token, and waits as
//! long as a server demands. So every request of this crate uses this module instead.

use std::{error::Error, iter::successors, time::Duration};

use provider_core::{Endpoint, Progress, Scope, ScopeError, Step};
use reqwest::{Response, header::RETRY_AFTER, redirect};
use serde::Deserialize;
use tokio::{
    pin, select,
    sync::mpsc::{UnboundedReceiver, UnboundedSender},
    time::{Instant, sleep, timeout_at},
};
use url::Url;

use crate::{config::configuration, failure::Failure};

/// The Resource Manager of the public cloud.
const PUBLIC_CLOUD: &str = "https://management.azure.com";
/// The first wait before a retry; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// No wait is longer, whatever the server demands: 1,200 s has been seen.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How often a request is made without an answer. A wrong address must be noticed before the deadline.
const TRIES_WITHOUT_ANSWER: u32 = 4;
/// The largest answer accepted; a page of machines is some hundred kilobytes. An endless answer must not fill the
/// memory.
const LARGEST_BODY: usize = 64 << 20;
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// The endpoint and the open connections to it. Cheap to clone; clones share the connections.
#[derive(Clone, Debug)]
pub(crate) struct Connections {
    http: reqwest::Client,
    endpoint: Url,
    loopback: bool,
}

impl Connections {
    /// Connections to `endpoint`, or to the public cloud. None is open yet.
    pub(crate) fn new(endpoint: Option<Endpoint>) -> Result<Self, ScopeError> {
        let loopback = endpoint.as_ref().is_some_and(Endpoint::is_loopback);
        let endpoint = match endpoint {
            Some(endpoint) => endpoint.url().clone(),
            None => Url::parse(PUBLIC_CLOUD).map_err(|error| configuration(error.to_string()))?,
        };
        if endpoint.path() != "/" {
            return Err(configuration(format!("the endpoint {endpoint} has a path; the Resource Manager has none")));
        }
        // A redirect would bypass the check of where links lead.
        let http = reqwest::Client::builder().redirect(redirect::Policy::none()).connect_timeout(CONNECT);
        let http = if loopback { http.no_proxy() } else { http };
        let http = http.build().map_err(|error| configuration(format!("no HTTP client: {}", reason(&error))))?;
        Ok(Self { http, endpoint, loopback })
    }

    /// The address that every path is joined to.
    pub(crate) fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// True when requests never leave this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        self.loopback
    }
}

/// An event on the wire, for a [`Progress`] that cannot be passed through the SDK.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A request is about to be made.
    Calling(&'static str),
    /// A page with this many machines was read.
    Page(usize),
    /// The request is retried after a wait.
    Retrying { reason: String, wait: Duration },
}

/// Reports events to `progress` during `work`.
pub(crate) async fn relay<T>(
    scope: &Scope,
    progress: &dyn Progress,
    mut heard: UnboundedReceiver<Heard>,
    work: impl Future<Output = T>,
) -> T {
    let tell = |step: Heard| match step {
        Heard::Calling(operation) => progress.step(scope, Step::Calling { operation }),
        Heard::Page(instances) => progress.step(scope, Step::Page { instances }),
        Heard::Retrying { reason, wait } => progress.step(scope, Step::Retrying { reason: &reason, wait }),
    };
    pin!(work);
    loop {
        select! {
            biased;
            Some(step) = heard.recv() => tell(step),
            result = &mut work => {
                while let Ok(step) = heard.try_recv() {
                    tell(step);
                }
                return result;
            }
        }
    }
}

/// The requests of one subscription, which share a deadline.
#[derive(Debug)]
pub(crate) struct Wire {
    connections: Connections,
    deadline: Instant,
    allowed: Duration,
    heard: UnboundedSender<Heard>,
}

/// A request that failed, and whether it may be retried.
struct Setback {
    failure: Failure,
    again: Again,
}

enum Again {
    /// The answer would be the same.
    No,
    /// The server answered, and may have demanded a wait.
    Answered(Option<Duration>),
    /// There was no answer.
    Unanswered,
}

impl Wire {
    /// Requests over `connections`, which give up when `allowed` has passed from now.
    pub(crate) fn new(connections: Connections, allowed: Duration, heard: UnboundedSender<Heard>) -> Self {
        // A little before the caller's deadline, so that this module reports the reason: a subscription that was
        // throttled to the end is reported as throttled, not as slow.
        let deadline = Instant::now() + allowed.mul_f64(0.98);
        Self { connections, deadline, allowed, heard }
    }

    /// The address that every path is joined to.
    pub(crate) fn endpoint(&self) -> &Url {
        self.connections.endpoint()
    }

    /// The endpoint's host and port, for messages.
    pub(crate) fn host(&self) -> String {
        shown(self.endpoint())
    }

    /// Reports that a page was read.
    pub(crate) fn read_page(&self, instances: usize) {
        self.tell(Heard::Page(instances));
    }

    /// The body of the answer from `url`, retried until the deadline.
    pub(crate) async fn get(&self, operation: &'static str, url: &Url, token: &str) -> Result<Vec<u8>, Failure> {
        if url.origin() != self.endpoint().origin() {
            return Err(Failure::ForeignLink { operation, host: self.host(), elsewhere: shown(url) });
        }
        let mut backoff = FIRST_WAIT;
        let mut unanswered = 0;
        let mut last = None;
        loop {
            self.tell(Heard::Calling(operation));
            let Ok(answer) = timeout_at(self.deadline, self.once(operation, url, token)).await else {
                let (host, deadline) = (self.host(), self.allowed);
                return Err(last.unwrap_or(Failure::TimedOut { operation, host, deadline }));
            };
            let Setback { failure, again } = match answer {
                Ok(body) => return Ok(body),
                Err(setback) => setback,
            };
            let asked = match again {
                Again::No => return Err(failure),
                Again::Answered(asked) => asked,
                Again::Unanswered => {
                    unanswered += 1;
                    if unanswered == TRIES_WITHOUT_ANSWER {
                        return Err(failure);
                    }
                    None
                }
            };
            let wait = asked.unwrap_or_default().max(backoff).min(LONGEST_WAIT);
            if Instant::now() + wait >= self.deadline {
                return Err(failure);
            }
            self.tell(Heard::Retrying { reason: failure.to_string(), wait });
            sleep(wait).await;
            backoff *= 2;
            last = Some(failure);
        }
    }

    async fn once(&self, operation: &'static str, url: &Url, token: &str) -> Result<Vec<u8>, Setback> {
        let unanswered = |error: reqwest::Error| Setback {
            failure: Failure::Unreachable { operation, host: self.host(), reason: reason(&error.without_url()) },
            again: Again::Unanswered,
        };
        let request = self.connections.http.get(url.clone()).bearer_auth(token).header("accept", "application/json");
        let mut response = request.send().await.map_err(unanswered)?;
        let status = response.status();
        let asked = asked_wait(&response);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unanswered)? {
            if body.len() + chunk.len() > LARGEST_BODY {
                let failure = Failure::TooLarge { operation, host: self.host(), mebibytes: LARGEST_BODY >> 20 };
                return Err(Setback { failure, again: Again::No });
            }
            body.extend_from_slice(&chunk);
        }
        if status.is_success() {
            return Ok(body);
        }
        let Refusal { code, message } = Refusal::read(&body);
        let failure = Failure::Refused { operation, host: self.host(), status: status.as_u16(), code, message };
        // The statuses that azure_core's own policy calls transient.
        let again = match status.as_u16() {
            408 | 429 | 500 | 502 | 503 | 504 => Again::Answered(asked),
            _ => Again::No,
        };
        Err(Setback { failure, again })
    }

    /// The receiver is gone when the subscription has been given up; that is no failure.
    fn tell(&self, step: Heard) {
        let _ = self.heard.send(step);
    }
}

/// The wait that the server demands. The Resource Manager sends seconds, never a date.
fn asked_wait(response: &Response) -> Option<Duration> {
    response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// `{"error": {"code", "message"}}`, or the text of a proxy.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    code: String,
    message: String,
}

impl Refusal {
    /// How much is shown of a body that the Resource Manager did not write.
    const SHOWN: usize = 200;

    fn read(body: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Envelope {
            error: Refusal,
        }
        match serde_json::from_slice(body) {
            Ok(Envelope { error }) => error,
            Err(_) => Self {
                code: "without a code".to_owned(),
                message: String::from_utf8_lossy(body)
                    .split_whitespace()
                    .collect::<Vec<_>>()
                    .join(" ")
                    .chars()
                    .take(Self::SHOWN)
                    .collect(),
            },
        }
    }
}

/// The host, and the port if it is not the default.
fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or("no host");
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// An error and its causes, in one line: `reqwest`'s own message is only "error sending request".
fn reason(error: &dyn Error) -> String {
    let causes = successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}
