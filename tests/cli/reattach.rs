//! Contact lost with a running script: the script is found again, it never starts twice, and its true end is reported.

use std::{
    fmt::Write as _,
    fs,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};

use super::{
    project::{Project, eventually, processes_with},
    ssh_fleet::SshFleet,
    sshd::Sshd,
    way::Way,
};

/// How many moments are tried. Every fault gets its turn.
const MOMENTS: usize = 50;

/// How many lines the script writes to each stream.
const LINES: usize = 60;

/// Counts its own starts, prints on both streams for some seconds, and ends as its tag says.
const SCRIPT: &str = "#!/bin/sh
echo start >>\"$FLEETWIDE_TAG_COUNT\"
n=0
while [ $n -lt 60 ]; do
  n=$((n + 1))
  echo \"out $n 01234567890123456789012345678901234567890123456789\"
  echo \"err $n\" >&2
  sleep 0.05
done
case $FLEETWIDE_TAG_END in
  KILL) kill -s KILL $$ ;;
  *) exit $FLEETWIDE_TAG_END ;;
esac
";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Packets are dropped for a while, and the connection never recovers.
    Drop,
    /// Both ends get an RST.
    Reset,
    /// The host's `sshd` processes are killed; the scripts are left alone.
    KillSshd,
    /// Every process of the host is killed, and it comes up with another boot id.
    Reboot,
    /// Every process of the host is killed, but its boot id stays the same, as when memory runs out.
    KillAll,
}

const FAULTS: [Fault; 5] = [Fault::Drop, Fault::Reset, Fault::KillSshd, Fault::Reboot, Fault::KillAll];

/// Some hosts, and the way to each.
struct Stage {
    sshd: Sshd,
    ways: Vec<Way>,
    project: Project,
}

impl Stage {
    fn new(hosts: usize, end: impl Fn(usize) -> String) -> Self {
        let sshd = Sshd::builder().hosts(u8::try_from(hosts).expect("a small fleet")).start();
        // The cost of the key exchange does not matter for these tests.
        fs::write(sshd.client_config(), "KexAlgorithms curve25519-sha256\n").expect("a file");
        let ways: Vec<Way> =
            sshd.addresses().iter().map(|address| Way::to(SocketAddr::from((*address, sshd.port())))).collect();
        let mut listed = String::new();
        for (number, way) in ways.iter().enumerate() {
            let tags = format!("count = {}, end = \"{}\"", json!(count_file(&sshd, number)), end(number));
            writeln!(
                listed,
                "  {{ name = \"web-{number}\", address = \"127.0.0.1\", port = {}, tags = {{ {tags} }} }},",
                way.address().port()
            )
            .expect("a string");
        }
        let project = Project::with_config(&format!(
            "[targets.web]\napp = \"shop\"\nselect = [ {{ provider = \"static\", hosts = [\n{listed}] }} ]\n\
             [targets.web.ssh]\nidentity_file = \"{}\"\nconfig_file = \"{}\"\nkeepalive = \"1s\"\n\
             [targets.web.deploy]\nscript = \"deploy.sh\"\nslow_start = false\nconnect_timeout = \"20s\"\nauth_timeout = \"20s\"\n\
             retries = 5\nmax_failures = \"100%\"\n",
            sshd.login_key().display(),
            sshd.client_config().display(),
        ));
        project.write("deploy.sh", SCRIPT);
        Self { sshd, ways, project }
    }

    fn starts(&self, host: usize) -> usize {
        fs::read_to_string(count_file(&self.sshd, host)).map_or(0, |text| text.lines().count())
    }

    /// The script's end, as the host recorded it for the attempt that started the script.
    fn recorded_end(&self, host: usize) -> Option<String> {
        let runs = fs::read_dir(self.sshd.state(host).join("fleetwide/shop/runs")).ok()?;
        let ends = runs.filter_map(|run| fs::read_to_string(run.expect("a run").path().join("end")).ok());
        ends.map(|end| end.trim_end().to_owned()).next()
    }

    fn befall(&self, host: usize, fault: Fault, outage: Duration) {
        let way = &self.ways[host];
        match fault {
            Fault::Drop => {
                way.swallow();
                thread::sleep(outage);
                way.open();
            }
            Fault::Reset => way.reset(),
            Fault::KillSshd => self.sshd.cut_host(host),
            Fault::KillAll => self.sshd.fell_host(host),
            Fault::Reboot => {
                // No connection gets in before the host is up again.
                way.swallow();
                self.sshd.fell_host(host);
                self.another_boot(host);
                way.open();
            }
        }
    }

    /// Changes the host's records to those of an earlier boot.
    fn another_boot(&self, host: usize) {
        let Ok(runs) = fs::read_dir(self.sshd.state(host).join("fleetwide/shop/runs")) else { return };
        for run in runs {
            let file = run.expect("a run").path().join("process");
            if let Some((_, rest)) = fs::read_to_string(&file).ok().as_deref().and_then(|text| text.split_once('\n')) {
                fs::write(&file, format!("another-boot\n{rest}")).expect("a record");
            }
        }
    }
}

fn count_file(sshd: &Sshd, host: usize) -> PathBuf {
    sshd.dir().join(format!("count-{host}"))
}

fn end_of(host: usize) -> &'static str {
    ["0", "7", "KILL", "255"][host % 4]
}

/// `FLEETWIDE_TEST_SEED` repeats a run of this test.
fn seed() -> u64 {
    std::env::var("FLEETWIDE_TEST_SEED").map_or_else(|_| rand::random(), |text| text.parse().expect("a number"))
}

#[test]
fn at_any_moment_whatever_breaks_a_script_starts_at_most_once_and_its_true_end_is_told() {
    let seed = seed();
    println!("FLEETWIDE_TEST_SEED={seed}");
    let mut chance = StdRng::seed_from_u64(seed);

    // How many bytes a whole deploy sends in both directions.
    let calm = Stage::new(1, |_| "0".to_owned());
    calm.project.run(&["deploy", "web", "--revision", "v1"]).expect(0);
    let whole = calm.ways[0].passed();
    println!("a whole deploy is {whole} bytes");
    drop(calm);

    let stage = Stage::new(MOMENTS, |host| end_of(host).to_owned());
    let fates: Vec<_> = (0..MOMENTS)
        .map(|host| {
            let fault = FAULTS[host % FAULTS.len()];
            // The first third leads up to the script's start.
            let moment = chance.random_range(whole / 5..whole * 19 / 20);
            (fault, moment, Duration::from_millis(chance.random_range(0..3000)))
        })
        .collect();
    thread::scope(|scope| {
        for (host, (fault, moment, outage)) in fates.iter().enumerate() {
            let stage = &stage;
            scope.spawn(move || {
                // Under load, output is sent in larger pieces, so there may be fewer bytes in all.
                if stage.ways[host].wait_passed(*moment) {
                    stage.befall(host, *fault, *outage);
                }
            });
        }
        let arguments = [
            "deploy",
            "web",
            "--revision",
            "v1",
            "--report",
            "report.json",
            "--log-dir",
            "logs",
            "--concurrency",
            "50",
        ];
        let finished = stage.project.run(&arguments);
        stage.ways.iter().for_each(Way::close);
        assert!(matches!(finished.code, Some(7 | 8)), "{finished:#?}");
    });

    let report = stage.project.report("report.json");
    let hosts = report["hosts"].as_array().expect("hosts");
    let (mut wrong, mut reattached, mut unknown) = (String::new(), 0, 0);
    for (host, record) in hosts.iter().enumerate() {
        reattached += usize::from(record["reattached"].as_u64() > Some(0));
        unknown += usize::from(record["outcome"] == "unknown");
        if let Err(why) = stage.check(host, fates[host].0, record) {
            writeln!(wrong, "\n{why}: host {host}, {:?}: {record:#}", fates[host]).expect("a string");
        }
    }
    println!("{reattached} were taken up again, {unknown} stayed unknown");
    assert!(wrong.is_empty(), "FLEETWIDE_TEST_SEED={seed}{wrong}");
    assert!(reattached >= MOMENTS / 5, "the faults came when scripts ran: {reattached}");
}

impl Stage {
    fn check(&self, host: usize, fault: Fault, record: &Value) -> Result<(), String> {
        let starts = self.starts(host);
        if starts > 1 {
            return Err(format!("started {starts} times"));
        }
        let end = end_of(host);
        let told = match end {
            "KILL" => record["signal"] == "KILL",
            status => record["exit_status"] == json!(status.parse::<u8>().expect("a status")),
        };
        let recorded = self.recorded_end(host).is_some();
        match fault {
            Fault::Reboot | Fault::KillAll if !recorded => {
                // The guard reports the start a moment before the script's first line runs, so possibly none ran.
                if record["outcome"] != "unknown" {
                    return Err(format!("its end is not known ({starts} starts)"));
                }
                if record["hint"].as_str().is_none_or(|hint| !hint.contains("/runs/")) {
                    return Err("nobody says where to look".to_owned());
                }
                Ok(())
            }
            Fault::Drop | Fault::Reset | Fault::KillSshd | Fault::Reboot | Fault::KillAll => {
                let outcome = if end == "0" { "succeeded" } else { "failed" };
                if !told || record["outcome"] != outcome || starts != 1 {
                    return Err(format!("its end was {end} ({starts} starts)"));
                }
                let log = self.project.read(record["log"].as_str().expect("a log"));
                for stream in ["out", "err"] {
                    let lines: Vec<_> = log
                        .lines()
                        .filter_map(|line| line.strip_prefix(stream)?.split_whitespace().next()?.parse::<usize>().ok())
                        .collect();
                    if lines != (1..=LINES).collect::<Vec<_>>() {
                        return Err(format!("std{stream} is not whole: {lines:?}"));
                    }
                }
                Ok(())
            }
        }
    }
}

fn one(script: &str, deploy: &str) -> SshFleet {
    let fleet = SshFleet::start(&[("web-0".to_owned(), Vec::new())], deploy);
    fleet.project.write("deploy.sh", script);
    fleet
}

/// Ignores TERM, and leaves a daemon (by a double fork) and a child that keeps its stdout.
const STUBBORN: &str = "#!/bin/sh
trap '' TERM
(setsid sh -c 'trap \"\" TERM; while :; do sleep 0.2; done' >/dev/null 2>&1 &) &
sleep 1000 &
echo begun
while :; do sleep 0.2; done
";

#[test]
fn ctrl_c_ends_a_stubborn_script_with_all_that_left_it() {
    let fleet = one(STUBBORN, "kill_grace = \"1s\"\n");
    let mut deploy = fleet.project.start(&["deploy", "web", "--revision", "v1", "--report", "report.json"]);
    deploy.await_events("output", 1);
    deploy.signal("INT");
    deploy.finish().expect(130);
    proven_dead(&fleet, "cancelled");
}

#[test]
fn a_timeout_ends_a_stubborn_script_with_all_that_left_it() {
    let fleet = one(STUBBORN, "kill_grace = \"1s\"\ntimeout = \"10s\"\n");
    fleet.project.run(&["deploy", "web", "--revision", "v1", "--report", "report.json"]).expect(8);
    proven_dead(&fleet, "timed-out");
}

fn proven_dead(fleet: &SshFleet, cause: &str) {
    let report = fleet.project.report("report.json");
    let host = &report["hosts"][0];
    assert_eq!((&host["outcome"], &host["cause"]), (&json!("failed"), &json!(cause)), "{host:#}");
    assert_eq!((&host["signal"], &host["killed"]), (&json!("KILL"), &json!("confirmed")), "{host:#}");
    assert!(host["group"].as_u64().is_some(), "{host:#}");
    eventually(
        Duration::from_secs(10),
        || processes_with(&fleet.states()).is_empty().then_some(()),
        || format!("left behind: {:#?}", processes_with(&fleet.states())),
    );
}

/// These tests rely on the relay. At a later moment, `ssh` would report only "Broken pipe", whatever broke it.
#[test]
fn a_way_that_is_reset_sends_rst_and_no_fin() {
    let mute = TcpListener::bind("127.0.0.1:0").expect("a port");
    let way = Way::to(mute.local_addr().expect("an address"));
    let port = way.address().port().to_string();
    let ssh = Command::new("ssh")
        .args(["-F", "none", "-o", "BatchMode=yes", "-p", &port, "127.0.0.1", "true"])
        .stderr(Stdio::piped())
        .spawn()
        .expect("ssh is installed");
    // `ssh` has sent its version, and waits for the host's.
    assert!(way.wait_passed(1));
    way.reset();
    let said = ssh.wait_with_output().expect("it ends").stderr;
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("Connection reset by peer"), "{said}");
}

/// The cancel comes while the host cannot be reached, and is delivered as soon as it is back.
#[test]
fn a_cancel_finds_the_host_that_was_lost() {
    let stage = Stage::new(1, |_| "0".to_owned());
    stage.project.write("deploy.sh", "#!/bin/sh\necho begun\nexec sleep 1000\n");
    let mut deploy = stage.project.start(&["deploy", "web", "--revision", "v1", "--report", "report.json"]);
    deploy.await_events("output", 1);
    stage.ways[0].swallow();
    deploy.await_events("host-lost", 1);
    deploy.signal("INT");
    deploy.await_events("stopping", 1);
    stage.ways[0].open();
    deploy.finish().expect(130);
    let report = stage.project.report("report.json");
    let host = &report["hosts"][0];
    assert_eq!((&host["outcome"], &host["killed"]), (&json!("failed"), &json!("confirmed")), "{host:#}");
    assert_eq!((&host["signal"], &host["reattached"]), (&json!("TERM"), &json!(1)), "{host:#}");
}

/// Contact is lost again after the host was told to end the script, and before the end: the guard that records the end
/// must know why.
#[test]
fn a_silence_is_told_as_such_whoever_tells_of_it() {
    let stage = Stage::new(1, |_| "0".to_owned());
    let script = "#!/bin/sh\ntrap 'echo struck' TERM\necho begun\nwhile :; do sleep 0.2; done\n";
    stage.project.write("deploy.sh", script);
    let config = stage.project.read("fleetwide.toml");
    stage.project.write("fleetwide.toml", &format!("{config}idle_timeout = \"5s\"\nkill_grace = \"4s\"\n"));
    let mut deploy = stage.project.start(&["deploy", "web", "--revision", "v1", "--report", "report.json"]);
    deploy.await_events("output", 2);
    stage.ways[0].reset();
    deploy.finish().expect(8);
    let report = stage.project.report("report.json");
    let host = &report["hosts"][0];
    assert_eq!((&host["outcome"], &host["cause"]), (&json!("failed"), &json!("idle")), "{host:#}");
    assert_eq!((&host["signal"], &host["killed"]), (&json!("KILL"), &json!("confirmed")), "{host:#}");
    assert_eq!(host["reattached"], json!(1), "{host:#}");
}

#[test]
fn a_host_that_stays_away_is_unconfirmed_with_its_group() {
    let stage = Stage::new(1, |_| "0".to_owned());
    stage.project.write("deploy.sh", "#!/bin/sh\necho begun\nexec sleep 1000\n");
    let mut deploy = stage.project.start(&["deploy", "web", "--revision", "v1", "--report", "report.json"]);
    let group = deploy.await_events("script-started", 1)[0]["group"].clone();
    stage.ways[0].swallow();
    deploy.await_events("host-lost", 1);
    deploy.signal("INT");
    deploy.await_events("stopping", 1);
    deploy.signal("INT");
    deploy.finish().expect(130).says("unconfirmed");
    let report = stage.project.report("report.json");
    let host = &report["hosts"][0];
    assert_eq!((&host["outcome"], &host["killed"]), (&json!("unknown"), &json!("unconfirmed")), "{host:#}");
    assert_eq!(host["group"], group);
}
