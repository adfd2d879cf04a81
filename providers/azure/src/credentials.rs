//! The chain of credentials, behind the token trait of the compute SDK.
//!
//! Tokens come from `azure_identity` 1.x, but the compute SDK belongs to the 0.21 line; [`Credentials`] is the bridge.
//! The links themselves are in [`links`].

mod links;

use std::{
    fmt,
    sync::OnceLock,
    time::{Duration as Span, Instant},
};

use async_trait::async_trait;
use azure_core::{
    credentials::AccessToken,
    time::{Duration, OffsetDateTime},
};
use azure_core_mgmt::auth::{AccessToken as SdkToken, TokenCredential};
use tokio::{
    sync::Mutex,
    time::{self, timeout_at},
};

use self::links::{Link, NoToken};
use crate::{environment::Environment, failure::Failure, listing::into_error, wire::Connections};

/// A token is renewed when it expires sooner than this, so that it does not expire during a list.
const FRESH: Duration = Duration::minutes(5);

/// The token for one subscription, fetched once and kept.
#[derive(Debug)]
pub(crate) struct Credentials {
    /// Empty for a loopback endpoint.
    links: Vec<Box<dyn Link>>,
    /// The scope of the token.
    scope: String,
    token: Mutex<Option<AccessToken>>,
    patience: Patience,
    /// The link that gave the first token.
    giver: OnceLock<&'static str>,
}

impl Credentials {
    /// The ordinary chain. A loopback endpoint is a stand-in: no credential is looked for, so none can reach it, and no
    /// metadata service is queried.
    ///
    /// `allowed` is how long the whole subscription may take from now, tokens included.
    pub(crate) fn new(connections: &Connections, environment: &Environment, subscription: &str, allowed: Span) -> Self {
        let links = if connections.is_loopback() { Vec::new() } else { links::chain(environment, subscription) };
        Self::of(links, format!("{}.default", connections.endpoint()), allowed)
    }

    fn of(links: Vec<Box<dyn Link>>, scope: String, allowed: Span) -> Self {
        Self { links, scope, token: Mutex::default(), patience: Patience::new(allowed), giver: OnceLock::new() }
    }

    /// The source of the token, or the sources that were tried; for hints.
    pub(crate) fn tried(&self) -> String {
        if self.links.is_empty() {
            return "a loopback endpoint is asked without credentials".to_owned();
        }
        match self.giver.get() {
            Some(giver) => format!("the credentials in use are from: {giver}"),
            None => format!("tried: {}", self.links.iter().map(|link| link.name()).collect::<Vec<_>>().join(", ")),
        }
    }

    /// Tries link after link. A link that is not set up is skipped. A link that is set up and fails ends the search: an
    /// expired secret must not silently lead to another identity.
    async fn fetch(&self) -> Result<AccessToken, Failure> {
        let mut absent = Vec::new();
        let (started, limit) = (Instant::now(), self.patience.limit());
        for link in &self.links {
            let Ok(answer) = timeout_at(limit, link.token(&self.scope)).await else {
                let waited = started.elapsed().as_secs_f32();
                return Err(Failure::Credentials(format!("{}: no answer within {waited:.1} s", link.name())));
            };
            match answer {
                Ok(token) => {
                    let _ = self.giver.set(link.name());
                    return Ok(token);
                }
                Err(NoToken::Absent(why)) => absent.push(format!("{}: {why}", link.name())),
                Err(NoToken::Refused(why)) => return Err(Failure::Credentials(format!("{}: {why}", link.name()))),
            }
        }
        Err(Failure::Credentials(format!("no link of the chain gave a token ({})", absent.join("; "))))
    }
}

/// How long a token may take. A sign-in that hangs must be reported as such, before the lists' deadline reports a slow
/// list.
#[derive(Debug)]
struct Patience {
    /// For any one token, however many links are tried.
    one: Span,
    /// When the last token must be here: the list that waits for it gives up soon after.
    end: time::Instant,
}

impl Patience {
    /// A sign-in takes seconds, that of the Azure CLI too.
    const LONGEST: Span = Span::from_secs(30);

    fn new(allowed: Span) -> Self {
        // The wire gives up at 0.98 of the allowed time.
        Self { one: Self::LONGEST.min(allowed / 2), end: time::Instant::now() + allowed.mul_f64(0.95) }
    }

    /// The time limit for a token that is requested now.
    fn limit(&self) -> time::Instant {
        self.end.min(time::Instant::now() + self.one)
    }
}

#[async_trait]
impl TokenCredential for Credentials {
    /// The same token for every list: the first caller fetches it, the others wait.
    async fn get_token(&self, _: &[&str]) -> azure_core_mgmt::Result<SdkToken> {
        let now = OffsetDateTime::now_utc();
        if self.links.is_empty() {
            return Ok(SdkToken::new("loopback", now + FRESH));
        }
        let mut kept = self.token.lock().await;
        let token = match kept.take().filter(|token| token.expires_on > now + FRESH) {
            Some(token) => token,
            None => self.fetch().await.map_err(into_error)?,
        };
        let token = kept.insert(token);
        Ok(SdkToken::new(token.token.secret().to_owned(), token.expires_on))
    }

    async fn clear_cache(&self) -> azure_core_mgmt::Result<()> {
        *self.token.lock().await = None;
        Ok(())
    }
}

/// An error in one line; `azure_identity` writes several.
fn one_line(error: &dyn fmt::Display) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::{
        future::pending,
        sync::atomic::{AtomicU32, Ordering},
    };

    use super::*;
    use crate::listing::into_failure;

    /// Answers as configured; `Ok` is a token that is valid for so many minutes.
    #[derive(Debug)]
    struct Told {
        name: &'static str,
        answer: Result<i64, NoToken>,
        asked: &'static AtomicU32,
    }

    #[async_trait]
    impl Link for Told {
        fn name(&self) -> &'static str {
            self.name
        }

        async fn token(&self, _: &str) -> Result<AccessToken, NoToken> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let minutes = self.answer.clone()?;
            Ok(AccessToken::new(self.name.to_owned(), OffsetDateTime::now_utc() + Duration::minutes(minutes)))
        }
    }

    fn chain(answers: Vec<(&'static str, Result<i64, NoToken>)>) -> (Credentials, &'static AtomicU32) {
        let asked: &'static AtomicU32 = Box::leak(Box::default());
        let links = answers.into_iter().map(|(name, answer)| Box::new(Told { name, answer, asked }) as Box<dyn Link>);
        (Credentials::of(links.collect(), "scope".to_owned(), Span::from_mins(1)), asked)
    }

    /// Never answers.
    #[derive(Debug)]
    struct Hangs;

    #[async_trait]
    impl Link for Hangs {
        fn name(&self) -> &'static str {
            "hangs"
        }

        async fn token(&self, _: &str) -> Result<AccessToken, NoToken> {
            pending().await
        }
    }

    fn absent() -> Result<i64, NoToken> {
        Err(NoToken::Absent("not set up".to_owned()))
    }

    #[tokio::test]
    async fn the_first_link_that_is_set_up_gives_the_token_once() {
        let (credentials, asked) = chain(vec![("one", absent()), ("two", Ok(60)), ("three", Ok(60))]);
        for _ in 0..3 {
            assert_eq!(credentials.get_token(&[]).await.unwrap().token.secret(), "two");
        }
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        assert!(credentials.tried().ends_with("two"));
    }

    #[tokio::test]
    async fn a_token_that_is_about_to_expire_is_fetched_anew() {
        let (credentials, asked) = chain(vec![("one", Ok(4))]);
        credentials.get_token(&[]).await.unwrap();
        credentials.get_token(&[]).await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn without_any_every_link_is_named() {
        let (credentials, _) = chain(vec![("one", absent()), ("two", absent())]);
        let error = credentials.get_token(&[]).await.unwrap_err().to_string();
        assert!(error.contains("one: not set up") && error.contains("two: not set up"), "{error}");
        assert_eq!(credentials.tried(), "tried: one, two");
    }

    #[tokio::test]
    async fn a_link_that_hangs_is_named_within_the_deadline() {
        let allowed = Span::from_millis(400);
        let credentials = Credentials::of(vec![Box::new(Hangs)], "scope".to_owned(), allowed);
        let started = Instant::now();
        let failure = into_failure(credentials.get_token(&[]).await.unwrap_err());
        assert!(started.elapsed() < allowed, "{:?}", started.elapsed());
        assert!(matches!(&failure, Failure::Credentials(why) if why == "hangs: no answer within 0.2 s"), "{failure}");
        // The next token gets only what is left of the deadline.
        time::sleep_until(credentials.patience.end).await;
        assert!(credentials.get_token(&[]).await.is_err() && started.elapsed() < allowed * 2);
    }

    #[test]
    fn a_token_may_take_less_than_the_lists() {
        let now = time::Instant::now();
        for (allowed, most) in [(120, 30), (20, 10)] {
            let limit = Patience::new(Span::from_secs(allowed)).limit() - now;
            assert_eq!(limit.as_secs(), most, "{limit:?} of {allowed} s");
        }
    }

    #[tokio::test]
    async fn a_link_that_is_set_up_and_refused_ends_the_search() {
        let refused = Err(NoToken::Refused("the secret has expired".to_owned()));
        let (credentials, asked) = chain(vec![("one", refused), ("two", Ok(60))]);
        let error = credentials.get_token(&[]).await.unwrap_err().to_string();
        assert_eq!(error, "one: the secret has expired");
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }
}
