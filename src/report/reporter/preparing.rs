//! The display before a run: clouds are queried for hosts, and hosts are asked for their records.

use std::{mem, sync::Arc};

use provider_core::{Progress, Scope, Step};

use super::Reporter;
use crate::{
    report::{lock, streams::live::Live},
    rollout::Asking,
};

impl Progress for Reporter {
    fn step(&self, scope: &Scope, step: Step<'_>) {
        let clock = &self.stage.clock;
        let said = lock(&self.discovery).step(scope, step, clock());
        if !self.shows_progress() {
            return;
        }
        let screen = self.stage.err_screen;
        if screen.live {
            lock(&self.display).get_or_insert_with(|| {
                let (discovery, clock) = (Arc::clone(&self.discovery), Arc::clone(clock));
                let draw = move |width: usize| lock(&discovery).lines(clock(), width, &screen);
                Live::start(self.stage.err.clone(), Arc::clone(&self.stage.live_width), draw)
            });
        } else if let Some(line) = said {
            self.stage.err.line(&line);
        }
    }
}

impl Asking for Reporter {
    fn begins(&self) {
        self.end_discovery();
    }

    fn asked(&self, done: usize, of: usize) {
        if done == 0 {
            self.end_discovery();
        }
        let clock = &self.stage.clock;
        lock(&self.asking).enter(done, of, clock());
        if !self.shows_progress() {
            return;
        }
        let screen = self.stage.err_screen;
        if screen.live {
            lock(&self.display).get_or_insert_with(|| {
                let (asking, clock) = (Arc::clone(&self.asking), Arc::clone(clock));
                let draw = move |width: usize| lock(&asking).lines(clock(), width, &screen);
                Live::start(self.stage.err.clone(), Arc::clone(&self.stage.live_width), draw)
            });
        }
        if done == of {
            drop(lock(&self.display).take());
            let asked = mem::take(&mut *lock(&self.asking));
            self.stage.err.line(&asked.conclusion(clock()));
        }
    }
}
