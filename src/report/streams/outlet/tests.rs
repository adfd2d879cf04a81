use std::sync::mpsc::{self, Receiver, Sender};

use super::*;

/// A writer that fails at once.
struct Broken(io::ErrorKind);

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A writer that blocks until it is released; what it then took can be read.
struct Gate {
    taken: Arc<Mutex<String>>,
    open: Receiver<()>,
}

impl Gate {
    fn new() -> (Self, Sender<()>, Arc<Mutex<String>>) {
        let (key, open) = mpsc::channel();
        let taken = Arc::default();
        (Self { taken: Arc::clone(&taken), open }, key, taken)
    }
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Fails once the key is dropped: from then on the gate is open.
        let _ = self.open.recv();
        lock(&self.taken).push_str(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn outlet(writer: impl Write + Send + 'static) -> Outlet {
    Outlet::pair(Box::new(writer), Box::new(io::sink())).0
}

fn mark(bytes: usize) -> String {
    format!("({bytes})\n")
}

#[test]
fn a_closed_pipe_is_remembered_and_harmless() {
    let outlet = outlet(Broken(io::ErrorKind::BrokenPipe));
    outlet.line("one");
    outlet.line("two");
    outlet.flush(Wait::Ever);
    assert_eq!(outlet.shortfall(), Some(Shortfall::Closed("broken pipe".to_owned())));
}

#[test]
fn a_full_disk_is_no_closed_pipe() {
    let outlet = outlet(Broken(io::ErrorKind::StorageFull));
    outlet.line("one");
    outlet.flush(Wait::Ever);
    assert!(matches!(outlet.shortfall(), Some(Shortfall::Failed(_))), "{outlet:?}");
}

#[test]
fn a_stuck_reader_is_waited_for_once_and_the_gap_is_marked() {
    let (gate, key, taken) = Gate::new();
    let outlet = outlet(gate);
    let line = format!("{}\n", "x".repeat(ROOM / 4 - 1));
    for _ in 0..4 {
        outlet.flood(&line, mark);
    }
    let began = Instant::now();
    outlet.flood("lost\n", mark);
    assert!(began.elapsed() >= PATIENCE, "room is waited for");
    let began = Instant::now();
    for _ in 0..1000 {
        outlet.flood("lost\n", mark);
    }
    outlet.line("kept");
    assert!(began.elapsed() < PATIENCE, "but not again and again");
    drop(key);
    outlet.flush(Wait::Ever);
    outlet.flood("after\n", mark);
    outlet.flush(Wait::Ever);
    assert_eq!(lock(&taken).trim_start_matches(['x', '\n']), "kept\n(5005)\nafter\n");
    assert_eq!(outlet.shortfall(), Some(Shortfall::Unread(5005)));
}

#[test]
fn room_that_comes_in_time_loses_nothing() {
    let (gate, key, taken) = Gate::new();
    let outlet = outlet(gate);
    outlet.flood(&"x".repeat(ROOM), mark);
    let writer = thread::spawn({
        let outlet = outlet.clone();
        move || outlet.flood("more", mark)
    });
    drop(key);
    writer.join().expect("no panic");
    outlet.flush(Wait::Ever);
    assert_eq!(lock(&taken).len(), ROOM + 4);
    assert_eq!(outlet.shortfall(), None);
}

#[test]
fn in_a_hurry_nobody_waits_and_the_end_is_bounded() {
    let (gate, _key, _) = Gate::new();
    let outlet = outlet(gate);
    outlet.flood(&"x".repeat(ROOM), mark);
    let began = Instant::now();
    outlet.hurry();
    outlet.flood("lost", mark);
    assert!(began.elapsed() < PATIENCE);
    outlet.finish(Wait::Briefly);
    outlet.print("late");
    outlet.finish(Wait::Briefly);
    assert_eq!(outlet.shortfall(), Some(Shortfall::Unread(ROOM + 8)));
    drop(outlet);
    assert!(began.elapsed() < 2 * PATIENCE);
}

#[test]
fn both_streams_to_one_place_keep_their_order() {
    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);
    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            lock(&self.0).extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let page = Page::default();
    let (out, err) = Outlet::pair(Box::new(page.clone()), Box::new(page.clone()));
    for _ in 0..500 {
        out.flood("o", mark);
        err.frame("e");
    }
    drop((out, err));
    assert_eq!(lock(&page.0).as_slice(), b"oe".repeat(500));
}

#[test]
fn a_stuck_stream_does_not_hold_the_other_up() {
    let (gate, _key, _) = Gate::new();
    let (open, key, taken) = Gate::new();
    drop(key);
    let (out, err) = Outlet::pair(Box::new(gate), Box::new(open));
    out.line("stuck");
    let began = Instant::now();
    for _ in 0..100 {
        err.line("still here");
    }
    err.flush(Wait::Ever);
    assert!(began.elapsed() < 20 * TURN);
    assert_eq!(lock(&taken).lines().count(), 100);
}
