//! Answers that the stand-in never gives, each written by hand.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    http::{StatusCode, Uri},
};
use provider_azure::Azure;
use provider_core::{FailureKind, Provider, Silent};
use serde_json::{Value, json};

use crate::{SUBSCRIPTION, only, role_web, stand_in};

/// The paths and queries that were asked for, in lower case.
type Asked = Arc<Mutex<Vec<String>>>;

/// A provider whose every request is answered by `answer`, which is given the path and query in lower case.
async fn answering(answer: impl Fn(&str) -> (StatusCode, Value) + Clone + Send + Sync + 'static) -> (Azure, Asked) {
    let asked = Asked::default();
    let log = Arc::clone(&asked);
    let serve = move |uri: Uri| async move {
        let ask = uri.to_string().to_lowercase();
        let (status, body) = answer(&ask);
        log.lock().unwrap().push(ask);
        (status, body.to_string())
    };
    (stand_in(Router::new().fallback(serve)).await, asked)
}

/// How often something was asked for whose path and query hold `words`.
fn count(asked: &Asked, words: &str) -> usize {
    asked.lock().unwrap().iter().filter(|ask| ask.contains(words)).count()
}

fn list(entries: &[Value]) -> (StatusCode, Value) {
    (StatusCode::OK, json!({ "value": entries }))
}

fn not_found(code: &str) -> (StatusCode, Value) {
    (StatusCode::NOT_FOUND, json!({"error": {"code": code, "message": "it was not found"}}))
}

fn compute(path: &str) -> String {
    format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/shop/providers/Microsoft.Compute/{path}")
}

/// A uniform scale set.
fn set(id: &str) -> Value {
    json!({"id": id, "name": "set", "location": "x"})
}

/// A machine with `role=web`, running if the list that it is in tells.
fn machine(id: &str, vm_id: &str) -> Value {
    json!({"id": id, "name": "web", "location": "x", "tags": {"role": "web"}, "properties": {
        "vmId": vm_id, "instanceView": {"statuses": [{"code": "PowerState/running"}]}
    }})
}

#[tokio::test]
async fn a_scale_set_that_is_gone_when_it_is_asked_has_no_members() {
    for code in ["ResourceNotFound", "ParentResourceNotFound", "NotFound"] {
        let (azure, asked) = answering(move |ask| match ask {
            ask if ask.contains("/set/") => not_found(code),
            ask if ask.contains("/virtualmachinescalesets") => list(&[set(&compute("virtualMachineScaleSets/set"))]),
            _ => list(&[]),
        })
        .await;
        assert_eq!(azure.instances(&role_web(), &Silent).await.unwrap(), [], "{code}");
        assert_eq!(count(&asked, "/set/"), 1);
    }
}

#[tokio::test]
async fn members_whose_list_or_network_is_not_found_are_not_lost_in_silence() {
    for (missing, code) in [
        ("/set/virtualmachines", "InvalidResourceType"),
        ("/set/networkinterfaces", "ResourceNotFound"),
        ("/set/publicipaddresses", "NotFound"),
    ] {
        let (azure, _) = answering(move |ask| match ask {
            ask if ask.contains(missing) => not_found(code),
            ask if ask.contains("/set/virtualmachines") => {
                list(&[machine(&compute("virtualMachineScaleSets/set/virtualMachines/0"), "a")])
            }
            ask if ask.contains("/set/networkinterfaces") => {
                let ip = json!({"properties": {"publicIPAddress": {"id": "/ip"}}});
                list(&[json!({"id": "/nic", "properties": {"ipConfigurations": [ip]}})])
            }
            ask if ask.contains("/virtualmachinescalesets") => list(&[set(&compute("virtualMachineScaleSets/set"))]),
            _ => list(&[]),
        })
        .await;
        let failure = only(azure.instances(&role_web(), &Silent).await);
        assert_eq!(failure.kind, FailureKind::BadAnswer, "{missing}");
        assert!(failure.message.contains(code), "{failure}");
    }
}
