//! A Prometheus server's answer to an instant query (<https://prometheus.io/docs/prometheus/latest/querying/api/>).

use reqwest::Client;
use serde::{Deserialize, de::IgnoredAny};
use url::Url;

use super::{ProbeError, client, unwell, verdict};
use crate::{
    config::{Check, Condition, Label, NoData, PromqlProbe},
    rollout::Sample,
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
    // Neither is one number a series.
    Matrix(IgnoredAny),
    String(IgnoredAny),
}

#[derive(Deserialize)]
struct Series {
    value: Point,
}

/// The time, and the number as a text.
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
            Err(error) => return unwell(format!("prometheus: {}", client::chain(&error))),
        };
        let status = answer.status();
        match client::body(answer).await {
            Ok(body) => self.judged(&body, status.as_u16()),
            Err(why) => unwell(format!("prometheus: {why}")),
        }
    }

    /// What an answer means. Every value has to be as is asked, and the worst one is told.
    fn judged(&self, body: &[u8], status: u16) -> Sample {
        let Ok(answer) = serde_json::from_slice::<Answer>(body) else {
            return unwell(format!("prometheus: HTTP {status}, and no answer of a Prometheus server"));
        };
        let points = match answer.data {
            Some(Data::Vector(series)) => series.into_iter().map(|series| series.value).collect(),
            Some(Data::Scalar(point)) => vec![point],
            Some(Data::Matrix(_) | Data::String(_)) => {
                return unwell("prometheus: the query gives no numbers at one moment");
            }
            None => {
                let why = answer.error.unwrap_or(answer.status);
                return unwell(format!("prometheus: HTTP {status}: {why}"));
            }
        };
        let values: Result<Vec<f64>, _> = points.iter().map(|Point(_, number)| number.parse::<f64>()).collect();
        let Ok(values) = values else { return unwell("prometheus: a value is no number") };
        let Some(first) = values.first() else {
            let well = self.no_data == NoData::Pass;
            return Sample { verdict: verdict(well), value: None, text: "no data".to_owned() };
        };
        let worst = values.iter().find(|value| !self.pass_if.holds(**value)).unwrap_or(first);
        let well = self.pass_if.holds(*worst);
        let relation = if well { "is" } else { "is not" };
        let text = format!("{worst} {relation} {}", self.pass_if);
        Sample { verdict: verdict(well), value: Some(*worst), text }
    }
}
