//! The user's configuration, as typed values.
//!
//! Layers, strongest first: flag, `FLEETWIDE_*`, `fleetwide.toml`, the user's file, built-in. [`target`] is the result;
//! no module above this one reads a configuration file or variable.
//!
//! Reading order: `file`, `select`, `steps` and `step_table`, `part`, `check` and `hooks` (the tables as written, and
//! `shapes`, `ways`, `template` and `proxy_command` for values with more than one form), [`load`] (finding files),
//! `document`, `explain` and `excerpt` (what is wrong, and where), `layers` (merging), [`overrides`] and [`variables`]
//! (the layers above the files), [`defaults`] (the one below), [`resolve`] (a target from all of them), `schema` and
//! [`init`] (what the user may write).

mod check;
pub mod defaults;
mod document;
pub mod duration;
pub mod error;
mod excerpt;
mod explain;
pub mod file;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod hooks;
pub mod init;
mod layers;
pub mod load;
pub mod overrides;
mod part;
mod paths;
mod proxy_command;
pub mod resolve;
pub mod schema;
pub mod secret;
mod select;
mod shapes;
mod step_table;
mod steps;
pub mod target;
mod template;
pub mod values;
pub mod variables;
pub mod ways;

#[cfg(test)]
mod tests;

pub use check::{Check, Condition, HttpProbe, NoData, Probe, PromqlProbe, StatusSet};
pub use duration::HumanDuration;
pub use error::ConfigError;
pub use file::{DeployTable, SshTable};
pub use hooks::{HookName, Hooks};
pub use init::STARTER;
pub use load::{Config, Places, Sources};
pub use overrides::{Overrides, parse_tag};
pub use part::Part;
pub use proxy_command::{ProxyCommand, Unfillable};
pub use resolve::ADHOC;
pub use schema::schema;
pub use secret::{Secret, SecretError, SecretRef};
pub use steps::{BatchSize, Label, PRESETS, Step, Strategy, Written};
pub use target::{
    AppName, AssumeRole, AwsSource, AzureSource, Deploy, EnvValue, Exclude, GcpSource, Regions, Select, Source, Ssh,
    Target,
};
pub use template::{Place, Template};
pub use values::{AddressKind, FailureLimit, HostKeys, LateHosts, OnFailure, OnLost, OnStop, Unaddressed, Word};
pub use variables::VARIABLES;
pub use ways::{Hop, Jump, PortFrom, UserFrom, Way, is_host, is_login};
