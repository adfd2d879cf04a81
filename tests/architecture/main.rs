//! The project's dependency rules, checked against the paths in the code.

mod reader;

use std::{
    fs,
    path::{Path, PathBuf},
};

use reader::{Code, code_of};

/// The floors, from the bottom up. A module may name only those before it in this list.
const FLOORS: [&str; 11] =
    ["guard", "local", "config", "inventory", "plan", "transport", "rollout", "checks", "report", "deploy", "cli"];

/// Names that are allowed only in these places.
const CONFINED: [(&str, &[&str]); 15] = [
    ("maud", &["src/report/page/"]),
    ("reqwest", &["src/checks/", "providers/gcp/", "providers/azure/"]),
    ("clap", &["src/cli/"]),
    ("clap_complete", &["src/cli/"]),
    ("clap_mangen", &["src/cli/"]),
    ("openssh", &["src/transport/openssh.rs"]),
    ("aws_sdk_ec2", &["providers/aws/"]),
    ("aws_config", &["providers/aws/"]),
    ("google_cloud_*", &["providers/gcp/"]),
    ("azure_mgmt_compute", &["providers/azure/"]),
    ("provider_aws", &["src/inventory/providers.rs"]),
    ("provider_gcp", &["src/inventory/providers.rs"]),
    ("provider_azure", &["src/inventory/providers.rs"]),
    ("std::process::exit", &["src/main.rs"]),
    ("process::exit", &["src/main.rs"]),
];

/// The pure parts.
const PURE: [&str; 9] = [
    "src/plan/",
    "src/report/page/",
    "src/rollout/dispatcher/",
    "src/rollout/advice.rs",
    "src/rollout/judge.rs",
    "src/rollout/refusal.rs",
    "src/rollout/roster.rs",
    "src/rollout/verdict.rs",
    "src/rollout/outcome.rs",
];
const IMPURE: [&str; 11] = [
    "tokio",
    "clap",
    "sqlx",
    "openssh",
    "aws_*",
    "std::fs",
    "std::net",
    "std::process",
    "Instant::now",
    "std::time::Instant::now",
    "Timestamp::now",
];

/// Names that write to the terminal.
const WRITERS: [&str; 8] =
    ["println!", "print!", "eprintln!", "eprint!", "std::io::stdout", "std::io::stderr", "io::stdout", "io::stderr"];

#[test]
fn an_import_only_ever_runs_downwards() {
    let wrong = named(&program(), |file, name| {
        let floor = |module: &str| FLOORS.iter().position(|floor| *floor == module);
        let module = name.strip_prefix("crate::").and_then(|rest| rest.split("::").next());
        floor(&top_module(file)).zip(module.and_then(floor)).is_some_and(|(own, named)| named > own)
    });
    assert!(wrong.is_empty(), "imports that run upwards:\n{}", wrong.join("\n"));
}

#[test]
fn every_module_has_a_floor() {
    for Code { file, .. } in program() {
        let top = top_module(&file);
        let known = ["lib", "main"].contains(&top.as_str()) || FLOORS.contains(&top.as_str());
        assert!(known, "{} stands on no floor", file.display());
    }
}

#[test]
fn each_tool_is_named_in_its_own_place_only() {
    let wrong = named(&all(), |file, name| {
        CONFINED.iter().any(|(tool, places)| is_of(name, tool) && !places.iter().any(|place| lies_in(file, place)))
    });
    assert!(wrong.is_empty(), "named outside its place:\n{}", wrong.join("\n"));
}

#[test]
fn the_pure_parts_name_nothing_of_the_world() {
    let wrong = named(&program(), |file, name| {
        PURE.iter().any(|pure| lies_in(file, pure)) && IMPURE.iter().any(|word| is_of(name, word))
    });
    assert!(wrong.is_empty(), "the world in a pure part:\n{}", wrong.join("\n"));
}

#[test]
fn only_the_command_line_and_the_report_write_to_the_terminal() {
    let wrong = named(&[program(), providers()].concat(), |file, name| {
        let may = ["src/cli/", "src/report/"].iter().any(|place| lies_in(file, place));
        !may && WRITERS.iter().any(|word| is_of(name, word) || name.ends_with(&format!("::{word}")))
    });
    assert!(wrong.is_empty(), "written past the report:\n{}", wrong.join("\n"));
}

#[test]
fn the_engine_knows_no_concrete_neighbour() {
    let concrete = ["OpenSsh", "provider_aws", "provider_gcp", "provider_azure", "StaticHosts", "Reporter"];
    let wrong = named(&program(), |file, name| {
        lies_in(file, "src/rollout/") && name.split("::").any(|word| concrete.contains(&word))
    });
    assert!(wrong.is_empty(), "a concrete neighbour:\n{}", wrong.join("\n"));
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

/// The program's own code.
fn program() -> Vec<Code> {
    code(&["src/lib.rs", "src/main.rs"])
}

fn providers() -> Vec<Code> {
    code(&["core", "aws", "gcp", "azure"].map(|name| format!("providers/{name}/src/lib.rs")))
}

/// The code of the whole workspace.
fn all() -> Vec<Code> {
    [program(), providers(), code(&["fixtures/simulator/src/lib.rs"])].concat()
}

/// The code of these crates, with files relative to the root.
fn code(roots: &[impl AsRef<Path>]) -> Vec<Code> {
    let relative = |Code { file, names }: Code| Code {
        file: file.strip_prefix(root()).expect("under the root").to_owned(),
        names,
    };
    roots.iter().flat_map(|crate_root| code_of(&root().join(crate_root))).map(relative).collect()
}

/// Every place where a name is wrong.
fn named(code: &[Code], wrong: impl Fn(&Path, &str) -> bool) -> Vec<String> {
    let in_file = |Code { file, names }: &Code| {
        let wrong = names.iter().filter(|name| wrong(file, name));
        wrong.map(|name| format!("{}: {name}", file.display())).collect::<Vec<_>>()
    };
    code.iter().flat_map(in_file).collect()
}

/// A place is a file, or a folder with its slash; the module's file next to the folder belongs to it.
fn lies_in(file: &Path, place: &str) -> bool {
    match place.strip_suffix('/') {
        Some(folder) => file.starts_with(folder) || file == PathBuf::from(format!("{folder}.rs")),
        None => file == Path::new(place),
    }
}

/// Whether a name is this path or below it; a `*` at the end stands for the rest of a word.
fn is_of(name: &str, path: &str) -> bool {
    match path.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with("::")),
    }
}

/// The top-level module of a file.
fn top_module(file: &Path) -> String {
    let inside = file.strip_prefix("src").expect("in src");
    let first = inside.components().next().expect("a component").as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}
