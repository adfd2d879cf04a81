//! Fuzzing with arbitrary answers of the Resource Manager, or of something in its place. `tests/fuzz` searches; the
//! test here replays.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use azure_mgmt_compute::package_2024_07_01::models;
use provider_core::InstanceState;
use tokio::sync::mpsc;

use crate::{
    listing::{Listing, Model},
    machine::Machine,
    network::{Network, Nic, PublicIp},
    power::PowerStates,
    response::instance,
    wire::{Connections, Wire},
};

/// The separator between the answers of one input.
const BETWEEN: &[u8] = b"\n--\n";

/// A list of machines, one of interfaces and one of public addresses are either read and joined, or refused.
///
/// # Panics
/// When they are neither.
pub fn lists(input: &[u8]) {
    let mut answers = split(input);
    let mut next = || answers.next().unwrap_or_default();
    let (machines, nics, public) = (next(), next(), next());
    let (Some(machines), Some(nics), Some(public)) =
        (read::<models::VirtualMachine>(machines), read::<Nic>(nics), read::<PublicIp>(public))
    else {
        return;
    };
    let network = Network::new(nics, public);
    let mut states = PowerStates::default();
    states.learn(machines.iter().map(Machine::power_state));
    for machine in &machines {
        let state = states.of(machine).unwrap_or(InstanceState::Unknown);
        let instance = instance(machine, state, "00000000-0000-0000-0000-000000000000");
        let addresses = network.addresses(machine);
        let known = network.names(machine).len();
        assert!(addresses.private_ipv4.is_none() || known > 0 || !machine.interfaces().is_empty(), "{instance:?}");
        assert_eq!(instance.provider, crate::NAME);
    }
}

fn split(input: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(input);
    std::iter::from_fn(move || {
        let answer = rest?;
        let end = answer.windows(BETWEEN.len()).position(|bytes| bytes == BETWEEN);
        rest = end.map(|end| &answer[end + BETWEEN.len()..]);
        Some(&answer[..end.unwrap_or(answer.len())])
    })
}

/// The entries of one answer, if it is readable.
fn read<M: Model>(body: &[u8]) -> Option<Vec<M::Needed>> {
    static WIRE: OnceLock<Arc<Wire>> = OnceLock::new();
    let wire = WIRE.get_or_init(|| {
        let connections = Connections::new(None).expect("the public cloud's address");
        Arc::new(Wire::new(connections, Duration::from_mins(1), mpsc::unbounded_channel().0))
    });
    match Listing::<M>::new(Arc::clone(wire), "fuzz").page(body) {
        Ok(page) => Some(page.value),
        Err(failure) => {
            assert!(!failure.to_string().is_empty());
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use provider_core::replay::replay;

    #[test]
    fn every_answer_that_was_found_is_read_or_refused() {
        replay("arm_lists", super::lists);
    }
}
