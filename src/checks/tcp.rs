//! Whether something listens on a port.

use std::time::Duration;

use tokio::{net::TcpStream, time::timeout};

use super::{filled, unwell};
use crate::{
    config::{Place, Template},
    inventory::Host,
    rollout::{Sample, Verdict},
};

/// Connects, and sends nothing.
pub(super) async fn ask(address: &Template, host: Option<&Host>, limit: Duration) -> Sample {
    // An IPv6 address stands in brackets in front of a port.
    let bracketed = |place, value: String| match place {
        Place::Address if value.contains(':') => format!("[{value}]"),
        _ => value,
    };
    let address = match filled(address, host, bracketed) {
        Ok(address) => address,
        Err(why) => return unwell(why),
    };
    match timeout(limit, TcpStream::connect(&address)).await {
        Ok(Ok(_)) => Sample { verdict: Verdict::Well, value: None, text: format!("{address} listens") },
        Ok(Err(error)) => unwell(format!("{address}: {error}")),
        Err(_) => unwell(format!("{address}: no answer within {limit:?}")),
    }
}
