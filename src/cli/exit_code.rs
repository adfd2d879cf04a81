//! The exit codes: promises to every pipeline that runs this program.

use provider_core::FailureKind;

use crate::{
    cli::error::CliError,
    deploy::DeployError,
    inventory::{HostKeysError, InventoryError, NarrowError},
};

/// Every selected host is at the target revision.
pub const SUCCESS: u8 = 0;
/// An internal error.
pub const INTERNAL: u8 = 1;
/// Usage or configuration: nothing touched.
pub const USAGE: u8 = 2;
/// Discovery failed: nothing touched.
pub const DISCOVERY: u8 = 3;
/// Fewer hosts than `min_hosts`: nothing touched.
pub const TOO_FEW_HOSTS: u8 = 4;
/// A gate before the first host refused: nothing touched.
pub const GATE: u8 = 6;
/// Finished, with failures inside the budget.
pub const WITHIN_BUDGET: u8 = 7;

/// The exit code for an error. Exhaustive: every new error must be given one.
pub(super) fn of(error: &CliError) -> u8 {
    match error {
        CliError::Config(_)
        | CliError::Revision(_)
        | CliError::Usage { .. }
        | CliError::File { .. }
        | CliError::Report(_) => USAGE,
        CliError::Deploy(error) => match error {
            DeployError::NoScript(_)
            | DeployError::Script { .. }
            | DeployError::EmptyScript(..)
            | DeployError::WindowsScript(..)
            | DeployError::MarkedScript(..)
            | DeployError::TooLong { .. }
            | DeployError::TooManyAtABarrier { .. }
            | DeployError::Secret { .. }
            | DeployError::NoCanary { .. }
            | DeployError::UnknownRun { .. }
            | DeployError::Check(_)
            | DeployError::Hook(_)
            | DeployError::Ssh(_) => USAGE,
            DeployError::HostKeys(error) => match error {
                HostKeysError::Unpublished { .. } => USAGE,
                HostKeysError::Clouds(_) => DISCOVERY,
            },
            DeployError::Inventory(error) => match error {
                InventoryError::NotBuiltIn(_) => USAGE,
                // The configuration cannot be used; no cloud is at fault.
                InventoryError::Discovery { failures, .. }
                    if failures.iter().all(|failure| failure.kind == FailureKind::Configuration) =>
                {
                    USAGE
                }
                InventoryError::TooFew { .. } => TOO_FEW_HOSTS,
                InventoryError::Discovery { .. }
                | InventoryError::Unaddressed { .. }
                | InventoryError::Ways(_)
                | InventoryError::TwoAddresses { .. }
                | InventoryError::Shared { .. } => DISCOVERY,
            },
            DeployError::Narrow(error) => match error {
                NarrowError::NoSuchHost { .. } => USAGE,
                NarrowError::NoneLeft { .. } | NarrowError::NoneNamed => TOO_FEW_HOSTS,
            },
        },
        CliError::Interrupted(cancel) => cancel.status().exit_code(),
        CliError::Connect(_) | CliError::Stdin(_) => USAGE,
        CliError::Declined => GATE,
        CliError::Demo(_) | CliError::Runtime(_) | CliError::Ssh(_) | CliError::Terminal(_) | CliError::Output(_) => {
            INTERNAL
        }
    }
}
