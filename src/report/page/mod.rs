//! `report FILE --html OUT`: draws a run's record as one page for a browser.
//!
//! [`document`] puts the page together: `summary`, `failures`, `timeline` (every host), `course` (stages, pauses and
//! other events), `checks` (plots of their answers), `hosts` (all of them, in words). `layout` places each row of the
//! timeline, `phases` says what is drawn in it; `axis` maps time to places on a line, `look` maps outcomes to signs and
//! colours, `page.css` styles all of it.
//!
//! The page is self-contained: it loads nothing and contains no script, and its Content-Security-Policy makes the
//! browser forbid both. Output of hosts and names from clouds pass `neutral` first; `maud` escapes all text after that.
//! Drawings give places in percent, so they fit any width without a script.
//!
//! Pure: takes a [`Record`](super::Record), returns text.

mod axis;
mod checks;
mod course;
mod document;
mod failures;
mod hosts;
mod layout;
mod look;
mod phases;
mod summary;
#[cfg(test)]
mod tests;
mod timeline;

pub use document::html;
