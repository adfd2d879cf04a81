//! The host keys of instances, from what each printed to its console.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use provider_core::{HostKeySource, Instance, Progress, ProviderError, Published, Scope, ScopeError, Step};

use crate::{
    Aws, NAME,
    client::{Console, Moment, Place},
    console::{self, Shown},
};

/// How many instances are asked at once. EC2 gives an account some tens of such calls a second.
const SIDE_BY_SIDE: usize = 8;

#[async_trait]
impl HostKeySource for Aws {
    async fn host_keys(
        &self,
        instances: &[&Instance],
        deadline: Duration,
        progress: &dyn Progress,
    ) -> Result<Vec<Published>, ProviderError> {
        let began = Instant::now();
        let single = |failure| ProviderError::single(NAME, failure);
        let session = &self.open(deadline).await.map_err(single)?;
        let scopes: &HashMap<&str, Scope> =
            &instances.iter().map(|instance| (instance.region.as_str(), self.scope(&instance.region))).collect();
        let (read, of) = (&AtomicUsize::new(0), instances.len());
        let mut asked = Vec::with_capacity(of);
        for instance in instances {
            let (region, id) = (instance.region.as_str(), instance.id.as_str());
            let scope = &scopes[region];
            asked.push(async move {
                let left = || deadline.saturating_sub(began.elapsed());
                let published = shown(id, || Place { session, region, scope, deadline: left(), progress }).await?;
                progress.step(scope, Step::HostKeys { read: read.fetch_add(1, Ordering::Relaxed) + 1, of });
                Ok(published)
            });
        }
        stream::iter(asked).buffered(SIDE_BY_SIDE).try_collect().await.map_err(single)
    }
}

/// What one instance shows, on the console of its last boot, else on that of now.
async fn shown<'a>(id: &str, place: impl Fn() -> Place<'a>) -> Result<Published, ScopeError> {
    let mut length = 0;
    let mut found = Shown::NoMark;
    for moment in [Moment::LastBoot, Moment::Now] {
        match place().console(id, moment).await? {
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

/// Why there is nothing to be used in consoles of at most `length` bytes.
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
