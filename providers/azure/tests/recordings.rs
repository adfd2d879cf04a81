//! The provider against recorded answers of the real Resource Manager, some of them edited to be hostile. They are not
//! part of this repository; without them the tests say so and pass.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so may what it is made of")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use axum::{Router, http::Uri};
use provider_azure::{Azure, AzureConfig};
use provider_core::{FailureKind, Instance, InstanceState, Provider, ProviderError, Selector, Silent, TagFilter};
use tokio::net::TcpListener;

const SUBSCRIPTION: &str = "99999999-9999-9999-9999-999999999999";
/// The host in the recordings' links.
const RECORDED_HOST: &str = "https://management.azure.com:443";

/// The folder of recordings next to the workspace, if it exists.
fn recordings() -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2)?;
    let folder = workspace.parent()?.join("shared/recordings/azure");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no recordings at {}", folder.display());
    None
}

/// The recording to serve as the first page of machines, and whether its links lead to the stand-in.
struct Recording {
    first_page: &'static str,
    links_lead_here: bool,
}

/// The provider's answer for the recordings.
async fn ask(folder: &Path, recording: Recording) -> Result<Vec<Instance>, ProviderError> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let read = |file: &str| {
        let text = fs::read_to_string(folder.join(file)).unwrap();
        if recording.links_lead_here { text.replace(RECORDED_HOST, &endpoint) } else { text }
    };
    let nothing = r#"{"value": []}"#.to_owned();
    let pages: BTreeMap<&str, String> = [
        ("first", read(recording.first_page)),
        ("second", read("virtualMachines_1.json")),
        ("nics", read("networkInterfaces.json")),
    ]
    .into();
    let endless = recording.first_page.contains("INFINITE");
    let answer = move |uri: Uri| async move {
        let (path, query) = (uri.path().to_lowercase(), uri.query().unwrap_or_default());
        let page = match path.rsplit('/').next() {
            Some("virtualmachines") if query.contains("skiptoken") && !endless => "second",
            Some("virtualmachines") => "first",
            Some("networkinterfaces") => "nics",
            _ => return nothing,
        };
        pages[page].clone()
    };
    let server = tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    let azure = Azure::new(AzureConfig {
        subscriptions: vec![SUBSCRIPTION.to_owned()],
        endpoint: Some(endpoint.parse().unwrap()),
        ..AzureConfig::default()
    });
    // The recordings hold no power state.
    let selector = Selector { states: [InstanceState::Unknown].into(), ..Selector::running(TagFilter::default()) };
    let instances = azure.instances(&selector, &Silent).await;
    server.abort();
    instances
}

#[tokio::test]
async fn two_pages_that_the_models_cannot_read_give_both_machines() {
    let Some(folder) = recordings() else { return };
    let recording = Recording { first_page: "virtualMachines.json", links_lead_here: true };
    let instances = ask(&folder, recording).await.unwrap();
    let named: Vec<_> = instances.iter().map(|instance| (instance.name.as_str(), instance.id.as_str())).collect();
    assert_eq!(
        named,
        [
            ("test-node-1", "cceebf63-e92b-4a50-9949-6e44bfc61d3f"),
            ("test-node-2", "ddfebf64-e92b-4a50-9949-6e44bfc61d4g")
        ]
    );
    assert!(instances.iter().all(|instance| instance.image.as_deref() == Some("OpenLogic:CentOS:7.3:latest")));
}

#[tokio::test]
async fn a_list_without_an_end_is_noticed() {
    let Some(folder) = recordings() else { return };
    let recording = Recording { first_page: "virtualMachines_PAGINATION_INFINITE_LOOP.json", links_lead_here: true };
    let error = ask(&folder, recording).await.unwrap_err();
    assert_eq!(error.failures[0].kind, FailureKind::BadAnswer);
    assert!(error.to_string().contains("nextLink repeats"), "{error}");
}

#[tokio::test]
async fn a_stand_in_that_points_to_the_real_cloud_gets_no_token_there() {
    let Some(folder) = recordings() else { return };
    let recording = Recording { first_page: "virtualMachines.json", links_lead_here: false };
    let error = ask(&folder, recording).await.unwrap_err();
    assert_eq!(error.failures[0].kind, FailureKind::BadAnswer);
    assert!(error.to_string().contains("management.azure.com"), "{error}");
}
