//! Runs every command in the documentation.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use super::{
    mistakes,
    page::{Block, Page},
    plain,
    sandbox::Sandbox,
};

/// The language of blocks with commands and their output.
const CONSOLE: &str = "console";
/// The languages of blocks with commands only.
const SCRIPTS: [&str; 3] = ["sh", "bash", "shell"];

#[test]
fn the_readme() {
    check(&["README.md"]);
}

#[test]
fn the_mistakes() {
    let page = Page::read("docs/src/mistakes.md");
    let used: BTreeSet<_> = page.blocks().into_iter().filter_map(|block| block.orders.sandbox).collect();
    let prepared: BTreeSet<_> = mistakes::NAMES.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(used, prepared, "a mistake that is prepared and not told, or the other way round");
    assert!(used.len() >= 30, "{} mistakes", used.len());
    check(&["docs/src/mistakes.md"]);
}

#[test]
fn the_other_pages() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/src");
    let entries = fs::read_dir(folder).expect("the pages").map(|entry| entry.expect("an entry").path());
    let names: BTreeSet<_> = entries.filter_map(|path| path.file_stem()?.to_str().map(ToOwned::to_owned)).collect();
    let others: Vec<_> =
        names.iter().filter(|name| *name != "mistakes").map(|name| format!("docs/src/{name}.md")).collect();
    check(&others.iter().map(String::as_str).collect::<Vec<_>>());
}

/// Runs the pages concurrently, and fails with everything that is wrong in them.
fn check(names: &[&str]) {
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let pages: Vec<_> = names.iter().map(|name| scope.spawn(|| run(Page::read(name)))).collect();
        pages.into_iter().flat_map(|page| page.join().expect("no panic in a page")).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Runs a page from top to bottom; blocks with the same sandbox share it.
fn run(mut page: Page) -> Vec<String> {
    let writing = std::env::var("FLEETWIDE_DOCS").is_ok_and(|value| value == "write");
    let (mut wrong, mut ran, mut left) = (Vec::new(), 0, 0);
    let mut sandboxes: BTreeMap<String, Sandbox> = BTreeMap::new();
    // Written from the last line up, so that no write moves the place of another.
    let mut written = Vec::new();
    for block in page.blocks() {
        let place = format!("{}:{}", page.name, block.lines.start);
        if block.orders.not_run.is_some() {
            left += 1;
            continue;
        }
        if let Some(file) = &block.orders.file {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
            let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{place}: {file}: {error}"));
            let lines: Vec<_> = text.lines().map(ToOwned::to_owned).collect();
            if page.lines[block.lines.clone()] != lines[..] {
                if writing {
                    written.push((block.lines.clone(), lines));
                } else {
                    wrong.push(format!("{place}: this is not what stands in {file}"));
                }
            }
            continue;
        }
        if SCRIPTS.contains(&block.language.as_str()) {
            wrong.push(format!("{place}: commands without output are written in a `console` block, or marked"));
        }
        if block.language != CONSOLE {
            wrong.extend(mentions(&page, &block));
            continue;
        }
        let told = page.lines.get(block.lines.end + 2).and_then(|line| line.strip_prefix("Exit code "));
        if told.is_some_and(|code| code != format!("{}.", block.orders.exit)) {
            wrong.push(format!("{place}: the page tells another exit code below the block than above it"));
        }
        let name = block.orders.sandbox.clone().unwrap_or_else(|| "shop".to_owned());
        let sandbox = sandboxes.entry(name.clone()).or_insert_with(|| Sandbox::named(&name));
        let commands = page.commands(&block);
        for (number, command) in commands.iter().enumerate() {
            ran += 1;
            let expected = if number + 1 == commands.len() { block.orders.exit } else { 0 };
            let (code, printed) = sandbox.run(&command.line);
            let printed: Vec<_> = printed.lines().collect();
            let shown = &page.lines[command.shown.clone()];
            if code != expected {
                wrong.push(format!(
                    "{place}: `{}` ends with {code}, not {expected}:\n{}",
                    command.line,
                    printed.join("\n")
                ));
            }
            if shown.is_empty() || plain::matches(shown, &printed) {
                continue;
            }
            if writing {
                written
                    .push((command.shown.clone(), printed.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>()));
            } else {
                wrong.push(format!(
                    "{place}: `{}` prints\n{}\nand the page shows\n{}",
                    command.line,
                    printed.join("\n"),
                    shown.join("\n")
                ));
            }
        }
    }
    if !written.is_empty() {
        for (range, lines) in written.into_iter().rev() {
            page.lines.splice(range, lines);
        }
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&page.name);
        fs::write(path, page.lines.join("\n") + "\n").expect("the page can be written");
    }
    println!("{}: {ran} commands run, {left} blocks left out", page.name);
    wrong
}

/// Checks Fleetwide's command lines in other files (a pipeline, a timer): their verbs and flags must exist.
fn mentions(page: &Page, block: &Block) -> Vec<String> {
    let mut wrong = Vec::new();
    for number in block.lines.clone() {
        let line = &page.lines[number];
        let Some((_, words)) = line.split_once("fleetwide ").filter(|(before, _)| !before.contains('#')) else {
            continue;
        };
        let end = words.find([';', '|', '>', '#', '`', '&']).unwrap_or(words.len());
        let words: Vec<_> = words[..end].split_whitespace().take_while(|word| *word != "--").collect();
        // clap stops successfully at `--help` only if it knows every word before it.
        let (code, printed) = Sandbox::named("empty").run(&format!("fleetwide '{}' --help", words.join("' '")));
        if words.iter().any(|word| word.starts_with('-')) && code != 0 {
            wrong.push(format!("{}:{}: {printed}", page.name, number + 1));
        }
    }
    wrong
}
