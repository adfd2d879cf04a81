//! A Prometheus server's answer to an instant query (<https://prometheus.io/docs/prometheus/latest/querying/api/>).

use std::collections::BTreeMap;

use reqwest::Client;
use serde::{Deserialize, de::IgnoredAny};
use url::Url;

use super::{ProbeError, client, unwell, verdict};
use crate::{
    config::{Check, Condition, Label, NoData, PromqlProbe},
    rollout::{Sample, Verdict},
};

/// A `promql` check, ready to be asked.
pub(super) struct Promql {
    client: Client,
    url: Url,
    pass_if: Condition,
    no_data: NoData,
}

/// `{"status": "success", "data": {"resultType": "vector", "result": […]}}`, or an error.
#[derive(Deserialize)]
struct Answer {
    status: String,
    error: Option<String>,
    data: Option<Data>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase", tag = "resultType", content = "result")]
enum Data {
    Vector(Vec<Series>),
    Scalar(Point),
    // Neither has one number for each series.
    Matrix(IgnoredAny),
    String(IgnoredAny),
}

#[derive(Deserialize)]
struct Series {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    value: Point,
}

/// A time, and a number as text.
#[derive(Deserialize)]
struct Point(IgnoredAny, String);

impl Promql {
    pub(super) fn new(
        label: &Label,
        check: &Check,
        probe: &PromqlProbe,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ProbeError> {
        let mut url = probe.server.clone();
        let path = format!("{}/api/v1/query", url.path().trim_end_matches('/'));
        url.set_path(&path);
        url.query_pairs_mut().append_pair("query", &probe.query);
        Ok(Self {
            client: client::client(label, check, &probe.headers, probe.ca_file.as_deref(), env)?,
            url,
            pass_if: probe.pass_if,
            no_data: probe.no_data,
        })
    }

    pub(super) async fn ask(&self) -> Sample {
        let answer = match self.client.get(self.url.clone()).send().await {
            Ok(answer) => answer,
            Err(error) => {
                let place = self.url.host_str().unwrap_or_default();
                let port = self.url.port_or_known_default().unwrap_or_default();
                return unwell(format!("prometheus: {place}:{port}: {}", client::chain(&error)));
            }
        };
        let status = answer.status();
        match client::body(answer).await {
            Ok(body) => self.judged(&body, status.as_u16()),
            Err(why) => unwell(format!("prometheus: {why}")),
        }
    }

    /// Judges an answer. Every value must meet the condition; the first that does not is reported.
    fn judged(&self, body: &[u8], status: u16) -> Sample {
        let Ok(answer) = serde_json::from_slice::<Answer>(body) else {
            return unwell(stranger(body, status));
        };
        let series = match answer.data {
            Some(Data::Vector(series)) => series,
            Some(Data::Scalar(value)) => vec![Series { metric: BTreeMap::new(), value }],
            Some(Data::Matrix(_)) => {
                return unwell("prometheus: the query gives the values of a time, not of now: rate(…[1m]), not …[1m]");
            }
            Some(Data::String(_)) => return unwell("prometheus: the query gives a text, and no number"),
            None => {
                let why = answer.error.unwrap_or(answer.status);
                return unwell(format!("prometheus: HTTP {status}: {why}"));
            }
        };
        let values: Result<Vec<f64>, _> = series.iter().map(|series| series.value.1.parse::<f64>()).collect();
        let Ok(values) = values else { return unwell("prometheus: a value is no number") };
        let Some(first) = values.first() else {
            let well = self.no_data == NoData::Pass;
            return Sample { verdict: verdict(well), value: None, text: "no data".to_owned() };
        };
        let mut told = values.iter().zip(&series);
        let Some((bad, of)) = told.find(|(value, _)| !self.pass_if.holds(**value)) else {
            let text = format!("{first} is {}", self.pass_if);
            return Sample { verdict: Verdict::Well, value: Some(*first), text };
        };
        let which = if values.len() > 1 { format!(": {}", selector(&of.metric)) } else { String::new() };
        let why = if bad.is_nan() { " (0 divided by 0, where there is no traffic?)" } else { "" };
        let text = format!("{bad} is not {}{why}{which}", self.pass_if);
        Sample { verdict: Verdict::Unwell, value: Some(*bad), text }
    }
}

/// Describes an answer that is not Prometheus's: from a proxy in front of it, or from a server that is starting.
fn stranger(body: &[u8], status: u16) -> String {
    const LONGEST: usize = 100;
    let what = match status {
        401 | 403 => return format!("prometheus: HTTP {status}: it wants a login, or another one; see `headers`"),
        300..=399 => ", and a redirect is not followed",
        _ => ", and no answer of a Prometheus server",
    };
    let text = String::from_utf8_lossy(body);
    let words: String = text.lines().next().unwrap_or_default().trim().chars().take(LONGEST).collect();
    let words = if words.is_empty() { words } else { format!(": {words}") };
    format!("prometheus: HTTP {status}{what}{words}")
}

/// A series as a query would select it.
fn selector(metric: &BTreeMap<String, String>) -> String {
    let name = metric.get("__name__").map(String::as_str).unwrap_or_default();
    let labels = metric.iter().filter(|(label, _)| *label != "__name__");
    let labels: Vec<String> = labels.map(|(label, value)| format!("{label}={value:?}")).collect();
    format!("{name}{{{}}}", labels.join(", "))
}
