//! How text is made: harmless, short, in words, and fit for its place. Pure.
//!
//! All foreign text passes [`neutral`] on its way to a terminal. [`screen`] says what a place can show; `cells`
//! measures and wraps lines; `words` are numbers, times and reasons; `labels` and `names` name hosts; `paragraphs` lays
//! out errors.

pub(super) mod cells;
pub(super) mod labels;
pub(super) mod names;
pub mod neutral;
pub(super) mod paragraphs;
pub(super) mod screen;
pub(super) mod words;
