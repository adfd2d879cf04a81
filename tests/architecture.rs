//! The dependency rules of the house, read from the `use` lines and paths of the code itself.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The floors, from the ground up. A module may name those before it in this list, and its own
/// neighbours only where one entry holds both.
const FLOORS: [&[&str]; 10] = [
    &["guard"],
    &["config"],
    &["inventory"],
    &["plan"],
    &["transport"],
    &["rollout"],
    &["report"],
    &["deploy"],
    &["cli"],
    &["main"],
];

/// Words that only these places may hold.
const CONFINED: [(&str, &[&str]); 10] = [
    ("clap::", &["src/cli/"]),
    ("clap_complete::", &["src/cli/"]),
    ("clap_mangen::", &["src/cli/"]),
    ("openssh::", &["src/transport/openssh.rs"]),
    ("aws_sdk_ec2", &["providers/aws/"]),
    ("aws_config", &["providers/aws/"]),
    ("google_cloud_", &["providers/gcp/"]),
    ("azure_mgmt_compute", &["providers/azure/"]),
    ("process::exit", &["src/main.rs"]),
    ("provider_aws::", &["src/inventory/providers.rs"]),
];

/// What may not be named in the pure parts.
const PURE: [&str; 4] = ["src/plan/", "src/rollout/dispatcher.rs", "src/rollout/verdict.rs", "src/rollout/outcome.rs"];
const IMPURE_WORDS: [&str; 9] =
    ["tokio", "clap", "sqlx", "openssh", "std::fs", "std::net", "std::process", "aws_", "Instant::now"];

#[test]
fn an_import_only_ever_runs_downwards() {
    let mut wrong = Vec::new();
    for file in rust_files("src") {
        let Some(own) = floor_of_file(&file) else { continue };
        for (number, line) in code_lines(&file) {
            for (floor, modules) in FLOORS.iter().enumerate() {
                let named = modules.iter().any(|module| names_module(&line, module));
                if floor > own && named {
                    wrong.push(format!("{}:{number}: {}", file.display(), line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "imports that run upwards:\n{}", wrong.join("\n"));
}

#[test]
fn every_module_has_a_floor() {
    let known: Vec<&str> = FLOORS.iter().flat_map(|modules| modules.iter().copied()).collect();
    for file in rust_files("src") {
        let top = top_module(&file);
        assert!(top == "lib" || known.contains(&top.as_str()), "{} stands on no floor", file.display());
    }
}

#[test]
fn each_tool_is_named_in_its_own_place_only() {
    let mut wrong = Vec::new();
    for file in all_rust_files() {
        let path = file.display().to_string();
        for (number, line) in code_lines(&file) {
            for (word, places) in CONFINED {
                if contains_word(&line, word) && !places.iter().any(|place| path.starts_with(place)) {
                    wrong.push(format!("{path}:{number}: {}", line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "named outside its place:\n{}", wrong.join("\n"));
}

#[test]
fn the_pure_parts_name_nothing_of_the_world() {
    let mut wrong = Vec::new();
    for file in rust_files("src") {
        let path = file.display().to_string();
        if !PURE.iter().any(|pure| path.starts_with(pure)) {
            continue;
        }
        for (number, line) in code_lines(&file) {
            if IMPURE_WORDS.iter().any(|word| contains_word(&line, word)) {
                wrong.push(format!("{path}:{number}: {}", line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "the world in a pure part:\n{}", wrong.join("\n"));
}

#[test]
fn only_the_command_line_and_the_report_write_to_the_terminal() {
    let mut wrong = Vec::new();
    for file in rust_files("src").into_iter().chain(rust_files("providers")) {
        let path = file.display().to_string();
        if path.starts_with("src/cli/") || path.starts_with("src/report/") || path.contains("/tests/") {
            continue;
        }
        for (number, line) in code_lines(&file) {
            if ["println!", "print!", "eprintln!", "eprint!", "io::stdout", "io::stderr"]
                .iter()
                .any(|word| contains_word(&line, word))
            {
                wrong.push(format!("{path}:{number}: {}", line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "written past the report:\n{}", wrong.join("\n"));
}

#[test]
fn the_engine_knows_no_concrete_neighbour() {
    for file in rust_files("src/rollout") {
        for (number, line) in code_lines(&file) {
            for word in ["OpenSsh", "provider_aws", "provider_gcp", "provider_azure", "StaticHosts", "Reporter"] {
                assert!(!line.contains(word), "{}:{number}: {}", file.display(), line.trim());
            }
        }
    }
}

#[test]
fn a_provider_knows_the_core_and_its_cloud_only() {
    for (own, others) in [
        ("core", ["aws", "gcp", "azure"]),
        ("aws", ["gcp", "azure", "-"]),
        ("gcp", ["aws", "azure", "-"]),
        ("azure", ["aws", "gcp", "-"]),
    ] {
        let manifest = read(Path::new("providers").join(own).join("Cargo.toml"));
        assert!(!manifest.contains("fleetwide ="), "providers/{own} knows the program");
        for other in others {
            assert!(!manifest.contains(&format!("provider-{other}")), "providers/{own} knows provider-{other}");
        }
    }
}

#[test]
fn the_top_level_is_tidy() {
    let allowed = [
        "Cargo.toml",
        "Cargo.lock",
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "src",
        "providers",
        "fixtures",
        "tests",
        "docs",
        "target",
    ];
    for entry in fs::read_dir(root()).expect("the root") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        assert!(name.starts_with('.') || allowed.contains(&name.as_str()), "{name} does not belong at the top");
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every Rust file of the workspace that is no test, relative to the root.
fn all_rust_files() -> Vec<PathBuf> {
    let tests = |file: &PathBuf| file.components().any(|part| part.as_os_str() == "tests");
    ["src", "providers", "fixtures"].into_iter().flat_map(rust_files).filter(|file| !tests(file)).collect()
}

fn rust_files(under: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root().join(under)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                files.push(path.strip_prefix(root()).expect("under the root").to_owned());
            }
        }
    }
    assert!(!files.is_empty(), "{under} holds code");
    files.sort();
    files
}

/// The lines of code of a file, with their numbers: no comments, and nothing after the tests begin,
/// for tests may reach where they like.
fn code_lines(file: &Path) -> Vec<(usize, String)> {
    read(file)
        .lines()
        .enumerate()
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]") || line.contains("mod testing"))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(number, line)| (number + 1, line.to_owned()))
        .collect()
}

fn top_module(file: &Path) -> String {
    let inside = file.strip_prefix("src").expect("in src");
    let first = inside.components().next().expect("a component").as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

fn floor_of_file(file: &Path) -> Option<usize> {
    let top = top_module(file);
    FLOORS.iter().position(|modules| modules.contains(&top.as_str()))
}

/// True for `crate::module`, and for `module::` or `module,` in a nested `use crate::{…}` line.
fn names_module(line: &str, module: &str) -> bool {
    contains_word(line, &format!("crate::{module}"))
        || line.trim_start().strip_prefix(module).is_some_and(|rest| rest.starts_with("::"))
}

/// True when `word` stands in the line and is not the end of a longer name.
fn contains_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}
