//! A text with places for a host's values: `http://{address}:8080/healthz`.
//!
//! The module does not say which values may fill a place, or how to make them harmless; its callers do.

use std::{fmt, str::FromStr};

/// A text with places in it. A literal brace is written twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Place(Place),
}

/// A value of a host.
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
    /// All of them, in the order in which errors list them.
    pub const ALL: [Self; 11] = [
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

impl Template {
    /// True when the text differs from host to host.
    pub fn has_places(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Place(_)))
    }

    /// The text, with every place filled by `value`.
    ///
    /// # Errors
    /// The first error that `value` returns.
    pub fn filled<E>(&self, mut value: impl FnMut(Place) -> Result<String, E>) -> Result<String, E> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Place(place) => text.push_str(&value(*place)?),
            }
        }
        Ok(text)
    }
}

impl FromStr for Template {
    type Err = BadTemplate;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
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
            let (word, after) = inside.ok_or(BadTemplate::LooseBrace)?;
            let place = Place::ALL.into_iter().find(|place| place.as_str() == word);
            parts.push(Part::Text(std::mem::take(&mut literal)));
            parts.push(Part::Place(place.ok_or_else(|| BadTemplate::Unknown(word.to_owned()))?));
            rest = after;
        }
        literal.push_str(rest);
        parts.push(Part::Text(literal));
        Ok(Self { text: text.to_owned(), parts })
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A text whose braces do not match, or whose place is unknown.
#[derive(Debug, thiserror::Error)]
pub enum BadTemplate {
    /// A brace without its partner.
    #[error("a brace without its other one; a brace itself is written twice, as {{{{ or }}}}")]
    LooseBrace,
    /// An unknown place.
    #[error("nothing is known as {{{}}} (known: {}; a brace itself is written twice)", .0.escape_debug(), known())]
    Unknown(String),
}

fn known() -> String {
    Place::ALL.map(|place| format!("{{{}}}", place.as_str())).join(" ")
}
