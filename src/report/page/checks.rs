//! Plots the answers of every check with its condition, and describes the bad ones in words.

use std::collections::{HashMap, HashSet};

use maud::{Markup, html};

use super::{
    axis::{Axis, Percent, between},
    document::Part,
    hosts,
};
use crate::{
    config::Condition,
    report::{
        files::{
            record::Record,
            rollout_record::{CheckRecord, SampleRecord},
        },
        text::{labels::Labels, neutral, words},
    },
    rollout::Verdict,
};

/// The height of a plot, and where in it the greatest and the least value are drawn. In pixels.
const HEIGHT: f64 = 150.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 122.0;

/// A plot of at most this many answers has tooltips and a line through the answers.
const TELLING: usize = 600;

/// The most bad answers of a check described in words.
const MOST_BAD: usize = 50;

pub(super) fn part(record: &Record, labels: &Labels) -> Option<Part> {
    let mut checks: Vec<(&str, Vec<&SampleRecord>)> = Vec::new();
    let mut places = HashMap::new();
    for sample in record.rollout.samples.iter() {
        let place = *places.entry(&*sample.check).or_insert(checks.len());
        match checks.get_mut(place) {
            Some((_, samples)) => samples.push(sample),
            None => checks.push((&sample.check, vec![sample])),
        }
    }
    let body = html! {
        @for (number, (name, samples)) in checks.iter().enumerate() { (check(record, number, name, samples, labels)) }
    };
    (!checks.is_empty()).then_some(Part { id: "checks", title: "Checks", body })
}

fn check(record: &Record, number: usize, name: &str, samples: &[&SampleRecord], labels: &Labels) -> Markup {
    let known = record.rollout.checks.iter().find(|check| check.name == name);
    let bad: Vec<_> = samples.iter().filter(|sample| sample.verdict == Verdict::Unwell).collect();
    let name = neutral::line(name);
    html! {
        article.check {
            h3 { (name) @if let Some(check) = known { " " small { (neutral::line(&check.kind)) } } }
            p.faint { (count(known, samples.len(), bad.len())) (condition(known)) }
            (plot(record, number, &name, samples, known, labels))
            @if !bad.is_empty() {
                details {
                    summary { "Bad answers in words" }
                    ol.answers {
                        @for sample in bad.iter().take(MOST_BAD) { li { (in_words(record, sample, labels)) } }
                        @if bad.len() > MOST_BAD { li { "and " (words::number(bad.len() - MOST_BAD)) " more, in the report" } }
                    }
                }
            }
        }
    }
}

/// The number of answers, and the number shown.
fn count(check: Option<&CheckRecord>, kept: usize, bad: usize) -> String {
    let count = |answers, bad| format!("{}, {} bad", words::count(answers, "answer"), words::number(bad));
    match check {
        Some(CheckRecord { answers, bad, left_out: 1.., .. }) => {
            format!("{}, of which {} are kept", count(*answers, *bad), words::number(kept))
        }
        Some(_) | None => count(kept, bad),
    }
}

fn condition(check: Option<&CheckRecord>) -> String {
    let condition = check.and_then(|check| check.pass_if.as_deref());
    condition.map(|condition| format!("; well if {}", neutral::line(condition))).unwrap_or_default()
}

fn in_words(record: &Record, sample: &SampleRecord, labels: &Labels) -> String {
    let host = sample.host.as_ref().map(|host| format!(" {}:", labels.get(host))).unwrap_or_default();
    let at = words::duration(between(record.started, sample.at));
    let took = hosts::took(sample.elapsed_ms);
    format!("+{at}{host} {} (in {took})", neutral::line(&sample.text))
}

/// The vertical scale: the answered number, or the time that the answer took if there is no number.
struct Scale {
    least: f64,
    most: f64,
    of_values: bool,
}

impl Scale {
    fn of(samples: &[&SampleRecord], bound: Option<f64>) -> Self {
        let of_values = samples.iter().any(|sample| sample.value.is_some());
        let numbers = samples.iter().filter_map(|sample| if of_values { sample.value } else { Some(seconds(sample)) });
        let numbers: Vec<f64> = numbers.chain(bound.filter(|_| of_values)).collect();
        let least = numbers.iter().copied().fold(0.0, f64::min);
        let most = numbers.iter().copied().fold(least, f64::max);
        Self { least, most: if most > least { most } else { least + 1.0 }, of_values }
    }

    /// The distance of a number from the top. The ends are halved first, because foreign numbers may be too large to
    /// subtract.
    fn y(&self, number: f64) -> f64 {
        let part = (number / 2.0 - self.least / 2.0) / (self.most / 2.0 - self.least / 2.0);
        let y = BOTTOM - part.clamp(0.0, 1.0) * (BOTTOM - TOP);
        (y * 10.0).round() / 10.0
    }

    /// The height of an answer. An answer without a number, among numbers, is at the bottom.
    fn of_sample(&self, sample: &SampleRecord) -> f64 {
        self.y(if self.of_values { sample.value.unwrap_or(self.least) } else { seconds(sample) })
    }

    fn text(&self, number: f64) -> String {
        match (self.of_values, number.abs()) {
            (false, _) if number < 1.0 => format!("{:.0} ms", number * 1000.0),
            (false, _) => format!("{number:.1}s"),
            (true, 1e6..) => format!("{number:.1e}"),
            (true, 100.0..) => format!("{number:.0}"),
            (true, _) => format!("{number:.2}").trim_end_matches('0').trim_end_matches('.').to_owned(),
        }
    }
}

fn seconds(sample: &SampleRecord) -> f64 {
    std::time::Duration::from_millis(sample.elapsed_ms).as_secs_f64()
}

fn plot(
    record: &Record,
    number: usize,
    name: &str,
    samples: &[&SampleRecord],
    check: Option<&CheckRecord>,
    labels: &Labels,
) -> Markup {
    let times = || samples.iter().map(|sample| sample.at);
    let (first, last) = (times().min().unwrap_or(record.started), times().max().unwrap_or(record.started));
    let axis = Axis::roomy(record.started, first, last);
    let bound = check.and_then(|check| check.pass_if.as_deref()?.parse::<Condition>().ok()).map(Condition::bound);
    let scale = Scale::of(samples, bound);
    let what = if scale.of_values { "The number that was answered" } else { "How long the answer took" };
    let bad = samples.iter().filter(|sample| sample.verdict == Verdict::Unwell).count();
    let ids = (format!("check-{number}-name"), format!("check-{number}-words"));
    html! {
        figure {
            svg.lanes.plot role="img" aria-labelledby={ (ids.0) " " (ids.1) } height=(HEIGHT) {
                title id=(ids.0) { "Answers to the check " (name) }
                desc id=(ids.1) {
                    (what) ", from " (scale.text(scale.least)) " to " (scale.text(scale.most)) ". "
                    (words::count(samples.len(), "answer")) ", " (words::number(bad)) " of them bad."
                }
                g.grid {
                    @for value in [scale.least, f64::midpoint(scale.least, scale.most), scale.most] {
                        line x1="0" x2="100%" y1=(scale.y(value)) y2=(scale.y(value)) {}
                        text x="0" dx="-6" y=(scale.y(value)) dy=".35em" text-anchor="end" { (scale.text(value)) }
                    }
                    @for (place, text) in axis.ticks() {
                        text x=(place) y=(HEIGHT - 8.0) text-anchor="middle" { (text) }
                    }
                }
                @if let Some(bound) = bound {
                    g.bound {
                        line x1="0" x2="100%" y1=(scale.y(bound)) y2=(scale.y(bound)) {}
                        text x="100%" dx="6" y=(scale.y(bound)) dy=".35em" { (condition_of(check)) }
                    }
                }
                @if samples.len() <= TELLING && samples.iter().all(|sample| sample.host.is_none()) {
                    g.curve { @for pair in samples.windows(2) {
                        line x1=(axis.place(pair[0].at)) y1=(scale.of_sample(pair[0]))
                             x2=(axis.place(pair[1].at)) y2=(scale.of_sample(pair[1])) {}
                    } }
                }
                (answers(record, samples, axis, &scale, labels))
            }
            figcaption { (what) ": " span.good { "● well" } ", " span.bad { "✗ not well" } }
        }
    }
}

fn condition_of(check: Option<&CheckRecord>) -> String {
    check.and_then(|check| check.pass_if.as_deref()).map(neutral::line).unwrap_or_default()
}

/// Draws every answer. Answers that would cover each other become one sign.
fn answers(record: &Record, samples: &[&SampleRecord], axis: Axis, scale: &Scale, labels: &Labels) -> Markup {
    let mut drawn = HashSet::new();
    let is_new =
        |(sample, x, y): &(&SampleRecord, Percent, f64)| drawn.insert((x.to_string(), y.to_bits(), sample.verdict));
    let placed = samples.iter().map(|sample| (*sample, axis.place(sample.at), scale.of_sample(sample)));
    let told = samples.len() <= TELLING;
    html! {
        @for (sample, x, y) in placed.filter(is_new) {
            @match sample.verdict {
                Verdict::Well => circle.good cx=(x) cy=(y) r="3" { (tip(told, record, sample, labels)) },
                Verdict::Unwell => text.bad x=(x) y=(y) dy=".35em" text-anchor="middle" { "✗" (tip(told, record, sample, labels)) },
            }
        }
    }
}

fn tip(told: bool, record: &Record, sample: &SampleRecord, labels: &Labels) -> Markup {
    html! { @if told { title { (in_words(record, sample, labels)) } } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_are_left_out_are_counted() {
        let mut check = CheckRecord {
            name: "up".to_owned(),
            kind: "tcp".to_owned(),
            pass_if: None,
            answers: 1500,
            bad: 3,
            left_out: 988,
        };
        assert_eq!(count(Some(&check), 512, 2), "1,500 answers, 3 bad, of which 512 are kept");
        check.left_out = 0;
        assert_eq!(count(Some(&check), 7, 2), "7 answers, 2 bad", "of a report from before, what it holds");
    }

    #[test]
    fn numbers_of_any_size_stay_in_the_plot() {
        let scale = |least, most| Scale { least, most, of_values: true };
        assert_eq!((scale(0.0, 4.0).y(4.0), scale(0.0, 4.0).y(0.0), scale(0.0, 4.0).y(2.0)), (TOP, BOTTOM, 68.0));
        for number in [f64::MIN, -1.0, 0.0, 1.0, f64::MAX] {
            let y = scale(f64::MIN, f64::MAX).y(number);
            assert!((TOP..=BOTTOM).contains(&y), "{number}: {y}");
        }
        let texts = [0.0, 0.5, 12.25, 1234.5, 3e9, -2.0].map(|number| scale(0.0, 1.0).text(number));
        assert_eq!(texts, ["0", "0.5", "12.25", "1234", "3.0e9", "-2"]);
    }
}
