//! The documentation is true: every command in it is run, every page is in the book, every link has a target.
//!
//! [`page`] reads a page's command blocks, [`sandbox`] and [`mistakes`] prepare the places in which they run,
//! [`commands`] runs them and compares the output, [`book`] checks the whole.
//!
//! `FLEETWIDE_DOCS=write cargo nextest run -p fleetwide --test docs` writes the program's current output into the
//! pages. Read the difference before you commit it.

#[expect(dead_code, reason = "the tests of the verbs use the rest of it")]
#[path = "../cli/project.rs"]
mod project;
#[expect(dead_code, reason = "the transport's own tests use the rest of it")]
#[path = "../harness/sshd.rs"]
mod sshd;

mod book;
mod commands;
mod mistakes;
mod page;
mod plain;
mod sandbox;
