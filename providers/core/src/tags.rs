//! Tag filters: all keys must match; a value may be one of several, or a glob.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, SeqAccess, Visitor},
};
use wildmatch::WildMatch;

/// Tags that an instance must carry, all of them. Empty matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TagFilter(BTreeMap<String, TagMatch>);

impl TagFilter {
    /// True when `tags` carries every key with an accepted value.
    pub fn matches(&self, tags: &BTreeMap<String, String>) -> bool {
        self.matches_by(|key| tags.get(key).map(String::as_str))
    }

    /// True when `tag` gives an accepted value for every key.
    pub fn matches_by<'a>(&self, tag: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.0.iter().all(|(key, accepted)| tag(key).is_some_and(|value| accepted.accepts(value)))
    }

    /// True when no key is required.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys and what each accepts, in key order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &TagMatch)> {
        self.0.iter().map(|(key, accepted)| (key.as_str(), accepted))
    }

    /// Adds one key. Adding a key again widens it (`--tag role=web --tag role=api`).
    pub fn insert(&mut self, key: impl Into<String>, accepted: TagMatch) {
        self.0.entry(key.into()).and_modify(|known| known.0.extend(accepted.0.iter().cloned())).or_insert(accepted);
    }
}

impl<K: Into<String>, V: Into<TagMatch>> FromIterator<(K, V)> for TagFilter {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut filter = Self::default();
        for (key, accepted) in pairs {
            filter.insert(key, accepted.into());
        }
        filter
    }
}

/// The values that one key may have: any of these patterns. An empty pattern means "has the key".
///
/// `*` stands for any run of characters and `?` for one, as in EC2's own filters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagMatch(Vec<String>);

impl TagMatch {
    /// Any of `patterns`.
    pub fn any_of<S: Into<String>>(patterns: impl IntoIterator<Item = S>) -> Self {
        Self(patterns.into_iter().map(Into::into).collect())
    }

    /// True when `value` is accepted.
    pub fn accepts(&self, value: &str) -> bool {
        self.0.iter().any(|pattern| pattern.is_empty() || WildMatch::new(pattern).matches(value))
    }

    /// The patterns as written.
    pub fn patterns(&self) -> &[String] {
        &self.0
    }

    /// True when having the key is enough.
    pub fn is_presence(&self) -> bool {
        self.0.iter().any(String::is_empty)
    }

    /// The values, if a server can compare every pattern for equality.
    pub fn exact_values(&self) -> Option<&[String]> {
        let plain = |pattern: &String| !pattern.is_empty() && !pattern.contains(['*', '?']);
        self.0.iter().all(plain).then_some(&self.0[..])
    }
}

impl From<&str> for TagMatch {
    fn from(pattern: &str) -> Self {
        Self(vec![pattern.to_owned()])
    }
}

impl From<String> for TagMatch {
    fn from(pattern: String) -> Self {
        Self(vec![pattern])
    }
}

impl fmt::Display for TagMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("|"))
    }
}

impl Serialize for TagMatch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0[..] {
            [one] => serializer.serialize_str(one),
            many => many.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for TagMatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;

        impl<'de> Visitor<'de> for OneOrMany {
            type Value = TagMatch;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a tag value or a list of tag values, as strings")
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<TagMatch, E> {
                Ok(value.into())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<TagMatch, A::Error> {
                let mut patterns = Vec::new();
                while let Some(pattern) = values.next_element::<String>()? {
                    patterns.push(pattern);
                }
                if patterns.is_empty() {
                    return Err(de::Error::custom("a list of tag values needs at least one value"));
                }
                Ok(TagMatch(patterns))
            }
        }

        deserializer.deserialize_any(OneOrMany)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn all_keys_must_match() {
        let filter: TagFilter = [("role", "web"), ("env", "prod")].into_iter().collect();
        assert!(filter.matches(&tags(&[("role", "web"), ("env", "prod"), ("other", "x")])));
        assert!(!filter.matches(&tags(&[("role", "web")])));
        assert!(!filter.matches(&tags(&[("role", "web"), ("env", "Prod")])));
    }

    #[test]
    fn a_value_may_be_a_list_a_glob_or_mere_presence() {
        let web = TagMatch::any_of(["web", "api-*"]);
        assert!(web.accepts("web") && web.accepts("api-eu") && !web.accepts("webby"));
        assert!(web.exact_values().is_none());
        let present = TagMatch::from("");
        assert!(present.accepts("") && present.accepts("anything") && present.is_presence());
        assert_eq!(TagMatch::any_of(["a", "b"]).exact_values().map(<[_]>::len), Some(2));
    }

    #[test]
    fn a_second_mention_widens_a_key() {
        let mut filter = TagFilter::default();
        filter.insert("role", "web".into());
        filter.insert("role", "api".into());
        assert!(filter.matches(&tags(&[("role", "api")])) && filter.matches(&tags(&[("role", "web")])));
    }

    #[test]
    fn an_empty_filter_matches_everything() {
        assert!(TagFilter::default().matches(&BTreeMap::new()));
    }
}
