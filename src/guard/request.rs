//! What is sent to the guard: its own text, a [`Header`] of one fact a line, and the script.
//!
//! Not in here: the content of the script's environment, which the caller decides.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use super::{
    header::{Header, RequestError},
    input::Input,
    lifeline::whole_seconds,
    nonce::Nonce,
    parts::Part,
    text::Purpose,
};

/// One start of a script on one host.
#[derive(Clone, Debug)]
pub struct GuardRequest {
    /// What to run.
    pub work: Work,
    /// How long it may run; the host enforces it too. Whole seconds, rounded up, at least one.
    pub deadline: Duration,
    /// The time from TERM to KILL, when the deadline passes or contact is lost.
    pub grace: Duration,
    /// What happens to the script when contact is lost.
    pub on_lost: OnLost,
    /// Variables for the script, in addition to those of the login. Values are data: any bytes but NUL.
    pub env: BTreeMap<String, String>,
    /// Arguments for the script. They appear in the host's process list, so no secret belongs here.
    pub args: Vec<String>,
}

/// What to run.
#[derive(Clone, Debug)]
pub enum Work {
    /// A script, at most once per attempt, under the app's lock, and recorded on the host.
    Deploy(Deploy),
    /// Follows a deploy that was sent before. Nothing is started, even if the first request is still on its way: a host
    /// that has not started it by now never will.
    Attach(Attach),
    /// Asks for the host's record of an app. Nothing is started, locked or written.
    Query(Query),
    /// A line for the host's `sh`: no lock, no fence, no file.
    Run {
        /// The text for `sh -c`.
        command: String,
        /// The command's input, sent after the order.
        input: Option<Input>,
    },
}

/// A script that runs at most once.
#[derive(Clone, Debug)]
pub struct Deploy {
    /// The owner of the lock, the fence and the revision.
    pub app: String,
    /// The run that it belongs to. Ids of later runs sort after it, as ULIDs do: a host keeps the last ten.
    pub run: String,
    /// The number of the start on this host. The same attempt sent again attaches to what the first request started.
    pub attempt: u32,
    /// A host refuses a fence lower than one it has seen.
    pub fence: u64,
    /// Recorded as the app's revision on this host when the script exits 0.
    pub revision: Option<String>,
    /// What to run.
    pub payload: Payload,
}

/// What a deploy runs.
#[derive(Clone, Debug)]
pub enum Payload {
    /// A file: a script with or without `#!`, or an ELF program.
    Script(Vec<u8>),
    /// Parts, in order, as one script. It ends with the first part that does not exit 0, with that part's status.
    Parts(Vec<Part>),
}

/// A deploy that was sent before.
#[derive(Clone, Debug)]
pub struct Attach {
    /// Its app.
    pub app: String,
    /// Its run.
    pub run: String,
    /// Its attempt.
    pub attempt: u32,
    /// The output that the client has already.
    pub resume: Offsets,
    /// The kind of payload, which decides what the guard reports.
    pub payload: PayloadKind,
    /// How many barriers the script has.
    pub barriers: u32,
}

/// The kind of a [`Payload`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadKind {
    /// A script.
    Script,
    /// Parts.
    Parts,
}

/// A question.
#[derive(Clone, Debug)]
pub struct Query {
    /// The app to ask about.
    pub app: String,
}

impl Payload {
    /// The kind of this payload.
    pub const fn kind(&self) -> PayloadKind {
        match self {
            Self::Script(_) => PayloadKind::Script,
            Self::Parts(_) => PayloadKind::Parts,
        }
    }
}

/// Numbers of bytes of the script's own output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offsets {
    /// Of its stdout.
    pub stdout: u64,
    /// Of its stderr.
    pub stderr: u64,
}

/// What happens to a running script when contact is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OnLost {
    /// It goes on to its end or its deadline.
    Finish,
    /// Its group gets TERM, the grace, and KILL.
    Kill,
}

/// A request as it goes to the guard's stdin. The second part is sent only after the guard has answered the first one
/// with [`Control::Ready`](super::Control::Ready), because another program may have read the first part. A script whose
/// second part did not arrive whole is not started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedRequest {
    /// The guard itself, and the request.
    pub opening: Vec<u8>,
    /// The order to begin, and the script. A command's input follows it.
    pub order: Vec<u8>,
}

impl GuardRequest {
    /// The input to send after the order.
    pub const fn input(&self) -> Option<&Input> {
        match &self.work {
            Work::Run { input, .. } => input.as_ref(),
            Work::Deploy(_) | Work::Attach(_) | Work::Query(_) => None,
        }
    }

    /// The parts of the script, if it has any.
    pub fn parts(&self) -> &[Part] {
        match &self.work {
            Work::Deploy(Deploy { payload: Payload::Parts(parts), .. }) => parts,
            Work::Deploy(_) | Work::Attach(_) | Work::Query(_) | Work::Run { .. } => &[],
        }
    }

    /// How many barriers can hold the script. One after the last part does not count.
    pub fn barriers(&self) -> u32 {
        match &self.work {
            Work::Attach(attach) => attach.barriers,
            Work::Deploy(_) | Work::Query(_) | Work::Run { .. } => {
                let before_the_last = self.parts().split_last().map_or(&[][..], |(_, parts)| parts);
                let barriers = before_the_last.iter().filter(|part| part.barrier).count();
                u32::try_from(barriers).unwrap_or(u32::MAX)
            }
        }
    }

    /// Whether sending it can start anything on the host.
    pub const fn may_start(&self) -> bool {
        match self.work {
            Work::Deploy(_) | Work::Run { .. } => true,
            Work::Attach(_) | Work::Query(_) => false,
        }
    }

    /// Whether it follows a script that may be running, so that a request to end that script must reach the host.
    pub const fn follows(&self) -> bool {
        match self.work {
            Work::Attach(_) => true,
            Work::Deploy(_) | Work::Query(_) | Work::Run { .. } => false,
        }
    }

    /// The offsets from which output is wanted.
    pub fn resume(&self) -> Offsets {
        match &self.work {
            Work::Attach(attach) => attach.resume,
            Work::Deploy(_) | Work::Query(_) | Work::Run { .. } => Offsets::default(),
        }
    }

    /// Whether the host records it, including its output, so that a later request can find it again.
    pub const fn is_recorded(&self) -> bool {
        match self.work {
            Work::Deploy(_) | Work::Attach(_) => true,
            Work::Query(_) | Work::Run { .. } => false,
        }
    }

    /// The bytes for the guard's stdin. `nonce` must be new for each start, and given to both parsers.
    ///
    /// # Errors
    /// If a host cannot take something: a name, a variable, a NUL byte.
    pub fn encode(&self, nonce: &Nonce) -> Result<EncodedRequest, RequestError> {
        let mut header = Header::new(nonce);
        header.line("deadline", whole_seconds(self.deadline).max(1));
        header.line("grace", whole_seconds(self.grace));
        header.line(
            "lost",
            match self.on_lost {
                OnLost::Finish => "finish",
                OnLost::Kill => "kill",
            },
        );
        for (name, value) in &self.env {
            header.variable(name, value)?;
        }
        let script = match &self.work {
            Work::Deploy(deploy) => header.deploy(deploy, &self.args, self.env.contains_key("PATH"))?,
            Work::Attach(attach) => {
                header.attempt("attach", &attach.app, &attach.run, attach.attempt)?;
                header.line("fence", 0);
                header.line("resume", format_args!("{} {}", attach.resume.stdout, attach.resume.stderr));
                Cow::default()
            }
            Work::Query(Query { app }) => {
                header.app("query", app)?;
                Cow::default()
            }
            Work::Run { command, .. } => {
                header.line("mode", "run");
                // The command may begin like an option.
                for word in ["sh", "-c", "--", command, "sh"] {
                    header.argument("the command", word.as_bytes())?;
                }
                header.arguments(&self.args)?;
                Cow::default()
            }
        };
        header.line("script", self.input().map_or(script.len() as u64, Input::length));

        let mut opening = self.purpose().text().into_bytes();
        opening.extend_from_slice(b"#.\n");
        opening.extend_from_slice(header.as_bytes());
        Ok(EncodedRequest { opening, order: [b"go\n", &*script].concat() })
    }

    fn purpose(&self) -> Purpose {
        let kind = match &self.work {
            Work::Deploy(Deploy { payload, .. }) => payload.kind(),
            Work::Attach(Attach { payload, .. }) => *payload,
            Work::Query(_) => return Purpose::Query,
            Work::Run { input: Some(_), .. } => return Purpose::Input,
            Work::Run { input: None, .. } => return Purpose::Plain,
        };
        match kind {
            PayloadKind::Script => Purpose::Plain,
            PayloadKind::Parts => Purpose::Parts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::Part;

    fn request(work: Work) -> GuardRequest {
        GuardRequest {
            work,
            deadline: Duration::from_millis(1500),
            grace: Duration::from_secs(3),
            on_lost: OnLost::Kill,
            env: BTreeMap::from([("A".to_owned(), "x 'y'\n".to_owned())]),
            args: vec!["--flag".to_owned(), String::new()],
        }
    }

    fn deploy() -> Deploy {
        Deploy {
            app: "shop".to_owned(),
            run: "01JRUN".to_owned(),
            attempt: 2,
            fence: 1_700_000_000_000,
            revision: Some("v1".to_owned()),
            payload: Payload::Script(b"#!/usr/bin/env bash -e\n\0\xff".to_vec()),
        }
    }

    fn header(request: &GuardRequest) -> Vec<u8> {
        let nonce = Nonce::random();
        let EncodedRequest { opening, order } = request.encode(&nonce).unwrap();
        let bytes = [opening, order].concat();
        let start = format!("{}#.\nfleetwide 1 {}\n", request.purpose().text(), nonce.as_str());
        bytes.strip_prefix(start.as_bytes()).expect("the guard, then the header").to_vec()
    }

    #[test]
    fn a_deploy_says_everything_and_then_the_script() {
        let expected =
            b"deadline 2\ngrace 3\nlost kill\nenv A x\\0040\\0047y\\0047\\0012\nmode deploy\napp shop\nrun 01JRUN\n\
            attempt 2\nfence 1700000000000\nrevision v1\nneeds /usr/bin/env\nneeds bash\\0040-e\narg /usr/bin/env\narg bash\\0040-e\nself\n\
            arg \\0055-flag\narg \nscript 25\ngo\n#!/usr/bin/env bash -e\n\0\xff";
        let sent = header(&request(Work::Deploy(deploy())));
        assert_eq!(String::from_utf8_lossy(&sent), String::from_utf8_lossy(expected));
    }

    #[test]
    fn an_attach_says_which_attempt_and_brings_no_script() {
        let resume = Offsets { stdout: 5, stderr: 6 };
        let payload = PayloadKind::Script;
        let attach =
            Attach { app: "shop".to_owned(), run: "01JRUN".to_owned(), attempt: 2, resume, payload, barriers: 0 };
        let mut request = request(Work::Attach(attach));
        (request.env, request.args) = (BTreeMap::new(), Vec::new());
        let expected = "deadline 2\ngrace 3\nlost kill\nmode attach\napp shop\nrun 01JRUN\nattempt 2\nfence 0\n\
            resume 5 6\nscript 0\ngo\n";
        assert_eq!(String::from_utf8_lossy(&header(&request)), expected);
    }

    #[test]
    fn parts_are_one_script_and_what_leads_them_is_told_their_names() {
        let part = |name: &str, barrier| Part { name: name.to_owned(), run: format!("do {name}"), barrier };
        let payload = Payload::Parts(vec![part("fetch", false), part("test", true), part("restart", true)]);
        let sent = header(&request(Work::Deploy(Deploy { payload, ..deploy() })));
        let text = String::from_utf8(sent).unwrap();
        let expected = "\nneeds sh\narg sh\nself\narg fetch\narg test:\narg restart\nscript 155\ngo\ncase $1 in\n\
            1) exec sh -c -- 'do fetch' sh '--flag' '' ;;\n2) exec sh -c -- 'do test' sh '--flag' '' ;;\n\
            3) exec sh -c -- 'do restart' sh '--flag' '' ;;\nesac\n";
        assert!(text.ends_with(expected), "{text}");
    }

    #[test]
    fn a_question_names_its_app_and_brings_nothing() {
        let mut request = request(Work::Query(Query { app: "shop".to_owned() }));
        request.env = BTreeMap::new();
        let expected = "deadline 2\ngrace 3\nlost kill\nmode query\napp shop\nscript 0\ngo\n";
        assert_eq!(String::from_utf8_lossy(&header(&request)), expected);
    }

    #[test]
    fn a_run_hands_its_command_to_sh() {
        let sent = header(&request(Work::Run { command: "echo $1".to_owned(), input: None }));
        let text = String::from_utf8(sent).unwrap();
        let expected = "mode run\narg sh\narg \\0055c\narg \\0055-\narg echo\\0040\\00441\narg sh\narg \\0055-flag\narg \nscript 0\ngo\n";
        assert!(text.ends_with(expected), "{text}");
    }
}
