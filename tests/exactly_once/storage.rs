//! An in-memory S3 for one partition: objects that can only be created, and a ledger with versions.

use std::collections::{BTreeMap, BTreeSet};

use commit_protocol::{Answer, CommitProtocol, Ledger, Request, Version};

/// The offsets and lines of an object.
pub(super) type Lines = Vec<(i64, &'static [u8])>;

/// Everything that is stored for one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Storage {
    /// Objects by group name and first offset.
    pub(super) objects: BTreeMap<(String, i64), Lines>,
    /// The ledger and its version, the number of times that it was replaced.
    pub(super) ledger: Option<(Ledger, u32)>,
}

/// An [`Answer`] that owns its content.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    Absent,
    Ledger(Ledger, Version),
    Written(Version),
    Conflict,
    Objects(Vec<i64>),
    Object(Lines),
}

impl Reply {
    pub(super) fn answer(&self) -> Answer<'_> {
        match self {
            Reply::Absent => Answer::Absent,
            Reply::Ledger(ledger, version) => Answer::Ledger(ledger.clone(), version.clone()),
            Reply::Written(version) => Answer::Written(version.clone()),
            Reply::Conflict => Answer::PreconditionFailed,
            Reply::Objects(firsts) => Answer::Objects(firsts),
            Reply::Object(lines) => Answer::Object(lines),
        }
    }
}

impl Storage {
    /// Executes a request atomically. The error describes the rule that the protocol has broken.
    pub(super) fn execute(
        &mut self,
        protocol: &CommitProtocol<'static>,
        request: &Request,
        span: i64,
    ) -> Result<Reply, String> {
        Ok(match request {
            Request::ReadLedger => match &self.ledger {
                None => Reply::Absent,
                Some((ledger, version)) => Reply::Ledger(ledger.clone(), version.to_string()),
            },
            Request::CreateLedger(ledger) => match &self.ledger {
                Some(_) => Reply::Conflict,
                None => self.write_ledger(ledger)?,
            },
            Request::ReplaceLedger(ledger, version) => match &self.ledger {
                Some((_, current)) if current.to_string() == *version => self.write_ledger(ledger)?,
                _ => Reply::Conflict,
            },
            Request::ProbeGroup { group } => Reply::Objects(self.firsts(protocol.group(*group), 0, i64::MAX)),
            Request::ListObjects { group, from, to } => Reply::Objects(self.firsts(protocol.group(*group), *from, *to)),
            Request::ReadObject { group, first } => {
                let key = (protocol.group(*group).to_owned(), *first);
                Reply::Object(self.objects.get(&key).ok_or(format!("{key:?} is read but does not exist"))?.clone())
            }
            Request::PutObject { group, records } => {
                let lines: Lines = records
                    .iter()
                    .map(|&index| {
                        let record = protocol.records()[index];
                        (record.offset, record.line)
                    })
                    .collect();
                let (first, last) = match (lines.first(), lines.last()) {
                    (Some((first, _)), Some((last, _))) => (*first, *last),
                    _ => return Err("an empty object is put".to_owned()),
                };
                let key = (protocol.group(*group).to_owned(), first);
                if self.objects.contains_key(&key) {
                    return Ok(Reply::Conflict);
                }
                if last - first >= span {
                    return Err(format!("{key:?} spans {span} offsets or more, up to {last}"));
                }
                for (offset, _) in &lines {
                    if let Some(key) = self.key_holding(*offset) {
                        return Err(format!(
                            "offset {offset} is stored twice: in {key:?} and in the new object {first}"
                        ));
                    }
                }
                if !lines.is_sorted_by_key(|(offset, _)| *offset)
                    || lines.iter().map(|(offset, _)| offset).collect::<BTreeSet<_>>().len() < lines.len()
                {
                    return Err(format!("{key:?} is out of order or has a duplicate offset: {lines:?}"));
                }
                self.objects.insert(key, lines);
                Reply::Written(String::new())
            }
        })
    }

    /// Returns the key of the object that contains an offset.
    pub(super) fn key_holding(&self, offset: i64) -> Option<&(String, i64)> {
        self.objects.iter().find(|(_, lines)| lines.iter().any(|(other, _)| *other == offset)).map(|(key, _)| key)
    }

    /// Returns the stored line of an offset.
    pub(super) fn line(&self, offset: i64) -> Option<&'static [u8]> {
        self.objects.values().flatten().find(|(other, _)| *other == offset).map(|(_, line)| *line)
    }

    /// Writes the ledger, which must only grow: an invocation with an older ledger must not undo what a different one
    /// has recorded.
    fn write_ledger(&mut self, ledger: &Ledger) -> Result<Reply, String> {
        let shrinks = |old: &Ledger| {
            let forgets =
                |(group, last): (&String, &i64)| *last >= ledger.next && ledger.high_watermarks.get(group) < Some(last);
            ledger.next < old.next || old.high_watermarks.iter().any(forgets)
        };
        let version = match &self.ledger {
            Some((old, _)) if shrinks(old) => {
                return Err(format!("the ledger shrinks from {old:?} to {ledger:?}"));
            }
            Some((_, version)) => version + 1,
            None => 0,
        };
        self.ledger = Some((ledger.clone(), version));
        Ok(Reply::Written(version.to_string()))
    }

    fn firsts(&self, group: &str, from: i64, to: i64) -> Vec<i64> {
        self.objects
            .keys()
            .filter(|(name, first)| name == group && (from..=to).contains(first))
            .map(|key| key.1)
            .collect()
    }
}
