use super::*;
use crate::report::{Detail, Gaps};
use provider_core::{Progress as _, Scope, Step};
use std::thread::sleep;

#[test]
fn eye() {
    let tty = || std::fs::OpenOptions::new().write(true).open("/dev/tty").expect("tty");
    let env = |name: &str| std::env::var(name).ok();
    let cols: u16 = env("EYE_COLS").and_then(|c| c.parse().ok()).unwrap_or(80);
    let screen = Screen::detect(env("EYE_PIPE").is_none(), Some(cols), |n| if n == "CI" { None } else { env(n) });
    let detail = match env("EYE").as_deref() {
        Some("verbose") => Detail::Verbose,
        Some("quiet") => Detail::Quiet,
        _ => Detail::Normal,
    };
    let reporter = Reporter::builder(
        Destination { writer: Box::new(tty()), screen },
        Destination { writer: Box::new(tty()), screen },
    )
    .detail(detail)
    .rerun("fleetwide deploy web --revision 4f2a91c".to_owned())
    .log_dir(std::path::PathBuf::from("/tmp/eye-logs"))
    .build();
    let scopes: Vec<_> = ["eu-west-1", "us-east-1", "ap-south-1", "eu-north-1", "us-west-2", "sa-east-1"]
        .iter()
        .map(|r| Scope::new(&ProviderName::new("aws"), r))
        .collect();
    for scope in &scopes {
        reporter.step(scope, Step::Calling { operation: "D" });
        sleep(Duration::from_millis(100));
        reporter.step(scope, Step::Page { instances: 800 });
    }
    reporter.step(&scopes[2], Step::Retrying { reason: "RequestLimitExceeded", wait: Duration::from_secs(2) });
    sleep(Duration::from_millis(1200));
    for scope in &scopes {
        reporter.step(scope, Step::Done { matched: 20 });
    }
    let n = env("EYE_N").and_then(|n| n.parse().ok()).unwrap_or(60);
    let mut plan = Plan { run: crate::plan::RunId::new(), ..plan(n) };
    plan.policy.max_failures = 3;
    let run = reporter.start(&plan, Gaps::default()).expect("ok");
    let ids = ids(&plan);
    let mut seq = 0;
    let mut tell = |kind: EventKind<'_>| {
        seq += 1;
        run.event(&Event { run: plan.run, seq, at: Timestamp::now(), kind });
    };
    tell(EventKind::RunStarted { plan: &plan });
    let mut ended = Vec::new();
    for chunk in ids.chunks(10) {
        for id in chunk {
            tell(EventKind::HostConnecting { host: id, attempt: 1 });
            tell(EventKind::ScriptStarted { host: id, group: 99 });
            sleep(Duration::from_millis(20));
        }
        for id in chunk {
            sleep(Duration::from_millis(150));
            tell(EventKind::Output {
                host: id,
                stream: Stream::Stdout,
                bytes: "  1%\r 50%\r100%\n\x1b[32mdeploying\x1b[0m 服务器\nok\n".as_bytes(),
            });
            let result = match ended.len() {
                7 => failed(
                    id,
                    3,
                    "npm ERR! code ENOSPC\nnpm ERR! no space left on device, write '/srv/app/releases/4f2a91c/node_modules/.cache/babel-loader/0123456789.json.gz'\n",
                ),
                22 => unreachable(id),
                31 => timed_out(id),
                40 => lost(id),
                _ => succeeded(id),
            };
            ended.push(result.outcome);
            tell(EventKind::HostFinished { result: &result });
        }
    }
    let summary = Summary::of(ended.iter().copied());
    let status = RunStatus::of(&summary, 3, None);
    tell(EventKind::RunFinished { status, summary });
}
