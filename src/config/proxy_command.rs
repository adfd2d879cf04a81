//! The command that carries a host's SSH connection (`proxy_command`), with places for the host's data.
//!
//! `ssh` expands `%` in the command and hands it to the user's shell, so the data in a place is about to become part of
//! a program. It may contain only characters that neither of them interprets; any other value is refused. Quoting would
//! not be enough, because a place may stand inside the user's own quotes.

use std::{fmt, str::FromStr};

use super::template::{BadTemplate, Place, Template};

/// A command with places in it: `aws ssm start-session --target {id} …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyCommand(Template);

impl ProxyCommand {
    /// The command for one host; `known` gives the host's values.
    ///
    /// # Errors
    /// When the host lacks a value, or the value would not be safe in a shell.
    pub fn filled(&self, known: impl Fn(Place) -> Option<String>) -> Result<String, Unfillable> {
        self.0.filled(|place| {
            let value = known(place).filter(|value| !value.is_empty()).ok_or(Unfillable::Missing(place))?;
            if is_inert(&value) { Ok(value) } else { Err(Unfillable::Unsafe { place, value }) }
        })
    }
}

/// Why a place cannot be filled for a host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfillable {
    /// The host has no such value.
    #[error("it has no {}", .0.as_str())]
    Missing(Place),
    /// A shell, `ssh` or the command would interpret it.
    #[error("its {} `{}` is not safe in a command", place.as_str(), value.escape_debug())]
    Unsafe {
        /// The place.
        place: Place,
        /// The value.
        value: String,
    },
}

/// True if a shell, `ssh`'s `%` expansion and an option parser all read the value as plain text.
fn is_inert(value: &str) -> bool {
    let inert = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':' | '/' | '@' | '+' | ',');
    !value.starts_with('-') && value.chars().all(inert)
}

impl FromStr for ProxyCommand {
    type Err = BadProxyCommand;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim().is_empty() {
            return Err(BadProxyCommand::Empty);
        }
        if text.contains(char::is_control) {
            return Err(BadProxyCommand::SeveralLines);
        }
        Ok(Self(text.parse()?))
    }
}

impl fmt::Display for ProxyCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A text that is not a proxy command.
#[derive(Debug, thiserror::Error)]
pub enum BadProxyCommand {
    /// The text is empty.
    #[error("the command is empty")]
    Empty,
    /// `ssh` accepts only one line.
    #[error("the command has a line break or another control character in it")]
    SeveralLines,
    /// Its braces do not match.
    #[error(transparent)]
    Template(#[from] BadTemplate),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filled(command: &str, value: &str) -> Result<String, Unfillable> {
        command.parse::<ProxyCommand>().expect("a command").filled(|_| Some(value.to_owned()))
    }

    #[test]
    fn places_are_filled_and_all_else_is_left_to_ssh() {
        let ssm = "aws ssm start-session --target {id} --parameters '{{\"portNumber\":[\"%p\"]}}' --region {region}";
        assert_eq!(
            filled(ssm, "i-0abc").expect("filled"),
            "aws ssm start-session --target i-0abc --parameters '{\"portNumber\":[\"%p\"]}' --region i-0abc"
        );
        assert_eq!(filled("nc %h %p", "x").expect("no place"), "nc %h %p");
        for place in Place::ALL {
            let command = format!("x {{{}}}", place.as_str());
            let found = command.parse::<ProxyCommand>().expect("known").filled(|asked| {
                assert_eq!(asked, place);
                Some("y".into())
            });
            assert_eq!(found.expect("filled"), "x y");
        }
    }

    #[test]
    fn what_a_shell_or_ssh_would_read_is_refused() {
        for hostile in [
            "$(touch pwned)",
            "`id`",
            "a b",
            "a;b",
            "a'b",
            "a\"b",
            "%h",
            "a%%b",
            "-oProxyCommand=x",
            "~root",
            "a|b",
            "a&b",
            "a\nb",
            "a>b",
            "*",
            "a=b",
            "!x",
            "#x",
            "{a,b}",
            "\\",
            "müller",
            "(x)",
        ] {
            assert!(matches!(filled("nc {name}", hostile), Err(Unfillable::Unsafe { .. })), "{hostile}");
        }
        assert_eq!(filled("nc {zone}", ""), Err(Unfillable::Missing(Place::Zone)));
        let arm = "/subscriptions/6f-1/resourceGroups/shop_eu/providers/Microsoft.Compute/virtualMachines/web-1";
        assert!(filled("t {resource_id}", arm).is_ok());
    }

    #[test]
    fn a_command_that_cannot_be_meant_is_refused() {
        for bad in ["", "  ", "a\nb", "x {", "x }", "x {id", "x id}", "x {nonsense}", "x {}", "${HOME}/x"] {
            assert!(bad.parse::<ProxyCommand>().is_err(), "{bad}");
        }
        let error = "x {zome}".parse::<ProxyCommand>().expect_err("unknown").to_string();
        assert!(error.starts_with("nothing is known as {zome} (known: {id} {resource_id}"), "{error}");
    }

    proptest! {
        #[test]
        fn no_value_brings_anything_that_a_shell_reads(value in ".{0,40}") {
            if let Ok(command) = filled("nc {name} 22", &value) {
                prop_assert!(!command.contains(['$', '`', '\'', '"', '\\', ';', '|', '&', '<', '>', '(', ')', '%', '~', '*', '?', '[', '\n', '=']));
                prop_assert_eq!(command.split(' ').count(), 3);
            }
        }

        #[test]
        fn any_text_is_a_command_or_an_error(text in ".{0,60}") {
            if let Ok(command) = text.parse::<ProxyCommand>() {
                prop_assert_eq!(command.to_string(), text);
            }
        }
    }
}
