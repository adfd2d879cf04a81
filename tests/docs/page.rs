//! A page of Markdown as its command blocks.
//!
//! A block is run in the page's sandbox unless a comment right above its fence says otherwise:
//!
//! ```text
//! <!-- in NAME, exit N -->      another sandbox, another exit code of its last command
//! <!-- not run: REASON -->      needs what no test has
//! <!-- is PATH -->              shows a file of the repository, all of it
//! ```

use std::{fs, ops::Range, path::Path};

/// A page, as lines.
#[derive(Debug)]
pub(crate) struct Page {
    /// Its name in messages, relative to the repository's root.
    pub(crate) name: String,
    /// All lines.
    pub(crate) lines: Vec<String>,
}

/// A fenced block.
#[derive(Debug)]
pub(crate) struct Block {
    /// The language that its fence names.
    pub(crate) language: String,
    /// The orders in the comment above it.
    pub(crate) orders: Orders,
    /// Its lines, without the fences, as positions in the page.
    pub(crate) lines: Range<usize>,
}

/// How to treat a block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Orders {
    /// The sandbox; `None` is the page's own.
    pub(crate) sandbox: Option<String>,
    /// The exit code of the last command.
    pub(crate) exit: i32,
    /// The reason not to run it.
    pub(crate) not_run: Option<String>,
    /// The file that it must show.
    pub(crate) file: Option<String>,
}

/// A command and its output on the page.
#[derive(Debug)]
pub(crate) struct Command {
    /// The command as typed.
    pub(crate) line: String,
    /// The lines below it, as positions in the page.
    pub(crate) shown: Range<usize>,
}

impl Page {
    /// Reads a page of the repository.
    pub(crate) fn read(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { name: name.to_owned(), lines: text.lines().map(ToOwned::to_owned).collect() }
    }

    /// Every fenced block.
    pub(crate) fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut orders = Orders::default();
        let mut number = 0;
        while let Some(line) = self.lines.get(number) {
            number += 1;
            if let Some(language) = line.trim_start().strip_prefix("```") {
                let from = number;
                let length = self.lines[from..].iter().position(|line| line.trim_start().starts_with("```"));
                let to = from + length.unwrap_or_else(|| panic!("{}:{number}: the block has no end", self.name));
                number = to + 1;
                let language = language.split(' ').next().unwrap_or_default().to_owned();
                blocks.push(Block { language, orders: std::mem::take(&mut orders), lines: from..to });
            } else if let Some(comment) = line.trim().strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->")) {
                orders = Orders::read(comment);
            } else if !line.is_empty() {
                orders = Orders::default();
            }
        }
        blocks
    }

    /// The commands of a block. `$ ` begins a command, and a `\` at a line's end continues it.
    pub(crate) fn commands(&self, block: &Block) -> Vec<Command> {
        let mut commands: Vec<Command> = Vec::new();
        let mut continued = false;
        for number in block.lines.clone() {
            let text = &self.lines[number];
            if let Some(line) = text.strip_prefix("$ ") {
                commands.push(Command { line: line.to_owned(), shown: number + 1..number + 1 });
            } else {
                let command =
                    commands.last_mut().unwrap_or_else(|| panic!("{}:{}: output of no command", self.name, number + 1));
                if continued {
                    command.line.push('\n');
                    command.line.push_str(text);
                    command.shown = number + 1..number + 1;
                } else {
                    command.shown.end = number + 1;
                }
            }
            continued = commands.last().is_some_and(|command| command.shown.is_empty() && text.ends_with('\\'));
        }
        commands
    }
}

impl Orders {
    fn read(comment: &str) -> Self {
        let mut orders = Self::default();
        if let Some(reason) = comment.strip_prefix("not run: ") {
            orders.not_run = Some(reason.to_owned());
            return orders;
        }
        for order in comment.split(", ") {
            match order.split_once(' ') {
                Some(("is", file)) => orders.file = Some(file.to_owned()),
                Some(("in", sandbox)) => orders.sandbox = Some(sandbox.to_owned()),
                Some(("exit", code)) => orders.exit = code.parse().expect("an exit code"),
                _ => {}
            }
        }
        orders
    }
}

#[test]
fn blocks_commands_and_orders_are_read() {
    let text = "Words.\n\n<!-- in closed, exit 7 -->\n```console\n$ a \\\n    -b\none\ntwo\n$ c\n```\n\n<!-- not run: no cloud -->\n```sh\nx\n```\n```toml\n```";
    let page = Page { name: "x.md".into(), lines: text.lines().map(ToOwned::to_owned).collect() };
    let blocks = page.blocks();
    let of = |number: usize| (blocks[number].language.as_str(), blocks[number].orders.clone());
    let closed = Orders { sandbox: Some("closed".into()), exit: 7, ..Orders::default() };
    assert_eq!(of(0), ("console", closed));
    assert_eq!(of(1), ("sh", Orders { not_run: Some("no cloud".into()), ..Orders::default() }));
    assert_eq!(of(2), ("toml", Orders::default()));
    let commands = page.commands(&blocks[0]);
    assert_eq!(commands.len(), 2);
    assert_eq!((commands[0].line.as_str(), commands[0].shown.clone()), ("a \\\n    -b", 6..8));
    assert!(commands[1].shown.is_empty());
}
