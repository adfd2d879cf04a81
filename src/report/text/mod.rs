//! How a text is made: harmless, short, in words, and fit for the place that it goes to. Pure.
//!
//! [`neutral`] is what every foreign text passes on its way to a terminal. [`screen`] says what a place can show;
//! `cells` measures and breaks lines; `words` are numbers, times and reasons; `labels` and `names` are what hosts
//! are called; `paragraphs` are errors.

pub(super) mod cells;
pub(super) mod labels;
pub(super) mod names;
pub mod neutral;
pub(super) mod paragraphs;
pub(super) mod screen;
pub(super) mod words;
