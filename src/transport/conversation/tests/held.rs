//! Scripts that are held at barriers.

use super::{
    super::super::{barriers::REASSURE, fuzz::three_parts},
    *,
};

impl Scene<'_> {
    /// A held script is never given up, and its host is reassured again and again.
    fn is_waited_for_without_end(&mut self) {
        for _ in 0..100 {
            assert_eq!(self.written(), "W\n");
            assert_eq!(self.wait(), REASSURE);
        }
        self.written();
        assert!(self.talk.end().is_none());
    }
}

/// A deploy with two barriers.
fn in_parts(idle_timeout: Option<Duration>) -> Job {
    let job = job(idle_timeout);
    Job { request: GuardRequest { work: three_parts(), ..job.request }, ..job }
}

fn held(job: &Job) -> Scene<'_> {
    let mut scene = Scene::started(job);
    scene.now += Duration::from_secs(30);
    for words in ["part 1 begun fetch", "part 1 ended exit 0 0 0", "held 1"] {
        scene.says(Stream::Stdout, words);
    }
    scene
}

#[test]
fn what_is_held_is_told_to_go_on_when_its_barrier_opens_and_how_much_time_is_left() {
    let job = in_parts(None);
    let mut scene = held(&job);
    assert_eq!(scene.written(), "W\n", "it is waited for");
    scene.now += Duration::from_secs(50);
    scene.talk.opens(1, scene.now);
    assert_eq!(scene.talk.unwritten(), b"G 1 70\n");
    assert_eq!(scene.talk.alarm() - scene.now, Duration::from_secs(70 + 10) + WORD, "it is to go on now");
    scene.says(Stream::Stdout, "held 1");
    scene.talk.opens(2, scene.now);
    assert_eq!(scene.talk.unwritten(), b"G 1 70\n", "once");
    scene.says(Stream::Stdout, "part 2 begun test");
    assert_eq!(scene.talk.alarm() - scene.now, Duration::from_secs(70 + 10) + WORD);
    scene.says(Stream::Stdout, "held 2");
    assert_eq!(scene.talk.unwritten(), b"G 1 70\nG 2 70\n", "it is open already");
}

#[test]
fn what_is_held_has_all_the_time_and_may_be_silent_until_it_is_told_to_go_on() {
    let idle = Duration::from_secs(5);
    let job = in_parts(Some(idle));
    let mut scene = held(&job);
    scene.is_waited_for_without_end();
    scene.talk.opens(1, scene.now);
    assert_eq!(scene.wait(), Duration::from_secs(70 + 10) + WORD);
    assert!(scene.lost().message.contains("deadline"));

    let mut scene = held(&job);
    scene.written();
    scene.says(Stream::Stdout, "part 2 begun test");
    assert_eq!(scene.wait(), idle);
    assert_eq!(scene.talk.unwritten(), b"I 10\n");
}

/// The request's deadline is the remainder of the script's; it does not run while the script is held.
#[test]
fn what_is_held_when_it_is_taken_up_again_has_all_the_time_too() {
    let job = attach();
    let mut scene = Scene::started(&job);
    scene.says(Stream::Stdout, "held 1");
    scene.is_waited_for_without_end();
    scene.talk.opens(1, scene.now);
    assert_eq!(scene.talk.unwritten(), b"G 1 100\n");
    scene.says(Stream::Stdout, "part 2 begun test");
    assert_eq!(scene.talk.alarm() - scene.now, Duration::from_secs(100 + 10) + WORD);
}

/// The host's report arrives before this side knows how many of its barriers are open.
#[test]
fn what_is_held_further_on_is_released_whichever_word_came_first() {
    let job = attach();
    let mut scene = Scene::started(&job);
    for words in ["held 1", "part 2 begun test", "held 2"] {
        scene.says(Stream::Stdout, words);
    }
    scene.written();
    scene.talk.opens(1, scene.now);
    assert_eq!(scene.written(), "W\n");
    scene.talk.opens(2, scene.now);
    assert_eq!(scene.talk.unwritten(), b"G 2 100\n");
}

/// This side would never tell it to go on.
#[test]
fn a_host_that_speaks_of_a_barrier_that_is_not_there_gets_no_time_for_it() {
    let job = job(None);
    let mut scene = held(&job);
    assert!(scene.wait() < Duration::from_secs(100 + 10) + WORD);
    assert!(scene.lost().message.contains("deadline"));
}

#[test]
fn what_is_held_is_ended_as_what_runs_and_not_let_go_then() {
    let job = in_parts(None);
    let mut scene = held(&job);
    scene.written();
    scene.talk.wants(Stop::Terminate, scene.now);
    scene.talk.opens(1, scene.now);
    assert_eq!(scene.talk.unwritten(), b"T 10\n");
    assert_eq!(scene.talk.alarm() - scene.now, Duration::from_secs(10) + WORD);
}
