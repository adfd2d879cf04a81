//! The host keys of instances, from the guest attributes that each publishes.
//!
//! At every start, Google's guest agent writes the public host keys under `hostkeys/`, one entry per key, if the
//! instance's or project's metadata has `enable-guest-attributes`. The names and the shape of the answer are those of
//! `instances.getGuestAttributes` in the API's reference; `gcloud compute ssh` reads the same.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use provider_core::{
    Deadline, FailureKind, HostKey, HostKeySource, Instance, Progress, Published, Scope, ScopeError, ask_each,
};
use serde_json::Value;
use tokio::time::timeout;

use crate::{
    Gcp, NAME,
    client::{Attributes, Client},
    failure::Failure,
    project_scope,
    retry::Retry,
};

/// The API's name of the operation.
const OPERATION: &str = "getGuestAttributes";

/// The namespace in which the guest agent publishes them.
const NAMESPACE: &str = "hostkeys";

#[async_trait]
impl HostKeySource for Gcp {
    async fn host_keys(
        &self,
        instances: &[&Instance],
        deadline: Duration,
        progress: &dyn Progress,
    ) -> Vec<Result<Published, ScopeError>> {
        let deadline = Deadline::from_now(deadline);
        let everything = Scope::new(&NAME, "projects");
        let opening = timeout(deadline.allowed(), Client::new(&self.config, &self.environment));
        let failure = match opening.await {
            Ok(Ok(client)) => return ask_all(&client, instances, deadline, progress).await,
            Ok(Err(failure)) => failure.in_scope(everything),
            Err(_) => ScopeError::timed_out(everything, deadline.allowed()),
        };
        vec![Err(failure); instances.len()]
    }
}

async fn ask_all(
    client: &Client,
    instances: &[&Instance],
    deadline: Deadline,
    progress: &dyn Progress,
) -> Vec<Result<Published, ScopeError>> {
    let asked = instances.iter().map(|instance| (project_scope(&instance.account), *instance)).collect();
    ask_each(asked, progress, |scope, instance| async move {
        let retry = Retry::new(&scope, progress, deadline);
        let answer = retry.until_deadline(OPERATION, || published(client, instance)).await;
        answer.map_err(|failure| about(failure, instance).in_scope(scope.clone()))
    })
    .await
}

/// The keys that one instance publishes, in one attempt.
async fn published(client: &Client, instance: &Instance) -> Result<Published, Failure> {
    match client.guest_attributes(instance, NAMESPACE).await? {
        Attributes::Found(body) => read(&body),
        Attributes::None => Ok(nothing("it publishes no host keys in its guest attributes")),
        Attributes::NoInstance => Ok(Published::Nothing {
            reason: "Compute Engine knows no such instance any more".to_owned(),
            hint: "find the servers anew".to_owned(),
        }),
    }
}

/// Adds which permission is missing to the API's refusal.
fn about(failure: Failure, instance: &Instance) -> Failure {
    match failure.kind {
        FailureKind::Denied => failure.with_hint(format!(
            "these credentials need compute.instances.getGuestAttributes in project {} (the role roles/compute.viewer has it)",
            instance.account
        )),
        _ => failure.about_project(&instance.account),
    }
}

/// The keys in an answer. Entries that are not keys are ignored if there is at least one key.
fn read(body: &Bytes) -> Result<Published, Failure> {
    let answer: Value = serde_json::from_slice(body)
        .map_err(|error| Failure::bad_answer(format!("{OPERATION}: the answer is no JSON: {error}")))?;
    let items = match &answer["queryValue"]["items"] {
        Value::Null => return Ok(nothing("it publishes no host keys in its guest attributes")),
        Value::Array(items) => items,
        _ => return Err(Failure::bad_answer(format!("{OPERATION}: `queryValue.items` is no list"))),
    };
    let key = |item: &Value| {
        let text = |name: &str| item[name].as_str();
        // The entry's name is the type, and its value is the rest.
        (text("namespace")? == NAMESPACE).then_some(())?;
        HostKey::new(text("key")?, text("value")?.trim_ascii()).ok()
    };
    let keys: Vec<HostKey> = items.iter().filter_map(key).collect();
    Ok(if keys.is_empty() {
        nothing("what it publishes as its host keys cannot be read")
    } else {
        Published::Keys(keys)
    })
}

fn nothing(reason: &str) -> Published {
    Published::Nothing {
        reason: reason.to_owned(),
        hint: "set the metadata enable-guest-attributes=TRUE on the instance or its project; Google's guest agent publishes \
               the keys at the instance's next start"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ED25519: &str = "AAAAC3NzaC1lZDI1NTE5AAAAILasIB9vScH2/D0pKGcRAXMbU9mOGLrZtVfetxGfeAeO";

    fn answer(items: &Value) -> Published {
        let body = json!({
            "kind": "compute#guestAttributes", "queryPath": "hostkeys/",
            "selfLink": "https://www.googleapis.com/compute/v1/projects/p/zones/z/instances/i/getGuestAttributes",
            "queryValue": { "items": items },
        });
        read(&body.to_string().into()).expect("an answer")
    }

    fn entry(namespace: &str, key: &str, value: &str) -> Value {
        json!({ "namespace": namespace, "key": key, "value": value })
    }

    #[test]
    fn keys_are_read_and_what_is_none_is_left_out() {
        let good = entry("hostkeys", "ssh-ed25519", ED25519);
        let Published::Keys(keys) = answer(&json!([
            entry("hostkeys", "ssh-dss", "AAAAB3NzaC1kc3M="),
            good.clone(),
            entry("hostkeys", "ssh-rsa", ED25519),
            entry("other", "ssh-ed25519", ED25519),
            entry("hostkeys", "ssh-ed25519", &format!("{ED25519}\n* ssh-ed25519 {ED25519}")),
            entry("hostkeys", "@cert-authority * ssh-ed25519", ED25519),
            json!({ "namespace": "hostkeys", "key": 7 }),
            json!("nonsense"),
        ])) else {
            panic!("one of them is good");
        };
        assert_eq!(keys.iter().map(ToString::to_string).collect::<Vec<_>>(), [format!("ssh-ed25519 {ED25519}")]);
    }

    #[test]
    fn without_a_key_it_is_said_what_to_switch_on() {
        for items in [json!([]), json!(null), json!([entry("hostkeys", "ssh-ed25519", "AAAA")])] {
            let Published::Nothing { hint, .. } = answer(&items) else { panic!("{items}") };
            assert!(hint.contains("enable-guest-attributes"), "{hint}");
        }
    }

    #[test]
    fn what_is_no_answer_is_a_bad_one() {
        for body in ["", "<html>", r#"{"queryValue":{"items":7}}"#] {
            let failure = read(&Bytes::from_static(body.as_bytes())).expect_err(body);
            assert_eq!(failure.kind, FailureKind::BadAnswer, "{body}");
        }
    }
}
