//! TAB in real shells: verbs, flags, and the targets and listed hosts of the file that the line selects.

use std::{path::Path, process::Command};

use super::project::Project;

fn project() -> Project {
    let project = Project::new();
    let target =
        |name: &str| format!("[targets.{name}]\nselect = [ {{ provider = \"static\", hosts = [\"127.0.0.9\"] }} ]\n");
    let listed = "[targets.db]\nselect = [ { provider = \"static\", file = \"db.txt\", hosts = [ { name = \"db-1\", address = \"10.0.0.8\" }, { name = \"d$(id)\", address = \"10.0.0.9\" } ] } ]\n";
    project.write("fleetwide.toml", &(target("web") + &target("worker") + listed));
    project.write("db.txt", "db-2.example.com role=db\n");
    project.write("other.toml", &target("batch"));
    project
}

/// The output of a shell that has the binary in its `PATH`.
fn shell(project: &Project, words: &[&str]) -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_fleetwide"));
    let folder = binary.parent().expect("a folder").display().to_string();
    // A shell that would wait forever is ended, so the test fails.
    let mut command = Command::new("timeout");
    command.args(["60"]).args(words).current_dir(project.path("")).env_clear().env("HOME", project.home());
    command.env("PATH", format!("{folder}:{}", std::env::var("PATH").unwrap_or_default()));
    let output = command.output().expect("the shell runs");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// The words that bash offers for the last word of a line.
fn bash(project: &Project, line: &str) -> Vec<String> {
    let script = r#"
source <(fleetwide completions bash)
read -ra COMP_WORDS <<<"$1"
[[ $1 == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9
_clap_complete_fleetwide fleetwide "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}""#;
    shell(project, &["bash", "--norc", "-c", script, "bash", line]).lines().map(|line| line.trim().to_owned()).collect()
}

fn fish(project: &Project, line: &str) -> Vec<String> {
    let script = "fleetwide completions fish | source; complete -C $argv[1]";
    let said = shell(project, &["fish", "--no-config", "-c", script, line]);
    said.lines().map(|line| line.split('\t').next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn bash_completes_verbs_flags_targets_and_words() {
    let project = project();
    assert_eq!(bash(&project, "fleetwide dep"), ["deploy"]);
    assert_eq!(bash(&project, "fleetwide deploy w"), ["web", "worker"]);
    assert_eq!(bash(&project, "fleetwide deploy wo"), ["worker"]);
    assert_eq!(bash(&project, "fleetwide run --config other.toml b"), ["batch"]);
    assert_eq!(bash(&project, "fleetwide deploy web --max-f"), ["--max-failures"]);
    assert_eq!(bash(&project, "fleetwide hosts web --output j"), ["json"]);
    assert_eq!(bash(&project, "fleetwide hosts --config oth"), ["other.toml"]);
    assert_eq!(bash(&project, "fleetwide deploy db --hosts d"), ["db-1", "db-2.example.com"]);
    assert_eq!(bash(&project, "fleetwide deploy web --hosts d"), [""]);
    assert_eq!(bash(&project, "fleetwide ssh w"), ["web", "worker"]);
    assert_eq!(bash(&project, "fleetwide ssh db d"), ["db-1", "db-2.example.com"]);
    assert_eq!(bash(&project, "fleetwide ssh db db-2"), ["db-2.example.com"]);
}

#[test]
fn a_file_that_cannot_be_read_completes_nothing_and_says_nothing() {
    let project = project();
    project.write("fleetwide.toml", "[targets.web\n");
    assert_eq!(bash(&project, "fleetwide deploy w"), [""]);
}

#[test]
fn fish_completes_them_too() {
    let project = project();
    assert_eq!(fish(&project, "fleetwide deploy w"), ["web", "worker"]);
    assert_eq!(fish(&project, "fleetwide dep"), ["deploy"]);
}

#[test]
fn zsh_completes_them_on_a_terminal() {
    let script = r#"
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z 'autoload -U compinit; compinit -u -D; source <(fleetwide completions zsh); echo read""y'
zpty -r z out '*ready*'
zpty -w -n z $'fleetwide deploy wo\t'
zpty -r z out '*worker*'
print -r -- "$out""#;
    let said = shell(&project(), &["zsh", "-f", "-c", script]);
    assert!(said.contains("deploy worker"), "{said}");
}

#[test]
fn every_shell_has_a_script() {
    for name in ["bash", "zsh", "fish", "elvish", "powershell"] {
        Project::new().run(&["completions", name]).expect(0).says("FLEETWIDE_COMPLETE");
    }
}
