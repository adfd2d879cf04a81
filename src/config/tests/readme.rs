//! The README's reference says what the code does: every key, every variable, every default.

use crate::config::{VARIABLES, schema};

const README: &str = include_str!("../../../README.md");

#[test]
fn it_names_every_variable() {
    for variable in VARIABLES {
        assert!(README.contains(&format!("`{}`", variable.name)), "the README does not name {}", variable.name);
    }
}

#[test]
fn it_names_every_key() {
    let schema = schema();
    let tables = schema["$defs"].as_object().expect("tables");
    for (table, definition) in tables {
        let Some(properties) = definition["properties"].as_object() else { continue };
        for key in properties.keys() {
            let named = README.contains(&format!("`{key}`")) || README.contains(&format!("{key} = "));
            assert!(named, "the README does not name `{key}` of {table}");
        }
    }
}
