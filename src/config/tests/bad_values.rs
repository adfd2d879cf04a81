//! Errors for bad tables and values, with their hints.

use super::complaints;

complaints! {
    unknown_table: r"[target.web]
" => @r"
    fleetwide.toml:1:2: unknown key `target` at the top of the file
       |
     1 | [target.web]
       |  ^^^^^^
    hint: did you mean `targets`?
    ";

    key_that_belongs_elsewhere: r#"[targets.web]
select = [{ provider = "aws" }]
user = "deploy"
"# => @r#"
    fleetwide.toml:3:1: unknown key `user` in targets.web
       |
     3 | user = "deploy"
       | ^^^^
    hint: `user` belongs in the target's `ssh` table
    "#;

    key_of_no_table: r#"[targets.web]
select = [{ provider = "aws" }]
[targets.web.deploy]
shout = "rollback.sh"
"# => @r"
    fleetwide.toml:4:1: unknown key `shout` in targets.web.deploy
       |
     4 | shout …
       | ^^^^^
    hint: known keys: script, parts, rollback, steps, canary, survey, slow_start, on_stop, on_failure, late_hosts, approve_timeout, args, env, timeout, connect_timeout, auth_timeout, idle_timeout, kill_grace, on_lost, concurrency, handshakes, retries, sudo, idempotent, max_failures, confirm_over
    ";

    parts_and_a_script: r#"[targets.web]
select = [{ provider = "aws", tags = { role = "web" } }]
[targets.web.deploy]
script = "deploy.sh"
parts = [{ name = "test", run = "npm test" }]
"# => @r#"
    fleetwide.toml:5:1: `script` and `parts` are both given
       |
     5 | parts = [{ name = "test", run = "npm test" }]
       | ^^^^^
    hint: a deploy is one script, or parts: take the other away
    "#;

    no_parts_at_all: r#"[targets.web]
select = [{ provider = "aws", tags = { role = "web" } }]
[targets.web.deploy]
parts = []
"# => @r"
    fleetwide.toml:4:1: `parts` is empty: leave it out, or say what is to be run
       |
     4 | parts = []
       | ^^^^^
    ";

    parts_of_one_name: r#"[targets.web]
select = [{ provider = "aws", tags = { role = "web" } }]
[targets.web.deploy]
parts = [
  { name = "test", run = "npm test" },
  { name = "test", run = "npm run e2e" },
]
"# => @r#"
    fleetwide.toml:6:5: two parts are called `test`
       |
     6 | { name = "test", run = "npm run e2e" },
       |   ^^^^
    "#;

    part_that_runs_nothing: r#"[targets.web]
select = [{ provider = "aws", tags = { role = "web" } }]
[targets.web.deploy]
parts = [
  { name = "test", run = "  " },
]
"# => @r#"
    fleetwide.toml:5:20: the part `test` runs nothing
       |
     5 | { name = "test", run = "  " },
       |                  ^^^
    "#;

    part_with_two_words_for_a_name: r#"[targets.web]
select = [{ provider = "aws", tags = { role = "web" } }]
[targets.web.deploy]
parts = [
  { name = "unit test", run = "npm test" },
]
"# => @r#"
    fleetwide.toml:5:12: `unit test` is not a name: use 1 to 64 letters, digits, `.`, `_` or `-`, beginning with a letter or digit
       |
     5 | { name = "unit test", run = "npm test" },
       |          ^^^^^^^^^^^
    "#;

    barrier_behind_the_last_part: r#"[targets.web]
select = [{ provider = "aws", tags = { role = "web" } }]
[targets.web.deploy]
parts = [
  { name = "test", run = "npm test" },
  { name = "restart", run = "systemctl restart shop", barrier = true },
]
"# => @r#"
    fleetwide.toml:6:55: nothing is behind the last part, `restart`, that could wait at a barrier
       |
     6 | { name = "restart", run = "systemctl restart shop", barrier = true },
       |                                                     ^^^^^^^
    "#;

    check_of_single_servers_before_the_first: r#"[targets.web]
select = [{ provider = "aws", tags = { role = "web" } }]
[targets.web.deploy]
steps = [
  { check = "up" },
  { hosts = 1 },
]
[checks.up]
http = "http://{address}/"
"# => @r#"
    fleetwide.toml:5:3: nobody is deployed to before the check `up`
       |
     5 | { check = "up" },
       | ^^^^^^^^^^^^^^^^
    hint: it asks each server just deployed to: put it behind a step of hosts, or ask without {address}
    "#;

    check_that_is_not_defined: r#"[targets.web]
select = [{ provider = "aws", tags = { role = "web" } }]
[targets.web.deploy]
steps = [
  { hosts = 1 },
  { soak = "5m", check = "eror" },
]
[checks.errors]
command = "true"
"# => @r#"
    fleetwide.toml:6:3: there is no check `eror`
       |
     6 | { soak = "5m", check = "eror" },
       | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    hint: define it: [checks.eror], with http, tcp, command, remote or promql
    "#;

    steps_that_shrink: r#"[targets.web]
select = [{ provider = "aws", tags = { role = "web" } }]
[targets.web.deploy]
steps = [
  { hosts = "50%" },
  { hosts = "10%" },
]
"# => @r#"
    fleetwide.toml:6:3: the steps shrink: `10%` after `50%` adds no host, for each step says how many hosts are done when it ends
       |
     6 | { hosts = "10%" },
       | ^^^^^^^^^^^^^^^^^
    "#;

    step_of_more_than_all: r#"[targets.web]
select = [{ provider = "aws", tags = { role = "web" } }]
[targets.web.deploy]
steps = [
  { hosts = "101%" },
]
"# => @r#"
    fleetwide.toml:5:13: `101%` is not a number of hosts: write 1 or more, or a percentage from 1% to 100%
       |
     5 | { hosts = "101%" },
       |           ^^^^^^
    "#;

    check_of_two_kinds: r#"[checks.up]
tcp = "{address}:80"
remote = "true"
"# => @r#"
    fleetwide.toml:3:1: `tcp` and `remote` are both given: a check asks one thing
       |
     3 | remote = "true"
       | ^^^^^^
    hint: make it two checks; a step may name several
    "#;

    header_given_twice: r#"[checks.up]
http = "http://{address}/"
headers = { X-A = "1", x-a = "2" }
"# => @r#"
    fleetwide.toml:3:24: `X-A` and `x-a` are the same header, which can be given once
       |
     3 | headers = { X-A = "1", x-a = "2" }
       |                        ^^^
    hint: leave one of them out
    "#;

    unknown_address_kind: r#"[targets.web]
select = [{ provider = "aws" }]
ssh.address = ["private_ipv4", "ipv4"]
"# => @r#"
    fleetwide.toml:3:32: `ipv4` is not an address kind (known: private_ipv4, public_ipv4, public_ipv6, private_dns, public_dns, name, tag:KEY)
       |
     3 | ssh.address = ["private_ipv4", "ipv4"]
       |                                ^^^^^^
    "#;

    unknown_host_keys: r#"[targets.web]
select = [{ provider = "aws" }]
[targets.web.ssh]
host_keys = "off"
"# => @r#"
    fleetwide.toml:4:13: `off` is no value of `host_keys`
       |
     4 | host_keys = "off"
       |             ^^^^^
    hint: known: accept-new, strict, cloud
    "#;

    no_select: r#"[targets.web]
app = "shop"
"# => @r#"
    fleetwide.toml:1:10: the target `web` has no `select`
       |
     1 | [targets.web]
       |          ^^^
    hint: say where its servers are: select = [{ provider = "aws", tags = { role = "web" } }]
    "#;

    exclude_of_everything: r#"[targets.web]
select = [{ provider = "aws", tags = { role = "web" } }]
exclude = [{}]
"# => @r"
    fleetwide.toml:3:12: an exclude without anything would leave out every instance
       |
     3 | exclude = [{}]
       |            ^^
    hint: say which: tags, names or ids
    ";

    bad_app_name: r#"[targets.web]
select = [{ provider = "aws" }]
app = "my shop"
"# => @r#"
    fleetwide.toml:3:7: `my shop` cannot name an app: use 1 to 64 letters, digits, `.`, `_` or `-`, beginning with a letter or digit
       |
     3 | app = "my shop"
       |       ^^^^^^^^^
    "#;

    bad_target_name: r#"[targets."my shop"]
select = [{ provider = "aws" }]
"# => @r#"
    fleetwide.toml:1:10: `my shop` cannot name a target
       |
     1 | [targets."my shop"]
       |          ^^^^^^^^^
    hint: use 1 to 64 letters, digits, `.`, `_` or `-`, beginning with a letter or digit
    "#;

    min_hosts_zero: r#"[targets.web]
select = [{ provider = "aws" }]
min_hosts = 0
"# => @r"
    fleetwide.toml:3:13: `min_hosts`: expected a number from 1 up, found integer `0`
       |
     3 | min_hosts = 0
       |             ^
    ";

    port_too_large: r#"[targets.web]
select = [{ provider = "aws" }]
[targets.web.ssh]
port = 70000
"# => @r#"
    fleetwide.toml:4:8: `port`: expected a number from 1 to 65535, or { tag = "KEY" }, found integer `70000`
       |
     4 | port = 70000
       |        ^^^^^
    "#;

    user_that_is_an_option: r#"[defaults.ssh]
user = "-oProxyCommand=x"
"# => @r#"
    fleetwide.toml:2:8: "-oProxyCommand=x" is not one plain word: no spaces, not empty, and not beginning with `-`
       |
     2 | user = "-oProxyCommand=x"
       |        ^^^^^^^^^^^^^^^^^^
    "#;

    port_of_no_tag: r#"[defaults.ssh]
port = { tag = "" }
"# => @r#"
    fleetwide.toml:2:8: the tag is empty
       |
     2 | port = { tag = "" }
       |        ^^^^^^^^^^^^
    "#;

    user_from_two_places: r#"[defaults.ssh]
user = { tag = "ssh-user", image = { "*ubuntu*" = "ubuntu" } }
"# => @r#"
    fleetwide.toml:2:8: `tag` and `image` are both given: a login comes from one of them
       |
     2 | user = { tag = "ssh-user", image = { "*ubuntu*" = "ubuntu" } }
       |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    "#;

    user_from_nowhere: r#"[defaults.ssh]
user = { default = "ubuntu" }
"# => @r#"
    fleetwide.toml:2:8: neither `tag` nor `image` is given: expected a login, { tag = "KEY" } or { image = { "GLOB" = "LOGIN" } }
       |
     2 | user = { default = "ubuntu" }
       |        ^^^^^^^^^^^^^^^^^^^^^^
    "#;

    jump_that_is_an_option: r#"[defaults.ssh]
jump = ["ops@outer", "-oProxyCommand=x"]
"# => @r#"
    fleetwide.toml:2:8: `-oProxyCommand=x` is not a jump host: expected [user@]host[:port], IPv6 with a port in brackets
       |
     2 | jump = ["ops@outer", "-oProxyCommand=x"]
       |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    "#;

    jump_through_nothing: r"[defaults.ssh]
jump = []
" => @r#"
    fleetwide.toml:2:8: the list of jump hosts is empty: name one, or write "none"
       |
     2 | jump = []
       |        ^^
    "#;

    jump_and_command: r#"[targets.web]
select = [{ provider = "aws", tags = { role = "web" } }]
[targets.web.ssh]
jump = "bastion"
proxy_command = "nc %h %p"
"# => @r#"
    fleetwide.toml:5:1: `jump` and `proxy_command` are both given
       |
     5 | proxy_command = "nc %h %p"
       | ^^^^^^^^^^^^^
    hint: a host is reached through one of them: take the other away
    "#;

    unknown_place_in_command: r#"[defaults.ssh]
user = "deploy"
proxy_command = "aws ssm start-session --target {instance}"
"# => @r#"
    fleetwide.toml:3:17: nothing is known as {instance} (known: {id} {resource_id} {name} {region} {zone} {project} {resource_group} {subscription} {address} {port} {user}; a brace itself is written twice)
       |
     3 | proxy_command = "aws ssm start-session --target {instance}"
       |                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    "#;

    loose_brace_in_command: r#"[defaults.ssh]
proxy_command = "tunnel {id"
"# => @r#"
    fleetwide.toml:2:17: a brace without its other one; a brace itself is written twice, as {{ or }}
       |
     2 | proxy_command = "tunnel {id"
       |                 ^^^^^^^^^^^^
    "#;

    percent_above_hundred: r#"[targets.web]
select = [{ provider = "aws" }]
[targets.web.deploy]
max_failures = "105%"
"# => @r#"
    fleetwide.toml:4:16: `105%` is not a failure limit (known: a number such as 0 or 3, or a percentage such as 5%)
       |
     4 | max_failures = "105%"
       |                ^^^^^^
    "#;

    negative_failures: r#"[targets.web]
select = [{ provider = "aws" }]
[targets.web.deploy]
max_failures = -1
"# => @r#"
    fleetwide.toml:4:16: `max_failures`: expected a number of hosts, or a percentage such as "5%", found integer `-1`
       |
     4 | max_failures = -1
       |                ^^
    "#;

    bad_duration: r#"[targets.web]
select = [{ provider = "aws" }]
[targets.web.deploy]
timeout = "ten minutes"
"# => @r#"
    fleetwide.toml:4:11: `ten minutes` is not a duration: write it as 90s, 10m, 1h30m or 500ms
       |
     4 | timeout = "ten minutes"
       |           ^^^^^^^^^^^^^
    "#;

    duration_without_unit: r"[defaults.deploy]
timeout = 600
" => @r#"
    fleetwide.toml:2:11: `timeout`: expected a duration such as "90s", "10m" or "1h30m", found integer `600`
       |
     2 | timeout = 600
       |           ^^^
    "#;

    zero_duration: r#"[defaults.deploy]
idle_timeout = "0s"
"# => @r#"
    fleetwide.toml:2:16: `0s` is not a duration: it must be more than nothing
       |
     2 | idle_timeout = "0s"
       |                ^^^^
    "#;

    number_as_text: r#"[defaults.deploy]
concurrency = "50"
"# => @r#"
    fleetwide.toml:2:15: `concurrency`: expected a number from 1 up, found string "50"
       |
     2 | concurrency = "50"
       |               ^^^^
    "#;

    table_expected: r"[targets]
web = 5
" => @r"
    fleetwide.toml:2:7: `web`: expected a table, found integer `5`
       |
     2 | web = 5
       |       ^
    ";
}
