//! The JSON Schema of the configuration file (`fleetwide schema`), made from the structs that read it.

use std::{borrow::Cow, collections::BTreeMap, sync::LazyLock};

use provider_core::InstanceState;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::{
    duration::HumanDuration,
    file::ConfigFile,
    proxy_command::ProxyCommand,
    shapes::{AssumeRoleTable, ListedHost, ListedHostTable, SecretTable},
    step_table::StepTable,
    steps::{Label, PRESETS, Strategy},
    target::{AppName, AssumeRole, EnvValue, Regions},
    values::{AddressKind, FailureLimit, Word},
    ways::{Jump, PortFrom, PortTable, UserFrom, UserTable},
};

/// The schema, as JSON.
pub fn schema() -> Value {
    schemars::schema_for!(ConfigFile).to_value()
}

/// The keys of each table, by the table's name in the schema.
static KEYS: LazyLock<BTreeMap<String, Vec<String>>> = LazyLock::new(|| {
    let schema = schema();
    let tables = schema["$defs"].as_object().into_iter().flatten();
    tables
        .filter_map(|(name, table)| Some((name.clone(), table["properties"].as_object()?.keys().cloned().collect())))
        .collect()
});

/// True for a word that is a key of some table.
pub(super) fn is_key(word: &str) -> bool {
    KEYS.values().flatten().any(|key| key == word)
}

/// The table that a misplaced key belongs to; the first of several.
pub(super) fn home_of(key: &str) -> Option<&'static str> {
    let homes = [
        ("SshTable", "the target's `ssh` table"),
        ("DeployTable", "the target's `deploy` table"),
        ("HooksTable", "the target's `hooks` table"),
        ("CheckTable", "a table of `checks`"),
    ];
    homes
        .iter()
        .find(|(table, _)| KEYS.get(*table).is_some_and(|keys| keys.iter().any(|known| known == key)))
        .map(|(_, home)| *home)
}

/// Gives a hand-written `Deserialize` the schema of what it accepts.
macro_rules! schema_of {
    ($($type:ty, $name:literal, |$generator:ident| $schema:expr;)+) => {$(
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema($generator: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    )+};
}

/// Stands for the tags of a selector.
pub(super) struct Tags;
/// Stands for an instance's state.
pub(super) struct State;
/// Stands for the address of a cloud's API.
pub(super) struct EndpointUrl;
/// Stands for a number or a percentage of hosts.
pub(super) struct Batch;
/// Stands for the names of one or several checks.
pub(super) struct Names;

schema_of! {
    AppName, "AppName", |_generator| json_schema!({
        "type": "string",
        "description": "1 to 64 letters, digits, `.`, `_` or `-`, beginning with a letter, a digit or `_`.",
        "pattern": "^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$",
    });
    HumanDuration, "Duration", |_generator| json_schema!({
        "type": "string",
        "description": "A duration: \"500ms\", \"90s\", \"10m\", \"1h30m\"; at most 30 days.",
        "examples": ["90s", "10m", "1h30m"],
        "minLength": 2,
    });
    Word, "Word", |_generator| json_schema!({
        "type": "string",
        "description": "One word: no spaces, not beginning with `-`.",
        "pattern": "^[^\\s-]\\S*$",
    });
    UserFrom, "User", |generator| json_schema!({
        "description": "A login, or the property of an instance that holds it.",
        "anyOf": [generator.subschema_for::<Word>(), generator.subschema_for::<UserTable>()],
    });
    PortFrom, "Port", |generator| json_schema!({
        "description": "A port, or the tag of an instance that holds it.",
        "anyOf": [
            { "type": "integer", "minimum": 1, "maximum": 65535 },
            generator.subschema_for::<PortTable>(),
        ],
    });
    Jump, "Jump", |_generator| json_schema!({
        "description": "\"[user@]host[:port]\", or several in order; \"none\" for none.",
        "anyOf": [
            { "type": "string", "minLength": 1 },
            { "type": "array", "items": { "type": "string", "minLength": 1 }, "minItems": 1 },
        ],
    });
    ProxyCommand, "ProxyCommand", |_generator| json_schema!({
        "type": "string",
        "description": "A command for ssh's ProxyCommand, with placeholders such as {id} that are filled in for every host; a literal brace is written twice.",
        "minLength": 1,
    });
    Batch, "BatchSize", |_generator| json_schema!({
        "description": "A number of hosts, or a percentage of all such as \"10%\", rounded up.",
        "anyOf": [
            { "type": "integer", "minimum": 1 },
            { "type": "string", "pattern": "^([1-9][0-9]*|(100|[1-9][0-9]?)%)$" },
        ],
    });
    Names, "Checks", |generator| json_schema!({
        "anyOf": [
            generator.subschema_for::<Label>(),
            { "type": "array", "items": generator.subschema_for::<Label>(), "minItems": 1 },
        ],
    });
    Strategy, "Steps", |generator| json_schema!({
        "description": "A list of steps, a preset, or a text as for --steps.",
        "anyOf": [
            { "type": "array", "items": generator.subschema_for::<StepTable>(), "minItems": 1 },
            { "enum": PRESETS.map(|preset| preset.name) },
            { "type": "string", "minLength": 1 },
        ],
    });
    AddressKind, "AddressKind", |_generator| json_schema!({
        "description": "A kind of address of an instance; `tag:KEY` is the value of a tag.",
        "anyOf": [
            { "enum": ["private_ipv4", "public_ipv4", "public_ipv6", "private_dns", "public_dns", "name"] },
            { "type": "string", "pattern": "^tag:.+$" },
        ],
    });
    FailureLimit, "FailureLimit", |_generator| json_schema!({
        "description": "A number of hosts, or a percentage of all such as \"5%\", rounded down.",
        "anyOf": [
            { "type": "integer", "minimum": 0 },
            { "type": "string", "pattern": "^([0-9]+|(100|[0-9]{1,2})%)$" },
        ],
    });
    Regions, "Regions", |_generator| json_schema!({
        "description": "A list of regions, or \"all\".",
        "anyOf": [{ "const": "all" }, { "type": "array", "items": { "type": "string" }, "minItems": 1 }],
    });
    AssumeRole, "AssumeRole", |generator| json_schema!({
        "description": "A role's ARN, alone or with an external id.",
        "anyOf": [{ "type": "string", "pattern": "^arn:.*:role/" }, generator.subschema_for::<AssumeRoleTable>()],
    });
    ListedHost, "Host", |generator| json_schema!({
        "description": "\"[user@]host[:port]\", or a table.",
        "anyOf": [{ "type": "string", "minLength": 1 }, generator.subschema_for::<ListedHostTable>()],
    });
    EnvValue, "EnvValue", |generator| json_schema!({
        "description": "A string, or a secret by reference: { env = \"NAME\" } or { file = \"PATH\" }.",
        "anyOf": [
            { "type": "string" },
            { "allOf": [generator.subschema_for::<SecretTable>()], "minProperties": 1, "maxProperties": 1 },
        ],
    });
    Tags, "Tags", |_generator| json_schema!({
        "type": "object",
        "description": "Keys and the values that each may have: one, or any of a list. `*` and `?` are wildcards; \"\" matches any value.",
        "minProperties": 1,
        "additionalProperties": {
            "anyOf": [
                { "type": "string" },
                { "type": "array", "items": { "type": "string" }, "minItems": 1 },
            ],
        },
    });
    State, "State", |_generator| json_schema!({
        "enum": InstanceState::ALL.map(InstanceState::as_str),
        "description": "A state of an instance.",
    });
    EndpointUrl, "Endpoint", |_generator| json_schema!({
        "type": "string",
        "format": "uri",
        "pattern": "^https?://",
        "description": "https, or plain http on loopback.",
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_refuses_other_keys_and_every_key_is_described() {
        let schema = schema();
        let mut tables: Vec<_> = schema["$defs"].as_object().expect("definitions").iter().collect();
        let root = "the root".to_owned();
        tables.push((&root, &schema));
        let mut keys = 0;
        for (name, table) in tables {
            let Some(properties) = table["properties"].as_object() else { continue };
            assert_eq!(table["additionalProperties"], Value::Bool(false), "{name}");
            for (key, property) in properties {
                assert!(property["description"].is_string(), "{name}.{key} has no description");
                keys += 1;
            }
        }
        assert!(keys > 50, "only {keys} keys");
    }

    #[test]
    fn words_are_enums_and_texts_have_patterns() {
        let schema = schema();
        let select = &schema["$defs"]["SelectTable"];
        assert_eq!(select["required"], serde_json::json!(["provider"]));
        let providers: Vec<_> = schema["$defs"]["ProviderKey"]["oneOf"]
            .as_array()
            .expect("words")
            .iter()
            .map(|word| &word["const"])
            .collect();
        assert_eq!(providers, ["aws", "gcp", "azure", "static"]);
        assert_eq!(schema["$defs"]["State"]["enum"][1], "running");
        assert_eq!(schema["$defs"]["Port"]["anyOf"][0]["maximum"], 65535);
        assert_eq!(schema["$defs"]["TargetTable"]["properties"]["min_hosts"]["minimum"], 1);
        assert_eq!(schema["$defs"]["Regions"]["anyOf"][0]["const"], "all");
        assert!(schema["$defs"]["AppName"]["pattern"].is_string());
        assert!(schema.to_string().contains("accept-new"));
    }

    #[test]
    fn the_home_of_a_stray_key_is_known() {
        assert_eq!(home_of("user"), Some("the target's `ssh` table"));
        assert_eq!(home_of("script"), Some("the target's `deploy` table"));
        assert_eq!(home_of("before_host"), Some("the target's `hooks` table"));
        assert_eq!(home_of("pass_if"), Some("a table of `checks`"));
        assert_eq!(home_of("stages"), None);
        assert!(is_key("regions") && !is_key("TOKEN"));
    }
}
