//! The results of discovery and planning, on screens for people.

use provider_core::{FailureKind, Progress as _, Scope, ScopeError, Step};

use super::*;
use crate::report::Gaps;

#[test]
fn the_hosts_table_fits() {
    let hosts: Vec<Host> = (1..=4).map(host).collect();
    let shown = |screen| {
        let (out, _, builder) = capture(screen);
        builder.build().show_hosts(&hosts, &crate::report::Listing::default(), Gaps::default());
        out.text()
    };
    insta::assert_snapshot!(shown(terminal(80)), @r"
    NAME   ID                          ZONE            ADDRESS          TAGS
    web-1  gcp:4000000000000000001     europe-west1-b  deploy@10.0.0.1  env=prod ro…
    web-2  azure:7f6e9a…-000000000002  westeurope      deploy@10.0.0.2  env=prod ro…
    web-3  aws:i-0000000000000003      eu-west-1a      deploy@10.0.0.3  env=prod ro…
    web-4  gcp:4000000000000000004     europe-west1-b  deploy@10.0.0.4  env=prod ro…
    4 hosts: aws 1, azure 1, gcp 2
    ");
    insta::assert_snapshot!(shown(terminal(200)), @r"
    NAME   ID                                          ZONE            ADDRESS          TAGS
    web-1  gcp:4000000000000000001                     europe-west1-b  deploy@10.0.0.1  env=prod role=web
    web-2  azure:7f6e9a52-1111-4222-8333-000000000002  westeurope      deploy@10.0.0.2  env=prod role=web
    web-3  aws:i-0000000000000003                      eu-west-1a      deploy@10.0.0.3  env=prod role=web
    web-4  gcp:4000000000000000004                     europe-west1-b  deploy@10.0.0.4  env=prod role=web
    4 hosts: aws 1, azure 1, gcp 2
    ");
    assert_eq!(shown(Screen::PLAIN), shown(terminal(200)));
}

#[test]
fn gaps_are_told_loudly() {
    let missing =
        [ScopeError::new(Scope::new(&ProviderName::new("aws"), "eu-west-1"), FailureKind::TimedOut, "no answer in 2m")];
    let left_out = host(3).instance;
    let gaps = Gaps { missing_scopes: &missing, unaddressed: std::slice::from_ref(&left_out) };
    let (out, err, builder) = capture(terminal(80));
    let reporter = builder.build();
    let plan = plan(1);
    let run = reporter.start(&plan, gaps).expect("no files");
    let mut telling = Telling::of(&run, &plan);
    telling.whole(&succeeded(&ids(&plan)[0]));
    telling.finish(None);
    insta::assert_snapshot!(format!("{}--\n{}", err.text(), out.text()), @r"
    warning: 1 scope could not be read; hosts there are missing
      aws eu-west-1: timed out: no answer in 2m
    warning: 1 instance left out for want of a usable address
      web-3 (aws:i-0000000000000003)
    Deploy 4f2a91c to web: 1 host (gcp 1)
      10 at once · no failure allowed · run 01JQZX0000000000000000TEST
    ✓ web-1 succeeded in 12s
    --

    warning: hosts may be missing, for discovery could not read aws eu-west-1
    warning: 1 instance left out for want of a usable address

    ✓ succeeded: the only host of web is at 4f2a91c
      4.0s · run 01JQZX0000000000000000TEST
    ");
}

#[test]
fn the_plan_says_exactly_what_is_run() {
    let (out, _, builder) = capture(terminal(80));
    builder.build().show_plan(&plan(2), Gaps::default());
    assert!(!out.text().contains("hunter2"));
    insta::assert_snapshot!(out.text(), @r#"
    Deploy 4f2a91c to web

      script      deploy.sh, 7 bytes
      sha256      abababababababababababababababababababababababababababababababab
      app         shop
      arguments   "--fast"
      environment NODE_ENV="production"
      secrets     API_TOKEN (values are never shown)
      hosts       2 (azure 1, gcp 1)
      at once     10 hosts, of these 4 in the SSH handshake
      failures    none allowed: nothing new starts after the first
      worst case  at most 2 hosts can fail before this stops; a script broken everywhere meets 1 host
      time limits script 10m, silence 90s
      ending      TERM, then KILL after 10s
      retries     2 more tries, only where the script never started
      if cut off  the script goes on to its end

    Stage 1 of 1: all, 2 hosts
      NAME   ID                        ZONE            ADDRESS          TAGS
      web-1  gcp:4000000000000000001   europe-west1-b  deploy@10.0.0.1  env=prod ro…
      web-2  azure:7f6e9…000000000002  westeurope      deploy@10.0.0.2  env=prod ro…
    "#);
}

#[test]
fn discovery_is_concluded_in_a_line() {
    let (_, err, builder) = capture(terminal(80));
    let reporter = builder.build();
    let scope = Scope::new(&ProviderName::new("aws"), "eu-west-1");
    reporter.step(&scope, Step::Calling { operation: "DescribeInstances" });
    reporter.step(&scope, Step::Retrying { reason: "RequestLimitExceeded", wait: Duration::from_secs(1) });
    reporter.step(&scope, Step::Calling { operation: "DescribeInstances" });
    reporter.step(&scope, Step::Page { instances: 40 });
    reporter.step(&scope, Step::Done { matched: 12 });
    reporter.end_discovery();
    reporter.end_discovery();
    insta::assert_snapshot!(err.text(), @r"
    aws eu-west-1: RequestLimitExceeded, trying again in 1.0s
    found 12 instances in 1 scope: 2 API calls (aws 2), 0.0s
    ");
}
