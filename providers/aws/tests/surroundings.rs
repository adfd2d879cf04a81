//! The settings that the provider takes from the environment and the shared config files.
//!
//! A process cannot change its own environment safely. So the test starts itself again, as a child with the environment
//! of each case, and reads what the child printed.

use std::{env, process::Command};

use fleetwide_simulator::{Cloud, CloudServer, Fleet, Machine};
use provider_aws::{Aws, AwsConfig};
use provider_core::{Provider, Selector, Silent, TagFilter};

/// Set for the child: the profile to use; empty for none.
const PROFILE: &str = "FLEETWIDE_TEST_PROFILE";

const EU: &str = "eu-west-1";

/// Queries once with the environment alone, and prints the result.
async fn child(profile: String) {
    let profile = Some(profile).filter(|profile| !profile.is_empty());
    let provider = Aws::new(AwsConfig { profile, ..AwsConfig::default() });
    match provider.instances(&Selector::running(TagFilter::default()), &Silent).await {
        Ok(found) => {
            let found: Vec<_> = found.iter().map(|instance| format!("{}@{}", instance.id, instance.region)).collect();
            println!("found [{}]", found.join(" "));
        }
        Err(error) => println!("failed {error}; {:?}", error.failures[0].hint),
    }
}

fn asked_with(profile: &str, surroundings: &[(&str, &str)]) -> String {
    let mut child = Command::new(env::current_exe().expect("this test"));
    child.args(["--exact", "the_surroundings_decide", "--nocapture"]).env_clear().env(PROFILE, profile);
    let output = child.envs(surroundings.iter().copied()).output().expect("the child runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_surroundings_decide() {
    if let Ok(profile) = env::var(PROFILE) {
        return child(profile).await;
    }
    let machines =
        [("i-one", "111111111111", EU), ("i-two", "222222222222", EU), ("i-us", "111111111111", "us-east-1")];
    let machines = machines.map(|(id, account, region)| Machine::new(Cloud::Aws, id, account, region, ""));
    let server = CloudServer::start(Cloud::Aws, Fleet::new(machines.to_vec())).await.expect("a port");
    let endpoint = server.endpoint();
    let home = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = home.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.to_str().expect("text").to_owned()
    };
    // The simulator takes the account from these key ids.
    let credentials =
        file("credentials", "[two]\naws_access_key_id=ASIASIMULATED222222222222\naws_secret_access_key=x\n");
    let role = "[profile role]\nregion=eu-west-1\nsource_profile=two\nrole_arn=arn:aws:iam::111111111111:role/deploy\n";
    let config = file("config", &format!("[profile two]\nregion=eu-west-1\n{role}"));
    let none = file("none", "");
    let files = [("AWS_SHARED_CREDENTIALS_FILE", credentials.as_str()), ("AWS_CONFIG_FILE", config.as_str())];
    let no_files = [("AWS_SHARED_CREDENTIALS_FILE", none.as_str()), ("AWS_CONFIG_FILE", none.as_str())];
    let here = ("AWS_ENDPOINT_URL_EC2", endpoint.as_str());
    let region = ("AWS_REGION", EU);
    let keys = [("AWS_ACCESS_KEY_ID", "ASIASIMULATED111111111111"), ("AWS_SECRET_ACCESS_KEY", "x")];
    let proxy = ("http_proxy", "http://127.0.0.1:9");

    let all = "found [i-one@eu-west-1 i-two@eu-west-1]";
    let mine = "found [i-one@eu-west-1]";
    let theirs = "found [i-two@eu-west-1]";
    let by_default = "found [i-us@us-east-1]";
    let bare = ("AWS_EC2_METADATA_DISABLED", "true");
    for (case, profile, surroundings, expected) in [
        ("loopback needs no keys", "", [&no_files[..], &[here, region]].concat(), all),
        (
            "the general variable works too",
            "",
            [&no_files[..], &[("AWS_ENDPOINT_URL", &endpoint), region]].concat(),
            all,
        ),
        ("keys are used", "", [&no_files[..], &keys, &[here, region]].concat(), mine),
        ("a named profile outranks keys", "two", [&files[..], &keys, &[here]].concat(), theirs),
        ("a named profile's role is asked of the stand-in", "role", [&files[..], &[here]].concat(), mine),
        (
            "even when STS is said to be elsewhere",
            "role",
            [&files[..], &[here, ("AWS_ENDPOINT_URL_STS", "https://127.0.0.1:9")]].concat(),
            mine,
        ),
        ("AWS_PROFILE has no say on loopback", "", [&files[..], &[here, ("AWS_PROFILE", "two")]].concat(), by_default),
        ("nor if it names a role", "", [&files[..], &[here, ("AWS_PROFILE", "role")]].concat(), by_default),
        ("nor if it names nothing", "", [&files[..], &[here, region, ("AWS_PROFILE", "none")]].concat(), all),
        ("no proxy sees loopback", "", [&no_files[..], &[here, region, proxy]].concat(), all),
        ("loopback needs no region", "", [&no_files[..], &[here]].concat(), by_default),
        ("no region", "", [&no_files[..], &keys, &[bare]].concat(), "no region is given"),
        (
            "plain http leaves no machine",
            "",
            [&no_files[..], &[region, ("AWS_ENDPOINT_URL_EC2", "http://10.0.0.1")]].concat(),
            "https",
        ),
        (
            "nor does STS",
            "",
            [&no_files[..], &keys, &[region, ("AWS_ENDPOINT_URL_STS", "http://10.0.0.1")]].concat(),
            "mend AWS_ENDPOINT_URL_STS",
        ),
    ] {
        let printed = asked_with(profile, &surroundings);
        assert!(printed.contains(expected), "{case}: {printed}");
    }
}
