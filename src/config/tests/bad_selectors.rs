//! Errors for bad selectors and unknown keys, with their hints.

use super::complaints;

complaints! {
    unknown_key_of_a_selector: r#"[targets.web]
app = "shop"
select = [
  { provider = "gcp", projects = ["shop-prod"] },
  { provider = "aws", regoins = ["eu-west-1"], tags = { env = "prod" } },
]
"# => @r#"
    fleetwide.toml:5:23: unknown key `regoins` in targets.web.select
       |
     5 | { provider = "aws", regoins = ["eu-west-1"], tags = { env = "prod" } },
       |                     ^^^^^^^
    hint: did you mean `regions`?
    "#;

    key_of_another_provider: r#"[targets.web]
select = [{ provider = "aws", projects = ["shop-prod"] }]
"# => @r#"
    fleetwide.toml:2:31: `projects` is a key of gcp selectors, not of aws
       |
     2 | select = [{ provider = "aws", projects = ["shop-prod"] }]
       |                               ^^^^^^^^
    hint: keys of aws selectors: regions, zones, vpcs, profile, assume_role, endpoint, tags, states, deadline, allow_partial
    "#;

    unknown_provider: r#"[targets.web]
select = [{ provider = "awz" }]
"# => @r#"
    fleetwide.toml:2:24: unknown provider `awz`
       |
     2 | select = [{ provider = "awz" }]
       |                        ^^^^^
    hint: did you mean `aws`?
    "#;

    missing_provider: r#"[targets.web]
select = [{ tags = { role = "web" } }]
"# => @r#"
    fleetwide.toml:2:11: `provider` is missing in targets.web.select
       |
     2 | select = [{ tags = { role = "web" } }]
       |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^
    "#;

    unknown_state: r#"[targets.web]
select = [{ provider = "aws", states = ["runing"] }]
"# => @r#"
    fleetwide.toml:2:41: unknown instance state `runing`
       |
     2 | select = [{ provider = "aws", states = ["runing"] }]
       |                                         ^^^^^^^^
    hint: did you mean `running`?
    "#;

    empty_select: r"[targets.web]
select = []
" => @r#"
    fleetwide.toml:2:1: `select` is empty: the target has no servers
       |
     2 | select = []
       | ^^^^^^
    hint: for example select = [{ provider = "aws", regions = ["eu-west-1"], tags = { role = "web" } }]
    "#;

    empty_list: r#"[targets.web]
select = [{ provider = "gcp", projects = [] }]
"# => @r#"
    fleetwide.toml:2:31: `projects` is empty
       |
     2 | select = [{ provider = "gcp", projects = [] }]
       |                               ^^^^^^^^
    hint: leave `projects` out for no limit, or say which
    "#;

    empty_tags: r#"[targets.web]
select = [{ provider = "gcp", tags = {} }]
"# => @r#"
    fleetwide.toml:2:31: `tags` is empty
       |
     2 | select = [{ provider = "gcp", tags = {} }]
       |                               ^^^^
    hint: leave `tags` out for no limit, or say which
    "#;

    static_without_hosts: r#"[targets.web]
[[targets.web.select]]
provider = "static"
"# => @r#"
    fleetwide.toml:3:1: a static selector needs `hosts` or `file`
       |
     3 | provider = "static"
       | ^^^^^^^^
    hint: for example hosts = ["10.0.0.7", "deploy@10.0.0.8:2222"], or file = "hosts.toml"
    "#;

    bad_host: r#"[targets.web]
select = [{ provider = "static", hosts = ["10.0.0.7", "-oProxyCommand=x"] }]
"# => @r#"
    fleetwide.toml:2:55: `-oProxyCommand=x` is not a host address (expected [user@]host[:port])
       |
     2 | …t = [{ provider = "static", hosts = ["10.0.0.7", "-oProxyCommand=x"] }]
       |                                                   ^^^^^^^^^^^^^^^^^^
    "#;

    bad_host_table: r#"[targets.web]
select = [{ provider = "static", hosts = [{ name = "db1", address = "ops@10.0.0.8" }] }]
"# => @r#"
    fleetwide.toml:2:43: `ops@10.0.0.8`: in a table, `user` and `port` are keys of their own
       |
     2 | …der = "static", hosts = [{ name = "db1", address = "ops@10.0.0.8" }] }]
       |                           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    "#;

    host_without_address: r#"[targets.web]
select = [{ provider = "static", hosts = [{ name = "db1" }] }]
"# => @r#"
    fleetwide.toml:2:43: `address` is missing in targets.web.select.hosts
       |
     2 | select = [{ provider = "static", hosts = [{ name = "db1" }] }]
       |                                           ^^^^^^^^^^^^^^^^
    "#;

    bad_endpoint: r#"[targets.web]
select = [{ provider = "aws", endpoint = "http://10.0.0.1" }]
"# => @r#"
    fleetwide.toml:2:42: bad endpoint `http://10.0.0.1`: plain http is accepted for loopback addresses only; use https
       |
     2 | select = [{ provider = "aws", endpoint = "http://10.0.0.1" }]
       |                                          ^^^^^^^^^^^^^^^^^
    "#;

    endpoint_with_a_password: r#"[targets.web]
select = [{ provider = "aws", endpoint = "https://ops:hunter2@example.com" }]
"# => @r"
    fleetwide.toml:2:42: bad endpoint `https://***@example.com`: credentials do not belong in an endpoint
    ";

    all_among_regions: r#"[targets.web]
select = [{ provider = "aws", regions = ["all", "eu-west-1"] }]
"# => @r#"
    fleetwide.toml:2:41: "all" stands alone: it already holds the other regions
       |
     2 | select = [{ provider = "aws", regions = ["all", "eu-west-1"] }]
       |                                         ^^^^^^^^^^^^^^^^^^^^
    "#;

    one_region_as_text: r#"[targets.web]
select = [{ provider = "aws", regions = "eu-west-1" }]
"# => @r#"
    fleetwide.toml:2:41: `eu-west-1` stands alone: write ["eu-west-1"], or "all"
       |
     2 | select = [{ provider = "aws", regions = "eu-west-1" }]
       |                                         ^^^^^^^^^^^
    "#;

    bad_role: r#"[targets.web]
select = [{ provider = "aws", assume_role = { arn = "deploy" } }]
"# => @r#"
    fleetwide.toml:2:45: `deploy` is not the ARN of a role (expected arn:aws:iam::ACCOUNT:role/NAME)
       |
     2 | select = [{ provider = "aws", assume_role = { arn = "deploy" } }]
       |                                             ^^^^^^^^^^^^^^^^^^
    "#;

    tag_that_is_a_number: r#"[targets.web]
select = [{ provider = "aws", tags = { shard = 7 } }]
"# => @r#"
    fleetwide.toml:2:48: `shard`: expected a tag value or a list of tag values, as strings, found integer `7`
       |
     2 | select = [{ provider = "aws", tags = { shard = 7 } }]
       |                                                ^
    "#;
}
