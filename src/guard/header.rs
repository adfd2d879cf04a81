//! The header of a request: one fact a line, and checks that a host can take it.

use std::{borrow::Cow, fmt::Write as _};

use super::{
    VERSION,
    escape::escape,
    nonce::Nonce,
    parts,
    program::Program,
    request::{Deploy, Payload},
};

/// Why a request cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The guard uses the name as a file name.
    #[error(
        "{what} {name:?} cannot name a file on the host: use up to 100 of a-z A-Z 0-9 _ . -, and begin with a letter, digit or _"
    )]
    Name {
        /// What it names.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// No shell could set the variable.
    #[error("{name:?} cannot name an environment variable: use letters, digits and _, and do not begin with a digit")]
    VariableName {
        /// The name.
        name: String,
    },
    /// The shell or the guard itself uses the variable.
    #[error(
        "the environment variable {name} belongs to the shell or to Fleetwide and cannot be set: choose another name"
    )]
    ReservedVariable {
        /// The name.
        name: String,
    },
    /// No process can receive the value.
    #[error("{what} holds a NUL byte, which no argument and no environment variable can hold")]
    Nul {
        /// Where it is.
        what: String,
    },
    /// An empty revision would mean none.
    #[error("the revision is empty")]
    EmptyRevision,
    /// A deploy in parts would do nothing.
    #[error("there is not one part to run")]
    NoParts,
    /// The host's shell arithmetic cannot represent it.
    #[error("the fence {0} is too big: a host takes at most 15 digits")]
    Fence(u64),
}

/// Lines of `key value`.
pub(super) struct Header(String);

impl Header {
    /// Begins with the version of what follows, and the secret that identifies the guard.
    pub(super) fn new(nonce: &Nonce) -> Self {
        Self(format!("fleetwide {VERSION} {}\n", nonce.as_str()))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    pub(super) fn line(&mut self, key: &str, value: impl std::fmt::Display) {
        writeln!(self.0, "{key} {value}").expect("a String takes all that is written to it");
    }

    pub(super) fn argument(&mut self, what: &str, value: &[u8]) -> Result<(), RequestError> {
        if value.contains(&0) {
            return Err(RequestError::Nul { what: what.to_owned() });
        }
        self.line("arg", escape(value));
        Ok(())
    }

    pub(super) fn variable(&mut self, name: &str, value: &str) -> Result<(), RequestError> {
        if name.is_empty()
            || name.starts_with(|first: char| first.is_ascii_digit())
            || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            return Err(RequestError::VariableName { name: name.to_owned() });
        }
        if RESERVED.contains(&name) {
            return Err(RequestError::ReservedVariable { name: name.to_owned() });
        }
        if value.contains('\0') {
            return Err(RequestError::Nul { what: format!("the environment variable {name}") });
        }
        self.line("env", format_args!("{name} {}", escape(value.as_bytes())));
        Ok(())
    }

    /// Adds the user's arguments.
    pub(super) fn arguments(&mut self, args: &[String]) -> Result<(), RequestError> {
        for (at, arg) in args.iter().enumerate() {
            self.argument(&argument_name(at), arg.as_bytes())?;
        }
        Ok(())
    }

    /// Adds the app.
    pub(super) fn app(&mut self, mode: &str, app: &str) -> Result<(), RequestError> {
        check_name("the app", app)?;
        self.line("mode", mode);
        self.line("app", app);
        Ok(())
    }

    /// Adds the attempt.
    pub(super) fn attempt(&mut self, mode: &str, app: &str, run: &str, attempt: u32) -> Result<(), RequestError> {
        check_name("the run", run)?;
        self.app(mode, app)?;
        self.line("run", run);
        self.line("attempt", attempt);
        Ok(())
    }

    /// Adds what a deploy needs, the script's arguments last, and returns the script's bytes. If the script has its own
    /// `PATH`, the host cannot know where `env` will look for a program, so that is not checked.
    pub(super) fn deploy<'a>(
        &mut self,
        deploy: &'a Deploy,
        args: &[String],
        own_path: bool,
    ) -> Result<Cow<'a, [u8]>, RequestError> {
        self.attempt("deploy", &deploy.app, &deploy.run, deploy.attempt)?;
        if deploy.fence >= 10_u64.pow(15) {
            return Err(RequestError::Fence(deploy.fence));
        }
        self.line("fence", deploy.fence);
        match deploy.revision.as_deref() {
            None => {}
            Some("") => return Err(RequestError::EmptyRevision),
            Some(revision) => self.line("revision", escape(revision.as_bytes())),
        }
        let script = match &deploy.payload {
            Payload::Script(script) => Cow::Borrowed(&script[..]),
            Payload::Parts(parts) => Cow::Owned(parts::script(parts, args)?.into_bytes()),
        };
        let program = Program::of(&script);
        for word in program.needs().into_iter().filter(|word| !own_path || word.contains(&b'/')) {
            self.line("needs", escape(word));
        }
        for word in program.interpreter {
            self.argument("the script's first line", word)?;
        }
        self.0.push_str("self\n");
        match &deploy.payload {
            Payload::Script(_) => self.arguments(args)?,
            // The parts' arguments are in the script already; their leader gets the list of parts.
            Payload::Parts(parts) => {
                for word in parts::agenda(parts) {
                    self.argument("a part's name", word.as_bytes())?;
                }
            }
        }
        Ok(script)
    }
}

/// Variables that bash or dash refuses to set, or that the guard sets itself.
const RESERVED: [&str; 11] = [
    "UID",
    "EUID",
    "PPID",
    "BASHOPTS",
    "SHELLOPTS",
    "BASH_VERSINFO",
    "OPTIND",
    "FLEETWIDE_PREVIOUS_REVISION",
    "FLEETWIDE_GUARD",
    "fw",
    "fw_self",
];

/// An argument's name in errors, counted from 1.
pub(super) fn argument_name(at: usize) -> String {
    format!("argument {}", at + 1)
}

pub(super) fn check_name(what: &'static str, name: &str) -> Result<(), RequestError> {
    let fine = (1..=100).contains(&name.len())
        && !name.starts_with(['.', '-'])
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    if fine { Ok(()) } else { Err(RequestError::Name { what, name: name.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header::new(&Nonce::random())
    }

    #[test]
    fn what_cannot_name_a_file_is_no_name() {
        for name in ["", ".", "..", "-x", "a/b", "a b", "é", "a\nb", &"x".repeat(101)] {
            let refused = |what| Err(RequestError::Name { what, name: name.to_owned() });
            assert_eq!(header().attempt("deploy", name, "r1", 1), refused("the app"));
            assert_eq!(header().attempt("deploy", "shop", name, 1), refused("the run"));
        }
    }

    #[test]
    fn a_deploy_that_a_host_could_not_take_is_not_sent() {
        let refused = |change: &dyn Fn(&mut Deploy)| {
            let mut deploy = Deploy {
                app: "shop".to_owned(),
                run: "r1".to_owned(),
                attempt: 1,
                fence: 1,
                revision: None,
                payload: Payload::Script(Vec::new()),
            };
            assert!(header().deploy(&deploy, &[], false).is_ok());
            change(&mut deploy);
            header().deploy(&deploy, &[], false).unwrap_err()
        };
        assert_eq!(refused(&|it| it.revision = Some(String::new())), RequestError::EmptyRevision);
        assert_eq!(refused(&|it| it.fence = u64::MAX), RequestError::Fence(u64::MAX));
        let nul = Payload::Script(b"#!/bin/\0sh\n".to_vec());
        assert!(matches!(refused(&|it| it.payload = nul.clone()), RequestError::Nul { .. }));
        assert_eq!(refused(&|it| it.payload = Payload::Parts(Vec::new())), RequestError::NoParts);
    }

    #[test]
    fn a_variable_that_no_shell_could_set_is_not_sent() {
        for name in ["", "1A", "A-B", "A B", "Ä", "A=B", "A\nB"] {
            assert_eq!(header().variable(name, ""), Err(RequestError::VariableName { name: name.to_owned() }));
        }
        for name in RESERVED {
            assert_eq!(header().variable(name, ""), Err(RequestError::ReservedVariable { name: name.to_owned() }));
        }
        assert!(matches!(header().variable("A", "x\0y"), Err(RequestError::Nul { .. })));
    }
}
