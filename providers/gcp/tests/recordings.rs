//! The provider against an answer of the real API that another project recorded.
//!
//! The recordings are beside the workspace, not in it. If they are missing, this test says so.

use std::path::Path;

use axum::{Router, routing::get};
use provider_core::{InstanceState, Provider, Selector, Silent, TagFilter};
use provider_gcp::{Gcp, GcpConfig};

#[tokio::test]
async fn the_recorded_list_is_read_whole() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/recordings/gcp/aggregated_instances.json");
    let Ok(recording) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: there is no {}", path.display());
        return;
    };
    let raw: serde_json::Value = serde_json::from_str(&recording).expect("JSON");
    let zones = raw["items"].as_object().expect("zones").values();
    let recorded: usize = zones.filter_map(|zone| zone["instances"].as_array()).map(Vec::len).sum();
    assert!(recorded > 0);

    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    let answer = get(move || async { ([("content-type", "application/json")], recording) });
    let router = Router::new().route("/compute/v1/projects/{project}/aggregated/instances", answer);
    let server = tokio::spawn(async move { axum::serve(listener, router).await });

    let endpoint = Some(endpoint.parse().expect("an endpoint"));
    let provider = Gcp::new(GcpConfig { projects: vec!["p".to_owned()], endpoint, ..GcpConfig::default() });
    let all = Selector { states: InstanceState::ALL.into(), ..Selector::running(TagFilter::default()) };
    let found = provider.instances(&all, &Silent).await.expect("instances");
    assert_eq!(found.len(), recorded);

    let one = found.iter().find(|instance| instance.id.as_str() == "10947706194464948790").expect("a known one");
    assert_eq!(one.name, "libcloud-demo-europe-multiple-nodes-000");
    assert_eq!((one.region.as_str(), one.zone.as_str()), ("europe-west1", "europe-west1-a"));
    assert_eq!(one.addresses.private_ipv4, "10.240.122.85".parse().ok());
    assert_eq!(one.addresses.public_ipv4, "192.158.28.252".parse().ok());
    assert_eq!(one.tags.get("libcloud").map(String::as_str), Some(""));
    assert!(one.launched.is_some());

    let tagged = Selector::running([("libcloud", "")].into_iter().collect());
    let tagged = provider.instances(&tagged, &Silent).await.expect("instances");
    assert!(!tagged.is_empty() && tagged.len() < recorded, "{} of {recorded}", tagged.len());
    server.abort();
}
