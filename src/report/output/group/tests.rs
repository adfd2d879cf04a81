use super::*;
use crate::{
    inventory::HostId,
    report::{
        files::record::Record,
        output::gather::{Ending, Gathering, OF_ONE},
        tests::{at, host, plan_for},
    },
};

/// Hosts `web-01` and so on print what `output` returns and end with that exit status.
fn grouped(hosts: usize, screen: &Screen, output: impl Fn(usize) -> (u8, String, String)) -> String {
    compared_for(Duration::from_mins(5), hosts, screen, output)
}

/// The same with limited `patience`.
fn compared_for(
    mut patience: Duration,
    hosts: usize,
    screen: &Screen,
    output: impl Fn(usize) -> (u8, String, String),
) -> String {
    let hosts: Vec<_> = (1..=hosts)
        .map(|n| {
            let mut host = host(n);
            host.instance.name = format!("web-{n:02}");
            host
        })
        .collect();
    let ids: Vec<HostId> = hosts.iter().map(|host| host.id.clone()).collect();
    let record = Record::new(&plan_for(hosts), crate::report::Gaps::default(), at(0));
    let mut gathering = Gathering::default();
    for (n, id) in ids.iter().enumerate() {
        let (status, stdout, stderr) = output(n + 1);
        gathering.output(id, Stream::Stdout, stdout.as_bytes());
        gathering.output(id, Stream::Stderr, stderr.as_bytes());
        let outcome = if status == 0 { Outcome::Succeeded } else { Outcome::Failed };
        gathering.end(id, Ending { outcome, words: format!("exit status {status}") });
    }
    let labels = Labels::of(&record);
    let mut text = String::new();
    let outputs = gathering.finish(|host| labels.get(host).to_owned());
    print(outputs, &labels, screen, &mut patience, |shown| text.push_str(shown));
    text
}

fn versions(n: usize) -> (u8, String, String) {
    let nginx = if n == 7 { "1.22.1" } else { "1.24.0" };
    let text = format!("ssl 3.0\nzlib 1.3\npcre 10.42\nnginx {nginx}\nlua 5.4\nuptime\nload\n");
    match n {
        12 | 13 => (3, "no such file\n".to_owned(), "cat: /etc/x: missing\n".to_owned()),
        14 => (0, String::new(), String::new()),
        _ => (0, text, String::new()),
    }
}

#[test]
fn equal_outputs_once_and_a_difference_as_such() {
    let screen = Screen { width: Some(60), ..Screen::PLAIN };
    insta::assert_snapshot!(grouped(48, &screen, versions), @r"
    ✓ 44 hosts, exit status 0: web-[01-06,08-11,15-48]
      │ ssl 3.0
      │ zlib 1.3
      │ pcre 10.42
      │ nginx 1.24.0
      │ lua 5.4
      │ uptime
      │ load

    ✗ 2 hosts, exit status 3: web-[12-13]
      │ no such file
      ! cat: /etc/x: missing

    ✓ 1 host, exit status 0: web-07
      compared with the 44 hosts above:
       │ zlib 1.3
       │ pcre 10.42
      -│ nginx 1.24.0
      +│ nginx 1.22.1
       │ lua 5.4
       │ uptime

    ✓ 1 host, exit status 0: web-14
      no output
    ");
}

#[test]
fn what_there_is_no_time_to_compare_is_shown_whole_and_says_so() {
    let text = compared_for(Duration::ZERO, 48, &Screen::PLAIN, versions);
    assert!(
        text.contains("web-07\n  shown whole: there is too much to compare\n  │ ssl 3.0\n  │ zlib 1.3\n"),
        "{text}"
    );
    assert_eq!(text.matches("too much to compare").count(), 2, "what printed nothing needs no comparison: {text}");
}

#[test]
fn outputs_that_share_nothing_are_shown_whole() {
    insta::assert_snapshot!(grouped(3, &Screen::PLAIN, |n| (0, format!("up {n} days\n"), String::new())), @r"
    ✓ 1 host, exit status 0: web-01
      │ up 1 days

    ✓ 1 host, exit status 0: web-02
      │ up 2 days

    ✓ 1 host, exit status 0: web-03
      │ up 3 days
    ");
}

#[test]
fn what_is_not_kept_is_told_and_still_compared() {
    let long = "x".repeat(99) + "\n";
    let text = grouped(3, &Screen::PLAIN, |n| {
        (0, long.repeat(OF_ONE / 100 + 1) + &format!("end {}\n", n == 2), String::new())
    });
    assert!(text.contains("2 hosts, exit status 0: web-[01,03]\n"), "{text:.200}");
    assert!(
        text.ends_with(
            "1 host, exit status 0: web-02\n  differs from the 2 hosts above only in what is not shown\n  \
         … 65 more bytes of standard output: compared, but not kept\n"
        ),
        "{}",
        &text[text.len() - 300..]
    );
}

#[test]
fn hostile_lines_stay_behind_their_sign() {
    let text = grouped(1, &Screen::PLAIN, |_| {
        (0, "\x1b[2J::error::a\n##[group]b\n1%\r2%\n".to_owned(), "\u{202e}c".to_owned())
    });
    insta::assert_snapshot!(text, @"
    ✓ 1 host, exit status 0: web-01
      │ : :error::a
      │ # #[group]b
      │ 2%
      ! �c
    ");
}
