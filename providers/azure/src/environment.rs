//! The environment variables that Azure's tools share, read once.
//!
//! The rest of this crate uses this value and never the process's environment, so that tests can set it.

use std::{collections::BTreeMap, fmt};

/// The default subscription; set by many Azure tools.
pub(crate) const SUBSCRIPTION: &str = "AZURE_SUBSCRIPTION_ID";
/// The default endpoint; Fleetwide's own variable.
pub(crate) const ENDPOINT: &str = "FLEETWIDE_AZURE_ENDPOINT";
/// The directory that a service principal or workload signs in to.
pub(crate) const TENANT: &str = "AZURE_TENANT_ID";
/// The service principal, workload or user-assigned identity.
pub(crate) const CLIENT: &str = "AZURE_CLIENT_ID";
/// The service principal's secret.
pub(crate) const SECRET: &str = "AZURE_CLIENT_SECRET";
/// The file in which Kubernetes and some pipelines put a workload's token.
pub(crate) const TOKEN_FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";
/// Where App Service and Functions serve their managed identity.
pub(crate) const IDENTITY_ENDPOINT: &str = "IDENTITY_ENDPOINT";

const KNOWN: [&str; 7] = [SUBSCRIPTION, ENDPOINT, TENANT, CLIENT, SECRET, TOKEN_FILE, IDENTITY_ENDPOINT];

/// The variables that are set and not empty.
#[derive(Clone, Default)]
pub(crate) struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The environment of this process.
    pub(crate) fn of_process() -> Self {
        KNOWN.into_iter().filter_map(|name| Some((name, std::env::var(name).ok()?))).collect()
    }

    /// The variable's value; `None` if it is unset or empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(k, v)| (k.into(), v.into())).filter(|(_, value)| !value.is_empty()).collect())
    }
}

/// Names only: one of the values is a secret.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_variable_is_an_unset_one_and_no_value_is_shown() {
        let environment: Environment = [(SECRET, "hunter2"), (TENANT, "")].into_iter().collect();
        assert_eq!(environment.get(SECRET), Some("hunter2"));
        assert_eq!(environment.get(TENANT), None);
        assert_eq!(format!("{environment:?}"), r#"{"AZURE_CLIENT_SECRET"}"#);
    }
}
