//! One suite that every provider passes, run by each provider's own tests against a stand-in of its cloud. It checks
//! what the rest of the program relies on.

use std::collections::BTreeSet;

use crate::{
    instance::{Instance, InstanceState},
    progress::Silent,
    provider::Provider,
    selector::Selector,
};

/// Checks that `provider` finds exactly the instances with ids `expected` for `selector`, twice with the same result,
/// each complete and under the provider's name.
///
/// # Panics
/// When it does not; the message says what was wrong.
pub async fn gives_exactly(provider: &dyn Provider, selector: &Selector, expected: &BTreeSet<String>) -> Vec<Instance> {
    let first = ask(provider, selector).await;
    let second = ask(provider, selector).await;

    let ids: BTreeSet<String> = first.iter().map(|instance| instance.id.to_string()).collect();
    assert_eq!(ids.len(), first.len(), "an instance was given twice");
    let missing: Vec<_> = expected.difference(&ids).take(5).collect();
    let foreign: Vec<_> = ids.difference(expected).take(5).collect();
    assert!(missing.is_empty() && foreign.is_empty(), "missing {missing:?}, not asked for {foreign:?}");

    for instance in &first {
        assert_eq!(instance.provider, provider.name(), "{}", instance.id);
        assert!(!instance.id.as_str().is_empty() && !instance.name.is_empty(), "{instance:?}");
        assert!(selector.matches(instance), "{instance:?}");
    }
    let mut again: Vec<_> = second.iter().map(|instance| instance.id.to_string()).collect();
    again.sort();
    assert!(again.iter().eq(ids.iter()), "the second answer differs");
    first
}

/// Checks that stopped instances are found when wanted, and only then.
///
/// # Panics
/// When they are not.
pub async fn honours_states(provider: &dyn Provider, running: &Selector) {
    let stopped = Selector { states: BTreeSet::from([InstanceState::Stopped]), ..running.clone() };
    let given = ask(provider, &stopped).await;
    assert!(!given.is_empty(), "the stand-in holds stopped instances that match");
    assert!(given.iter().all(|instance| instance.state == InstanceState::Stopped), "{given:?}");
}

async fn ask(provider: &dyn Provider, selector: &Selector) -> Vec<Instance> {
    match provider.instances(selector, &Silent).await {
        Ok(instances) => instances,
        Err(error) => panic!("{} failed: {error}", provider.name()),
    }
}
