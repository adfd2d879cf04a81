//! The hosts of a record, in a list that is cheap to copy: the record is copied at every save, and the run waits for
//! the copy.

use std::{iter::Map, ops::Index, slice, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::host_record::HostRecord;

/// Every host of a run. Copies share the hosts that have not changed since.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts(Vec<Arc<HostRecord>>);

type Iter<'a> = Map<slice::Iter<'a, Arc<HostRecord>>, fn(&'a Arc<HostRecord>) -> &'a HostRecord>;

impl Hosts {
    /// All of them, in order.
    pub fn iter(&self) -> Iter<'_> {
        self.0.iter().map(|host| &**host)
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// True when there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The host at `place`, in its present state.
    pub(in crate::report) fn shared(&self, place: usize) -> Option<Arc<HostRecord>> {
        self.0.get(place).cloned()
    }

    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut HostRecord> {
        self.0.get_mut(place).map(Arc::make_mut)
    }

    pub(super) fn push(&mut self, host: HostRecord) {
        self.0.push(Arc::new(host));
    }
}

impl<'a> IntoIterator for &'a Hosts {
    type Item = &'a HostRecord;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl FromIterator<HostRecord> for Hosts {
    fn from_iter<I: IntoIterator<Item = HostRecord>>(hosts: I) -> Self {
        Self(hosts.into_iter().map(Arc::new).collect())
    }
}

impl Index<usize> for Hosts {
    type Output = HostRecord;

    fn index(&self, place: usize) -> &HostRecord {
        &self.0[place]
    }
}

impl Serialize for Hosts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self)
    }
}

impl<'de> Deserialize<'de> for Hosts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
impl Hosts {
    pub(in crate::report) fn iter_mut(&mut self) -> impl Iterator<Item = &mut HostRecord> {
        self.0.iter_mut().map(Arc::make_mut)
    }
}

#[cfg(test)]
impl std::ops::IndexMut<usize> for Hosts {
    fn index_mut(&mut self, place: usize) -> &mut HostRecord {
        Arc::make_mut(&mut self.0[place])
    }
}
