//! S3, as far as a protocol sees it: objects that are created once, and a ledger with versions.

use std::collections::{BTreeMap, BTreeSet};

use commit_protocol::{Answer, CommitProtocol, Ledger, Request, Version};

/// The lines of an object by offset.
pub(super) type Lines = Vec<(i64, &'static [u8])>;

/// What is stored of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Storage {
    /// By group and first offset.
    pub(super) objects: BTreeMap<(String, i64), Lines>,
    /// The ledger, and how often it was written.
    pub(super) ledger: Option<(Ledger, u32)>,
}

/// An answer that owns what it tells.
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
            Reply::Conflict => Answer::Conflict,
            Reply::Objects(firsts) => Answer::Objects(firsts),
            Reply::Object(lines) => Answer::Object(lines),
        }
    }
}

impl Storage {
    /// Does what a protocol asks, at once and entirely; the error is a fault of the chain's.
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
                Reply::Object(self.objects.get(&key).ok_or(format!("{key:?} was asked for and is not there"))?.clone())
            }
            Request::PutObject { group, records } => {
                let lines: Lines = records
                    .iter()
                    .map(|&place| {
                        let record = protocol.records()[place];
                        (record.offset, record.line)
                    })
                    .collect();
                let (first, last) = match (lines.first(), lines.last()) {
                    (Some((first, _)), Some((last, _))) => (*first, *last),
                    _ => return Err("an empty object".to_owned()),
                };
                let key = (protocol.group(*group).to_owned(), first);
                if self.objects.contains_key(&key) {
                    return Ok(Reply::Conflict);
                }
                if last - first >= span {
                    return Err(format!("{key:?} spans up to {last}, {span} offsets or more"));
                }
                for (offset, _) in &lines {
                    if let Some(key) = self.holder(*offset) {
                        return Err(format!("offset {offset} is stored in {key:?}, and now from {first} on as well"));
                    }
                }
                if !lines.is_sorted_by_key(|(offset, _)| *offset)
                    || lines.iter().map(|(offset, _)| offset).collect::<BTreeSet<_>>().len() < lines.len()
                {
                    return Err(format!("{key:?} is out of order or holds an offset twice: {lines:?}"));
                }
                self.objects.insert(key, lines);
                Reply::Written(String::new())
            }
        })
    }

    /// The object that holds an offset.
    pub(super) fn holder(&self, offset: i64) -> Option<&(String, i64)> {
        self.objects.iter().find(|(_, lines)| lines.iter().any(|(other, _)| *other == offset)).map(|(key, _)| key)
    }

    /// The line that is stored of an offset.
    pub(super) fn line(&self, offset: i64) -> Option<&'static [u8]> {
        self.objects.values().flatten().find(|(other, _)| *other == offset).map(|(_, line)| *line)
    }

    /// A ledger only grows: an invocation that has seen less must not take away what another has told.
    fn write_ledger(&mut self, ledger: &Ledger) -> Result<Reply, String> {
        let goes_back = |old: &Ledger| {
            let forgets =
                |(group, last): (&String, &i64)| *last >= ledger.next && ledger.high_watermarks.get(group) < Some(last);
            ledger.next < old.next || old.high_watermarks.iter().any(forgets)
        };
        let version = match &self.ledger {
            Some((old, _)) if goes_back(old) => {
                return Err(format!("the ledger goes back from {old:?} to {ledger:?}"));
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
