//! Mistakes, and the errors that people see.

use super::project::Project;

#[test]
fn an_unknown_key_names_its_line_and_the_nearest_known_one() {
    let project = Project::with_config(
        "[targets.web]\nmin_hosts = 2\nselect = [ { provider = \"aws\", regoins = [\"eu-west-1\"] } ]\n",
    );
    project.run(&["hosts", "web"]).expect(2).says("fleetwide.toml:3").says("`regoins`").says("`regions`");
}

#[test]
fn no_file_and_no_flags() {
    Project::new().run(&["hosts"]).expect(2).says("error:").says("hint:");
}

#[test]
fn an_unknown_target_suggests_the_nearest() {
    let project =
        Project::with_config("[targets.web]\nselect = [ { provider = \"static\", hosts = [\"127.0.0.9\"] } ]\n");
    project.run(&["hosts", "wbe"]).expect(2).says("`wbe`").says("web");
}

#[test]
fn a_missing_script_is_found_before_anything_is_asked() {
    let project = Project::with_config(
        "[targets.web]\nselect = [ { provider = \"static\", hosts = [\"127.0.0.9\"] } ]\n[targets.web.deploy]\nscript = \"nowhere.sh\"\n",
    );
    project.run(&["deploy", "web", "--revision", "v1"]).expect(2).says("nowhere.sh").says("caused by:");
}

#[test]
fn no_revision() {
    let project = Project::with_config(
        "[targets.web]\nselect = [ { provider = \"static\", hosts = [\"127.0.0.9\"] } ]\n[targets.web.deploy]\nscript = \"deploy.sh\"\n",
    );
    project.write("deploy.sh", "#!/bin/sh\ntrue\n");
    project.run(&["deploy", "web"]).expect(2).says("revision").says("--revision");
}

#[test]
fn fewer_hosts_than_needed() {
    let project = Project::with_config(
        "[targets.web]\nmin_hosts = 3\nselect = [ { provider = \"static\", hosts = [\"127.0.0.8\", \"127.0.0.9\"] } ]\n",
    );
    project.run(&["hosts", "web"]).expect(4).says("2 hosts were found").says("at least 3");
}

#[test]
fn nothing_listens() {
    let project = Project::with_config(
        "[targets.web]\nselect = [ { provider = \"static\", hosts = [\"127.0.0.9:1\"] } ]\n[targets.web.deploy]\nretries = 0\n",
    );
    project.run(&["run", "web", "--", "true"]).expect(7).says("connection refused").says("unreachable");
}

#[test]
fn a_word_that_is_no_verb() {
    Project::new().run(&["delpoy"]).expect(2).says("deploy");
}
