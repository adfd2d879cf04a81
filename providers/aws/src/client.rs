//! Queries one region, page by page, within the deadline.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    future::Future,
    pin::pin,
};

use aws_sdk_ec2::{
    error::ProvideErrorMetadata,
    operation::{
        describe_images::DescribeImagesError,
        describe_instances::{DescribeInstancesError, DescribeInstancesOutput},
        describe_regions::DescribeRegionsError,
        get_console_output::GetConsoleOutputError,
    },
    types::Filter,
};
use aws_smithy_types::base64;
use provider_core::{Deadline, FailureKind, Instance, Progress, Scope, ScopeError, Selector, Step};
use tokio::{sync::mpsc::UnboundedReceiver, time::sleep};

use crate::{
    attempts::{Heard, Listener},
    config::AwsConfig,
    failure::{Failure, Request},
    filter, response,
    session::Session,
};

/// EC2's largest page. Without a size it does not page at all, and fails for very large accounts.
const PAGE_SIZE: i32 = 1000;

/// One region, in the context of one query.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) session: &'a Session,
    pub(crate) region: &'a str,
    pub(crate) scope: &'a Scope,
    pub(crate) deadline: Deadline,
    pub(crate) progress: &'a dyn Progress,
}

/// The moment whose console output is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The output kept some minutes after the last boot. Every instance has it, for an hour at least.
    LastBoot,
    /// The current output. Only instances on Nitro have it; for others it is empty.
    Now,
}

/// An instance's console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Console {
    /// The last 64 KiB of it.
    Text(String),
    /// EC2 does not know the instance (any more).
    NoInstance,
}

impl Place<'_> {
    /// The instances of this region that `selector` matches.
    pub(crate) async fn instances(&self, selector: &Selector, config: &AwsConfig) -> Result<Vec<Instance>, ScopeError> {
        let (listener, heard) = self.listen::<DescribeInstancesError>("DescribeInstances");
        let mut pages = self
            .session
            .client(self.region, &listener)
            .describe_instances()
            .set_filters(Some(filter::filters(selector, config)).filter(|filters| !filters.is_empty()))
            .into_paginator()
            .page_size(PAGE_SIZE)
            // By default the paginator silently takes a repeated token for the end.
            .stop_on_duplicate_token(false)
            .send();
        let work = async {
            let mut found = Vec::new();
            let mut seen = HashSet::new();
            while let Some(page) = pages.next().await {
                let page = page.map_err(|error| explain(&listener, &error))?;
                let read = self.read(&page, selector, config);
                found.extend(read.map_err(|error| listener.request().bad_answer(&error.to_string()))?);
                if let Some(token) = page.next_token.filter(|token| !token.is_empty())
                    && !seen.insert(token)
                {
                    return Err(listener
                        .request()
                        .bad_answer("the page after this one is one already seen (NextToken repeats)"));
                }
            }
            Ok(found)
        };
        self.within_deadline(&listener, heard, work).await
    }

    fn read(
        &self,
        page: &DescribeInstancesOutput,
        selector: &Selector,
        config: &AwsConfig,
    ) -> Result<Vec<Instance>, response::Unreadable> {
        let held = page.reservations().iter().map(|reservation| reservation.instances().len()).sum();
        self.progress.step(self.scope, Step::Page { instances: held });
        response::instances(page.reservations(), self.region, config, selector)
    }

    /// Adds the names of their images to `instances` of this region. An image that was deregistered, or that the
    /// account may not see any more, stays without a name.
    pub(crate) async fn name_images(&self, instances: &mut [Instance]) -> Result<(), ScopeError> {
        let (listener, heard) = self.listen::<DescribeImagesError>("DescribeImages");
        let client = self.session.client(self.region, &listener);
        let ids: BTreeSet<&str> = instances.iter().filter_map(|instance| instance.image.as_deref()).collect();
        let ids: Vec<String> = ids.into_iter().map(str::to_owned).collect();
        let work = async {
            let mut names = HashMap::new();
            for some in ids.chunks(filter::MOST_VALUES) {
                // In a filter, an id that does not exist is no error.
                let filter = Filter::builder().name("image-id").set_values(Some(some.to_vec())).build();
                let request = client.describe_images().filters(filter).include_deprecated(true).include_disabled(true);
                let listed = request.send().await.map_err(|error| explain(&listener, &error))?;
                if listed.next_token().is_some_and(|token| !token.is_empty()) {
                    return Err(listener.request().bad_answer("a page of images was answered, and no page asked for"));
                }
                names.extend(response::image_names(listed.images()));
            }
            Ok(names)
        };
        let names = self.within_deadline(&listener, heard, work).await?;
        for instance in instances {
            instance.image_name = instance.image.as_ref().and_then(|id| names.get(id)).cloned();
        }
        Ok(())
    }

    /// The regions that the account can use. A region that it has not opted into is not included.
    pub(crate) async fn regions(&self) -> Result<Vec<String>, ScopeError> {
        let (listener, heard) = self.listen::<DescribeRegionsError>("DescribeRegions");
        let request = self.session.client(self.region, &listener).describe_regions();
        let work = async {
            let listed = request.send().await.map_err(|error| explain(&listener, &error))?;
            response::regions(listed.regions()).map_err(|error| listener.request().bad_answer(&error.to_string()))
        };
        self.within_deadline(&listener, heard, work).await
    }

    /// The instance's console output.
    pub(crate) async fn console(&self, instance: &str, moment: Moment) -> Result<Console, ScopeError> {
        let (listener, heard) = self.listen::<GetConsoleOutputError>("GetConsoleOutput");
        let latest = match moment {
            Moment::LastBoot => None,
            Moment::Now => Some(true),
        };
        let request =
            self.session.client(self.region, &listener).get_console_output().instance_id(instance).set_latest(latest);
        let work = async {
            let answer = match request.send().await {
                Ok(answer) => answer,
                Err(error) if error.code().is_some_and(|code| code.starts_with("InvalidInstanceID")) => {
                    return Ok(Console::NoInstance);
                }
                Err(error) => {
                    let failure = explain(&listener, &error);
                    return match (moment, failure.kind) {
                        // EC2 answers with an error when the instance is not on Nitro.
                        (Moment::Now, FailureKind::Configuration) => Ok(Console::Text(String::new())),
                        (Moment::Now | Moment::LastBoot, _) => Err(failure),
                    };
                }
            };
            if answer.instance_id() != Some(instance) {
                return Err(listener.request().bad_answer("the console of another instance was answered"));
            }
            // EC2 wraps long base64.
            let mut text = answer.output.unwrap_or_default();
            text.retain(|c| !c.is_ascii_whitespace());
            let bytes = base64::decode(text)
                .map_err(|error| listener.request().bad_answer(&format!("the console is no base64: {error}")))?;
            Ok(Console::Text(String::from_utf8_lossy(&bytes).into_owned()))
        };
        self.within_deadline(&listener, heard, work).await
    }

    fn listen<E>(&self, operation: &'static str) -> (Listener<E>, UnboundedReceiver<Heard>) {
        Listener::new(Request { operation, region: self.region.to_owned() })
    }

    /// Does `work` within the deadline, and forwards the events meanwhile.
    ///
    /// The deadline is enforced here, where the last attempt's failure is known: a request that was throttled until the
    /// deadline is reported as throttled, not as slow.
    async fn within_deadline<T, E>(
        &self,
        listener: &Listener<E>,
        mut heard: UnboundedReceiver<Heard>,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, ScopeError> {
        let operation = listener.request().operation;
        let tell = |heard: Heard| {
            self.progress.step(
                self.scope,
                match &heard {
                    Heard::Calling => Step::Calling { operation },
                    Heard::Retrying { reason, waited } => Step::Retrying { reason, wait: *waited },
                },
            );
        };
        let mut work = pin!(work);
        let mut deadline = pin!(sleep(self.deadline.left()));
        let outcome = loop {
            tokio::select! {
                biased;
                Some(news) = heard.recv() => tell(news),
                outcome = &mut work => break outcome.map_err(|failure| failure.at(self.scope)),
                () = &mut deadline => break Err(self.too_late(listener)),
            }
        };
        while let Ok(news) = heard.try_recv() {
            tell(news);
        }
        outcome
    }

    fn too_late<E>(&self, listener: &Listener<E>) -> ScopeError {
        match listener.last_failure() {
            None => ScopeError::timed_out(self.scope.clone(), self.deadline.allowed()),
            Some(mut failure) => {
                let (calls, deadline) = (listener.calls(), self.deadline.allowed());
                failure.message = format!("{}; given up after {calls} calls in {deadline:?}", failure.message);
                failure.at(self.scope)
            }
        }
    }
}

/// Why a request finally failed: the failure of its last attempt, or the reason why it made none.
fn explain<E>(listener: &Listener<E>, error: &(dyn std::error::Error + 'static)) -> Failure {
    listener.last_failure().unwrap_or_else(|| listener.request().unmade(error))
}
