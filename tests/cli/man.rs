//! The manual pages: one per verb, and `groff` reports no problem in them.

use std::{collections::BTreeSet, fs, process::Command};

use super::project::Project;

/// The verbs that `--help` lists.
fn verbs(project: &Project) -> BTreeSet<String> {
    let help = project.run(&["-h"]).expect(0).stdout;
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = listed.filter_map(|line| line.split_whitespace().next()).map(ToOwned::to_owned);
    names.filter(|verb| verb != "help").collect()
}

#[test]
fn every_verb_has_a_page_without_a_flaw() {
    let project = Project::new();
    project.run(&["man", "pages/man1"]).expect(0);
    let pages: BTreeSet<_> = fs::read_dir(project.path("pages/man1"))
        .expect("the pages")
        .map(|page| page.expect("a page").path())
        .inspect(|page| {
            let groff = Command::new("groff").args(["-Kutf8", "-Tutf8", "-man", "-ww", "-z"]).arg(page).output();
            let groff = groff.expect("groff runs");
            let said = String::from_utf8_lossy(&groff.stderr).into_owned();
            assert!(groff.status.success() && said.is_empty(), "{}: {said}", page.display());
        })
        .filter_map(|page| page.file_stem()?.to_str().map(ToOwned::to_owned))
        .collect();
    let mut wanted: BTreeSet<_> = verbs(&project).iter().map(|verb| format!("fleetwide-{verb}")).collect();
    assert!(wanted.len() > 8, "{wanted:?}");
    wanted.insert("fleetwide".into());
    assert_eq!(pages, wanted);
}

#[test]
fn a_page_shows_the_examples_line_by_line() {
    let project = Project::new();
    project.run(&["man", "pages"]).expect(0);
    let page = project.path("pages/fleetwide-deploy.1");
    let shown =
        Command::new("groff").args(["-Kutf8", "-Tascii", "-P-cbou", "-man"]).arg(page).output().expect("groff runs");
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("EXAMPLES\n       fleetwide deploy web\n       fleetwide deploy web "), "{shown}");
    project.run(&["man"]).expect(0).says(".TH fleetwide 1");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let project = Project::new();
    project.write("taken", "");
    project.run(&["man", "taken/man1"]).expect(2).says("taken/man1").says("caused by:");
}
