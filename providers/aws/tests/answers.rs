//! Answers that the simulator never gives: refusals with a secret in them, truncated pages, pages of something else.
//! Each is served verbatim, on loopback.

use std::{
    io::{self, Write},
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{Form, Router, http::StatusCode, routing::post};
use provider_aws::{AssumeRole, Aws, AwsConfig, Regions};
use provider_core::{FailureKind, Instance, Provider, ProviderError, ScopeError, Selector, Silent};
use tokio::net::TcpListener;

/// The answer to one operation.
type Answer = (&'static str, u16, String);

/// Serves `answers`, by operation, until the test's runtime ends.
async fn serve(answers: Vec<Answer>) -> AwsConfig {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    let answer = move |Form(pairs): Form<Vec<(String, String)>>| async move {
        let asked = |(operation, _, _): &&Answer| pairs.contains(&("Action".to_owned(), (*operation).to_owned()));
        let (_, status, body) = answers.iter().find(asked).cloned().expect("an operation that is answered");
        (StatusCode::from_u16(status).expect("a status"), body)
    };
    let router = Router::new().route("/", post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    AwsConfig {
        regions: Regions::Named(vec!["eu-west-1".to_owned()]),
        endpoint: Some(endpoint.parse().expect("a loopback endpoint")),
        ..AwsConfig::default()
    }
}

async fn ask(config: AwsConfig) -> Result<Vec<Instance>, ProviderError> {
    let selector =
        Selector { deadline: Duration::from_secs(2), ..Selector::running([("role", "web")].into_iter().collect()) };
    Aws::new(config).instances(&selector, &Silent).await
}

async fn only_failure(config: AwsConfig) -> ScopeError {
    let error = ask(config).await.expect_err("no good answer");
    assert_eq!(error.failures.len(), 1, "{error}");
    error.failures.into_iter().next().expect("one")
}

/// The log of a test.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn assuming(config: AwsConfig) -> AwsConfig {
    let arn = "arn:aws:iam::444455556666:role/deploy".to_owned();
    AwsConfig { assume_role: Some(AssumeRole { arn, external_id: None, session_name: None }), ..config }
}

fn sts_refusal(code: &str, message: &str) -> Vec<Answer> {
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
         <RequestId>r</RequestId></ErrorResponse>"
    );
    vec![("AssumeRole", 403, body)]
}

#[tokio::test]
async fn a_refused_signature_gives_no_token_away() {
    let log = Log::default();
    let written = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || written.clone()).finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let message = "The request signature we calculated does not match.&#10;&#10;The Canonical String for this \
                   request should have been&#10;'POST&#10;x-amz-security-token:SECRETTOKEN&#10;'";
    let failure = only_failure(assuming(serve(sts_refusal("SignatureDoesNotMatch", message)).await)).await;
    let said = format!("{failure} {failure:?}");
    assert!(said.contains("SignatureDoesNotMatch: The request signature we calculated does not match."), "{said}");
    let logged = String::from_utf8(log.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).expect("text");
    for shown in [&said, &logged] {
        assert!(!shown.contains("SECRET") && !shown.contains("security-token"), "{shown}");
    }
}

#[tokio::test]
async fn a_refused_role_reads_well() {
    let words = "User: arn:aws:iam::111122223333:user/ci is not authorized to perform: sts:AssumeRole";
    let failure = only_failure(assuming(serve(sts_refusal("AccessDenied", words)).await)).await;
    assert_eq!(failure.kind, FailureKind::Credentials);
    assert_eq!(
        failure.message,
        format!("cannot assume role arn:aws:iam::444455556666:role/deploy: AccessDenied: {words}")
    );
}

/// A page with these machines.
fn page(machines: &str) -> String {
    format!(
        "<DescribeInstancesResponse><requestId>r</requestId><reservationSet><item><reservationId>r-1</reservationId>\
         <ownerId>111122223333</ownerId><instancesSet>{machines}</instancesSet></item></reservationSet>\
         </DescribeInstancesResponse>"
    )
}

/// A running machine tagged `role=web`; `rest` is the rest of its description.
fn machine(id: &str, rest: &str) -> String {
    format!(
        "<item><instanceId>{id}</instanceId><instanceState><code>16</code><name>running</name></instanceState>\
         <tagSet><item><key>role</key><value>web</value></item></tagSet>{rest}</item>"
    )
}

fn instances(body: String) -> Vec<Answer> {
    vec![("DescribeInstances", 200, body)]
}

#[tokio::test]
async fn a_page_cut_short_is_no_answer() {
    let whole = page(&[machine("i-1", ""), machine("i-2", "")].concat());
    assert_eq!(ask(serve(instances(whole.clone())).await).await.map(|found| found.len()).ok(), Some(2));
    for end in ["i-2</instanceId>", "</reservationSet>", "</DescribeInstancesResponse>"] {
        let cut = whole.split_once(end).expect("there").0.to_owned();
        let failure = only_failure(serve(instances(cut)).await).await;
        assert_eq!(failure.kind, FailureKind::BadAnswer, "{end}");
        assert!(failure.message.contains("cut short"), "{failure}");
    }
}

#[tokio::test]
async fn an_empty_document_is_no_empty_account() {
    for empty in ["<DescribeInstancesResponse/>", "<DescribeInstancesResponse></DescribeInstancesResponse>", ""] {
        let failure = only_failure(serve(instances(empty.to_owned())).await).await;
        assert_eq!(failure.kind, FailureKind::BadAnswer, "{empty}");
    }
}

#[tokio::test]
async fn regions_must_be_listed_whole_and_by_name() {
    let listed = |regions: &str| {
        let body = format!(
            "<DescribeRegionsResponse><requestId>r</requestId><regionInfo>{regions}</regionInfo>\
             </DescribeRegionsResponse>"
        );
        vec![("DescribeRegions", 200, body), ("DescribeInstances", 200, page(&machine("i-1", "")))]
    };
    let named = "<item><regionName>eu-west-1</regionName></item>";
    let everywhere = async |answers| AwsConfig { regions: Regions::All, ..serve(answers).await };
    assert_eq!(ask(everywhere(listed(named)).await).await.map(|found| found.len()).ok(), Some(1));
    let mut cut = listed(named);
    cut[0].2.truncate(110);
    for answers in [cut, listed(""), listed(&format!("{named}<item><regionEndpoint>x</regionEndpoint></item>"))] {
        assert_eq!(only_failure(everywhere(answers).await).await.kind, FailureKind::BadAnswer);
    }
}

#[tokio::test]
async fn an_answer_without_a_code_goes_by_its_status() {
    for (status, kind) in [
        (401, FailureKind::Credentials),
        (403, FailureKind::Denied),
        (404, FailureKind::BadAnswer),
        (429, FailureKind::Throttled),
    ] {
        let answers = vec![("DescribeInstances", status, "<html>no</html>".to_owned())];
        let failure = only_failure(serve(answers).await).await;
        assert_eq!(failure.kind, kind, "{failure}");
        assert!(failure.message.contains(&format!("HTTP {status}")), "{failure}");
        // Throttling is given up at the deadline; the other failures are given up at once.
        assert_eq!(failure.message.contains("given up"), status == 429, "{failure}");
    }
}

#[tokio::test]
async fn a_time_that_cannot_be_read_costs_only_itself() {
    let good = "<launchTime>2026-01-01T00:00:00.000Z</launchTime>";
    for bad in ["<launchTime/>", "<launchTime></launchTime>", "<launchTime>yesterday</launchTime>"] {
        let machines = [machine("i-1", good), machine("i-2", bad)].concat();
        let found = ask(serve(instances(page(&machines))).await).await.expect("instances");
        let launched: Vec<_> = found.iter().map(|found| found.launched.is_some()).collect();
        assert_eq!(launched, [true, false], "{bad}");
    }
}

#[tokio::test]
async fn a_machine_without_a_state_is_named() {
    let stateless = machine("i-2", "").replace("<name>running</name>", "");
    let failure = only_failure(serve(instances(page(&[machine("i-1", ""), stateless].concat()))).await).await;
    assert_eq!(failure.kind, FailureKind::BadAnswer);
    assert!(failure.message.contains("`i-2`"), "{failure}");
}

#[tokio::test]
async fn an_endless_answer_is_given_up() {
    let padding = " ".repeat(65 << 20);
    let failure = only_failure(serve(instances(page(&padding))).await).await;
    assert_eq!(failure.kind, FailureKind::BadAnswer, "{failure}");
    assert!(failure.message.contains("64 MiB"), "{failure}");
}
