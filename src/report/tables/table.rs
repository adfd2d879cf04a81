//! Tables for people. Pure: rows in, text out.

use std::borrow::Cow;

use crate::report::text::{
    cells,
    screen::{Ink, Screen},
};

/// Blanks between two columns.
const GAP: usize = 2;

/// Rows under titles, fitted to the screen: the last column shrinks first, then the widest; then the last one is
/// dropped. On a screen without a width nothing is cut.
#[derive(Debug)]
pub(in crate::report) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

#[derive(Clone, Debug)]
pub(in crate::report) struct Column {
    title: Cow<'static, str>,
    align: Align,
    cut: Cut,
    /// Its least width.
    least: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Align {
    Left,
    Right,
}

/// Which part of a long cell is cut.
#[derive(Clone, Copy, Debug)]
enum Cut {
    End,
    Middle,
}

impl Column {
    /// A column of words.
    pub(in crate::report) fn left(title: impl Into<Cow<'static, str>>, least: usize) -> Self {
        Self { title: title.into(), align: Align::Left, cut: Cut::End, least }
    }

    /// A column of ids: their ends distinguish them, so the middle is cut.
    pub(in crate::report) fn ids(title: impl Into<Cow<'static, str>>, least: usize) -> Self {
        Self { title: title.into(), align: Align::Left, cut: Cut::Middle, least }
    }

    /// A column of numbers, never cut.
    pub(in crate::report) fn right(title: impl Into<Cow<'static, str>>) -> Self {
        Self { title: title.into(), align: Align::Right, cut: Cut::End, least: usize::MAX }
    }
}

/// One harmless text, possibly coloured.
#[derive(Debug)]
pub(in crate::report) struct Cell {
    text: String,
    ink: Option<Ink>,
}

impl Cell {
    pub(in crate::report) fn inked(text: impl Into<String>, ink: Ink) -> Self {
        Self { text: text.into(), ink: Some(ink) }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), ink: None }
    }
}

impl Table {
    pub(in crate::report) fn new(columns: impl Into<Vec<Column>>) -> Self {
        Self { columns: columns.into(), rows: Vec::new() }
    }

    /// Adds a row with one cell per column.
    pub(in crate::report) fn row(&mut self, cells: impl Into<Vec<Cell>>) {
        self.rows.push(cells.into());
    }

    pub(in crate::report) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table, indented, with every line terminated.
    pub(in crate::report) fn render(&self, screen: &Screen, indent: usize) -> String {
        let widths = self.widths(screen.width.map(|width| width.saturating_sub(indent)));
        let mut out = String::new();
        let titles: Vec<Cell> = self.columns.iter().map(|column| Cell::inked(&*column.title, Ink::Faint)).collect();
        for row in std::iter::once(&titles).chain(&self.rows) {
            out.push_str(&" ".repeat(indent));
            self.render_row(row, &widths, screen, &mut out);
            out.push('\n');
        }
        out
    }

    fn render_row(&self, row: &[Cell], widths: &[usize], screen: &Screen, out: &mut String) {
        let mut owed = 0;
        for ((cell, column), width) in row.iter().zip(&self.columns).zip(widths) {
            let text = match column.cut {
                Cut::End => cells::cut(&cell.text, *width, screen.signs().ellipsis),
                Cut::Middle => cells::cut_middle(&cell.text, *width, screen.signs().ellipsis),
            };
            let blank = width - cells::width(&text);
            let before = if column.align == Align::Right { blank } else { 0 };
            owed += before;
            // Blanks are written before the text that follows them, so that no line ends in blanks.
            if !text.is_empty() {
                out.push_str(&" ".repeat(owed));
                out.push_str(&cell.ink.map_or_else(|| text.clone(), |ink| screen.paint(ink, &text)));
                owed = 0;
            }
            owed += blank - before + GAP;
        }
    }

    /// The width of each column; fewer columns if not all fit.
    fn widths(&self, room: Option<usize>) -> Vec<usize> {
        let mut widths: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .map(|(n, column)| {
                let cells = self.rows.iter().filter_map(|row| row.get(n)).map(|cell| cells::width(&cell.text));
                cells.max().unwrap_or(0).max(cells::width(&column.title))
            })
            .collect();
        let Some(room) = room else { return widths };
        while widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1) > room {
            let can_give = |n: &usize| widths[*n] > self.columns[*n].least;
            let last = widths.len() - 1;
            match Some(last).filter(can_give).or_else(|| (0..last).filter(can_give).max_by_key(|n| widths[*n])) {
                Some(widest) => widths[widest] -= 1,
                None if last > 0 => drop(widths.pop()),
                None => return vec![room],
            }
        }
        widths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new([Column::left("NAME", 8), Column::right("TRIES"), Column::left("WHY", 10)]);
        table.row([Cell::from("web-1"), "1".into(), "exit status 3".into()]);
        table.row([Cell::from("a-machine-with-a-long-name"), "12".into(), "connection refused by the far end".into()]);
        table
    }

    #[test]
    fn nothing_is_cut_without_a_width() {
        insta::assert_snapshot!(table().render(&Screen::PLAIN, 2), @r"
        NAME                        TRIES  WHY
        web-1                           1  exit status 3
        a-machine-with-a-long-name     12  connection refused by the far end
        ");
    }

    #[test]
    fn the_last_gives_way_then_the_widest_and_then_the_last_goes() {
        let narrow = |width| table().render(&Screen { width: Some(width), ..Screen::PLAIN }, 0);
        insta::assert_snapshot!(narrow(40), @r"
        NAME                   TRIES  WHY
        web-1                      1  exit stat…
        a-machine-with-a-lon…     12  connectio…
        ");
        insta::assert_snapshot!(narrow(20), @r"
        NAME      TRIES
        web-1         1
        a-machi…     12
        ");
        for width in 1..80 {
            assert!(narrow(width).lines().all(|line| cells::width(line) <= width), "{width}");
        }
    }
}
