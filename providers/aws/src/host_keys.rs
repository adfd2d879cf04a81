//! The host keys of instances, from their console output.

use std::time::Duration;

use async_trait::async_trait;
use provider_core::{Deadline, HostKeySource, Instance, Progress, Published, ScopeError, ask_each};

use crate::{
    Aws,
    client::{Console, Moment, Place},
    console::{self, Shown},
};

#[async_trait]
impl HostKeySource for Aws {
    async fn host_keys(
        &self,
        instances: &[&Instance],
        deadline: Duration,
        progress: &dyn Progress,
    ) -> Vec<Result<Published, ScopeError>> {
        let deadline = Deadline::from_now(deadline);
        let session = &match self.open(deadline.allowed()).await {
            Ok(session) => session,
            Err(failure) => return vec![Err(failure); instances.len()],
        };
        let asked = instances.iter().map(|instance| (self.scope(&instance.region), *instance)).collect();
        ask_each(asked, progress, |scope, instance| async move {
            let place = Place { session, region: &instance.region, scope: &scope, deadline, progress };
            shown(&place, instance.id.as_str()).await
        })
        .await
    }
}

/// The keys that one instance shows, on the console of its last boot, else on its current one.
async fn shown(place: &Place<'_>, id: &str) -> Result<Published, ScopeError> {
    let mut length = 0;
    let mut found = Shown::NoMark;
    for moment in [Moment::LastBoot, Moment::Now] {
        match place.console(id, moment).await? {
            Console::NoInstance => return Ok(nothing("EC2 knows no such instance any more", "find the servers anew")),
            Console::Text(text) => {
                length = length.max(text.len());
                match (console::host_keys(&text), &found) {
                    (Shown::Keys(keys), _) => return Ok(Published::Keys(keys)),
                    (Shown::NoMark, _) => {}
                    (other, _) => found = other,
                }
            }
        }
    }
    Ok(explained(&found, length))
}

/// Why consoles of at most `length` bytes show no usable keys.
fn explained(found: &Shown, length: usize) -> Published {
    const PRINTED: &str = "cloud-init prints them at the first boot (not with `ssh: {emit_keys_to_console: false}`), and \
                           EC2 keeps 64 KiB: have them printed at every boot, by \
                           `cloud_final_modules: [[keys-to-console, always]]`";
    match found {
        Shown::NoMark if length == 0 => nothing(
            "EC2 has no console output of it yet",
            "that of a new instance is there some minutes after its start",
        ),
        Shown::NoMark => nothing(&format!("its console output ({length} bytes) holds no SSH host keys"), PRINTED),
        Shown::Cut => nothing("the SSH host keys in its console output are cut short", "try again in a minute"),
        Shown::Keys(_) | Shown::NoKey => nothing("the SSH host keys in its console output cannot be read", PRINTED),
        Shown::Doubtful => nothing(
            "its console output holds two SSH host keys of one type",
            "something on the instance printed a key that is not its own: look at its console",
        ),
    }
}

fn nothing(reason: &str, hint: &str) -> Published {
    Published::Nothing { reason: reason.to_owned(), hint: hint.to_owned() }
}
