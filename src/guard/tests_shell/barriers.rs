//! Barriers between parts: nothing after a barrier runs before it is opened, and a held script can be ended like a
//! running one.

use std::{fs, process::Child, time::Duration};

use super::{
    host::{Host, Running, Shell, await_that, find, parts},
    on_every_shell,
    parts::told,
};
use crate::guard::{Cause, GroupState, GuardRequest, Lifeline, Offsets, OnLost, Payload, ScriptStatus};

on_every_shell!(
    what_is_held_goes_on_when_it_is_told,
    each_barrier_is_opened_by_itself,
    nothing_is_held_behind_a_part_that_failed_or_the_last_one,
    what_is_held_can_be_ended,
    what_is_held_does_not_use_up_its_time,
    the_time_that_is_left_comes_with_the_word,
    what_nobody_waits_for_any_more_is_ended,
    what_is_waited_for_is_held_on,
    a_word_of_waiting_lengthens_no_part,
    what_is_held_ends_when_contact_is_lost_where_that_is_asked_for,
    what_was_held_when_contact_was_lost_is_released_by_another_guard,
    what_was_released_before_is_not_held_again,
    an_attached_client_can_end_what_is_held,
    what_is_held_on_a_host_whose_guard_died_is_held_no_longer,
    an_order_that_makes_no_sense_opens_nothing,
    a_word_that_cannot_be_kept_opens_its_barrier,
);

const LONG: Duration = Duration::from_mins(5);

/// How many seconds a guard holds a script whose client does not say that it waits: a minute, unless the script's own
/// time is longer.
const HOLD: u32 = 60;

/// The seconds of a clock that is never to end anything.
const FOR_EVER: u32 = 315_360_000;

fn go(barrier: u32) -> Lifeline {
    Lifeline::Go { barrier, left: LONG }
}

trait Hold {
    fn until_held(&mut self, barrier: u32) -> &mut Self;
}

impl Hold for Running {
    fn until_held(&mut self, barrier: u32) -> &mut Self {
        self.until(|seen| told(seen).contains(&format!("held {barrier}")))
    }
}

fn what_is_held_goes_on_when_it_is_told(shell: Shell) {
    let host = Host::new(shell);
    let mut running = host.start(&parts(&[":; echo one", "touch ran; echo two; exit 9"]));
    running.until_held(1);
    assert!(!host.home.path().join("ran").exists());
    running.send(go(1));
    let seen = running.finish();
    assert_eq!(told(&seen), ["1 begun", "1: exit status 0", "held 1", "2 begun", "2: exit status 9"]);
    assert_eq!((seen.text(), &seen.trailer().status), ("one\ntwo\n", &ScriptStatus::Exited(9)));
    host.await_silence();
}

/// Barriers are numbered on their own, not by the parts.
fn each_barrier_is_opened_by_itself(shell: Shell) {
    let host = Host::new(shell);
    let mut running = host.start(&parts(&["", ":; ", ":; ", "echo done"]));
    running.until_held(1).send(go(1)).until_held(2).send(go(1)).send(go(2));
    let seen = running.finish();
    assert_eq!((seen.text(), &seen.trailer().status), ("done\n", &ScriptStatus::Exited(0)));
    let held: Vec<_> = told(&seen).into_iter().filter(|it| it.starts_with("held")).collect();
    assert_eq!(held, ["held 1", "held 2"]);
}

fn nothing_is_held_behind_a_part_that_failed_or_the_last_one(shell: Shell) {
    let host = Host::new(shell);
    let seen = host.finish(&parts(&[":; exit 3", "touch ran"]));
    assert_eq!(told(&seen), ["1 begun", "1: exit status 3"]);
    let seen = host.finish(&parts(&[":; exit 0"]).of_run("r2"));
    assert_eq!(told(&seen), ["1 begun", "1: exit status 0"]);
}

/// A script that waits at its first barrier.
fn held(host: &Host, change: impl FnOnce(&mut GuardRequest)) -> (GuardRequest, Running) {
    let mut request = parts(&[":; echo one", "touch ran; echo two; exit 4"]);
    change(&mut request);
    let mut running = host.start(&request);
    running.until_held(1);
    (request, running)
}

fn assert_ended(host: &Host, running: Running, cause: Cause) {
    let seen = running.finish();
    assert_eq!((seen.trailer().cause, seen.trailer().group), (cause, GroupState::Gone));
    assert!(matches!(seen.trailer().status, ScriptStatus::Signaled(_)), "{:?}", seen.trailer());
    host.await_silence();
    assert!(!host.home.path().join("ran").exists());
}

fn what_is_held_can_be_ended(shell: Shell) {
    let stop = Lifeline::Terminate { grace: LONG };
    let idle = Lifeline::Idle { grace: LONG };
    for (line, cause) in [(stop, Cause::Stop), (idle, Cause::Idle), (Lifeline::Kill, Cause::Kill)] {
        let host = Host::new(shell);
        let (_, mut running) = held(&host, |_| {});
        running.send(line);
        assert_ended(&host, running, cause);
    }
}

/// Logs every duration that something sleeps.
fn watch_sleep(host: &Host) {
    host.forge("sleep", &format!("echo \"$1\" >>\"$HOME/slept\"\nexec {} \"$1\"", find("sleep").display()));
}

/// Waits until the guards' clocks were set to these seconds, in this order.
fn await_clocks(host: &Host, seconds: &[u32]) {
    let wanted: Vec<_> = seconds.iter().map(u32::to_string).collect();
    await_that("the clock is set", || {
        let slept = fs::read_to_string(host.home.path().join("slept")).unwrap_or_default();
        // Shorter sleeps only wait for the next look.
        let set: Vec<_> = slept.lines().filter(|it| it.len() > 1 && !it.contains('.')).collect();
        if set == wanted { Ok(()) } else { Err(format!("{set:?}, not {wanted:?}")) }
    });
}

/// The client that opens the barrier decides how long the script is held.
fn what_is_held_does_not_use_up_its_time(shell: Shell) {
    let host = Host::new(shell);
    watch_sleep(&host);
    let mut request =
        parts(&[":; ", ":; until [ -e two ]; do sleep 0.02; done", "until [ -e three ]; do sleep 0.02; done"]);
    request.deadline = Duration::from_secs(250);
    let mut running = host.start(&request);
    running.until_held(1);
    await_clocks(&host, &[250, 250]);
    running.send(Lifeline::Go { barrier: 1, left: Duration::from_secs(77) });
    await_clocks(&host, &[250, 250, 77]);
    fs::write(host.home.path().join("two"), "").unwrap();
    running.until_held(2);
    await_clocks(&host, &[250, 250, 77, 250]);
    running.send(Lifeline::Go { barrier: 2, left: Duration::from_secs(66) });
    await_clocks(&host, &[250, 250, 77, 250, 66]);
    fs::write(host.home.path().join("three"), "").unwrap();
    assert_eq!(running.finish().trailer().status, ScriptStatus::Exited(0));
    host.await_silence();
}

fn the_time_that_is_left_comes_with_the_word(shell: Shell) {
    let host = Host::new(shell);
    let mut running = host.start(&parts(&[":; ", "echo two; sleep 300"]));
    running.until_held(1).send(Lifeline::Go { barrier: 1, left: Duration::from_secs(1) });
    let seen = running.finish();
    assert_eq!((seen.text(), seen.trailer().cause), ("two\n", Cause::Timeout));
    host.await_silence();
}

/// A script's minute is over when there is a file `over`, once for each file.
fn stop_the_clock(host: &Host) {
    let sleep = find("sleep");
    host.forge(
        "sleep",
        &format!(
            "[ \"$1\" = {HOLD} ] || exec {0} \"$1\"\necho \"$1\" >>\"$HOME/slept\"\nuntil rm \"$HOME/over\"; do {0} 0.02; done 2>/dev/null",
            sleep.display()
        ),
    );
}

fn minute_over(host: &Host) {
    fs::write(host.home.path().join("over"), "").unwrap();
}

/// The client that held it may have vanished silently, or the connection may be cut for good.
fn what_nobody_waits_for_any_more_is_ended(shell: Shell) {
    for cut in [false, true] {
        let host = Host::new(shell);
        stop_the_clock(&host);
        let (request, running) = held(&host, |request| {
            request.on_lost = OnLost::Finish;
            request.deadline = Duration::from_secs(50);
        });
        await_clocks(&host, &[HOLD]);
        minute_over(&host);
        let trailer = if cut {
            running.cut().wait().unwrap();
            host.finish(&request).trailer().clone()
        } else {
            running.finish().trailer().clone()
        };
        assert_eq!((trailer.cause, trailer.group), (Cause::Timeout, GroupState::Gone), "{cut}");
        assert!(!host.home.path().join("ran").exists());
    }
}

/// Either the client that started it or one that attached later may say so.
fn what_is_waited_for_is_held_on(shell: Shell) {
    for cut in [false, true] {
        let host = Host::new(shell);
        stop_the_clock(&host);
        let (request, mut running) = held(&host, |request| {
            request.on_lost = OnLost::Finish;
            request.deadline = Duration::from_secs(50);
        });
        let guard = cut.then(|| {
            let taken_up = host.start(&request.attach(Offsets::default()));
            std::mem::replace(&mut running, taken_up).cut()
        });
        running.until_held(1);
        for times in 1..4 {
            await_clocks(&host, &[HOLD].repeat(times));
            running.send(Lifeline::Wait);
            await_that("the word is kept", || {
                let kept = host.state().join("runs/r1-1/waited").exists();
                if kept { Ok(()) } else { Err("it is not".to_owned()) }
            });
            minute_over(&host);
        }
        await_clocks(&host, &[HOLD].repeat(4));
        running.send(go(1));
        let seen = running.finish();
        assert_eq!((&seen.trailer().status, seen.trailer().cause), (&ScriptStatus::Exited(4), Cause::None));
        if let Some(mut guard) = guard {
            guard.wait().unwrap();
        }
        host.await_silence();
    }
}

fn a_word_of_waiting_lengthens_no_part(shell: Shell) {
    let host = Host::new(shell);
    let mut running = host.start(&parts(&[":; ", "echo two; until [ -e go ]; do sleep 0.01; done"]));
    running.until_held(1).send(Lifeline::Wait);
    running.send(Lifeline::Go { barrier: 1, left: Duration::from_secs(1) }).until_printed("two");
    running.send(Lifeline::Wait);
    assert_eq!(running.finish().trailer().cause, Cause::Timeout);
    host.await_silence();
}

fn what_is_held_ends_when_contact_is_lost_where_that_is_asked_for(shell: Shell) {
    let host = Host::new(shell);
    let (_, mut running) = held(&host, |_| {});
    running.let_go();
    assert_ended(&host, running, Cause::Lost);
}

/// Contact is lost while the script is held, which does not end it.
fn cut_off(host: &Host) -> (GuardRequest, Child) {
    let (request, running) = held(host, |request| request.on_lost = OnLost::Finish);
    (request, running.cut())
}

fn what_was_held_when_contact_was_lost_is_released_by_another_guard(shell: Shell) {
    let host = Host::new(shell);
    watch_sleep(&host);
    let (request, mut guard) = cut_off(&host);
    await_clocks(&host, &[300, 300]);
    let mut attach = request.attach(Offsets { stdout: 4, stderr: 0 });
    attach.deadline = Duration::from_secs(55);
    let mut attached = host.start(&attach);
    attached.until_held(1);
    // The attached guard leaves the time to the guard that started the script, however little the client thinks is
    // left.
    await_clocks(&host, &[300, 300, FOR_EVER]);
    assert!(!host.home.path().join("ran").exists());
    attached.send(go(1));
    let seen = attached.finish();
    assert_eq!((seen.text(), &seen.trailer().status), ("two\n", &ScriptStatus::Exited(4)));
    assert_eq!(told(&seen), ["1 begun", "1: exit status 0", "held 1", "2 begun", "2: exit status 4"]);
    assert_eq!(seen.trailer().cause, Cause::None);
    guard.wait().unwrap();
    host.await_silence();
}

/// The word arrived before the connection broke.
fn what_was_released_before_is_not_held_again(shell: Shell) {
    let host = Host::new(shell);
    let (request, mut running) = held(&host, |request| {
        request.on_lost = OnLost::Finish;
        let Payload::Parts(parts) = &mut request.deploy_mut().payload else { panic!("parts") };
        parts[1].run = "echo two; until [ -e go ]; do sleep 0.01; done; exit 4".to_owned();
    });
    running.send(go(1)).until_printed("two");
    let mut guard = running.cut();
    let mut attached = host.start(&request.attach(Offsets::default()));
    attached.until(|seen| told(seen).contains(&"2 begun".to_owned()));
    fs::write(host.home.path().join("go"), "").unwrap();
    assert_eq!(attached.finish().trailer().status, ScriptStatus::Exited(4));
    guard.wait().unwrap();
    host.await_silence();
}

fn an_attached_client_can_end_what_is_held(shell: Shell) {
    let host = Host::new(shell);
    let (request, mut guard) = cut_off(&host);
    let mut attached = host.start(&request.attach(Offsets::default()));
    attached.until_held(1).send(Lifeline::Terminate { grace: LONG });
    assert_ended(&host, attached, Cause::Stop);
    guard.wait().unwrap();
    assert_eq!(host.finish(&request).trailer().cause, Cause::Stop, "the guard that started it knows, too");
}

/// Nothing would ever end it.
fn what_is_held_on_a_host_whose_guard_died_is_held_no_longer(shell: Shell) {
    let host = Host::new(shell);
    let (request, mut guard) = cut_off(&host);
    guard.kill().unwrap();
    guard.wait().unwrap();
    host.await_silence();
    assert!(!host.home.path().join("ran").exists());
    let seen = host.finish(&request);
    assert_eq!((&seen.trailer().status, seen.trailer().group), (&ScriptStatus::Unknown, GroupState::Gone));
}

fn an_order_that_makes_no_sense_opens_nothing(shell: Shell) {
    let host = Host::new(shell);
    let (_, mut running) = held(&host, |_| {});
    for line in [&b"G\n"[..], b"G 1 x\n", b"G ../x 1\n", b"G x 1\n", b"G 7 1\n"] {
        running.send_bytes(line);
    }
    await_that("the last of them was read", || {
        let opened = host.state().join("runs/r1-1/go-7").exists();
        if opened { Ok(()) } else { Err("it was not".to_owned()) }
    });
    assert!(!host.home.path().join("ran").exists());
    running.send(go(1));
    assert_eq!(running.finish().trailer().status, ScriptStatus::Exited(4));
}

/// The disk is full by now; without this the script would be held for ever.
fn a_word_that_cannot_be_kept_opens_its_barrier(shell: Shell) {
    let host = Host::new(shell);
    let (_, mut running) = held(&host, |_| {});
    let kept = host.state().join("runs/r1-1/go-1.new");
    fs::create_dir(&kept).unwrap();
    running.send(go(1));
    assert_eq!(running.finish().trailer().status, ScriptStatus::Exited(4));
}
