//! What the user wrote, as typed values.
//!
//! Layers, strongest first: flag, `FLEETWIDE_*`, `fleetwide.toml`, the user's file, built-in.
//! [`target`] is the result; nothing above this floor reads a file or a variable of configuration.

pub mod secret;
pub mod target;
pub mod values;

pub use secret::{Secret, SecretError, SecretRef};
pub use target::{
    AppName, AssumeRole, AwsSource, AzureSource, Deploy, EnvValue, Exclude, GcpSource, Regions, Select, Source, Ssh,
    Target,
};
pub use values::{AddressKind, FailureLimit, HostKeys, OnLost, Unaddressed};
