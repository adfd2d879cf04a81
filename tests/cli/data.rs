//! Tags, variables and arguments are data: they reach the script unchanged, and nothing interprets them.

use super::ssh_fleet::SshFleet;

const NASTY: &str = "$(touch pwned); \"'\\n`touch pwned2`\n&& touch pwned3 #";

#[test]
fn nasty_values_reach_the_script_unchanged() {
    let fleet = SshFleet::start(&[("web".to_owned(), vec![("nasty", NASTY.to_owned())])], "");
    fleet.project.write(
        "deploy.sh",
        "#!/bin/sh\nprintf '%s' \"$FLEETWIDE_TAG_NASTY\" > \"$HERE/tag\"\nprintf '%s' \"$MINE\" > \"$HERE/env\"\nprintf '%s|' \"$@\" > \"$HERE/args\"\npwd > \"$HERE/cwd\"\n",
    );
    let here = fleet.project.path("").to_str().expect("text").to_owned();
    let (mine, place) = (format!("MINE={NASTY}"), format!("HERE={here}"));
    fleet
        .project
        .run(&["deploy", "web", "--revision", "v1", "--env", &mine, "--env", &place, "--", NASTY, "", "-x"])
        .expect(0);

    assert_eq!(fleet.project.read("tag"), NASTY);
    assert_eq!(fleet.project.read("env"), NASTY);
    assert_eq!(fleet.project.read("args"), format!("{NASTY}||-x|"));
    let cwd = fleet.project.read("cwd");
    for folder in [fleet.project.path(""), fleet.project.home(), cwd.trim().into()] {
        for name in ["pwned", "pwned2", "pwned3"] {
            assert!(!folder.join(name).exists(), "{} was made", folder.join(name).display());
        }
    }
}

#[test]
fn a_secret_reaches_the_script_and_nothing_else() {
    let fleet = SshFleet::start(
        &[("web".to_owned(), Vec::new())],
        "env = { TOKEN = { env = \"MY_TOKEN\" }, FILE_TOKEN = { file = \"token\" } }\n",
    );
    fleet.project.write("token", "from-a-file-55e21\n");
    fleet.project.write(
        "deploy.sh",
        "#!/bin/sh\n[ \"$TOKEN\" = from-env-55e21 ] && [ \"$FILE_TOKEN\" = from-a-file-55e21 ] || exit 9\nps -ww -e -o args\n",
    );
    let mut command = fleet.project.command(&[
        "deploy",
        "web",
        "--revision",
        "v1",
        "--report",
        "report.json",
        "--log-dir",
        "logs",
        "--verbose",
    ]);
    let output = command.env("MY_TOKEN", "from-env-55e21").output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let printed = [&output.stdout[..], &output.stderr[..], fleet.project.read("report.json").as_bytes()].concat();
    let printed = String::from_utf8_lossy(&printed).into_owned() + &fleet.logs("logs");
    assert!(!printed.contains("55e21"), "a secret was printed, or stood in a process's arguments:\n{printed}");

    let plan = fleet.project.command(&["plan", "web", "--revision", "v1"]).env("MY_TOKEN", "from-env-55e21").output();
    let plan = String::from_utf8_lossy(&plan.expect("the binary runs").stdout).into_owned();
    assert!(plan.contains("TOKEN") && !plan.contains("55e21"), "{plan}");
}
