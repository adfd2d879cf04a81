//! `report FILE --html OUT`: a run as one page for a browser, drawn from its record.
//!
//! [`document`] puts the page together: `summary`, `failures`, `timeline` (every host), `course` (stages, pauses and what
//! else happened), `checks` (their answers, as plots), `hosts` (all of them, in words). `layout` says where each row of the
//! timeline stands, `phases` what is drawn in it; `axis` is time as a place on a line, `look` what an outcome looks like,
//! `page.css` how all of it is painted.
//!
//! The page is whole by itself: it asks nobody for anything and holds no program, and its first words forbid both to the
//! browser. What hosts print and what clouds call them passes `neutral` first; what is then left is escaped by `maud`, as
//! all text of a page is. Drawings give places in percent, so they fit any width without a program.
//!
//! Pure: a [`Record`](super::Record) in, text out.

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
