//! The provider against an answer that another project recorded from the real EC2.

use std::{net::Ipv4Addr, path::Path};

use axum::{Router, http::header, routing::post};
use provider_aws::{Aws, AwsConfig, Regions};
use provider_core::{InstanceState, Provider, Selector, Silent, TagFilter};
use tokio::net::TcpListener;

/// Serves `body` to every request, on loopback, until the test's runtime ends.
async fn serve(body: String) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    let answer = move || async move { ([(header::CONTENT_TYPE, "text/xml;charset=UTF-8")], body) };
    let router = Router::new().route("/", post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    endpoint
}

#[tokio::test]
async fn a_recorded_answer_is_read_whole() {
    let recording = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/recordings/aws/describe_instances.xml");
    let Ok(body) = std::fs::read_to_string(&recording) else {
        println!("skipped: no recording at {}", recording.display());
        return;
    };
    let config = AwsConfig {
        regions: Regions::Named(vec!["us-east-1".to_owned()]),
        endpoint: Some(serve(body).await.parse().expect("a loopback endpoint")),
        ..AwsConfig::default()
    };
    let stopped = Selector { states: [InstanceState::Stopped].into(), ..Selector::running(TagFilter::default()) };
    let found = Aws::new(config.clone()).instances(&stopped, &Silent).await.expect("instances");
    let names: Vec<_> = found.iter().map(|instance| (instance.id.as_str(), instance.name.as_str())).collect();
    assert_eq!(names, [("i-4382922a", "i-4382922a"), ("i-8474834a", "Test Server 2")]);
    let second = &found[1];
    assert_eq!((second.account.as_str(), second.zone.as_str()), ("123456789098", "us-east-1d"));
    assert_eq!(second.addresses.private_ipv4, "172.16.9.139".parse().ok());
    assert_eq!(second.addresses.public_ipv4, "1.2.3.5".parse().ok());
    assert_eq!(second.addresses.private_dns.as_deref(), Some("ip-172-16-9-139.ec2.internal"));
    assert_eq!(second.addresses.public_dns, None);
    assert_eq!(second.image.as_deref(), Some("ami-29674340"));
    assert_eq!(second.launched.map(|at| at.to_string()).as_deref(), Some("2013-12-02T15:58:29Z"));
    assert_eq!(second.tags.get("Group").map(String::as_str), Some("VPC Test"));

    // This server filters nothing: the selector is applied to the answer.
    let running = Aws::new(config).instances(&Selector::running(TagFilter::default()), &Silent).await;
    assert_eq!(running.map(|found| found.len()).ok(), Some(0));
}
