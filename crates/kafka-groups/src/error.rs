//! The error codes of Kafka with which a coordinator responds.

/// An error of the Kafka protocol.
///
/// The numbers are those of the [protocol guide](https://kafka.apache.org/protocol#protocol_error_codes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
#[repr(i16)]
pub enum ErrorCode {
    #[error("the broker does not know the topic or partition")]
    UnknownTopicOrPartition = 3,
    #[error("the metadata of a committed offset is too large")]
    OffsetMetadataTooLarge = 12,
    #[error("the coordinator is not available")]
    CoordinatorNotAvailable = 15,
    #[error("this broker is not the coordinator")]
    NotCoordinator = 16,
    #[error("the generation is not the group's current one")]
    IllegalGeneration = 22,
    #[error("the group has no protocol in common with the member")]
    InconsistentGroupProtocol = 23,
    #[error("the group id is invalid")]
    InvalidGroupId = 24,
    #[error("the group does not know the member")]
    UnknownMemberId = 25,
    #[error("the session timeout is outside the broker's limits")]
    InvalidSessionTimeout = 26,
    #[error("the group is rebalancing, so the member must join again")]
    RebalanceInProgress = 27,
    #[error("the request is invalid")]
    InvalidRequest = 42,
    #[error("the producer's epoch is older than the current one")]
    InvalidProducerEpoch = 47,
    #[error("the transaction is in a state that does not allow the request")]
    InvalidTxnState = 48,
    #[error("the producer id does not belong to the transactional id")]
    InvalidProducerIdMapping = 49,
    #[error("the transaction timeout is larger than the broker allows")]
    InvalidTransactionTimeout = 50,
    #[error("the previous transaction is still being completed")]
    ConcurrentTransactions = 51,
    #[error("another part of the request failed, so this one was not attempted")]
    OperationNotAttempted = 55,
    #[error("the group has members")]
    NonEmptyGroup = 68,
    #[error("the group does not exist")]
    GroupIdNotFound = 69,
    #[error("the member must join again with the id it was given")]
    MemberIdRequired = 79,
    #[error("another member has taken the group instance id")]
    FencedInstanceId = 82,
    #[error("a member of the group subscribes to the topic")]
    GroupSubscribedToTopic = 86,
    #[error("an open transaction has offsets for the partition")]
    UnstableOffsetCommit = 88,
    #[error("a newer producer with the same transactional id has fenced this one")]
    ProducerFenced = 90,
    #[error("the transactional id does not exist")]
    TransactionalIdNotFound = 105,
    #[error("the transaction has to be aborted")]
    TransactionAbortable = 120,
}

impl ErrorCode {
    /// Returns the number that the protocol uses.
    #[must_use]
    pub fn code(self) -> i16 {
        self as i16
    }
}
