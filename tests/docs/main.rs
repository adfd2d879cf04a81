//! The documentation says what is so: every command in it is run, every page is in the book, every
//! link leads somewhere.
//!
//! [`page`] reads a page's command blocks, [`sandbox`] and [`mistakes`] prepare the places in which
//! they are run, [`commands`] runs them and compares what is shown, [`book`] looks at the whole.
//!
//! `FLEETWIDE_DOCS=write cargo nextest run -p fleetwide --test docs` writes what the program says now
//! into the pages. Read the difference before you commit it.

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
