//! A world in which only what a test is about happens.

use super::*;

/// A world in which the fleet stays as it is, all is well, and nothing is approved.
pub(super) fn world(plan: &Plan, transport: Arc<dyn Transport>, sink: Arc<dyn EventSink>) -> World {
    let hosts = plan.hosts().map(|host| (**host).clone()).collect();
    let calm = Arc::new(Calm(hosts));
    World { transport, fleet: calm.clone(), prober: calm.clone(), hooks: calm.clone(), approver: calm, sink }
}

struct Calm(Vec<Host>);

#[async_trait]
impl Fleet for Calm {
    async fn again(&self) -> Result<Sighting, String> {
        Ok(Sighting { hosts: self.0.clone(), unaddressed: Vec::new(), whole: true })
    }
}

#[async_trait]
impl Prober for Calm {
    async fn sample(&self, _: &Label, _: Option<&Host>, _: &Facts) -> Sample {
        Sample { verdict: Verdict::Well, value: None, text: String::new() }
    }
}

#[async_trait]
impl HookRunner for Calm {
    async fn run(&self, _: HookName, _: &Facts, _: watch::Receiver<Stop>) -> Result<(), HookFailure> {
        Ok(())
    }
}

#[async_trait]
impl Approver for Calm {
    async fn ask(&self, _: &Question) -> Approval {
        Approval::Refused("nobody is there".into())
    }
}

/// Presses Ctrl-C this many times at an event.
pub(super) struct Cancelling {
    pub(super) at: fn(&EventKind<'_>) -> bool,
    pub(super) times: u32,
    pub(super) sender: mpsc::Sender<Cancel>,
}

impl EventSink for Cancelling {
    fn event(&self, event: &Event<'_>) {
        if (self.at)(&event.kind) {
            for _ in 0..self.times {
                self.sender.try_send(Cancel::Interrupt).expect("room");
            }
        }
    }
}
