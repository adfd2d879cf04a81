//! Who asks: the chain of credentials, behind the token trait that the compute SDK knows.
//!
//! Tokens come from `azure_identity` 1.x, the compute SDK is of the 0.21 line; [`Credentials`] is the bridge.
//! The links themselves are in [`links`].

mod links;

use std::{fmt, sync::OnceLock};

use async_trait::async_trait;
use azure_core::{
    credentials::AccessToken,
    time::{Duration, OffsetDateTime},
};
use azure_core_mgmt::auth::{AccessToken as SdkToken, TokenCredential};
use tokio::sync::Mutex;

use self::links::{Link, NoToken};
use crate::{environment::Environment, failure::Failure, listing::into_error, wire::Connections};

/// A token is fetched anew when it has less than this to live: a list must not outlive it.
const FRESH: Duration = Duration::minutes(5);

/// Tokens for one subscription, fetched once and kept.
#[derive(Debug)]
pub(crate) struct Credentials {
    /// Empty for a loopback endpoint.
    links: Vec<Box<dyn Link>>,
    /// What the token is for.
    scope: String,
    token: Mutex<Option<AccessToken>>,
    /// The link that gave the first token.
    giver: OnceLock<&'static str>,
}

impl Credentials {
    /// The ordinary chain. A loopback endpoint is a stand-in: no credential is looked for, so none
    /// can reach it, and no metadata service is asked.
    pub(crate) fn new(connections: &Connections, environment: &Environment, subscription: &str) -> Self {
        let links = if connections.is_loopback() { Vec::new() } else { links::chain(environment, subscription) };
        Self::of(links, format!("{}.default", connections.endpoint()))
    }

    fn of(links: Vec<Box<dyn Link>>, scope: String) -> Self {
        Self { links, scope, token: Mutex::default(), giver: OnceLock::new() }
    }

    /// Where the token came from, or where one was looked for; for hints.
    pub(crate) fn tried(&self) -> String {
        if self.links.is_empty() {
            return "a loopback endpoint is asked without credentials".to_owned();
        }
        match self.giver.get() {
            Some(giver) => format!("the credentials in use are from: {giver}"),
            None => format!("tried: {}", self.links.iter().map(|link| link.name()).collect::<Vec<_>>().join(", ")),
        }
    }

    /// Asks link by link. One that is not set up passes on; one that is set up and fails ends the
    /// search, for nobody wants to deploy as somebody else because a secret has expired.
    async fn fetch(&self) -> Result<AccessToken, Failure> {
        let mut absent = Vec::new();
        for link in &self.links {
            match link.token(&self.scope).await {
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

#[async_trait]
impl TokenCredential for Credentials {
    /// The same token for every list: whoever comes first fetches it, the others wait.
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

/// An error on one line; `azure_identity` writes several.
fn one_line(error: &dyn fmt::Display) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Answers as told; `Ok` is a token with so many minutes to live.
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
        (Credentials::of(links.collect(), "scope".to_owned()), asked)
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
    async fn a_link_that_is_set_up_and_refused_ends_the_search() {
        let refused = Err(NoToken::Refused("the secret has expired".to_owned()));
        let (credentials, asked) = chain(vec![("one", refused), ("two", Ok(60))]);
        let error = credentials.get_token(&[]).await.unwrap_err().to_string();
        assert_eq!(error, "one: the secret has expired");
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }
}
