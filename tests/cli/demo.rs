//! The README's first command.

use super::project::Project;

#[test]
fn the_demo_finds_thirty_hosts_and_deploys_to_all_of_them() {
    let project = Project::new();
    let run = project.run(&["demo"]).expect(0).says("30");
    assert!(!run.stdout.contains("failed") || run.stdout.contains("0 failed"), "{}", run.stdout);
    let left: Vec<_> = std::fs::read_dir(project.home()).expect("the home").collect();
    assert!(left.is_empty(), "the demo touched the user's home: {left:?}");
}

#[test]
fn the_broken_demo_names_the_host_and_its_last_lines() {
    let run = Project::new().run(&["demo", "--break"]).expect(8);
    run.says("exit status 3").says("address already in use");
}

#[test]
fn the_demos_events_are_json() {
    let run = Project::new().run(&["demo", "--output", "json"]).expect(0);
    let events: Vec<serde_json::Value> =
        run.stdout.lines().map(|line| serde_json::from_str(line).expect("one event a line")).collect();
    let finished = events.iter().filter(|event| event["type"] == "host-finished");
    let mut providers: Vec<_> = finished
        .inspect(|event| assert_eq!(event["result"]["outcome"], "succeeded", "{event:#}"))
        .map(|event| event["host"].as_str().expect("an id").split(':').next().expect("a provider").to_owned())
        .collect();
    assert_eq!(providers.len(), 30);
    providers.sort();
    providers.dedup();
    assert_eq!(providers, ["aws", "azure", "gcp"]);
    let numbers: Vec<_> = events.iter().filter_map(|event| event["seq"].as_u64()).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "numbered without gaps");
}
