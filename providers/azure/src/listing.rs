//! One list: its pages, its end, and entries that strict models cannot read.

use std::{
    collections::HashSet,
    fmt::{self, Debug},
    mem,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use azure_core_mgmt::{
    BytesStream, HttpClient, Request, Response, StatusCode,
    auth::TokenCredential,
    error::{Error, ErrorKind, ResultExt},
    headers::{AUTHORIZATION, Headers},
    to_json,
};
use provider_core::lock;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use url::Url;

use crate::{
    credentials::Credentials,
    failure::{Failure, Part},
    wire::Wire,
};

/// The strict model with which the entries of a list are first read.
pub(crate) trait Model: DeserializeOwned + 'static {
    /// The part of an entry that Fleetwide needs; its own `Deserialize` reads that and nothing else.
    type Needed: DeserializeOwned + Debug + Send;
    /// True for machines, which progress counts.
    const IS_MACHINE: bool = false;

    /// The needed part of the entry; `None` when something is missing or odd, and [`Model::Needed`] must say what
    /// exactly.
    fn needed(self) -> Option<Self::Needed>;
}

/// A page of any list of the Resource Manager.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Page<T> {
    pub(crate) value: Vec<T>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_link: Option<String>,
}

/// One list while it is read, page by page.
///
/// The SDK drives it as an [`HttpClient`]: it makes the addresses, fetches the token and follows the links. But the SDK
/// reads a page all or nothing, and one entry with `"ultraSSDEnabled": "False"` would end the list. So the entries are
/// read and kept here, and the SDK receives the page without them.
pub(crate) struct Listing<M: Model> {
    wire: Arc<Wire>,
    operation: &'static str,
    seen: Mutex<HashSet<Url>>,
    entries: Mutex<Vec<M::Needed>>,
}

impl<M: Model> Listing<M> {
    /// An unread list; `operation` is its name in messages.
    pub(crate) fn new(wire: Arc<Wire>, operation: &'static str) -> Self {
        Self { wire, operation, seen: Mutex::default(), entries: Mutex::default() }
    }

    /// The entries of the pages read so far.
    pub(crate) fn take(&self) -> Vec<M::Needed> {
        mem::take(&mut lock(&self.entries))
    }

    /// Reads every page, starting with `first`: for lists that the SDK does not know.
    pub(crate) async fn read_all(&self, first: Url, credentials: &Credentials) -> Result<Vec<M::Needed>, Failure> {
        let mut next = Some(first);
        while let Some(url) = next {
            let token = credentials.get_token(&[]).await.map_err(into_failure)?;
            let link = self.read_page(&url, token.token.secret()).await?;
            next = link
                .map(|link| url.join(&link))
                .transpose()
                .map_err(|error| self.unreadable(Part::NextLink, &error))?;
        }
        Ok(self.take())
    }

    /// Reads the page at `url` and returns the link to the next.
    async fn read_page(&self, url: &Url, token: &str) -> Result<Option<String>, Failure> {
        if !lock(&self.seen).insert(url.clone()) {
            return Err(Failure::RepeatedLink { operation: self.operation, host: self.wire.host() });
        }
        let body = self.wire.get(self.operation, url, token).await?;
        let page = self.page(&body)?;
        self.wire.read_page(if M::IS_MACHINE { page.value.len() } else { 0 });
        lock(&self.entries).extend(page.value);
        Ok(page.next_link.filter(|link| !link.is_empty()))
    }

    /// The content of an answer.
    pub(crate) fn page(&self, body: &[u8]) -> Result<Page<M::Needed>, Failure> {
        strict::<M>(body).map_or_else(|| self.lenient(body), Ok)
    }

    /// The page, reading only the needed part of each entry; the error names the entry that lacks even that.
    fn lenient(&self, body: &[u8]) -> Result<Page<M::Needed>, Failure> {
        let page: Page<Value> = serde_json::from_slice(body).map_err(|error| self.unreadable(Part::Page, &error))?;
        let read = |(index, entry): (usize, Value)| {
            let text = |key: &str| entry[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
            let id = text("id").map(Part::Resource);
            let part = id.or_else(|| text("name").map(Part::Named)).unwrap_or(Part::Nameless { number: index + 1 });
            serde_json::from_value(entry).map_err(|error| self.unreadable(part, &error))
        };
        let value = page.value.into_iter().enumerate().map(read).collect::<Result<_, _>>()?;
        Ok(Page { value, next_link: page.next_link })
    }

    fn unreadable(&self, part: Part, reason: &dyn std::error::Error) -> Failure {
        Failure::Unreadable { operation: self.operation, host: self.wire.host(), part, reason: reason.to_string() }
    }
}

/// The page by the strict model, if the model can read it and every entry.
fn strict<M: Model>(body: &[u8]) -> Option<Page<M::Needed>> {
    let page: Page<M> = serde_json::from_slice(body).ok()?;
    let value = page.value.into_iter().map(M::needed).collect::<Option<_>>()?;
    Some(Page { value, next_link: page.next_link })
}

#[async_trait]
impl<M: Model> HttpClient for Listing<M> {
    async fn execute_request(&self, request: &Request) -> azure_core_mgmt::Result<Response> {
        let bearer = request.headers().get_str(&AUTHORIZATION)?;
        let token = bearer.strip_prefix("Bearer ").unwrap_or_default();
        let next_link = self.read_page(request.url(), token).await.map_err(into_error)?;
        let rest = to_json(&Page::<()> { value: Vec::new(), next_link }).context(ErrorKind::DataConversion, "page")?;
        Ok(Response::new(StatusCode::Ok, Headers::new(), Box::pin(BytesStream::new(rest))))
    }
}

impl<M: Model> fmt::Debug for Listing<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listing").field("operation", &self.operation).finish_non_exhaustive()
    }
}

/// Wraps a failure in an SDK error, the only kind that the SDK passes through.
pub(crate) fn into_error(failure: Failure) -> Error {
    Error::new(ErrorKind::Other, failure)
}

/// Unwraps a failure that the SDK passed through.
pub(crate) fn into_failure(error: Error) -> Failure {
    match error.into_downcast::<Failure>() {
        Ok(failure) => failure,
        Err(error) => Failure::Sdk(error.to_string()),
    }
}
