//! The JSON Schema of the configuration file (`fleetwide schema`), made from the very structs that read it.

use std::{borrow::Cow, collections::BTreeMap, sync::LazyLock};

use provider_core::InstanceState;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::{
    duration::HumanDuration,
    file::ConfigFile,
    shapes::{AssumeRoleTable, ListedHost, ListedHostTable, SecretTable},
    target::{AppName, AssumeRole, EnvValue, Regions},
    values::{AddressKind, FailureLimit, Word},
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

/// The table that has the key, for a key that stands in another one. Only where there is no doubt.
pub(super) fn home_of(key: &str) -> Option<&'static str> {
    let homes = [("SshTable", "the target's `ssh` table"), ("DeployTable", "the target's `deploy` table")];
    homes
        .iter()
        .find(|(table, _)| KEYS.get(*table).is_some_and(|keys| keys.iter().any(|known| known == key)))
        .map(|(_, home)| *home)
}

/// Gives a type that reads itself the schema of what it reads.
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
    AddressKind, "AddressKind", |_generator| json_schema!({
        "description": "Which address of an instance; `tag:KEY` is the value of a tag.",
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
        "description": "A text, or a secret by reference: { env = \"NAME\" } or { file = \"PATH\" }.",
        "anyOf": [
            { "type": "string" },
            { "allOf": [generator.subschema_for::<SecretTable>()], "minProperties": 1, "maxProperties": 1 },
        ],
    });
    Tags, "Tags", |_generator| json_schema!({
        "type": "object",
        "description": "Keys and the values that each may have: one, or any of a list. `*` and `?` are wildcards; \"\" is any value.",
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
        "description": "What an instance is doing.",
    });
    EndpointUrl, "Endpoint", |_generator| json_schema!({
        "type": "string",
        "format": "uri",
        "pattern": "^https?://",
        "description": "https, or plain http on loopback.",
    });
}
