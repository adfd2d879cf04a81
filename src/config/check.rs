//! Checks: the probe, how often it runs, and which answers pass.

use std::{collections::BTreeMap, fmt, num::NonZeroU32, path::PathBuf, str::FromStr, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use url::Url;

use super::{
    document::{Problem, at},
    duration::HumanDuration,
    layers::resolve_secret,
    paths::Anchor,
    shapes::text,
    target::EnvValue,
    template::Template,
};

/// A question whose answer lets a rollout continue or stops it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The probe to run.
    pub probe: Probe,
    /// The time between two answers.
    pub interval: Duration,
    /// How long one answer may take.
    pub timeout: Duration,
    /// How long a check may stay undecided; for a soak, how long it may stay undecided at its end.
    pub deadline: Duration,
    /// This many good answers in a row pass the check.
    pub passes: NonZeroU32,
    /// This many bad answers in a row fail the check.
    pub failures: NonZeroU32,
}

impl Check {
    /// True when the check runs once for every host just deployed to and decides that host's outcome.
    pub fn is_per_host(&self) -> bool {
        match &self.probe {
            Probe::Http(http) => http.url.has_places(),
            Probe::Tcp { address } => address.has_places(),
            Probe::Remote { .. } => true,
            Probe::Command { .. } | Probe::Promql(_) => false,
        }
    }
}

/// The kinds of checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// A web server.
    Http(HttpProbe),
    /// Whether a port accepts connections.
    Tcp {
        /// `host:port`.
        address: Template,
    },
    /// A command on this machine, run by its `sh`.
    Command {
        /// The line.
        line: String,
    },
    /// A command on each host just deployed to, under the guard.
    Remote {
        /// The line.
        line: String,
    },
    /// A Prometheus server.
    Promql(PromqlProbe),
}

/// A request to a web server. Redirects are not followed: another address's answer says nothing about this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpProbe {
    /// The address.
    pub url: Template,
    /// The statuses that pass.
    pub status: StatusSet,
    /// A regular expression that must match somewhere in the body.
    pub body: Option<String>,
    /// Headers of the request.
    pub headers: BTreeMap<String, EnvValue>,
    /// Certificate authorities, as PEM, in addition to the system's.
    pub ca_file: Option<PathBuf>,
}

/// A query to a Prometheus server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromqlProbe {
    /// The query.
    pub query: String,
    /// The server's base address.
    pub server: Url,
    /// What every value must satisfy.
    pub pass_if: Condition,
    /// What an empty answer means.
    pub no_data: NoData,
    /// Headers of the request.
    pub headers: BTreeMap<String, EnvValue>,
    /// Certificate authorities, as PEM, in addition to the system's.
    pub ca_file: Option<PathBuf>,
}

/// What an answer without data means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NoData {
    /// It is a bad answer: monitoring that sees nothing sees no errors either.
    #[default]
    Fail,
    /// It is a good answer.
    Pass,
}

/// Statuses of an HTTP answer: `200`, `2xx`, `200-299`, or several with commas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusSet(Vec<(u16, u16)>);

impl StatusSet {
    /// Whether the status is one of them.
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|(first, last)| (*first..=*last).contains(&status))
    }
}

impl Default for StatusSet {
    fn default() -> Self {
        Self(vec![(200, 299)])
    }
}

impl FromStr for StatusSet {
    type Err = BadCheck;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || BadCheck::Status(text.to_owned());
        let status = |text: &str| text.parse().ok().filter(|status| (100..=599).contains(status)).ok_or_else(bad);
        let range = |item: &str| match (item.strip_suffix("xx"), item.split_once('-')) {
            (Some(class), _) => {
                let first = status(&format!("{class}00"))?;
                Ok((first, first + 99))
            }
            (None, Some((first, last))) => {
                let (first, last) = (status(first.trim())?, status(last.trim())?);
                if first <= last { Ok((first, last)) } else { Err(bad()) }
            }
            (None, None) => status(item).map(|status| (status, status)),
        };
        text.split(',').map(|item| range(item.trim())).collect::<Result<_, _>>().map(Self)
    }
}

/// A condition on a value: `< 5`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Condition {
    comparison: Comparison,
    bound: f64,
}

// A bound is always finite, so equality is total.
impl Eq for Condition {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

impl Comparison {
    /// Longer signs come first, because some begin with a shorter one.
    const ALL: [(&'static str, Self); 6] = [
        ("<=", Self::LessOrEqual),
        (">=", Self::GreaterOrEqual),
        ("==", Self::Equal),
        ("!=", Self::NotEqual),
        ("<", Self::Less),
        (">", Self::Greater),
    ];
}

impl Condition {
    /// The number that a value is compared with.
    pub const fn bound(self) -> f64 {
        self.bound
    }

    /// Whether the value satisfies the condition. NaN never does.
    pub fn holds(self, value: f64) -> bool {
        #[expect(clippy::float_cmp, reason = "whoever writes == means just that")]
        let holds = match self.comparison {
            Comparison::Less => value < self.bound,
            Comparison::LessOrEqual => value <= self.bound,
            Comparison::Greater => value > self.bound,
            Comparison::GreaterOrEqual => value >= self.bound,
            Comparison::Equal => value == self.bound,
            Comparison::NotEqual => value != self.bound,
        };
        holds && !value.is_nan()
    }
}

impl FromStr for Condition {
    type Err = BadCheck;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || BadCheck::Condition(text.to_owned());
        let trimmed = text.trim();
        let split = |(sign, comparison)| trimmed.strip_prefix(sign).map(|rest| (comparison, rest));
        let (comparison, rest) = Comparison::ALL.into_iter().find_map(split).ok_or_else(bad)?;
        let bound = rest.trim().parse().ok().filter(|bound: &f64| bound.is_finite()).ok_or_else(bad)?;
        Ok(Self { comparison, bound })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = Comparison::ALL.iter().find(|(_, comparison)| *comparison == self.comparison);
        write!(f, "{} {}", sign.map_or("", |(sign, _)| sign), self.bound)
    }
}

/// A check: one of `http`, `tcp`, `command`, `remote` and `promql`, and the keys that belong to it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckTable {
    /// A URL to request. With placeholders such as {address}, every host just deployed to is checked separately.
    http: Option<String>,
    /// A "host:port" that must accept connections; with placeholders such as {address}, on every host just deployed to.
    tcp: Option<String>,
    /// A command for this machine's `sh`; exit status 0 passes.
    command: Option<String>,
    /// A command on every host just deployed to; exit status 0 passes.
    remote: Option<String>,
    /// A query to a Prometheus server; every value in its answer must satisfy `pass_if`.
    promql: Option<String>,
    /// http: the statuses that pass: "200", "2xx", "200-399", or several separated by commas. Default: "2xx".
    #[schemars(with = "Option<String>")]
    #[serde(default, deserialize_with = "status_set")]
    status: Option<StatusSet>,
    /// http: a regular expression that must match somewhere in the answer's body.
    body: Option<String>,
    /// http, promql: headers of the request. Secrets by reference: `{ env = "NAME" }` or `{ file = "PATH" }`.
    #[serde(default)]
    headers: BTreeMap<String, EnvValue>,
    /// http, promql: certificate authorities, as PEM, in addition to the system's.
    ca_file: Option<PathBuf>,
    /// promql: the server's address, such as <http://prometheus:9090>.
    server: Option<String>,
    /// promql: the condition for every value: "< 5", ">= 0.99", "== 0".
    #[schemars(with = "Option<String>")]
    #[serde(default, deserialize_with = "condition")]
    pass_if: Option<Condition>,
    /// promql: what an empty answer means: "fail" (the default) or "pass".
    no_data: Option<NoData>,
    /// The time between two answers. Default: "5s".
    interval: Option<HumanDuration>,
    /// How long one answer may take. Default: "5s".
    timeout: Option<HumanDuration>,
    /// How long the check may stay undecided. Default: "5m".
    deadline: Option<HumanDuration>,
    /// This many good answers in a row pass the check. Default: 1.
    passes: Option<NonZeroU32>,
    /// This many bad answers in a row fail the check. Default: 3.
    failures: Option<NonZeroU32>,
}

fn status_set<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<StatusSet>, D::Error> {
    text(deserializer, "a status such as \"200\", \"2xx\" or \"200-399\", as a string", str::parse).map(Some)
}

fn condition<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Condition>, D::Error> {
    text(deserializer, "a condition such as \"< 5\", as a string", str::parse).map(Some)
}

impl CheckTable {
    /// Checks that the keys fit together, and fills in the defaults.
    ///
    /// # Errors
    /// The first problem, located within this table.
    pub(super) fn checked(mut self, anchor: &Anchor) -> Result<Check, Problem> {
        let kind = self.kind()?;
        self.foreign_keys(kind)?;
        self.headers_once()?;
        for (name, value) in &mut self.headers {
            let problem = |why: String| Problem::new(at(["headers", name]), why);
            resolve_secret(value, anchor).map_err(problem)?;
        }
        if let Some(path) = &mut self.ca_file {
            *path = anchor.resolve(path).map_err(|why| Problem::new(at(["ca_file"]), why))?;
        }
        if let Some(body) = &self.body {
            regex::Regex::new(body).map_err(|error| {
                let why = error.to_string();
                let last = why.lines().next_back().unwrap_or_default();
                Problem::new(
                    at(["body"]),
                    format!("`body` is no regular expression: {}", last.trim_start_matches("error: ")),
                )
            })?;
        }
        let probe = match kind {
            "http" => Probe::Http(HttpProbe {
                url: web_address("http", self.http.as_deref().unwrap_or_default())?,
                status: self.status.unwrap_or_default(),
                body: self.body,
                headers: self.headers,
                ca_file: self.ca_file,
            }),
            "tcp" => Probe::Tcp { address: socket_address(self.tcp.as_deref().unwrap_or_default())? },
            "command" => Probe::Command { line: line("command", self.command)? },
            "remote" => Probe::Remote { line: line("remote", self.remote)? },
            _ => {
                let missing = |key, hint: &str| Problem::new(at(["promql"]), format!("`{key}` is missing")).hint(hint);
                let server = self.server.ok_or_else(|| missing("server", "server = \"http://prometheus:9090\""))?;
                Probe::Promql(PromqlProbe {
                    query: line("promql", self.promql)?,
                    server: base_address(&server)?,
                    pass_if: self.pass_if.ok_or_else(|| missing("pass_if", "pass_if = \"< 5\""))?,
                    no_data: self.no_data.unwrap_or_default(),
                    headers: self.headers,
                    ca_file: self.ca_file,
                })
            }
        };
        let interval = self.interval.map_or(super::defaults::CHECK_INTERVAL, Into::into);
        let deadline = self.deadline.map_or(super::defaults::CHECK_DEADLINE, Into::into);
        let passes = self.passes.unwrap_or(super::defaults::CHECK_PASSES);
        if interval.saturating_mul(passes.get() - 1) > deadline {
            let hint = format!("raise `deadline` above {passes} times the interval, or ask more often");
            return Err(Problem::new(at(["passes"]), "so many good answers do not come before the deadline").hint(hint));
        }
        Ok(Check {
            probe,
            interval,
            timeout: self.timeout.map_or(super::defaults::CHECK_TIMEOUT, Into::into),
            deadline,
            passes,
            failures: self.failures.unwrap_or(super::defaults::CHECK_FAILURES),
        })
    }

    /// Header names ignore case: of two spellings, one would silently have no effect.
    fn headers_once(&self) -> Result<(), Problem> {
        let mut seen = BTreeMap::new();
        for name in self.headers.keys() {
            if let Some(other) = seen.insert(name.to_ascii_lowercase(), name) {
                let why = format!("`{other}` and `{name}` are the same header, which can be given once");
                return Err(Problem::new(at(["headers", name]), why).hint("leave one of them out"));
            }
        }
        Ok(())
    }

    /// The kind of this check.
    fn kind(&self) -> Result<&'static str, Problem> {
        let kinds = [
            ("http", self.http.is_some()),
            ("tcp", self.tcp.is_some()),
            ("command", self.command.is_some()),
            ("remote", self.remote.is_some()),
            ("promql", self.promql.is_some()),
        ];
        let mut given = kinds.iter().filter(|(_, given)| *given).map(|(kind, _)| *kind);
        match (given.next(), given.next()) {
            (Some(kind), None) => Ok(kind),
            (None, _) => Err(Problem::new(Vec::new(), "a check asks something")
                .hint("say what: http, tcp, command, remote or promql")),
            (Some(one), Some(other)) => {
                Err(Problem::new(at([other]), format!("`{one}` and `{other}` are both given: a check asks one thing"))
                    .hint("make it two checks; a step may name several"))
            }
        }
    }

    /// A key of another kind would silently have no effect here.
    fn foreign_keys(&self, kind: &str) -> Result<(), Problem> {
        let owners: [(&str, bool, &[&str]); 7] = [
            ("status", self.status.is_some(), &["http"]),
            ("body", self.body.is_some(), &["http"]),
            ("headers", !self.headers.is_empty(), &["http", "promql"]),
            ("ca_file", self.ca_file.is_some(), &["http", "promql"]),
            ("server", self.server.is_some(), &["promql"]),
            ("pass_if", self.pass_if.is_some(), &["promql"]),
            ("no_data", self.no_data.is_some(), &["promql"]),
        ];
        match owners.iter().find(|(_, given, whose)| *given && !whose.contains(&kind)) {
            Some((key, _, whose)) => {
                let whose = whose.join(" and ");
                Err(Problem::new(at([*key]), format!("`{key}` is a key of {whose} checks, not of {kind} checks")))
            }
            None => Ok(()),
        }
    }
}

fn line(key: &'static str, text: Option<String>) -> Result<String, Problem> {
    text.filter(|text| !text.trim().is_empty() && !text.contains('\0'))
        .ok_or_else(|| Problem::new(at([key]), format!("`{key}` is empty, or holds a NUL character")))
}

/// Checks an address with places by filling each with a sample value.
fn web_address(key: &'static str, text: &str) -> Result<Template, Problem> {
    let problem = |why: String| Problem::new(at([key]), why);
    let template: Template = text.parse().map_err(|error| problem(format!("{error}")))?;
    let Ok(filled) = template.filled(|_| Ok::<_, std::convert::Infallible>("1".to_owned()));
    web(&filled).map_err(problem)?;
    Ok(template)
}

fn base_address(text: &str) -> Result<Url, Problem> {
    web(text).map_err(|why| Problem::new(at(["server"]), why))
}

fn web(text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|error| format!("`{text}` is not the address of a web server: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(format!("`{text}` is not the address of a web server: it begins with http:// or https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a password does not belong in an address: headers = { Authorization = { env = \"NAME\" } }".into());
    }
    Ok(url)
}

fn socket_address(text: &str) -> Result<Template, Problem> {
    let problem = |why: String| Problem::new(at(["tcp"]), why);
    let template: Template = text.parse().map_err(|error| problem(format!("{error}")))?;
    let Ok(filled) = template.filled(|_| Ok::<_, std::convert::Infallible>("1".to_owned()));
    let port =
        filled.rsplit_once(':').filter(|(host, _)| !host.is_empty()).and_then(|(_, port)| port.parse::<u16>().ok());
    match port {
        Some(1..) => Ok(template),
        Some(0) | None => Err(problem(format!("`{text}` is not host:port, such as {{address}}:5432"))),
    }
}

/// A value of a check that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCheck {
    /// Not a status.
    #[error("`{0}` is no HTTP status: write 200, 2xx, 200-399, or several with commas")]
    Status(String),
    /// Not a condition.
    #[error("`{0}` is no condition: write one of < <= > >= == != and a number, such as < 5")]
    Condition(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_read() {
        let holds = |text: &str, status| text.parse::<StatusSet>().expect(text).contains(status);
        assert!(holds("200", 200) && !holds("200", 201));
        assert!(holds("2xx", 299) && !holds("2xx", 300));
        assert!(holds("200-399, 404", 302) && holds("200-399, 404", 404) && !holds("200-399, 404", 400));
        for bad in ["", "0", "600", "6xx", "xx", "300-200", "ok", "200,"] {
            assert!(bad.parse::<StatusSet>().is_err(), "{bad}");
        }
    }

    #[test]
    fn conditions_hold_or_not() {
        let holds = |text: &str, value| text.parse::<Condition>().expect(text).holds(value);
        assert!(holds("< 5", 4.9) && !holds("< 5", 5.0));
        assert!(holds("<=5", 5.0) && holds(">= 0.99", 1.0) && holds("> 0", 0.1));
        assert!(holds("== 0", 0.0) && holds("!= 0", 1.0));
        assert!(!holds("!= 0", f64::NAN) && !holds("< 5", f64::NAN), "what is no number is never well");
        assert!(holds("> 0", f64::INFINITY));
        for bad in ["", "5", "<", "< x", "=> 5", "< inf", "< NaN"] {
            assert!(bad.parse::<Condition>().is_err(), "{bad}");
        }
        assert_eq!("<=5".parse::<Condition>().expect("a condition").to_string(), "<= 5");
    }
}
