//! Readers that stop reading, go away, or have no room: the run goes on, and reports it.

use std::{fs, time::Instant};

use super::*;
use crate::report::{Format, Gaps, Record, Status};

/// A terminal after Ctrl-S.
struct Stuck;

impl Write for Stuck {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        loop {
            std::thread::park();
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Broken(io::ErrorKind);

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn writing_to(stdout: impl Write + Send + 'static, format: Format) -> (Captured, Builder) {
    let err = Captured::default();
    let stdout = Destination { writer: Box::new(stdout), screen: Screen::PLAIN };
    (err.clone(), Reporter::builder(stdout, err.to(Screen::PLAIN)).format(format).clock(|| at(0)))
}

/// A run that prints 5 MB and is interrupted meanwhile.
fn tell_a_flood(run: &RunReporter, plan: &Plan) {
    let id = &ids(plan)[0];
    let mut telling = Telling::of(run, plan);
    telling.begin(id);
    for _ in 0..80 {
        telling.output(id, Stream::Stdout, &vec![b'y'; 65_536]);
    }
    telling.event(EventKind::Stopping { reason: StopReason::Cancel(Cancel::Interrupt), running: 1 });
    telling.output(id, Stream::Stdout, &vec![b'y'; 65_536]);
    telling.end(&HostResult { failure: Some(FailureCause::Cancelled), ..result(id, Outcome::Failed) });
    telling.finish(Some(StopReason::Cancel(Cancel::Interrupt)));
}

#[test]
fn a_reader_that_is_stuck_holds_neither_the_run_nor_its_record_up() {
    for format in [Format::Human, Format::Json] {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("report.json");
        let (err, builder) = writing_to(Stuck, format);
        let plan = Plan { work: Work::Command("yes".to_owned()), ..plan(1) };
        let run = builder.report(path.clone()).build().start(&plan, Gaps::default()).expect("writable");
        let began = Instant::now();
        tell_a_flood(&run, &plan);
        assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
        let record: Record = serde_json::from_slice(&fs::read(path).expect("there")).expect("whole");
        assert_eq!((record.status, record.exit_code), (Status::Interrupted, Some(130)));
        assert_eq!(err.text().matches("warning: standard output was not read in time: ").count(), 1, "{}", err.text());
        // A person sees the gap; a program must learn that its results are incomplete.
        assert_eq!(run.trouble().len(), usize::from(format == Format::Json), "{:?}", run.trouble());
    }
}

#[test]
fn what_could_not_be_written_is_trouble_and_a_closed_pipe_is_none() {
    let cases = [
        (io::ErrorKind::BrokenPipe, None),
        (io::ErrorKind::StorageFull, Some("cannot write to standard output: no storage space")),
    ];
    for (kind, expected) in cases {
        for format in [Format::Human, Format::Json] {
            let (err, builder) = writing_to(Broken(kind), format);
            let plan = plan(8);
            let run = builder.build().start(&plan, Gaps::default()).expect("no files");
            tell_all_outcomes(&run, &plan);
            assert_eq!(run.trouble(), expected.as_slice());
            assert_eq!(err.text().matches("warning: ").count(), 1, "{}", err.text());
        }
    }
}

#[test]
fn a_record_that_could_not_be_saved_at_the_end_is_trouble() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path().join("reports");
    fs::create_dir(&folder).expect("ours");
    let (_, _, builder) = capture(Screen::PLAIN);
    let plan = plan(1);
    let run = builder.report(folder.join("r.json")).build().start(&plan, Gaps::default()).expect("writable");
    fs::remove_dir_all(&folder).expect("ours");
    let mut telling = Telling::of(&run, &plan);
    telling.whole(&succeeded(&ids(&plan)[0]));
    telling.finish(None);
    let trouble = run.trouble();
    assert!(trouble.len() == 1 && trouble[0].starts_with("cannot write the report "), "{trouble:?}");
}

#[test]
fn logs_that_are_not_whole_are_trouble() {
    let dir = tempfile::tempdir().expect("a folder");
    let (_, _, builder) = capture(Screen::PLAIN);
    let plan = plan(1);
    let run = builder.log_dir(dir.path().to_owned()).build().start(&plan, Gaps::default()).expect("writable");
    fs::remove_dir_all(dir.path().join(plan.run.to_string())).expect("ours");
    let mut telling = Telling::of(&run, &plan);
    telling.whole(&succeeded(&ids(&plan)[0]));
    assert!(run.trouble().is_empty(), "told at the end");
    telling.finish(None);
    let trouble = run.trouble();
    assert!(trouble.len() == 1 && trouble[0].contains("the output of these hosts is not whole"), "{trouble:?}");
}

#[test]
fn a_run_that_went_well_has_no_trouble() {
    let (_, _, builder) = capture(Screen::PLAIN);
    let plan = plan(8);
    let run = builder.build().start(&plan, Gaps::default()).expect("no files");
    tell_all_outcomes(&run, &plan);
    assert_eq!(run.trouble(), Vec::<String>::new());
}
