//! A generation of static members as the broker's journal stores it.

use bytes::Bytes;

use super::messages::Protocol;
use crate::codec::{DecodeError, Decoder, Encoder};

/// A generation whose members are static and have received their assignments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredGeneration {
    pub generation_id: i32,
    pub protocol_type: String,
    pub protocol_name: String,
    /// Member id of the leader.
    pub leader: String,
    pub members: Vec<StoredMember>,
}

/// A member of a [`StoredGeneration`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMember {
    pub member_id: String,
    pub group_instance_id: Option<String>,
    pub client_id: String,
    pub client_host: String,
    pub session_timeout_ms: u64,
    pub rebalance_timeout_ms: u64,
    pub protocols: Vec<Protocol>,
    pub assignment: Bytes,
}

impl StoredGeneration {
    pub(crate) fn encode(&self, entry: &mut Encoder<'_>) {
        entry
            .i32(self.generation_id)
            .text(&self.protocol_type)
            .text(&self.protocol_name)
            .text(&self.leader)
            .length(self.members.len());
        for member in &self.members {
            entry
                .text(&member.member_id)
                .optional_text(member.group_instance_id.as_deref())
                .text(&member.client_id)
                .text(&member.client_host)
                .u64(member.session_timeout_ms)
                .u64(member.rebalance_timeout_ms)
                .length(member.protocols.len());
            for protocol in &member.protocols {
                entry.text(&protocol.name).bytes(&protocol.metadata);
            }
            entry.bytes(&member.assignment);
        }
    }

    pub(crate) fn decode(entry: &mut Decoder<'_>) -> Result<StoredGeneration, DecodeError> {
        Ok(StoredGeneration {
            generation_id: entry.i32()?,
            protocol_type: entry.text()?,
            protocol_name: entry.text()?,
            leader: entry.text()?,
            members: (0..entry.length()?).map(|_| StoredMember::decode(entry)).collect::<Result<_, _>>()?,
        })
    }
}

impl StoredMember {
    fn decode(entry: &mut Decoder<'_>) -> Result<StoredMember, DecodeError> {
        Ok(StoredMember {
            member_id: entry.text()?,
            group_instance_id: entry.optional_text()?,
            client_id: entry.text()?,
            client_host: entry.text()?,
            session_timeout_ms: entry.u64()?,
            rebalance_timeout_ms: entry.u64()?,
            protocols: (0..entry.length()?).map(|_| decode_protocol(entry)).collect::<Result<_, _>>()?,
            assignment: entry.bytes()?,
        })
    }
}

fn decode_protocol(entry: &mut Decoder<'_>) -> Result<Protocol, DecodeError> {
    Ok(Protocol { name: entry.text()?, metadata: entry.bytes()? })
}
