//! The book as a whole: every page is in its summary, and every link has a target.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use regex::Regex;

use super::page::Page;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn pages() -> BTreeSet<String> {
    let entries = fs::read_dir(root().join("docs/src")).expect("the pages");
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name")).collect()
}

#[test]
fn every_page_is_in_the_summary_once() {
    let summary = Page::read("docs/src/SUMMARY.md").lines.join("\n");
    let link = Regex::new(r"\(([a-z-]+\.md)\)").expect("a pattern");
    let listed: Vec<_> = link.captures_iter(&summary).map(|found| found[1].to_owned()).collect();
    let once: BTreeSet<_> = listed.iter().cloned().collect();
    assert_eq!(listed.len(), once.len(), "a page stands in the summary twice: {listed:?}");
    let pages: BTreeSet<_> = pages().into_iter().filter(|page| page != "SUMMARY.md").collect();
    assert_eq!(once, pages);
}

#[test]
fn every_link_leads_somewhere() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").expect("a pattern");
    let mut wrong = Vec::new();
    let names = pages().into_iter().map(|page| format!("docs/src/{page}"));
    for name in names.chain(["README.md".to_owned(), "CHANGELOG.md".to_owned()]) {
        let page = Page::read(&name);
        let folder = root().join(&name).parent().expect("a folder").to_owned();
        for found in link.captures_iter(&prose(&page)) {
            let (file, anchor) =
                found[1].split_once('#').map_or((&found[1], None), |(file, anchor)| (file, Some(anchor)));
            if file.contains("://") {
                continue;
            }
            let target = if file.is_empty() { root().join(&name) } else { folder.join(file) };
            if !target.exists() {
                wrong.push(format!("{name}: there is no {file}"));
            } else if anchor.is_some_and(|anchor| !anchors(&target).contains(anchor)) {
                wrong.push(format!("{name}: {file} has no heading for #{}", anchor.unwrap_or_default()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A page without its blocks.
fn prose(page: &Page) -> String {
    let blocks = page.blocks();
    let inside = |number: &usize| blocks.iter().any(|block| block.lines.contains(number));
    let lines = (0..page.lines.len()).filter(|number| !inside(number)).map(|number| page.lines[number].as_str());
    lines.collect::<Vec<_>>().join("\n")
}

/// The anchors of a page's headings, as mdBook and GitHub both make them.
fn anchors(page: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(page).unwrap_or_default();
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
        kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
    };
    headings.map(anchor).collect()
}
