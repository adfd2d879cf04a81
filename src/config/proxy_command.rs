//! The command that carries a host's SSH connection (`proxy_command`), with places for what is known of the host.
//!
//! `ssh` hands the command to the user's shell, and expands `%` in it first. So what fills a place is data that is about
//! to become program: it is held to a set of characters that neither reads as anything but themselves, and whatever
//! has another one is refused. Quoting would not do, for a place may stand inside quotes of the user's own.

use std::{fmt, str::FromStr};

/// A command with places in it: `aws ssm start-session --target {id} …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyCommand {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Place(Place),
}

/// What is known of a host that its `proxy_command` may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The cloud's own id.
    Id,
    /// Azure's path of the machine.
    ResourceId,
    /// The display name.
    Name,
    /// The region.
    Region,
    /// The zone.
    Zone,
    /// The Google Cloud project.
    Project,
    /// The Azure resource group.
    ResourceGroup,
    /// The Azure subscription.
    Subscription,
    /// The address that was chosen.
    Address,
    /// The port that was chosen; 22 when none was.
    Port,
    /// The login that was chosen.
    User,
}

impl Place {
    const ALL: [Self; 11] = [
        Self::Id,
        Self::ResourceId,
        Self::Name,
        Self::Region,
        Self::Zone,
        Self::Project,
        Self::ResourceGroup,
        Self::Subscription,
        Self::Address,
        Self::Port,
        Self::User,
    ];

    /// The word between the braces.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::ResourceId => "resource_id",
            Self::Name => "name",
            Self::Region => "region",
            Self::Zone => "zone",
            Self::Project => "project",
            Self::ResourceGroup => "resource_group",
            Self::Subscription => "subscription",
            Self::Address => "address",
            Self::Port => "port",
            Self::User => "user",
        }
    }
}

impl ProxyCommand {
    /// The command for one host, of which `known` tells what it is asked for.
    ///
    /// # Errors
    /// When something is asked for that the host does not have, or that would not be safe in a shell.
    pub fn filled(&self, known: impl Fn(Place) -> Option<String>) -> Result<String, Unfillable> {
        let mut command = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => command.push_str(text),
                Part::Place(place) => {
                    let value = known(*place).filter(|value| !value.is_empty()).ok_or(Unfillable::Missing(*place))?;
                    if !is_inert(&value) {
                        return Err(Unfillable::Unsafe { place: *place, value });
                    }
                    command.push_str(&value);
                }
            }
        }
        Ok(command)
    }
}

/// Why a place cannot be filled for a host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfillable {
    /// The host has no such thing.
    #[error("it has no {}", .0.as_str())]
    Missing(Place),
    /// A shell, `ssh` or the command would read it as something else.
    #[error("its {} `{}` is not safe in a command", place.as_str(), value.escape_debug())]
    Unsafe {
        /// Which.
        place: Place,
        /// The value.
        value: String,
    },
}

/// Letters, digits and punctuation that mean nothing to a shell, to `ssh`'s `%`, or, in front, to an option parser.
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
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            rest = &rest[at..];
            if let Some(after) = rest.strip_prefix("{{").or_else(|| rest.strip_prefix("}}")) {
                literal.push_str(&rest[..1]);
                rest = after;
                continue;
            }
            let inside = rest.strip_prefix('{').and_then(|inside| inside.split_once('}'));
            let (word, after) = inside.ok_or(BadProxyCommand::LooseBrace)?;
            let place = Place::ALL.into_iter().find(|place| place.as_str() == word);
            parts.push(Part::Text(std::mem::take(&mut literal)));
            parts.push(Part::Place(place.ok_or_else(|| BadProxyCommand::Unknown(word.to_owned()))?));
            rest = after;
        }
        literal.push_str(rest);
        parts.push(Part::Text(literal));
        Ok(Self { text: text.to_owned(), parts })
    }
}

impl fmt::Display for ProxyCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A text that is no proxy command.
#[derive(Debug, thiserror::Error)]
pub enum BadProxyCommand {
    /// Nothing.
    #[error("the command is empty")]
    Empty,
    /// `ssh` takes one line.
    #[error("the command has a line break or another control character in it")]
    SeveralLines,
    /// A brace that opens or closes nothing.
    #[error("a brace without its other one; a brace itself is written twice, as {{{{ or }}}}")]
    LooseBrace,
    /// A place that nothing is known for.
    #[error("nothing is known as {{{}}} (known: {}; a brace itself is written twice)", .0.escape_debug(), known())]
    Unknown(String),
}

fn known() -> String {
    Place::ALL.map(|place| format!("{{{}}}", place.as_str())).join(" ")
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
