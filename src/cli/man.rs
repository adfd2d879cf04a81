//! `man`: the manual pages, generated from `--help`.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use clap::{Args, Command, CommandFactory, ValueHint};
use clap_mangen::{
    Man,
    roff::{Roff, roman},
};

use super::{args::Cli, error::CliError, session};

/// Print the manual page, or write one for every verb into a folder
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fleetwide man | man -l -
  fleetwide man ~/.local/share/man/man1     then: man fleetwide-deploy")]
pub(super) struct ManArgs {
    /// The folder for the pages; created if missing
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    folder: Option<PathBuf>,
}

/// Prints the page of the program, or writes all pages.
pub(super) fn run(args: &ManArgs) -> Result<u8, CliError> {
    // The pages already contain what `help` prints; pages for the subcommands of `help` would repeat it.
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    let Some(folder) = &args.folder else { return session::print(&page(&program).map_err(CliError::Output)?) };
    write(&program, folder).map_err(|source| CliError::File {
        what: "write the manual pages into",
        path: folder.clone(),
        hint: None,
        source,
    })?;
    Ok(super::exit_code::SUCCESS)
}

fn write(program: &Command, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for command in [program].into_iter().chain(program.get_subcommands().filter(|verb| !verb.is_hide_set())) {
        fs::write(folder.join(Man::new(command.clone()).get_filename()), page(command)?)?;
    }
    Ok(())
}

/// One page. The library's own rendering joins the lines of examples, so the closing part is rendered here.
fn page(command: &Command) -> io::Result<Vec<u8>> {
    let man = Man::new(command.clone()).source(concat!("Fleetwide ", env!("CARGO_PKG_VERSION"))).manual("");
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text)?;
    }
    if let Some(words) = command.get_after_help() {
        closing(&words.to_string()).to_writer(&mut text)?;
    }
    text.flush()?;
    Ok(text)
}

/// The text below the options: sentences as paragraphs, indented lines verbatim.
fn closing(words: &str) -> Roff {
    let mut roff = Roff::new();
    let mut verbatim = false;
    let mut headed = false;
    for line in words.lines() {
        let (heading, rest) = match line.split_once(':') {
            Some(("Examples", rest)) => (Some("EXAMPLES"), rest),
            Some(("Exit codes", rest)) => (Some("EXIT STATUS"), rest),
            _ => (None, line),
        };
        let indented = line.starts_with(' ');
        if verbatim != indented {
            roff.control(if indented { "nf" } else { "fi" }, []);
            verbatim = indented;
        }
        if let Some(heading) = heading.or((!headed).then_some("NOTES")) {
            roff.control("SH", [heading]);
            headed = true;
        }
        match rest.trim() {
            "" if heading.is_none() => drop(roff.control("PP", [])),
            "" => {}
            sentence => drop(roff.text([roman(sentence)])),
        }
    }
    if verbatim {
        roff.control("fi", []);
    }
    roff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_help_breaks_in_the_middle_of_a_line() {
        for verb in Cli::command().get_subcommands() {
            let text = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            // A link or a fingerprint in an example is never wrapped.
            let long: Vec<_> =
                text.lines().filter(|line| !line.starts_with(' ') && line.chars().count() > 100).collect();
            assert_eq!(long, [""; 0], "{}", verb.get_name());
        }
    }

    #[test]
    fn examples_keep_their_lines_and_dots_their_meaning() {
        let text =
            closing("A sentence\nof two lines.\n\nExamples:\n  fleetwide x\n  .y -- z\n\nExit codes: 0 well").to_roff();
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with(".\\\"")).collect();
        let from = lines.iter().position(|line| *line == ".SH NOTES").expect("a heading");
        assert_eq!(
            lines[from..],
            [
                ".SH NOTES",
                "A sentence",
                "of two lines.",
                ".PP",
                ".SH EXAMPLES",
                ".nf",
                "fleetwide x",
                "\\&.y \\-\\- z",
                ".fi",
                ".PP",
                ".SH \"EXIT STATUS\"",
                "0 well",
            ]
        );
    }
}
