//! The provider against a real EC2 emulator: `moto`, in the virtual environment that `tests/run` makes.

mod heard;

use std::{
    collections::BTreeSet,
    env,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use heard::{Heard, Kind};
use provider_aws::{Aws, AwsConfig, Regions};
use provider_core::{HostKeySource, InstanceState, Provider, Published, Selector, Silent};

/// Tagged and running, by region: 2,500 in all.
const WEB: [(&str, usize); 3] = [("eu-west-1", 1_500), ("us-east-1", 600), ("ap-south-1", 400)];

/// The others, 500 in all: region, how many, tags, whether stopped.
const OTHERS: [(&str, usize, &str, bool); 4] = [
    ("eu-west-1", 200, r#"{"role": "db"}"#, false),
    ("us-east-1", 150, "{}", false),
    ("ap-south-1", 100, r#"{"role": "web"}"#, true),
    ("eu-north-1", 50, r#"{"role": "web"}"#, false),
];

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEzJyQyn3Lvhs6L3SaqPRtNUdJHJR7EpxQAAPaEU69bL";

/// Moto's name for the image of `moto_fleet.py`.
const IMAGE_NAME: &str = "Windows_Server-2008-R2_SP1-English-64Bit-Base-2017.10.13";

/// The console output of every instance at its start, in JSON.
const CONSOLE: &str = concat!(
    r"[    0.000000] Linux version 6.1\r\n-----BEGIN SSH HOST KEY KEYS-----\r\n",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEzJyQyn3Lvhs6L3SaqPRtNUdJHJR7EpxQAAPaEU69bL",
    r" root@web\r\n-----END SSH HOST KEY KEYS-----\r\nlogin: ",
);

/// A running emulator; killed by its own process id when dropped.
struct Moto {
    process: Child,
    port: u16,
}

impl Moto {
    fn start() -> Self {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let environment =
            env::var_os("FLEETWIDE_MOTO_VENV").map_or_else(|| workspace.join("target/moto-venv"), PathBuf::from);
        let python = environment.join("bin/python");
        assert!(python.exists(), "no moto at {}: tests/run installs it", environment.display());
        let mut process = Command::new(python)
            .arg(workspace.join("fixtures/aws/moto_fleet.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python starts");
        let web = WEB.map(|(region, count)| (region, count, r#"{"role": "web"}"#, false));
        let groups: Vec<String> = web
            .into_iter()
            .chain(OTHERS)
            .map(|(region, count, tags, stopped)| {
                format!(r#"{{"region": "{region}", "count": {count}, "tags": {tags}, "stopped": {stopped}}}"#)
            })
            .collect();
        // The emulator ends when its standard input closes, even if this test is killed; `process` keeps it open.
        let input = process.stdin.as_mut().expect("piped");
        writeln!(input, r#"{{"console": "{CONSOLE}", "instances": [{}]}}"#, groups.join(", ")).expect("it listens");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("piped")).read_line(&mut line).expect("it answers");
        let port = line.trim().parse().unwrap_or_else(|_| panic!("moto did not say its port but {line:?}"));
        Self { process, port }
    }

    fn config(&self) -> AwsConfig {
        AwsConfig {
            regions: Regions::Named(WEB.iter().map(|(region, _)| (*region).to_owned()).collect()),
            endpoint: Some(format!("http://127.0.0.1:{}", self.port).parse().expect("a loopback endpoint")),
            ..AwsConfig::default()
        }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // These fail only if it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One emulator for all queries, because filling it is slow.
#[tokio::test]
async fn finds_just_the_tagged_ones_in_pages_of_a_thousand() {
    let moto = Moto::start();
    let selector = Selector::running([("role", "web")].into_iter().collect());
    let heard = Heard::default();
    let found = Aws::new(moto.config()).instances(&selector, &heard).await.expect("instances");

    let distinct: BTreeSet<_> = found.iter().map(|instance| instance.id.as_str()).collect();
    assert_eq!((found.len(), distinct.len()), (2_500, 2_500));
    for (region, count) in WEB {
        assert_eq!(found.iter().filter(|instance| instance.region == region).count(), count, "{region}");
    }
    assert!(found.iter().all(|instance| instance.account == "123456789012"));
    assert!(found.iter().all(|instance| instance.addresses.private_ipv4.is_some()));

    // 1,500 + 600 + 400 in pages of a thousand.
    assert_eq!((heard.count(Kind::Calling), heard.count(Kind::Page)), (4, 4));
    let steps = heard.steps();
    let before_any_answer: BTreeSet<_> =
        steps.iter().take_while(|(_, kind)| *kind == Kind::Calling).map(|(scope, _)| scope.as_str()).collect();
    assert_eq!(before_any_answer.len(), 3, "every region is asked before one has answered: {steps:?}");

    let stopped = Selector { states: [InstanceState::Stopped].into(), ..selector };
    let found = Aws::new(moto.config()).instances(&stopped, &Silent).await.expect("instances");
    assert_eq!(found.len(), 100);

    // The other forms of a filter, as independent code reads them; and regions listed by the cloud.
    let one = |region: &str| AwsConfig { regions: Regions::Named(vec![region.to_owned()]), ..moto.config() };
    let zone = AwsConfig { zones: vec!["no-such-zone-*".to_owned()], ..one("eu-west-1") };
    let everywhere = AwsConfig { regions: Regions::All, ..moto.config() };
    for (config, value, expected) in
        [(one("eu-west-1"), "d?", 200), (one("us-east-1"), "", 600), (zone, "d?", 0), (everywhere, "db", 200)]
    {
        let selector = Selector::running([("role", value)].into_iter().collect());
        let found = Aws::new(config.clone()).instances(&selector, &Silent).await.expect("instances");
        assert_eq!(found.len(), expected, "{value} in {config:?}");
    }

    // The console output of every instance there.
    let wanted: Vec<_> = found.iter().take(20).collect();
    let answers = Aws::new(moto.config()).host_keys(&wanted, Selector::DEFAULT_DEADLINE, &Silent).await;
    let key = Published::Keys(vec![KEY.parse().expect("a key")]);
    let good = |answer: &Result<Published, _>| answer.as_ref().is_ok_and(|answer| *answer == key);
    assert!(answers.len() == 20 && answers.iter().all(good), "{answers:?}");

    // The names of their images, as independent code keeps them.
    assert!(found.iter().all(|instance| instance.image_name.is_none()), "nobody asked for them");
    let named = Selector { image_names: true, ..Selector::running([("role", "db")].into_iter().collect()) };
    let found = Aws::new(one("eu-west-1")).instances(&named, &Silent).await.expect("instances");
    let all = found.iter().all(|instance| instance.image_name.as_deref() == Some(IMAGE_NAME));
    assert!(found.len() == 200 && all, "{:?}", found[0].image_name);
}
