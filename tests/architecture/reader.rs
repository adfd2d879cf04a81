//! Collects the names that a crate's code uses. Tests are excluded, because they may use anything.

use std::{
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Attribute, File, ImplItem, Item, ItemMod, ItemUse, Macro, Meta, UseTree,
    visit::{self, Visit},
};

/// A file of code.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    /// The file; its path begins as that of the crate's root does.
    pub(crate) file: PathBuf,
    /// The paths that it names: those of its own crate start with `crate`, others are as written; macros have their
    /// `!`.
    pub(crate) names: Vec<String>,
}

/// The code of a crate: its root file, and every file that a `mod` line names.
pub(crate) fn code_of(root: &Path) -> Vec<Code> {
    let mut code = Vec::new();
    let mut open = vec![(root.to_owned(), Vec::new())];
    while let Some((file, module)) = open.pop() {
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let Reader { names, children, .. } = Reader::read(&parsed, module);
        for child in children {
            let folder = if child.len() == 1 || file.ends_with("mod.rs") {
                file.parent().expect("a folder").to_owned()
            } else {
                file.with_extension("")
            };
            let name = child.last().expect("a name");
            let candidates = [folder.join(format!("{name}.rs")), folder.join(name).join("mod.rs")];
            let found = candidates.into_iter().find(|candidate| candidate.exists());
            open.push((found.unwrap_or_else(|| panic!("no file of `{name}` in {}", folder.display())), child));
        }
        code.push(Code { file, names });
    }
    code
}

/// Collects every name of one file.
struct Reader {
    /// The current module, from the crate's root.
    module: Vec<String>,
    names: Vec<String>,
    /// Modules with a file of their own.
    children: Vec<Vec<String>>,
}

impl Reader {
    fn read(file: &File, module: Vec<String>) -> Self {
        let mut reader = Self { module, names: Vec::new(), children: Vec::new() };
        reader.visit_file(file);
        reader
    }

    fn hear(&mut self, path: &[String]) {
        let own = |up: usize, rest: &[String]| {
            let mut whole = vec!["crate".to_owned()];
            whole.extend_from_slice(&self.module[..self.module.len().saturating_sub(up)]);
            whole.extend_from_slice(rest);
            whole
        };
        let supers = path.iter().skip_while(|word| *word == "self").take_while(|word| *word == "super").count();
        let whole = match path {
            [first, rest @ ..] if first == "self" => own(supers, &rest[supers..]),
            [first, ..] if first == "super" => own(supers, &path[supers..]),
            _ => path.to_vec(),
        };
        self.names.push(whole.join("::"));
    }

    fn hear_tree(&mut self, before: &[String], tree: &UseTree) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.hear_tree(&with(&path.ident), &path.tree),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.hear_tree(before, tree)),
            UseTree::Name(name) if name.ident == "self" => self.hear(before),
            UseTree::Name(name) => self.hear(&with(&name.ident)),
            UseTree::Rename(name) => self.hear(&with(&name.ident)),
            UseTree::Glob(_) => self.hear(before),
        }
    }

    /// A macro's arguments are not parsed yet, but the paths in them are visible.
    fn hear_tokens(&mut self, tokens: &TokenStream) {
        let (mut path, mut colons) = (Vec::new(), 0);
        for token in tokens.clone() {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Ident(word) => {
                    if colons != 2 {
                        self.hear_some(&mut path);
                    }
                    path.push(word.to_string());
                }
                TokenTree::Group(group) => {
                    self.hear_some(&mut path);
                    self.hear_tokens(&group.stream());
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => self.hear_some(&mut path),
            }
            colons = 0;
        }
        self.hear_some(&mut path);
    }

    fn hear_some(&mut self, path: &mut Vec<String>) {
        if !path.is_empty() {
            self.hear(&std::mem::take(path));
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attributes = match item {
            ImplItem::Const(item) => &item.attrs[..],
            ImplItem::Fn(item) => &item.attrs,
            ImplItem::Type(item) => &item.attrs,
            _ => &[],
        };
        if !is_test(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        self.module.push(item.ident.to_string());
        if item.content.is_none() {
            self.children.push(self.module.clone());
        }
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.hear_tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let words: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.hear(&words);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast Macro) {
        let words: Vec<String> = called.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.names.push(format!("{}!", words.join("::")));
        self.hear_tokens(&called.tokens);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        visit::visit_attribute(self, attribute);
        if let Meta::List(list) = &attribute.meta {
            self.hear_tokens(&list.tokens);
        }
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether an item is for tests only: `#[cfg(test)]`, alone or with other conditions.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg") => {
            let condition = list.tokens.to_string();
            let words: Vec<&str> = condition.split(|c: char| !c.is_alphanumeric()).collect();
            words.contains(&"test") && !words.contains(&"any") && !words.contains(&"not")
        }
        Meta::List(_) | Meta::Path(_) | Meta::NameValue(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names in this text of the module `crate::plan::build`.
    fn names(text: &str) -> Vec<String> {
        let module = ["plan", "build"].map(str::to_owned).to_vec();
        Reader::read(&syn::parse_file(text).expect("code"), module).names
    }

    #[test]
    fn nested_trees_are_whole_paths() {
        assert_eq!(
            names("use crate::{a::{b, c as d, e::*}, f::{self}}; pub use std::{fs, net::IpAddr};"),
            ["crate::a::b", "crate::a::c", "crate::a::e", "crate::f", "std::fs", "std::net::IpAddr"]
        );
    }

    #[test]
    fn what_is_relative_is_named_from_the_root() {
        let text =
            "use super::{model::Plan, super::cli}; use self::x; mod inner { use super::y; use super::super::z; }";
        assert_eq!(
            names(text),
            [
                "crate::plan::model::Plan",
                "crate::cli",
                "crate::plan::build::x",
                "crate::plan::build::y",
                "crate::plan::z"
            ]
        );
    }

    #[test]
    fn tests_are_left_out_and_what_stands_below_them_is_not() {
        let text = "#[cfg(test)] mod tests { use crate::cli; } #[cfg(test)] mod elsewhere; \
                    #[cfg(all(test, unix))] use crate::cli; #[cfg(any(test, fuzzing))] use crate::fuzz; \
                    impl X { #[cfg(test)] fn t() { crate::cli::t() } fn f() { crate::config::f() } }";
        let names = names(text);
        assert!(names.iter().all(|name| !name.contains("cli")), "{names:?}");
        assert!(
            names.contains(&"crate::fuzz".to_owned()) && names.contains(&"crate::config::f".to_owned()),
            "{names:?}"
        );
    }

    #[test]
    fn paths_are_seen_wherever_they_stand() {
        for (text, name) in [
            ("fn f(x: Vec<tokio::sync::Notify>) {}", "tokio::sync::Notify"),
            ("fn f() { use crate::{cli::{self}}; }", "crate::cli"),
            ("fn f() { let _ = a::b(c::d); }", "c::d"),
            ("fn f() { println!(\"{}\", [x, super::g()]); }", "crate::plan::g"),
            ("fn f() { std::println!(); }", "std::println!"),
            ("#[derive(Debug, clap::Args)] struct S;", "clap::Args"),
            ("#[arg(value_parser = crate::cli::p)] struct S;", "crate::cli::p"),
        ] {
            let names = names(text);
            assert!(names.contains(&name.to_owned()), "{text}: {names:?}");
        }
    }
}
