//! Asks hosts for their records, side by side. Nothing is started, locked or written there.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{executor::log_out, job};
use crate::{
    config::AppName,
    inventory::{Host, HostId},
    plan::{Answer, Survey},
    transport::{Connected, OutputSink, RemoteExit, RunAs, Stop, Stream, Transport, Wishes},
};

/// How long a host may take to report its record after login.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// What to ask, and how.
#[derive(Clone, Debug)]
pub struct Inquiry {
    /// The app whose record is asked for.
    pub app: AppName,
    /// The user as whom a deploy runs there: each login has its own record.
    pub run_as: RunAs,
    /// How many hosts are asked at once.
    pub concurrency: NonZeroUsize,
    /// How many more times to ask a host that was not reached, if another try may go better.
    pub retries: u32,
}

/// Receives the progress of the inquiry.
pub trait Asking: Send + Sync {
    /// The clouds have listed the hosts; the hosts are asked now.
    fn begins(&self);

    /// This many of the hosts have answered, or will not. First called with none.
    fn asked(&self, done: usize, of: usize);
}

impl Inquiry {
    /// Asks all `hosts`. The transport and a limit of this module bound the time for each.
    pub async fn ask(self, hosts: &[Host], transport: &Arc<dyn Transport>, heard: &dyn Asking) -> Survey {
        heard.asked(0, hosts.len());
        let turns = Arc::new(Semaphore::new(self.concurrency.get()));
        let inquiry = Arc::new(self);
        let mut asking = JoinSet::new();
        for host in hosts {
            let (inquiry, turns) = (Arc::clone(&inquiry), Arc::clone(&turns));
            let (transport, host) = (Arc::clone(transport), host.clone());
            asking.spawn(async move {
                let _turn = turns.acquire().await;
                let answer = inquiry.answer_of(&host, &*transport).await;
                (host.id, answer)
            });
        }
        let mut answers = Vec::<(HostId, Answer)>::new();
        while let Some(answer) = asking.join_next().await {
            // A task that died says nothing about its host, which then counts as silent.
            answers.extend(answer.ok());
            heard.asked(answers.len(), hosts.len());
        }
        let unheard = |host: &Host| (host.id.clone(), Answer::Silent("internal error while it was asked".to_owned()));
        hosts.iter().map(unheard).chain(answers).collect()
    }

    async fn answer_of(&self, host: &Host, transport: &dyn Transport) -> Answer {
        let mut tries = 0;
        loop {
            let error = match transport.connect(host).await {
                Ok(connected) => return self.answer_over(connected, host).await,
                Err(error) => error,
            };
            if !error.kind.is_transient() || tries >= self.retries {
                return Answer::Silent(error.to_string());
            }
            tries += 1;
            sleep(Duration::from_secs(u64::from(tries))).await;
        }
    }

    async fn answer_over(&self, connected: Connected, host: &Host) -> Answer {
        let Connected { mut session, .. } = connected;
        let job = job::query(&self.app, host, self.run_as);
        let wishes = Wishes::to_stop(watch::Sender::new(Stop::No).subscribe());
        let end = timeout(PATIENCE, session.run(&job, &mut Deaf, wishes)).await;
        log_out(session).await;
        match end {
            Ok(Ok(RemoteExit::Recorded(recorded))) => Answer::Told(recorded),
            Ok(Ok(RemoteExit::Refused { text, .. })) => Answer::Silent(text),
            // Nothing was started that could have ended.
            Ok(Ok(RemoteExit::Ended(_))) => Answer::Silent("the host told of the end of something else".to_owned()),
            Ok(Err(lost)) => Answer::Silent(lost.message),
            Err(_) => Answer::Silent(format!("it did not say what it has on record within {PATIENCE:?}")),
        }
    }
}

/// Receives nothing, because no script runs.
struct Deaf;

impl OutputSink for Deaf {
    fn started(&mut self, _group: u32, _previous_revision: Option<&str>) {}

    fn output(&mut self, _stream: Stream, _bytes: &[u8]) {}
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use async_trait::async_trait;

    use super::*;
    use crate::{
        guard::{Recorded, Work},
        inventory::testing::host,
        transport::{ConnectError, ConnectFailure, Halt, Job, Lost, Session},
    };

    /// Hosts that report their records, except some.
    #[derive(Clone, Debug, Default)]
    struct Village {
        connected: Arc<AtomicUsize>,
        at_once: Arc<AtomicUsize>,
        most: Arc<AtomicUsize>,
    }

    #[async_trait]
    impl Transport for Village {
        async fn connect_unless(&self, _: Halt, host: &Host) -> Result<Connected, ConnectError> {
            self.connected.fetch_add(1, Ordering::Relaxed);
            let kind = match host.instance.name.as_str() {
                "down" => ConnectFailure::Refused,
                "locked" => ConnectFailure::LoginRefused,
                name => {
                    let session = Box::new(Villager { name: name.to_owned(), village: self.clone() });
                    return Ok(Connected { session, connect: Duration::ZERO, auth: Duration::ZERO });
                }
            };
            Err(ConnectError { kind, message: "no".into(), hint: None })
        }
    }

    #[derive(Debug)]
    struct Villager {
        name: String,
        village: Village,
    }

    #[async_trait]
    impl Session for Villager {
        async fn run(&mut self, job: &Job, _: &mut dyn OutputSink, _: Wishes) -> Result<RemoteExit, Lost> {
            assert!(matches!(&job.request.work, Work::Query(query) if query.app == "shop"), "{job:?}");
            assert!(!job.request.may_start());
            let now = self.village.at_once.fetch_add(1, Ordering::Relaxed) + 1;
            self.village.most.fetch_max(now, Ordering::Relaxed);
            tokio::task::yield_now().await;
            self.village.at_once.fetch_sub(1, Ordering::Relaxed);
            if self.name == "lost" {
                return Err(Lost { group: None, sent: true, message: "reset".into() });
            }
            Ok(RemoteExit::Recorded(Recorded { revision: Some(self.name.clone()), attempts: Vec::new() }))
        }

        async fn close(self: Box<Self>) {}
    }

    struct Counted(AtomicUsize);

    impl Asking for Counted {
        fn begins(&self) {}

        fn asked(&self, done: usize, of: usize) {
            assert!(done <= of && self.0.swap(done, Ordering::Relaxed) <= done);
        }
    }

    async fn ask(names: &[&str], retries: u32) -> (BTreeMap<String, Answer>, Village) {
        let village = Village::default();
        let hosts: Vec<_> = names.iter().map(|name| host(&format!("i-{name}"), name)).collect();
        let transport: Arc<dyn Transport> = Arc::new(village.clone());
        let counted = Counted(AtomicUsize::new(0));
        let concurrency = NonZeroUsize::new(2).expect("positive");
        let app = "shop".parse().expect("a name");
        let inquiry = Inquiry { app, run_as: RunAs::Login, concurrency, retries };
        let survey = inquiry.ask(&hosts, &transport, &counted).await;
        assert_eq!(counted.0.into_inner(), hosts.len(), "everybody was counted");
        let answers = survey.answers().map(|(id, answer)| (id.to_string(), answer.clone())).collect();
        (answers, village)
    }

    #[tokio::test]
    async fn everybody_is_asked_and_some_do_not_answer() {
        let (answers, village) = ask(&["v1", "v2", "v3", "v4", "down", "locked", "lost"], 0).await;
        assert_eq!(answers.len(), 7);
        let told = |name: &str| match &answers[&format!("aws:i-{name}")] {
            Answer::Told(recorded) => recorded.revision.clone().expect("a revision"),
            Answer::Silent(why) => why.clone(),
        };
        assert_eq!(["v1", "v4"].map(told), ["v1", "v4"]);
        assert_eq!(["down", "locked", "lost"].map(told), ["connection refused: no", "login refused: no", "reset"]);
        assert!(village.most.load(Ordering::Relaxed) <= 2, "no more at once than may be");
        assert_eq!(village.connected.load(Ordering::Relaxed), 7);
    }

    #[tokio::test]
    async fn only_who_may_answer_another_time_is_asked_again() {
        let (_, village) = ask(&["down", "locked"], 1).await;
        assert_eq!(village.connected.load(Ordering::Relaxed), 2 + 1);
    }
}
