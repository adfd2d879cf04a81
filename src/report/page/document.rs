//! The page as a whole: its head, and the order of its parts.

use base64::{Engine, prelude::BASE64_STANDARD};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::{checks, course, failures, hosts, summary, timeline};
use crate::report::{
    files::record::Record,
    screens::summary::verdict,
    text::{labels::Labels, neutral},
};

/// The page's style sheet.
const SHEET: &str = include_str!("page.css");

/// A part of the page, linked from the list at its top.
pub(super) struct Part {
    /// The fragment in the page's address.
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) body: Markup,
}

/// The page of a run.
pub fn html(record: &Record) -> String {
    let labels = Labels::of(record);
    let parts: Vec<Part> = [
        failures::part(record, &labels),
        timeline::part(record, &labels),
        course::part(record, &labels),
        checks::part(record, &labels),
        hosts::part(record, &labels),
    ]
    .into_iter()
    .flatten()
    .collect();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                meta name="generator" content=(concat!("fleetwide ", env!("CARGO_PKG_VERSION")));
                title { (title(record)) }
                style { (PreEscaped(SHEET)) }
            }
            body {
                header { (summary::head(record)) }
                nav aria-label="Parts of this page" {
                    @for part in &parts { a href={ "#" (part.id) } { (part.title) } }
                }
                main {
                    (summary::body(record, &labels))
                    @for part in parts {
                        section id=(part.id) aria-labelledby={ (part.id) "-title" } {
                            h2 id={ (part.id) "-title" } { (part.title) }
                            (part.body)
                        }
                    }
                }
                footer {
                    "Written by fleetwide " (env!("CARGO_PKG_VERSION")) " from the report of run " code { (record.run) }
                    ". Times are those of the machine that deployed, in UTC."
                }
            }
        }
    };
    page.into_string()
}

fn title(record: &Record) -> String {
    let what = record.revision.as_ref().map(|revision| format!(" {}", neutral::line(revision.as_str())));
    format!("{}{}: {}", neutral::line(&record.target), what.unwrap_or_default(), verdict(record).head)
}

/// The page's Content-Security-Policy (CSP level 3). It allows [`SHEET`] and nothing else: no script, no request, no
/// form, not even an element's own style.
fn policy() -> String {
    let hash = BASE64_STANDARD.encode(Sha256::digest(SHEET));
    format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'")
}
