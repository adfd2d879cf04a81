//! Answers that the stand-in never gives, written by hand.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{StatusCode, Uri},
    routing::get,
};
use futures::stream;
use provider_azure::Azure;
use provider_core::{FailureKind, InstanceState, Provider, Selector, Silent};
use serde_json::{Value, json};

use crate::{SUBSCRIPTION, only, role_web, stand_in};

/// The paths and queries of all requests, in lower case.
type Asked = Arc<Mutex<Vec<String>>>;

/// A provider whose every request gets the answer of `answer`, called with the path and query in lower case.
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

/// How many requests had `words` in their path and query.
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

/// A machine with `role=web`, running if its list gives a state.
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

/// A machine with `role=web` without a state.
fn silent(id: &str, provisioning: &str) -> Value {
    let properties = json!({"vmId": id, "provisioningState": provisioning});
    json!({"id": id, "name": "web", "location": "x", "tags": {"role": "web"}, "properties": properties})
}

#[tokio::test]
async fn a_power_state_that_is_missing_at_first_is_asked_for_once_more() {
    let id = compute("virtualMachines/web");
    let member = compute("virtualMachineScaleSets/set/virtualMachines/0");
    let (power_lists, member_lists) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(0)));
    let second = |reads: &Mutex<u32>| {
        let mut reads = reads.lock().unwrap();
        *reads += 1;
        *reads == 2
    };
    let (azure, asked) = answering(move |ask| match ask {
        ask if ask.contains("statusonly") => list(&if second(&power_lists) { vec![machine(&id, "a")] } else { vec![] }),
        ask if ask.contains("/set/virtualmachines") => {
            list(&[if second(&member_lists) { machine(&member, "b") } else { silent(&member, "Succeeded") }])
        }
        ask if ask.contains("/virtualmachinescalesets") && !ask.contains("/set/") => {
            list(&[set(&compute("virtualMachineScaleSets/set"))])
        }
        ask if ask.contains("/virtualmachines?") => list(&[silent(&id, "Succeeded")]),
        _ => list(&[]),
    })
    .await;
    assert_eq!(azure.instances(&role_web(), &Silent).await.unwrap().len(), 2);
    assert_eq!((count(&asked, "statusonly"), count(&asked, "/set/virtualmachines")), (2, 2));
}

#[tokio::test]
async fn a_machine_of_which_nobody_says_what_it_is_doing_is_named() {
    let id = compute("virtualMachines/web");
    let member = compute("virtualMachineScaleSets/set/virtualMachines/0");
    for (in_set, name) in [(false, "/virtualmachines/web"), (true, "/set/virtualmachines/0")] {
        let (id, member) = (id.clone(), member.clone());
        let (azure, asked) = answering(move |ask| match ask {
            ask if ask.contains("/set/virtualmachines") => list(&[silent(&member, "Succeeded")]),
            ask if ask.contains("/virtualmachinescalesets") && in_set => {
                list(&[set(&compute("virtualMachineScaleSets/set"))])
            }
            ask if ask.contains("statusonly") || in_set => list(&[]),
            ask if ask.contains("/virtualmachines?") => list(&[silent(&id, "Succeeded")]),
            _ => list(&[]),
        })
        .await;
        let failure = only(azure.instances(&role_web(), &Silent).await);
        assert_eq!(failure.kind, FailureKind::BadAnswer);
        assert!(failure.message.contains(name), "{failure}");
        assert_eq!(count(&asked, if in_set { "/set/virtualmachines" } else { "statusonly" }), 2);

        // A selector for unknown states finds the machine, and a selector for other tags is not affected by it.
        let unknown = Selector { states: [InstanceState::Unknown].into(), ..role_web() };
        assert_eq!(azure.instances(&unknown, &Silent).await.unwrap().len(), 1);
        let others = Selector { tags: [("role", "db")].into_iter().collect(), ..role_web() };
        assert_eq!(azure.instances(&others, &Silent).await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_machine_that_is_made_or_deleted_has_no_power_state_and_one_that_failed_does_not_stop_the_rest() {
    for (provisioning, state, reads) in [
        ("Creating", InstanceState::Pending, 1),
        ("Deleting", InstanceState::Stopping, 1),
        ("Failed", InstanceState::Unknown, 2),
    ] {
        let (azure, asked) = answering(move |ask| match ask {
            ask if ask.contains("/virtualmachines?") => list(&[silent(&compute("virtualMachines/web"), provisioning)]),
            _ => list(&[]),
        })
        .await;
        assert_eq!(azure.instances(&role_web(), &Silent).await.unwrap(), [], "{provisioning} is not running");
        assert_eq!(count(&asked, "statusonly"), reads, "{provisioning}");
        let selector = Selector { states: [state].into(), ..role_web() };
        assert_eq!(azure.instances(&selector, &Silent).await.unwrap()[0].state, state);
    }
}

/// A provider for a subscription with these machines, each running.
async fn with_machines(machines: Vec<Value>) -> Azure {
    let answer = move |ask: &str| match ask {
        ask if ask.contains("/virtualmachines?") => list(&machines),
        _ => list(&[]),
    };
    answering(answer).await.0
}

#[tokio::test]
async fn a_machine_that_is_read_twice_is_one() {
    let web = compute("virtualMachines/web");
    let azure = with_machines(vec![machine(&web, "AB"), machine(&web.to_uppercase(), "ab")]).await;
    assert_eq!(azure.instances(&role_web(), &Silent).await.unwrap().len(), 1);
}

#[tokio::test]
async fn two_machines_with_one_id_are_both_named() {
    let [web, other] = ["web", "other"].map(|name| compute(&format!("virtualMachines/{name}")));
    let azure = with_machines(vec![machine(&web, "AB"), machine(&other, "ab")]).await;
    let failure = only(azure.instances(&role_web(), &Silent).await);
    assert_eq!(failure.kind, FailureKind::BadAnswer);
    assert!(failure.message.contains("/virtualmachines/web and /subscriptions/"), "{failure}");
    assert!(failure.message.contains("/virtualmachines/other have one vmId, ab"), "{failure}");
}

#[tokio::test]
async fn a_machine_with_an_empty_id_is_named() {
    let [web, other] = ["web", "other"].map(|name| compute(&format!("virtualMachines/{name}")));
    let azure = with_machines(vec![machine(&web, "ab"), machine(&other, " ")]).await;
    let failure = only(azure.instances(&role_web(), &Silent).await);
    assert_eq!(failure.kind, FailureKind::BadAnswer);
    assert!(failure.message.contains("/virtualmachines/other is empty"), "{failure}");
}

#[tokio::test]
async fn an_answer_without_an_end_is_not_read_to_it() {
    for status in [StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE] {
        let sent = Arc::new(AtomicUsize::new(0));
        let log = Arc::clone(&sent);
        let endless = move || {
            let log = Arc::clone(&log);
            let mebibyte = Bytes::from(vec![b' '; 1 << 20]);
            let body = stream::repeat_with(move || {
                log.fetch_add(1, Ordering::SeqCst);
                Ok::<_, Infallible>(mebibyte.clone())
            });
            async move { (status, Body::from_stream(body)) }
        };
        let empty = || async { r#"{"value": []}"# };
        let path = "/subscriptions/{id}/providers/Microsoft.Network/networkInterfaces";
        let azure = stand_in(Router::new().route(path, get(endless)).fallback(empty)).await;
        let failure = only(azure.instances(&role_web(), &Silent).await);
        assert_eq!(failure.kind, FailureKind::BadAnswer);
        assert!(failure.message.contains("networkInterfaces") && failure.message.contains("64 MiB"), "{failure}");
        // Bytes that were sent and not read are in the buffers of two sockets.
        let sent = sent.load(Ordering::SeqCst);
        assert!((64..96).contains(&sent), "{sent} MiB, and once");
    }
}

#[tokio::test]
async fn a_scale_set_whose_id_leads_elsewhere_is_not_asked_for() {
    let odd = ["a?b#../c", "..", "%2e%2e", "a\\..\\c"];
    for id in odd.map(|name| compute(&format!("virtualMachineScaleSets/{name}"))) {
        let entry = set(&id);
        let (azure, asked) = answering(move |ask| match ask {
            ask if ask.contains("/virtualmachinescalesets?") => list(std::slice::from_ref(&entry)),
            _ => list(&[]),
        })
        .await;
        let failure = only(azure.instances(&role_web(), &Silent).await);
        assert_eq!(failure.kind, FailureKind::BadAnswer);
        assert!(failure.message.contains("cannot be part of an address"), "{failure}");
        assert_eq!(count(&asked, "/resourcegroups/"), 0, "nothing but the five lists of the subscription");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_told_in_words_that_can_be_followed() {
    for (body, message, hint) in [
        (json!({"value": 7}), "cannot read a page: ", "check that `endpoint`"),
        (json!({"value": [{"id": "/x"}]}), "cannot read /x: ", "`az resource show --ids /x`"),
        (json!({"value": [{"name": "x"}]}), "cannot read x: ", "`az resource list --name x`"),
        (
            json!({"value": [machine(&compute("virtualMachines/web"), "a"), {}]}),
            "cannot read entry 2 of a page, which has neither id nor name: ",
            "check that `endpoint`",
        ),
    ] {
        let (azure, _) = answering(move |ask| match ask {
            ask if ask.contains("/virtualmachines?") && !ask.contains("statusonly") => (StatusCode::OK, body.clone()),
            _ => list(&[]),
        })
        .await;
        let failure = only(azure.instances(&role_web(), &Silent).await);
        assert!(failure.message.contains(message), "{failure}");
        assert!(failure.hint.as_deref().is_some_and(|given| given.contains(hint)), "{:?}", failure.hint);
    }
}
