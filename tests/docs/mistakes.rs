//! The likeliest mistakes, each with its own sandbox. Their page (`docs/src/mistakes.md`) is checked against the
//! program's output in each.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt,
    process::{Child, Command, Stdio},
    time::Duration,
};

use fleetwide_simulator::{Cloud, Fault};

use super::{sandbox::Sandbox, sshd::Sshd};

/// All of them, by their names on the page.
pub(crate) const NAMES: [&str; 48] = [
    "no-file",
    "file-missing",
    "unclosed-quote",
    "unknown-key",
    "wrong-table",
    "unknown-target",
    "two-targets",
    "unknown-verb",
    "unknown-flag",
    "bad-duration",
    "bad-number",
    "bad-limit",
    "bad-output",
    "bad-tag",
    "no-dashes",
    "no-script-named",
    "script-missing",
    "script-windows",
    "interpreter-missing",
    "command-missing",
    "script-fails",
    "script-too-slow",
    "no-revision",
    "secret-unset",
    "report-unwritable",
    "report-not-one",
    "report-newer",
    "aws-no-credentials",
    "aws-refused",
    "aws-denied",
    "gcp-key-missing",
    "gcp-wrong-project",
    "azure-wrong-subscription",
    "nothing-matches",
    "too-few",
    "hosts-file-missing",
    "key-refused",
    "key-open",
    "key-passphrase",
    "key-missing",
    "host-key-unknown",
    "host-key-changed",
    "port-closed",
    "name-unknown",
    "jump-refused",
    "firewall",
    "sudo-password",
    "busy",
];

const STATIC: &str = "[targets.web]\nselect = [ { provider = \"static\", hosts = [\"10.0.0.11\"] } ]\n";

/// The sandbox with this name.
pub(crate) fn sandbox(name: &str) -> Sandbox {
    match name {
        "no-file" | "unknown-verb" | "init" => Sandbox::empty(),
        "file-missing" | "unknown-flag" | "no-dashes" | "bad-number" | "bad-limit" | "bad-output" | "bad-tag"
        | "unknown-target" => Sandbox::with_config(STATIC),
        "unclosed-quote" => Sandbox::with_config(
            "[targets.web]\nselect = [ { provider = \"static\", hosts = [\"10.0.0.11\"] } ]\n\n[targets.web.ssh]\nuser = \"deploy\n",
        ),
        "unknown-key" => Sandbox::with_config(
            "[targets.web]\nselect = [\n  { provider = \"aws\", regoins = [\"eu-west-1\"], tags = { role = \"web\" } },\n]\n",
        ),
        "wrong-table" => Sandbox::with_config(&format!("{STATIC}user = \"deploy\"\n")),
        "two-targets" => Sandbox::with_config(&format!("{STATIC}{}", STATIC.replace("web", "worker"))),
        "bad-duration" => {
            Sandbox::with_config(&format!("{STATIC}\n[targets.web.deploy]\nscript = \"deploy.sh\"\ntimeout = \"10\"\n"))
        }
        "no-script-named" => Sandbox::with_config(STATIC).checkout(),
        "script-missing" => {
            Sandbox::with_config(&format!("{STATIC}[targets.web.deploy]\nscript = \"scripts/deploy.sh\"\n")).checkout()
        }
        "script-windows" => {
            let sandbox = Sandbox::with_config(&format!("{STATIC}[targets.web.deploy]\nscript = \"deploy.sh\"\n"));
            sandbox.project.write("deploy.sh", "#!/bin/sh\r\ntrue\r\n");
            sandbox.checkout()
        }
        "no-revision" => Sandbox::with_config(&format!("{STATIC}[targets.web.deploy]\nscript = \"deploy.sh\"\n")),
        "secret-unset" => Sandbox::with_config(&format!(
            "{STATIC}[targets.web.deploy]\nscript = \"deploy.sh\"\nenv = {{ NPM_TOKEN = {{ env = \"NPM_TOKEN\" }} }}\n"
        ))
        .checkout(),
        "hosts-file-missing" => {
            Sandbox::with_config("[targets.web]\nselect = [ { provider = \"static\", file = \"servers.txt\" } ]\n")
        }
        "interpreter-missing" => script("#!/usr/bin/bahs\necho hello\n"),
        "command-missing" => script("#!/bin/sh\nset -e\nsystemclt restart shop\n"),
        "script-fails" => script("#!/bin/sh\nset -e\necho \"error: port 8080 is in use\" >&2\nexit 3\n"),
        "script-too-slow" => fleet(&[], "timeout = \"1s\"\nscript = \"slow.sh\"\n", |sandbox| {
            sandbox.project.write("slow.sh", "#!/bin/sh\necho waiting for the database\nsleep 60\n");
        }),
        "report-unwritable" => fleet(&[], "", |_| {}),
        "report-not-one" => file("junit.xml", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites/>\n"),
        "report-newer" => {
            file("report.json", "{ \"schema\": 7, \"run\": { \"id\": \"01JQZX0000000000000000TEST\" } }\n")
        }
        "aws-no-credentials" => cloud(r#"provider = "aws", regions = ["eu-west-1"]"#),
        "gcp-key-missing" => cloud(r#"provider = "gcp", projects = ["shop-prod"], credentials_file = "gcp.json""#),
        "aws-refused" => faulty(Cloud::Aws, Fault::BadCredentials),
        "aws-denied" => faulty(Cloud::Aws, Fault::Denied),
        "gcp-wrong-project" => changed_cloud("shop-prod", "shop-prd"),
        "azure-wrong-subscription" => {
            changed_cloud("6f1d2c84-93b5-4e7a-a0c8-5d2b8e41f937", "6f1d2c84-93b5-4e7a-a0c8-5d2b8e41f9ff")
        }
        "nothing-matches" => changed_cloud("role = \"web\"", "role = \"www\""),
        "too-few" => changed_cloud("app = \"shop\"", "app = \"shop\"\nmin_hosts = 10"),
        "key-refused" | "key-open" | "key-passphrase" | "key-missing" => key(name),
        "host-key-unknown" => fleet(&[("host_keys", "\"strict\"".to_owned())], "", |_| {}),
        "host-key-changed" => host_key_changed(),
        "port-closed" => fleet(&[("port", "1".to_owned())], "retries = 0\n", |_| {}),
        "jump-refused" => fleet(&[("jump", "\"ops@127.0.0.78:1\"".to_owned())], "retries = 0\n", |sandbox| {
            sandbox.show("127.0.0.78:1", "bastion.example.com:22");
            sandbox.show("127.0.0.78 port 1", "bastion.example.com port 22");
            sandbox.show("127.0.0.78", "bastion.example.com");
        }),
        "name-unknown" => Sandbox::with_config(
            "[targets.web]\nselect = [ { provider = \"static\", hosts = [\"web-1..internal\"] } ]\n[targets.web.deploy]\nretries = 0\n",
        ),
        "firewall" => firewall(),
        "sudo-password" => sudo_password(),
        "busy" => busy(),
        other => panic!("there is no sandbox `{other}`"),
    }
}

/// A host of a real `sshd`, with a checkout, changed by `prepare`.
fn fleet(ssh: &[(&str, String)], deploy: &str, prepare: impl FnOnce(&mut Sandbox)) -> Sandbox {
    let sshd = Sshd::builder().hosts(1).start();
    let mut sandbox = Sandbox::hosts(&sshd, ssh, deploy);
    prepare(&mut sandbox);
    sandbox.checkout().holding(sshd)
}

/// An empty sandbox with this file.
fn file(name: &str, text: &str) -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.project.write(name, text);
    sandbox
}

/// A fleet with this deploy script.
fn script(text: &str) -> Sandbox {
    fleet(&[], "", |sandbox| drop(sandbox.project.write("deploy.sh", text)))
}

/// A target with one selector of a real cloud, without credentials.
fn cloud(selector: &str) -> Sandbox {
    Sandbox::with_config(&format!("[targets.web]\nselect = [ {{ {selector}, tags = {{ role = \"web\" }} }} ]\n"))
}

/// Three clouds, one of them with a fault.
fn faulty(cloud: Cloud, fault: Fault) -> Sandbox {
    let (sandbox, clouds) = Sandbox::clouds("");
    clouds.world.cloud(cloud).order(fault);
    sandbox.holding(clouds)
}

/// Three clouds, and a mistake in the file.
fn changed_cloud(right: &str, wrong: &str) -> Sandbox {
    let (sandbox, clouds) = Sandbox::clouds("");
    let config = sandbox.project.read("fleetwide.toml");
    assert!(config.contains(right), "{config}");
    sandbox.project.write("fleetwide.toml", &config.replace(right, wrong));
    sandbox.holding(clouds)
}

/// A fleet, and a faulty private key.
fn key(what: &str) -> Sandbox {
    let sshd = Sshd::builder().hosts(1).start();
    let (path, stranger) = (sshd.login_key(), sshd.stranger_key());
    let mut ssh = Vec::new();
    match what {
        "key-refused" => ssh.push(("identity_file", format!("\"{}\"", stranger.display()))),
        "key-open" => fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("chmod"),
        "key-missing" => fs::remove_file(&path).expect("rm"),
        _ => {
            let change = ["-q", "-p", "-P", "", "-N", "not empty", "-f"];
            assert!(
                Command::new("ssh-keygen").args(change).arg(&path).output().expect("ssh-keygen runs").status.success()
            );
        }
    }
    let sandbox = Sandbox::hosts(&sshd, &ssh, "");
    sandbox.checkout().holding(sshd)
}

/// A fleet whose remembered keys were replaced by others.
fn host_key_changed() -> Sandbox {
    let sshd = Sshd::builder().hosts(1).start();
    let sandbox = Sandbox::hosts(&sshd, &[], "").checkout();
    let (code, said) = sandbox.run("fleetwide run web -- true");
    assert_eq!(code, 0, "{said}");
    let remembered = sandbox.project.home().join(".local/state/fleetwide/known_hosts");
    for entry in fs::read_dir(remembered).expect("known hosts") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("a known host");
        fs::write(&path, text.replace(&sshd.host_key(), &sshd.wrong_host_key())).expect("writes");
    }
    sandbox.holding(sshd)
}

/// A host that never answers: a listener with a full queue drops packets, as a firewall does.
fn firewall() -> Sandbox {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (listener, at) = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::from(([127, 0, 0, 77], 0))).expect("an address");
        let listener = socket.listen(0).expect("it listens");
        let at = listener.local_addr().expect("an address");
        (listener, at)
    });
    let mut queue = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&at, Duration::from_millis(200)) {
        queue.push(stream);
    }
    let mut sandbox = Sandbox::with_config(&format!(
        "[targets.web]\nselect = [ {{ provider = \"static\", hosts = [ {{ name = \"web-1\", address = \"127.0.0.77\" }} ] }} ]\n\
         [targets.web.ssh]\nport = {}\n[targets.web.deploy]\nretries = 0\nconnect_timeout = \"1s\"\n",
        at.port()
    ));
    sandbox.show("127.0.0.77", "10.0.0.11");
    sandbox.show(&at.port().to_string(), "22");
    sandbox.holding((listener, queue, runtime))
}

/// A host whose login is not root, and must give a password to become root.
fn sudo_password() -> Sandbox {
    let world = "cp /etc/passwd $DIR/passwd; echo \"deploy:x:4711:4711::$DIR:/bin/sh\" >>$DIR/passwd\n\
                 mount --bind $DIR/passwd /etc/passwd; chmod 755 $DIR\n\
                 printf '%s\n' 'Defaults !mailerpath, !syslog' 'deploy ALL=(ALL) ALL' >$DIR/sudoers\n\
                 chmod 440 $DIR/sudoers; mount --bind $DIR/sudoers /etc/sudoers";
    let sshd = Sshd::builder().within(world).start();
    let sandbox = Sandbox::hosts(&sshd, &[("user", "\"deploy\"".to_owned())], "");
    sandbox.checkout().holding(sshd)
}

/// A fleet with another deploy in progress.
fn busy() -> Sandbox {
    let sandbox = fleet(&[], "script = \"slow.sh\"\n", |sandbox| {
        sandbox.project.write("slow.sh", "#!/bin/sh\necho begun\nsleep 600\n");
    });
    let mut command = sandbox.command("exec fleetwide deploy web --revision v1 --verbose");
    let mut other = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it runs");
    let lines = BufReader::new(other.stdout.take().expect("piped")).lines();
    let begun = lines.map_while(Result::ok).filter(|line| line.contains("begun")).take(1).count();
    assert_eq!(begun, 1);
    sandbox.holding(Running(other))
}

/// A run that ends with the sandbox.
#[derive(Debug)]
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
