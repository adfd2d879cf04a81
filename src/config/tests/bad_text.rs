//! Errors for text that is not TOML, and for secrets, which are never shown.

use super::complaints;

complaints! {
    secret_in_two_places: r#"[targets.web]
select = [{ provider = "aws" }]
[targets.web.deploy.env]
TOKEN = { env = "TOKEN", file = "/run/secrets/token" }
"# => @r"
    fleetwide.toml:4:9: `env` and `file` are both given: a secret is in one place
    ";

    secret_in_no_place: r#"[targets.web]
select = [{ provider = "aws" }]
[targets.web.deploy]
env = { TOKEN = {} }
"# => @r#"
    fleetwide.toml:4:17: neither `env` nor `file` is given: expected a string, { env = "NAME" } or { file = "PATH" }
    "#;

    variable_that_is_a_number: r#"[targets.web]
select = [{ provider = "aws" }]
[targets.web.deploy.env]
PIN = 90210
"# => @r#"
    fleetwide.toml:4:7: `PIN`: expected a string, { env = "NAME" } or { file = "PATH" }
    "#;

    variable_of_fleetwide: r#"[defaults.deploy.env]
FLEETWIDE_RUN = "x"
"# => @r"
    fleetwide.toml:2:1: `FLEETWIDE_RUN` is one of the variables that Fleetwide itself gives to the script
    ";

    bad_variable_name: r#"[defaults.deploy]
env = { "MY-VAR" = "hunter2" }
"# => @r"
    fleetwide.toml:2:9: `MY-VAR` cannot name a variable: use letters, digits and `_`, not beginning with a digit
    ";

    environment_as_text: r#"[defaults.deploy]
env = "TOKEN=hunter2"
"# => @r"
    fleetwide.toml:2:7: `env`: expected a table
    ";

    unclosed_list: r#"[targets.web]
select = [{ provider = "aws" }
[targets.web.ssh]
"# => @r"
    fleetwide.toml:3:1: missing comma between array elements, expected `,`
       |
     3 | [targets.web.ssh]
       | ^
    hint: the file is TOML: a text stands in quotes, a list in [ ], a table in { } or below its [header]
    ";

    unclosed_text: r#"[targets.web]
app = "shop
"# => @r#"
    fleetwide.toml:2:12: invalid basic string, expected `"`
       |
     2 | app = "shop
       |            ^
    hint: a text begins and ends with a double quote, on one line
    "#;

    unclosed_secret: r#"[targets.web]
select = [{ provider = "aws" }]
[targets.web.deploy.env]
TOKEN = "hunter2
"# => @r#"
    fleetwide.toml:4:17: invalid basic string, expected `"`
    hint: a text begins and ends with a double quote, on one line
    "#;

    unclosed_inline_secret: r#"[targets.web]
select = [{ provider = "aws" }]
[targets.web.deploy]
env = { TOKEN = "hunter2 }
"# => @r"
    fleetwide.toml:4:27: unclosed inline table, expected `}`
    hint: the file is TOML: a text stands in quotes, a list in [ ], a table in { } or below its [header]
    ";

    unclosed_argument: r#"[targets.web]
select = [{ provider = "aws" }]
[targets.web.deploy]
args = [
  "--token=hunter2,
]
"# => @r#"
    fleetwide.toml:5:20: invalid basic string, expected `"`
    hint: a text begins and ends with a double quote, on one line
    "#;

    key_twice: r#"[targets.web]
app = "a"
app = "b"
"# => @r#"
    fleetwide.toml:3:1: duplicate key
       |
     3 | app = "b"
       | ^^^
    hint: it stands in this table twice: keep one of them
    "#;

    table_twice: r#"[targets.web]
select = [{ provider = "aws" }]
[targets.web]
"# => @r"
    fleetwide.toml:3:10: duplicate key
       |
     3 | [targets.web]
       |          ^^^
    hint: it stands in this table twice: keep one of them
    ";

    control_characters: "[targets.web]\napp = \"\u{1b}[2J\"\n" => @r#"
    fleetwide.toml:2:8: invalid basic string, expected non-double-quote visible characters, `\`
       |
     2 | app = "�[2J"
       |        ^
    hint: the file is TOML: a text stands in quotes, a list in [ ], a table in { } or below its [header]
    "#;
}
