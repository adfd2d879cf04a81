//! The program as its users meet it: the real binary, its own home folder, real `ssh`.
//!
//! [`project`] runs the binary in a throw-away project. Each other file tests one promise.

#[expect(dead_code, reason = "the transport's own tests use the rest of it")]
#[path = "../harness/sshd.rs"]
mod sshd;

#[path = "../harness/way.rs"]
mod way;

#[path = "../harness/prometheus.rs"]
mod prometheus;

mod advice;
mod browser;
mod completions;
mod data;
mod demo;
mod demo_app;
mod errors;
mod faults;
mod flood;
mod hangs;
mod host_keys;
mod interrupts;
mod jumps;
mod killed;
mod listings;
mod load_balancer;
mod man;
mod narrowing;
mod nonblocking;
mod output;
mod parts;
mod pipeline;
mod project;
mod prometheus_checks;
mod pty;
mod reattach;
mod report_page;
mod rollback;
mod run_input;
mod simulated_fleet;
mod ssh;
mod ssh_fleet;
mod staged;
mod statuses;
mod strange_hosts;
mod survey;
mod verbs;
mod ways;
