//! The links of the credential chain, in the order of Azure's own tools: environment, workload identity, managed
//! identity, Azure CLI.

use std::{fmt::Debug, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, Secret, TokenCredential};
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, ClientSecretCredential, ManagedIdentityCredential,
    ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use tokio::{net::TcpStream, time::timeout};

use super::one_line;
use crate::environment::{CLIENT, Environment, IDENTITY_ENDPOINT, SECRET, TENANT, TOKEN_FILE};

/// The address of a virtual machine's metadata service, in Azure and in other clouds.
const METADATA: &str = "169.254.169.254:80";
/// How long connecting to it may take: it is one hop away or not there at all.
const METADATA_CONNECT: Duration = Duration::from_secs(1);
/// How long it may take to return a token. Another cloud's service answers "not found", and `azure_identity` would
/// retry for more than a minute.
const METADATA_TOKEN: Duration = Duration::from_secs(10);

/// One source of tokens.
#[async_trait]
pub(super) trait Link: Debug + Send + Sync {
    /// The name for people.
    fn name(&self) -> &'static str;

    /// A token for `scope`.
    async fn token(&self, scope: &str) -> Result<AccessToken, NoToken>;
}

/// Why a link gave no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoToken {
    /// The link is not set up here.
    Absent(String),
    /// The link is set up, and failed.
    Refused(String),
}

/// The ordinary chain. `subscription` tells the Azure CLI which directory to sign in to.
pub(super) fn chain(environment: &Environment, subscription: &str) -> Vec<Box<dyn Link>> {
    vec![
        Box::new(ServicePrincipal(environment.clone())),
        Box::new(Workload(environment.clone())),
        Box::new(ManagedIdentity(environment.clone())),
        Box::new(AzureCli { subscription: subscription.to_owned() }),
    ]
}

/// A client id and secret in the environment.
#[derive(Debug)]
struct ServicePrincipal(Environment);

#[async_trait]
impl Link for ServicePrincipal {
    fn name(&self) -> &'static str {
        "environment (AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET)"
    }

    async fn token(&self, scope: &str) -> Result<AccessToken, NoToken> {
        let [tenant, client, secret] = variables(&self.0, [TENANT, CLIENT, SECRET])?;
        let credential = ClientSecretCredential::new(tenant, client.to_owned(), Secret::new(secret.to_owned()), None);
        ask(credential, scope).await.map_err(NoToken::Refused)
    }
}

/// A token file that Kubernetes or a pipeline renews.
#[derive(Debug)]
struct Workload(Environment);

#[async_trait]
impl Link for Workload {
    fn name(&self) -> &'static str {
        "workload identity (AZURE_FEDERATED_TOKEN_FILE)"
    }

    async fn token(&self, scope: &str) -> Result<AccessToken, NoToken> {
        let [tenant, client, file] = variables(&self.0, [TENANT, CLIENT, TOKEN_FILE])?;
        let credential = WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions {
            tenant_id: Some(tenant.to_owned()),
            client_id: Some(client.to_owned()),
            token_file_path: Some(PathBuf::from(file)),
            ..WorkloadIdentityCredentialOptions::default()
        }));
        ask(credential, scope).await.map_err(NoToken::Refused)
    }
}

/// The identity of the virtual machine, app or function that runs this program.
#[derive(Debug)]
struct ManagedIdentity(Environment);

#[async_trait]
impl Link for ManagedIdentity {
    fn name(&self) -> &'static str {
        "managed identity"
    }

    async fn token(&self, scope: &str) -> Result<AccessToken, NoToken> {
        if self.0.get(IDENTITY_ENDPOINT).is_none() {
            let connected = timeout(METADATA_CONNECT, TcpStream::connect(METADATA)).await;
            if !matches!(connected, Ok(Ok(_))) {
                return Err(NoToken::Absent(format!("no metadata service at {METADATA}")));
            }
        }
        let user_assigned_id = self.0.get(CLIENT).map(|id| UserAssignedId::ClientId(id.to_owned()));
        let options = ManagedIdentityCredentialOptions { user_assigned_id, ..Default::default() };
        match timeout(METADATA_TOKEN, ask(ManagedIdentityCredential::new(Some(options)), scope)).await {
            Ok(answer) => answer.map_err(NoToken::Absent),
            Err(_) => Err(NoToken::Absent(format!("no token within {METADATA_TOKEN:?}"))),
        }
    }
}

/// The user of `az login`.
#[derive(Debug)]
struct AzureCli {
    subscription: String,
}

#[async_trait]
impl Link for AzureCli {
    fn name(&self) -> &'static str {
        "Azure CLI"
    }

    async fn token(&self, scope: &str) -> Result<AccessToken, NoToken> {
        let options = AzureCliCredentialOptions { subscription: Some(self.subscription.clone()), ..Default::default() };
        ask(AzureCliCredential::new(Some(options)), scope).await.map_err(NoToken::Absent)
    }
}

/// The values of the variables, if all are set.
fn variables<'e, const N: usize>(environment: &'e Environment, names: [&str; N]) -> Result<[&'e str; N], NoToken> {
    let missing: Vec<&str> = names.into_iter().filter(|name| environment.get(name).is_none()).collect();
    if missing.is_empty() {
        Ok(names.map(|name| environment.get(name).unwrap_or_default()))
    } else {
        Err(NoToken::Absent(format!("{} not set", missing.join(", "))))
    }
}

/// Makes the credential and requests a token; an error becomes one line.
async fn ask<C: TokenCredential>(credential: azure_core::Result<Arc<C>>, scope: &str) -> Result<AccessToken, String> {
    let credential = credential.map_err(|error| one_line(&error))?;
    credential.get_token(&[scope], None).await.map_err(|error| one_line(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_link_that_is_not_set_up_says_what_is_missing() {
        let environment: Environment = [(TENANT, "t"), (CLIENT, "c")].into_iter().collect();
        for (link, missing) in [
            (Box::new(ServicePrincipal(environment.clone())) as Box<dyn Link>, SECRET),
            (Box::new(Workload(environment)), TOKEN_FILE),
        ] {
            let absent = NoToken::Absent(format!("{missing} not set"));
            assert_eq!(link.token("scope").await.unwrap_err(), absent, "{}", link.name());
        }
    }

    #[tokio::test]
    async fn a_link_that_is_set_up_wrongly_is_a_refusal() {
        let environment: Environment =
            [(TENANT, "t"), (CLIENT, "c"), (TOKEN_FILE, "/nonexistent/token")].into_iter().collect();
        let refusal = Workload(environment).token("scope").await.unwrap_err();
        assert!(matches!(&refusal, NoToken::Refused(why) if why.contains("/nonexistent/token")), "{refusal:?}");
    }
}
