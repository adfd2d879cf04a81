//! The references in the README and in the book name every key and every variable.

use crate::config::{VARIABLES, schema};

const REFERENCES: [(&str, &str); 2] = [
    ("the README", include_str!("../../../README.md")),
    ("the book", include_str!("../../../docs/src/configuration.md")),
];

#[test]
fn they_name_every_variable() {
    for variable in VARIABLES {
        for (place, text) in REFERENCES {
            assert!(text.contains(&format!("`{}`", variable.name)), "{place} does not name {}", variable.name);
        }
    }
}

#[test]
fn they_name_every_key() {
    let schema = schema();
    let tables = schema["$defs"].as_object().expect("tables");
    for (table, definition) in tables {
        let Some(properties) = definition["properties"].as_object() else { continue };
        for key in properties.keys() {
            for (place, text) in REFERENCES {
                let named = text.contains(&format!("`{key}`")) || text.contains(&format!("{key} = "));
                assert!(named, "{place} does not name `{key}` of {table}");
            }
        }
    }
}
