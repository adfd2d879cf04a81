//! Selectors to hosts: queries the providers concurrently, merges the answers, and refuses doubtful ones.
//!
//! `providers` makes a provider of each selector, [`discover`] queries them and merges the answers, `address` and
//! `login` choose how each host is reached, a [`Doorstep`] tells two hosts apart, and [`host`] is the result.
//! `host_keys` asks the clouds for host keys. A [`Narrowing`] chooses some of the hosts, [`natural()`] is the order of
//! their names, and a [`Cache`] keeps a discovery for `hosts`.
//!
//! Not in here: how a cloud is queried (see the provider crates), and what is done with the hosts.

mod address;
mod cache;
mod discover;
mod doorstep;
mod error;
pub mod host;
mod host_keys;
mod login;
mod narrow;
mod natural;
mod providers;
mod ranges;
#[cfg(test)]
pub(crate) mod testing;

pub use cache::{BadCache, Cache};
pub use discover::{Inventory, ask, discover, merge};
pub use doorstep::Doorstep;
pub use error::InventoryError;
pub use host::{Host, HostId, SshAddress};
pub use host_keys::{HostKeyAnswers, HostKeysError, Unasked, host_keys};
pub use login::{BadWay, WayProblem, known_of, proxy_command};
pub use narrow::{NarrowError, Narrowed, Narrowing};
pub use natural::natural;
pub use providers::{NotBuiltIn, provider};
pub use ranges::unfold;
