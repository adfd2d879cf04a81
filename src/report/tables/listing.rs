//! The output of `hosts` with chosen columns, in groups with their counts, or as CSV. Pure: hosts in, text out.

use super::{
    field::Field,
    table::{Cell, Column, Table},
};
use crate::{
    inventory::Host,
    report::text::{
        neutral,
        screen::{Ink, Screen},
        words,
    },
};

/// How to show hosts; the default is the usual table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Show only these columns.
    pub columns: Vec<Field>,
    /// Show one table for each value of this field.
    pub group_by: Option<Field>,
}

/// The default columns of a CSV file.
const CSV: [Field; 12] = [
    Field::Id,
    Field::Provider,
    Field::Account,
    Field::Region,
    Field::Zone,
    Field::Name,
    Field::Address,
    Field::Port,
    Field::User,
    Field::State,
    Field::Launched,
    Field::Tags,
];

/// A table of these columns.
pub(in crate::report) fn table(hosts: &[&Host], columns: &[Field], screen: &Screen, indent: usize) -> String {
    let titles = columns.iter().map(|field| {
        let title = neutral::line(&field.to_string().to_uppercase());
        match field {
            Field::Id => Column::ids(title, 12),
            _ => Column::left(title, 7),
        }
    });
    let mut table = Table::new(titles.collect::<Vec<_>>());
    for host in hosts {
        table.row(columns.iter().map(|field| Cell::from(neutral::line(&field.of(host)))).collect::<Vec<_>>());
    }
    if table.is_empty() { String::new() } else { table.render(screen, indent) }
}

/// The hosts grouped by their value of `field`, in the order of first occurrence.
pub(in crate::report) fn groups<'h>(hosts: &[&'h Host], field: &Field) -> Vec<(String, Vec<&'h Host>)> {
    let mut groups: Vec<(String, Vec<&Host>)> = Vec::new();
    for host in hosts {
        let value = field.of(host);
        match groups.iter_mut().find(|(known, _)| *known == value) {
            Some((_, members)) => members.push(host),
            None => groups.push((value.into_owned(), vec![host])),
        }
    }
    groups
}

/// The line above a group.
pub(in crate::report) fn heading(field: &Field, value: &str, hosts: usize, screen: &Screen) -> String {
    let value = if value.is_empty() { format!("no {field}") } else { value.to_owned() };
    let text = format!("{}: {}", neutral::line(&value), words::count(hosts, "host"));
    format!("{}\n", screen.paint(Ink::Strong, &text))
}

/// Comma-separated values (RFC 4180): a header row, then one row per host.
///
/// Control characters are made harmless, because the file may be printed on a terminal. A cell that a spreadsheet would
/// take for a formula starts with `'`, because tags are written by others than the person who opens the file.
///
/// # Errors
/// Only those of writing to a buffer in memory, which does not fail.
pub(in crate::report) fn csv(hosts: &[Host], listing: &Listing) -> Result<String, csv::Error> {
    let columns = if listing.columns.is_empty() { &CSV[..] } else { &listing.columns };
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(columns.iter().map(|field| harmless(&field.to_string())))?;
    for host in hosts {
        writer.write_record(columns.iter().map(|field| harmless(&field.of(host))))?;
    }
    let bytes = writer.into_inner().map_err(csv::IntoInnerError::into_error)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn harmless(cell: &str) -> String {
    let cell = neutral::line(cell);
    if cell.trim_start().starts_with(['=', '+', '-', '@']) { format!("'{cell}") } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::testing::host;

    #[test]
    fn a_group_is_headed_by_its_value_and_count() {
        let (mut one, two) = (host("i-1", "web-1"), host("i-2", "web-2"));
        one.instance.tags.clear();
        let hosts = [&one, &two];
        let field = Field::Tag("role".into());
        let text: String = groups(&hosts, &field)
            .iter()
            .map(|(value, members)| heading(&field, value, members.len(), &Screen::PLAIN))
            .collect();
        assert_eq!(text, "no tag:role: 1 host\nweb: 1 host\n");
    }

    #[test]
    fn csv_is_quoted_and_holds_no_formula() {
        let mut odd = host("i-1", "a \"b\", c");
        odd.instance.tags.insert("cmd".into(), "=HYPERLINK(\"http://x\")".into());
        odd.instance.tags.insert("esc".into(), "\u{1b}[31mred\nline".into());
        let columns = ["name", "tag:cmd", "tag:esc", "image", "port"].map(|name| name.parse().expect("a field"));
        let listing = Listing { columns: columns.to_vec(), group_by: None };
        let text = csv(&[odd.clone()], &listing).expect("in memory");
        let mut lines = text.split("\r\n");
        assert_eq!(lines.next(), Some("name,tag:cmd,tag:esc,image,port"));
        let row = lines.next().expect("a row");
        assert!(row.starts_with("\"a \"\"b\"\", c\",\"'=HYPERLINK(\"\"http://x\"\")\","), "{row}");
        assert!(!row.contains(['\u{1b}', '\n']) && row.ends_with(",,"), "{row}");
        assert_eq!((lines.next(), lines.next()), (Some(""), None));
        let all = csv(&[odd], &Listing::default()).expect("in memory");
        assert!(
            all.starts_with("id,provider,account,region,zone,name,address,port,user,state,launched,tags\r\n"),
            "{all}"
        );
    }
}
