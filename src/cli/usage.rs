//! Errors for a command line that cannot be parsed, in our own form: `error:` and `hint:`.

use std::fmt::Write as _;

use clap::{
    CommandFactory,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::args::Cli;
use crate::report::{Pipeline, neutral};

/// The error for people, and for the pipeline that runs this program.
pub(super) fn shown_in(error: &clap::Error, line: &[String], pipeline: Option<Pipeline>) -> String {
    let text = render(error, line);
    let Some(pipeline) = pipeline else { return text };
    text + &pipeline.error(&message(error)).unwrap_or_default()
}

/// The error for people.
fn render(error: &clap::Error, line: &[String]) -> String {
    let mut text = format!("error: {}\n", message(error));
    for hint in hints(error, line) {
        let _ = writeln!(text, "hint: {hint}");
    }
    neutral::block(&text)
}

/// What is wrong, in clap's words where they are plain.
fn message(error: &clap::Error) -> String {
    match (error.kind(), words(error, ContextKind::InvalidSubcommand).first(), argument(error)) {
        (ErrorKind::InvalidSubcommand, Some(verb), _) => format!("there is no verb `{verb}`"),
        (ErrorKind::UnknownArgument, _, Some(flag)) if flag.starts_with('-') => {
            format!("there is no flag `{flag}` here")
        }
        (ErrorKind::UnknownArgument, _, Some(word)) => format!("`{word}` is one word too many"),
        _ => {
            let said = error.render().to_string();
            let first = said.split("\n\n").next().unwrap_or_default();
            let lines = first.lines().map(str::trim).filter(|line| !line.starts_with('['));
            lines.collect::<Vec<_>>().join(" ").trim_start_matches("error: ").to_owned()
        }
    }
}

/// What to try.
fn hints(error: &clap::Error, line: &[String]) -> Vec<String> {
    let usage = match error.get(ContextKind::Usage) {
        Some(ContextValue::StyledStr(usage)) => usage.to_string(),
        _ => String::new(),
    };
    let mut hints = Vec::new();
    let near = [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue];
    let near = near.into_iter().flat_map(|kind| words(error, kind)).chain(one_slip_away(error));
    let near: Vec<_> = near.map(|word| format!("`{word}`")).collect();
    if !near.is_empty() {
        hints.push(format!("did you mean {}?", near.join(" or ")));
    }
    let known = words(error, ContextKind::ValidValue);
    if error.kind() == ErrorKind::InvalidValue && !known.is_empty() {
        hints.push(format!("it takes one of: {}", known.join(", ")));
    }
    let word_too_many = error.kind() == ErrorKind::UnknownArgument && near.is_empty();
    if let Some(word) = argument(error).filter(|word| word_too_many && !word.starts_with('-') && usage.contains("-- "))
    {
        hints.push(format!("what is for the servers stands behind two dashes: -- {word}"));
    }
    hints.push(format!("`{} --help` shows all there is, with examples", verb(line)));
    hints
}

/// The verb that differs by one slip. For a short verb, clap does not suggest it.
fn one_slip_away(error: &clap::Error) -> Option<String> {
    let wrong = words(error, ContextKind::InvalidSubcommand).pop()?;
    let unknown = words(error, ContextKind::SuggestedSubcommand).is_empty();
    let is_near = |verb: &&str| unknown && strsim::damerau_levenshtein(verb, &wrong) == 1;
    Cli::command().get_subcommands().map(clap::Command::get_name).find(is_near).map(ToOwned::to_owned)
}

/// The argument that was not understood.
fn argument(error: &clap::Error) -> Option<String> {
    words(error, ContextKind::InvalidArg).into_iter().next()
}

fn words(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(word)) => vec![word.clone()],
        Some(ContextValue::Strings(words)) => words.clone(),
        _ => Vec::new(),
    }
}

/// The program, with the verb if the line has one.
fn verb(line: &[String]) -> String {
    let program = Cli::command();
    match line.iter().find(|word| program.get_subcommands().any(|verb| verb.get_name() == **word)) {
        Some(verb) => format!("fleetwide {verb}"),
        None => "fleetwide".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn said(line: &str) -> String {
        let words: Vec<_> = line.split(' ').map(ToOwned::to_owned).collect();
        render(&Cli::try_parse_from(&words).expect_err("a mistake"), &words)
    }

    #[test]
    fn every_mistake_has_one_form() {
        let lines = [
            "fleetwide depoly web",
            "fleetwide hosts --tags role=web",
            "fleetwide run web uptime",
            "fleetwide run web",
            "fleetwide hosts web --output yaml",
            "fleetwide deploy web --timeout 10",
            "fleetwide hosts --quiet --verbose",
            "fleetwide hosts --port",
            "fleetwide --nonsense",
        ];
        for line in lines {
            let said = said(line);
            let (error, hints) = said.split_once('\n').expect("lines");
            assert!(error.starts_with("error: ") && error.len() < 200, "{said}");
            assert!(hints.lines().all(|line| line.starts_with("hint: ")) && hints.contains(" --help` shows"), "{said}");
        }
    }

    #[test]
    fn the_hint_names_the_verb_and_what_was_meant() {
        assert!(said("fleetwide depoly web").contains("`deploy`?"));
        assert!(said("fleetwide rnu web").contains("did you mean `run`?"));
        assert!(
            said("fleetwide hosts --tags role=web").contains("did you mean `--tag`?\nhint: `fleetwide hosts --help`")
        );
        assert!(said("fleetwide run web uptime").contains("two dashes: -- uptime\nhint: `fleetwide run --help`"));
        assert!(said("fleetwide hosts web --output yaml").contains("it takes one of: human, "));
        assert!(said("fleetwide deploy web --concurrency 0").contains("hint: `fleetwide deploy --help`"));
    }

    #[test]
    fn what_was_typed_is_data() {
        assert!(!said("fleetwide hosts --\u{1b}[2J").contains('\u{1b}'));
    }
}
