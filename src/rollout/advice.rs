//! What people can do about a host themselves: the commands that are shown to them. The words are the same for every
//! host, so that hosts that failed together are reported together.

use crate::plan::{Back, Plan, Work};

/// How to find out what a script did whose end is unknown, and what to do then.
pub(super) fn look_there(plan: &Plan, attempt: u32) -> String {
    match &plan.work {
        Work::Deploy { .. } | Work::Rollback(_) => {
            let see = see_what_it_did(plan, &plan.run.to_string(), attempt);
            format!("nothing is started there again by itself: {see}, then deploy again with --hosts or --failed-of")
        }
        Work::Command(_) => "see on the host what it did: there is no record of a command".to_owned(),
    }
}

/// The same for a script that was to roll a host back.
pub(super) fn look_at_undo(plan: &Plan, back: &Back) -> String {
    let see = see_what_it_did(plan, &back.run, back.attempt);
    format!("nothing is started there again by itself: {see}, then roll back again")
}

fn see_what_it_did(plan: &Plan, run: &str, attempt: u32) -> String {
    let tail = format!("tail {}/runs/{run}-{attempt}/*", state_folder(plan));
    format!("see what it did ({})", on_the_host(plan, &tail))
}

/// The words that run `command` on a host: for the same target, and as the same user there. The command may contain no
/// single quote.
pub(super) fn on_the_host(plan: &Plan, command: &str) -> String {
    let sudo = if plan.policy.sudo { " --sudo" } else { "" };
    format!("fleetwide run {} --hosts NAME{sudo} -- '{command}'", plan.target_words)
}

/// The app's state on a host, as the host's shell finds it.
pub(super) fn state_folder(plan: &Plan) -> String {
    format!("\"${{XDG_STATE_HOME:-$HOME/.local/state}}\"/fleetwide/{}", plan.app)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        inventory::testing::target,
        plan::{Assignment, RunId},
    };

    #[test]
    fn the_command_means_the_same_hosts_and_finds_the_record_where_it_is() {
        let mut target = target(Vec::new());
        target.words = "adhoc --aws-region eu-west-1 --tag role=web --user ops".to_owned();
        target.deploy.sudo = true;
        let run: RunId = "01K9ZC8Q4M7T2V5X6Y3R1N0PWE".parse().expect("an id");
        let plan = Plan::new(run, &target, Assignment::of(Work::Command("true".into())), Vec::new());
        insta::assert_snapshot!(see_what_it_did(&plan, "01K9ZC8Q4M7T2V5X6Y3R1N0PWE", 2), @r#"see what it did (fleetwide run adhoc --aws-region eu-west-1 --tag role=web --user ops --hosts NAME --sudo -- 'tail "${XDG_STATE_HOME:-$HOME/.local/state}"/fleetwide/shop/runs/01K9ZC8Q4M7T2V5X6Y3R1N0PWE-2/*')"#);
    }
}
