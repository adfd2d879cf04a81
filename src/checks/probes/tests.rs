//! Each kind of check against a server of this test's own.

use std::{num::NonZeroU32, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;
use crate::{
    config::{EnvValue, HttpProbe, NoData, PromqlProbe, SecretRef, StatusSet},
    inventory::testing::{host, target},
    plan::{Assignment, RunId, Work},
    transport::{ConnectError, ConnectFailure, Connected, Halt},
};

/// Reaches no host.
#[derive(Debug)]
struct Nowhere;

#[async_trait]
impl Transport for Nowhere {
    async fn connect_unless(&self, _: Halt, _: &Host) -> Result<Connected, ConnectError> {
        Err(ConnectError { kind: ConnectFailure::Refused, message: "nobody".into(), hint: None })
    }
}

fn check(probe: Probe) -> Check {
    let second = Duration::from_secs(1);
    Check {
        probe,
        interval: second,
        timeout: Duration::from_secs(5),
        deadline: second,
        passes: NonZeroU32::MIN,
        failures: NonZeroU32::MIN,
    }
}

async fn ask(check: Check, of: Option<&Host>) -> Sample {
    let mut target = target(Vec::new());
    let label: Label = "c".parse().expect("a name");
    target.checks.insert(label.clone(), check);
    let assignment = Assignment::of(Work::Command("true".into()));
    let plan = Arc::new(Plan::new(RunId::new(), &target, assignment, Vec::new()));
    let env = |name: &str| (name == "TOKEN").then(|| "hunter2".to_owned());
    let probes = Probes::new(plan, Arc::new(Nowhere), &env).expect("ready");
    assert!(!format!("{probes:?}").contains("hunter2"));
    probes.sample(&label, of, &Facts::from([("FLEETWIDE_RUN", "01J".to_owned())])).await
}

/// A server that gives this answer to one request, and a handle to the request.
async fn server(answer: &'static str) -> (String, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a request");
        let mut request = vec![0; 8192];
        let count = stream.read(&mut request).await.expect("a request");
        stream.write_all(answer.as_bytes()).await.expect("answered");
        String::from_utf8_lossy(&request[..count]).into_owned()
    });
    (address, heard)
}

fn http(url: &str, status: &str, body: Option<&str>) -> Check {
    check(Probe::Http(HttpProbe {
        url: url.parse().expect("an address"),
        status: status.parse::<StatusSet>().expect("a status"),
        body: body.map(ToOwned::to_owned),
        headers: BTreeMap::from([("X-Token".to_owned(), EnvValue::Secret(SecretRef::Env("TOKEN".into())))]),
        ca_file: None,
    }))
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 7\r\nconnection: close\r\n\r\nhealthy";

#[tokio::test]
async fn a_web_server_is_asked_for_each_host_with_its_headers() {
    let (address, heard) = server(OK).await;
    let port = address.rsplit_once(':').expect("a port").1.to_owned();
    let mut web = host("i-1", "a b/c");
    web.address.host = "127.0.0.1".into();
    let url = format!("http://{{address}}:{port}/healthz?of={{name}}");
    let sample = ask(http(&url, "2xx", Some("^healthy$")), Some(&web)).await;
    assert_eq!(sample.verdict, Verdict::Well, "{}", sample.text);
    assert_eq!(sample.value, Some(200.0));
    let request = heard.await.expect("heard");
    assert!(request.starts_with("GET /healthz?of=a+b%2Fc HTTP/1.1"), "{request}");
    assert!(request.contains("x-token: hunter2"), "{request}");
}

#[tokio::test]
async fn another_status_another_body_and_no_answer_are_not_well() {
    for (answer, status, body, words) in [
        ("HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n", "2xx", None, "HTTP 503"),
        ("HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n", "2xx", None, "HTTP 302"),
        (OK, "2xx", Some("^ready"), "does not match"),
        ("nonsense\r\n\r\n", "2xx", None, "invalid"),
    ] {
        let (address, _) = server(answer).await;
        let sample = ask(http(&format!("http://{address}/"), status, body), None).await;
        assert_eq!(sample.verdict, Verdict::Unwell, "{answer}");
        assert!(sample.text.contains(words), "{answer}: {}", sample.text);
    }
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    let sample = ask(http(&format!("http://{closed}/"), "2xx", None), None).await;
    assert!(sample.verdict == Verdict::Unwell && sample.text.contains("refused"), "{}", sample.text);
}

#[tokio::test]
async fn a_port_listens_or_does_not() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let tcp = |address: &str| check(Probe::Tcp { address: address.parse().expect("an address") });
    assert_eq!(ask(tcp(&address), None).await.verdict, Verdict::Well);
    drop(listener);
    let sample = ask(tcp(&address), None).await;
    assert!(sample.verdict == Verdict::Unwell && sample.text.contains(&address), "{}", sample.text);
}

#[tokio::test]
async fn a_command_here_knows_the_facts() {
    let command = |line: &str| check(Probe::Command { line: line.to_owned() });
    let sample = ask(command("echo run $FLEETWIDE_RUN"), None).await;
    assert_eq!((sample.verdict, sample.text.as_str()), (Verdict::Well, "exit status 0: run 01J"));
    let sample = ask(command("echo no; exit 3"), None).await;
    assert_eq!((sample.verdict, sample.text.as_str()), (Verdict::Unwell, "exit status 3: no"));
}

#[tokio::test]
async fn a_host_that_is_not_reached_is_not_well() {
    let sample = ask(check(Probe::Remote { line: "true".into() }), Some(&host("i-1", "a"))).await;
    assert!(sample.verdict == Verdict::Unwell && sample.text.contains("nobody"), "{}", sample.text);
}

#[tokio::test]
async fn prometheus_answers_with_numbers_with_nothing_or_with_an_error() {
    let vector = |values: &str| {
        let body = format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{values}]}}}}"#);
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
        &*Box::leak(answer.into_boxed_str())
    };
    let one = r#"{"metric":{},"value":[1700000000.1,"2"]}"#;
    let two = r#"{"metric":{},"value":[1.1,"2"]},{"metric":{"__name__":"x","zone":"b"},"value":[1,"7.5"]}"#;
    let starting = "HTTP/1.1 503 No\r\ncontent-length: 19\r\n\r\nService Unavailable";
    let login = "HTTP/1.1 302 No\r\nlocation: /login\r\ncontent-length: 0\r\n\r\n";
    let error = "HTTP/1.1 400 Bad\r\ncontent-length: 57\r\nconnection: close\r\n\r\n{\"status\":\"error\",\"errorType\":\"x\",\"error\":\"parse error\"}  ";
    for (answer, no_data, verdict, value, words) in [
        (vector(one), NoData::Fail, Verdict::Well, Some(2.0), "2 is < 5"),
        (vector(two), NoData::Fail, Verdict::Unwell, Some(7.5), "7.5 is not < 5: x{zone=\"b\"}"),
        (vector(""), NoData::Fail, Verdict::Unwell, None, "no data"),
        (vector(""), NoData::Pass, Verdict::Well, None, "no data"),
        (vector(r#"{"metric":{},"value":[1,"NaN"]}"#), NoData::Pass, Verdict::Unwell, None, "NaN"),
        (error, NoData::Pass, Verdict::Unwell, None, "parse error"),
        (OK, NoData::Pass, Verdict::Unwell, None, "HTTP 200, and no answer of a Prometheus server: healthy"),
        (starting, NoData::Pass, Verdict::Unwell, None, "HTTP 503, and no answer of a Prometheus server: Service"),
        (login, NoData::Pass, Verdict::Unwell, None, "HTTP 302, and a redirect is not followed"),
        (vector(r#"{"metric":{},"value":[1,"five"]}"#), NoData::Pass, Verdict::Unwell, None, "a value is no number"),
    ] {
        let (address, heard) = server(answer).await;
        let probe = PromqlProbe {
            query: "sum(rate(x{code=~\"5..\"}[1m]))".into(),
            server: format!("http://{address}/prom/").parse().expect("an address"),
            pass_if: "< 5".parse().expect("a condition"),
            no_data,
            headers: BTreeMap::new(),
            ca_file: None,
        };
        let sample = ask(check(Probe::Promql(probe)), None).await;
        assert_eq!(sample.verdict, verdict, "{}", sample.text);
        assert_eq!(sample.value.filter(|value| !value.is_nan()), value, "{}", sample.text);
        assert!(sample.text.contains(words), "{}", sample.text);
        let request = heard.await.expect("heard");
        assert!(request.starts_with("GET /prom/api/v1/query?query=sum%28rate%28x%7Bcode%3D%7E%225.."), "{request}");
    }
}
