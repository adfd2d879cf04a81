//! Generated histories: the rules hold whatever happens, in whatever order. `world` makes things happen, `referee`
//! knows the rules.
//!
//! `FLEETWIDE_TEST_SEED` plays other histories, `FLEETWIDE_TEST_HISTORIES` another number of them. A failure prints the
//! seed of its one history, which `FLEETWIDE_TEST_HISTORY` plays alone.

mod referee;
mod rules;
mod world;

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng, rngs::StdRng};

use self::world::World;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn every_history_keeps_the_rules() {
    let seed = number("FLEETWIDE_TEST_SEED").unwrap_or(20_261_128);
    let count = number("FLEETWIDE_TEST_HISTORIES").unwrap_or(100_000);
    println!("FLEETWIDE_TEST_SEED={seed} FLEETWIDE_TEST_HISTORIES={count}");
    let mut seeds = StdRng::seed_from_u64(seed);
    let mut statuses: BTreeMap<u8, usize> = BTreeMap::new();
    let one = number("FLEETWIDE_TEST_HISTORY");
    for _ in 0..one.map_or(count, |_| 1) {
        let history = one.unwrap_or_else(|| seeds.random());
        let mut world = World::new(history);
        let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.play()));
        if let Err(panic) = played {
            println!("{:#?}\n{}", world.rules, world.story.join("\n"));
            println!("FLEETWIDE_TEST_HISTORY={history}");
            std::panic::resume_unwind(panic);
        }
        *statuses.entry(world.finished.expect("finished").0.exit_code()).or_default() += 1;
    }
    println!("how they ended, by exit code: {statuses:?}");
    if one.is_none() && count >= 10_000 {
        assert_eq!(statuses.keys().copied().collect::<Vec<_>>(), [0, 6, 7, 8, 9, 10, 130, 143], "some end never came");
    }
}
