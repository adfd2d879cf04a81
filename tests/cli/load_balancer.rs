//! A rolling deploy behind a real `HAProxy`, under a steady load: with the hooks of `fixtures/scripts/haproxy.sh`, not
//! a single request is lost.

use std::{
    fmt::Write as _,
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use super::{
    demo_app::{DemoApp, Load, deployed, free_port, script},
    project::{Finished, Running, eventually},
    simulated_fleet::{SimulatedFleet, own_address, recorded},
};

const HOSTS: usize = 20;

/// A load balancer in front of an app; it ends with the value.
#[derive(Debug)]
struct HaProxy {
    address: SocketAddr,
    socket: PathBuf,
    process: Child,
}

impl HaProxy {
    fn before(app: &DemoApp, fleet: &SimulatedFleet) -> Self {
        let ours: Ipv4Addr = own_address(254);
        let (address, socket) = (SocketAddr::from((ours, free_port(ours))), fleet.project.path("haproxy.sock"));
        // A request to a server that is down must be lost, not retried elsewhere.
        let mut config = format!(
            "global\n  stats socket {} level admin\n\
             defaults\n  mode http\n  retries 0\n  timeout connect 30s\n  timeout client 60s\n  timeout server 60s\n\
             frontend shop\n  bind {address}\n  default_backend web\n\
             backend web\n  balance roundrobin\n  default-server check inter 300ms fall 1 rise 2\n",
            socket.display()
        );
        for (name, address) in app.hosts() {
            writeln!(config, "  server {name} {address}").expect("a text grows");
        }
        let config = fleet.project.write("haproxy.cfg", &config);
        let haproxy =
            ["/usr/sbin/haproxy", "/usr/local/sbin/haproxy"].into_iter().find(|path| Path::new(path).exists());
        let process = Command::new(haproxy.expect("haproxy is installed"))
            .args(["-q", "-db", "-f"])
            .arg(config)
            .stdin(Stdio::null())
            .spawn()
            .expect("haproxy starts");
        let haproxy = Self { address, socket, process };
        // It opens its socket last.
        let listens = || UnixStream::connect(&haproxy.socket).ok().map(drop);
        eventually(Duration::from_secs(30), listens, || "haproxy does not listen".to_owned());
        haproxy
    }

    /// The state of each server, as the load balancer sees it.
    fn states(&self) -> Vec<String> {
        let mut socket = UnixStream::connect(&self.socket).expect("its socket");
        socket.write_all(b"show stat web 4 -1\n").expect("a command");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("an answer");
        let mut lines = answer.lines().filter(|line| !line.is_empty()).map(|line| line.split(',').collect::<Vec<_>>());
        let place = lines.next().and_then(|head| head.iter().position(|name| *name == "status")).expect("a status");
        lines.map(|fields| fields[place].to_owned()).collect()
    }
}

impl Drop for HaProxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A fleet with the app in revision `v1`. The hooks are in a second configuration file.
async fn serving(hosts: usize, concurrency: usize) -> (SimulatedFleet, DemoApp) {
    let (app, port) = deployed();
    let fleet = SimulatedFleet::of(hosts).start(&format!("concurrency = {concurrency}\n{app}")).await;
    let app = DemoApp::of(&fleet, port);
    let hook = script("haproxy.sh");
    let hooks = format!("[targets.web.hooks]\nbefore_host = \"{hook}\"\nafter_host = \"{hook}\"\ntimeout = \"1m\"\n");
    fleet.project.write("hooked.toml", &(fleet.project.read("fleetwide.toml") + &hooks));
    fleet.run(&["deploy", "web", "--revision", "v1", "--concurrency", "20", "--quiet"]).await.expect(0);
    (fleet, app)
}

fn command(fleet: &SimulatedFleet, haproxy: &HaProxy, config: &str, revision: &str) -> Command {
    let mut command = fleet.project.command(&["deploy", "web", "--config", config, "--revision", revision]);
    command.args(["--report", "report.json"]).env("HAPROXY_SOCKETS", format!("UNIX:{}", haproxy.socket.display()));
    command
}

async fn deploy(fleet: &SimulatedFleet, haproxy: &HaProxy, config: &str, revision: &str) -> Finished {
    Finished::beside(command(fleet, haproxy, config, revision)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_is_lost_while_each_server_is_drained_first() {
    let (fleet, app) = serving(HOSTS, 4).await;
    let haproxy = HaProxy::before(&app, &fleet);

    let load = Load::on(&[haproxy.address], 4);
    deploy(&fleet, &haproxy, "hooked.toml", "v2").await.expect(0);
    let drained = load.finish();
    drained.has_lost_nothing();
    assert!(drained.answered >= 500, "only {} requests in a whole deploy", drained.answered);
    assert_eq!(app.served(), ["v2"; HOSTS]);
    for host in fleet.hosts() {
        assert_eq!(recorded(host.home()).0.as_deref(), Some("v2"), "{}", host.name());
    }

    // The same without the hooks, which shows that the hooks make the difference.
    let load = Load::on(&[haproxy.address], 4);
    deploy(&fleet, &haproxy, "fleetwide.toml", "v3").await.expect(0);
    let bare = load.finish();
    assert!(!bare.failures.is_empty(), "without the hooks none of {} requests failed either", bare.answered);
    println!(
        "with the hooks 0 of {} requests lost, without {} of {}",
        drained.answered,
        bare.failures.len(),
        bare.answered + bare.failures.len()
    );
    drop(haproxy);
    fleet.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_is_lost_where_there_are_two_servers_and_one_is_out() {
    let (fleet, app) = serving(2, 1).await;
    let haproxy = HaProxy::before(&app, &fleet);
    let load = Load::on(&[haproxy.address], 2);
    deploy(&fleet, &haproxy, "hooked.toml", "v2").await.expect(0);
    load.finish().has_lost_nothing();
    assert_eq!(app.served(), ["v2"; 2]);
    drop(haproxy);
    fleet.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_is_lost_when_a_server_breaks_and_all_are_taken_back() {
    let (fleet, app) = serving(6, 2).await;
    let haproxy = HaProxy::before(&app, &fleet);
    let deploy_script = fleet.project.read("deploy.sh");
    // It fails after the app was stopped.
    let broken =
        deploy_script.replace("set --", "[ $FLEETWIDE_REVISION-$FLEETWIDE_HOST_NAME != v2-web-003 ] || exit 3\nset --");
    assert_ne!(broken, deploy_script);
    fleet.project.write("deploy.sh", &broken);

    let load = Load::on(&[haproxy.address], 2);
    let hooked = fleet
        .project
        .read("hooked.toml")
        .replace("[targets.web.deploy]\n", "[targets.web.deploy]\non_failure = \"rollback\"\n");
    fleet.project.write("hooked.toml", &hooked);
    deploy(&fleet, &haproxy, "hooked.toml", "v2").await.expect(9);
    load.finish().has_lost_nothing();
    assert_eq!(app.served(), ["v1"; 6]);
    assert_eq!(haproxy.states(), ["UP"; 6], "every server is back");
    drop(haproxy);
    fleet.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_last_request_does_not_end_is_put_back_when_the_run_is_interrupted() {
    let (fleet, app) = serving(1, 1).await;
    let haproxy = HaProxy::before(&app, &fleet);
    let mut endless = TcpStream::connect(haproxy.address).expect("haproxy listens");
    endless.write_all(b"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 10\r\n\r\n").expect("sent");

    let running = Running::of(command(&fleet, &haproxy, "hooked.toml", "v2"));
    let told = tokio::task::block_in_place(|| {
        let drained = || (haproxy.states() == ["DRAIN"]).then_some(());
        eventually(Duration::from_secs(30), drained, || format!("{:?}", haproxy.states()));
        running.signal("INT");
        running.finish()
    });
    told.expect(130).says("ended, for the run was stopped");
    assert_eq!((haproxy.states(), app.served()), (vec!["UP".to_owned()], vec!["v1".to_owned()]));
    drop((endless, haproxy));
    fleet.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_balancer_that_is_not_there_or_does_not_know_a_server_leaves_it_untouched() {
    let (fleet, app) = serving(2, 1).await;
    let haproxy = HaProxy::before(&app, &fleet);
    let hooked = fleet.project.read("hooked.toml");
    let socket = haproxy.socket.display().to_string();
    let unknown = format!("UNIX:{socket}: web/shop-000: No such server.");
    // HAProxy would read this as two commands.
    let hostile = "web/web-000; disable server web/web-001".to_owned();
    for (name, why) in [
        ("shop-000", unknown),
        ("web-000; disable server web/web-001", format!("{hostile} cannot be a server of HAProxy")),
    ] {
        fleet.project.write("hooked.toml", &hooked.replace("web-000", name));
        let told = deploy(&fleet, &haproxy, "hooked.toml", "v2").await.expect(8);
        told.says(&format!("{name} unreachable")).says(&format!("hook before_host: exit status 1: {why}"));
    }
    assert_eq!(haproxy.states(), ["UP"; 2]);

    fs::remove_file(&haproxy.socket).expect("its socket");
    fleet.project.write("hooked.toml", &hooked);
    let told = deploy(&fleet, &haproxy, "hooked.toml", "v2").await.expect(8);
    told.says("hook before_host: exit status 1: ").says(&socket).says("No such file or directory");
    assert_eq!(app.served(), ["v1"; 2]);
    drop(haproxy);
    fleet.shutdown().await;
}
