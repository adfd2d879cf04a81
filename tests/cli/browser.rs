//! A real headless Chromium, driven through a pipe: what a page requests, what errors it causes, how wide it is.
//!
//! The protocol is Chromium's own (DevTools): JSON messages, each terminated by a NUL, on file descriptors 3 and 4.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// All readable elements that extend past the right or left edge of the window.
const OUTSIDE: &str = "[...document.querySelectorAll('h1, h2, h3, p, dt, dd, li, summary, th, td, small, pre, text')]
    .filter(it => !it.matches('svg svg *'))
    .filter(it => { const at = it.getBoundingClientRect(); return at.right > innerWidth + 0.5 || at.left < -0.5 })
    .map(it => it.outerHTML)";

/// The browser.
#[derive(Debug)]
pub(crate) struct Browser {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    sent: u64,
    events: Vec<Value>,
    /// Its profile, removed with the browser.
    _profile: TempDir,
}

/// A page that was opened.
#[derive(Debug)]
pub(crate) struct Opened<'b> {
    browser: &'b mut Browser,
    session: String,
    /// All that it requested, including the page itself.
    pub(crate) requests: Vec<String>,
    /// Messages, errors, and requests that the browser blocked.
    pub(crate) complaints: Vec<Value>,
}

impl Browser {
    /// Starts the browser.
    pub(crate) fn start() -> Self {
        let profile = tempfile::Builder::new().prefix("fw-browser-").tempdir().expect("a folder");
        let mut child = Command::new("sh")
            .args(["-c", "exec chromium \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1", "sh"])
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
            .args(["--disable-background-networking", "--remote-debugging-pipe"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .env("HOME", profile.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sh runs");
        let orders = child.stdin.take().expect("piped");
        let answers = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, orders, answers, sent: 0, events: Vec::new(), _profile: profile }
    }

    /// Opens a file in a window of this width, and waits until the page requests nothing more.
    pub(crate) fn open(&mut self, file: &Path, width: u32, scheme: &str) -> Opened<'_> {
        let target = self.order(None, "Target.createTarget", &json!({ "url": "about:blank" }));
        let attached =
            self.order(None, "Target.attachToTarget", &json!({ "targetId": target["targetId"], "flatten": true }));
        let session = attached["sessionId"].as_str().expect("a session").to_owned();
        let size = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        for (method, parameters) in [
            ("Page.enable", &json!({})),
            ("Network.enable", &json!({})),
            ("Log.enable", &json!({})),
            ("Runtime.enable", &json!({})),
            ("Page.setLifecycleEventsEnabled", &json!({ "enabled": true })),
            ("Emulation.setDeviceMetricsOverride", &size),
            ("Emulation.setEmulatedMedia", &media),
        ] {
            self.order(Some(&session), method, parameters);
        }
        self.events.clear();
        let url = format!("file://{}", file.display());
        let loader = self.order(Some(&session), "Page.navigate", &json!({ "url": url }))["loaderId"].clone();
        let idle = |event: &Value| {
            let of = &event["params"];
            event["method"] == "Page.lifecycleEvent" && of["loaderId"] == loader && of["name"] == "networkIdle"
        };
        while !self.events.iter().any(idle) {
            let event = self.read();
            self.events.push(event);
        }
        let of = |methods: &[&str]| -> Vec<Value> {
            let events = self.events.iter().filter(|event| methods.iter().any(|method| event["method"] == *method));
            events.cloned().collect()
        };
        let asked = of(&["Network.requestWillBeSent"]);
        let requests = asked.iter().map(|event| event["params"]["request"]["url"].as_str().unwrap_or("").to_owned());
        let complaints = of(&["Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"]);
        Opened { requests: requests.collect(), complaints, session, browser: self }
    }

    /// Sends a command and returns its result; events that arrive meanwhile are kept.
    fn order(&mut self, session: Option<&str>, method: &str, parameters: &Value) -> Value {
        self.sent += 1;
        let mut order = json!({ "id": self.sent, "method": method, "params": parameters });
        if let Some(session) = session {
            order["sessionId"] = session.into();
        }
        let mut bytes = order.to_string().into_bytes();
        bytes.push(0);
        self.orders.write_all(&bytes).expect("the browser listens");
        loop {
            let mut message = self.read();
            if message["id"] == self.sent {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].take();
            }
            self.events.push(message);
        }
    }

    fn read(&mut self) -> Value {
        let mut bytes = Vec::new();
        self.answers.read_until(0, &mut bytes).expect("the browser answers");
        assert_eq!(bytes.pop(), Some(0), "the browser has ended: is chromium installed?");
        serde_json::from_slice(&bytes).expect("JSON")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Opened<'_> {
    /// The value of an expression in the page.
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "returnByValue": true });
        let mut answer = self.browser.order(Some(&self.session), "Runtime.evaluate", &parameters);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].take()
    }

    /// By how much the page is wider than the window, in pixels.
    pub(crate) fn overhang(&mut self) -> i64 {
        let wider = self.value("document.documentElement.scrollWidth - innerWidth");
        wider.as_i64().expect("whole pixels").max(0)
    }

    /// The readable elements that are not completely inside the window.
    pub(crate) fn outside(&mut self) -> Value {
        self.value(OUTSIDE)
    }
}
