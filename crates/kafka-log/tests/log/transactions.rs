//! Markers, the last stable offset, and reads of committed records.

use kafka_log::{AbortedTransaction, EndMarker, Isolation, Log, LogConfig, ReadRequest, TransactionResult};

use crate::batches::{Batch, decode};
use crate::{TestLog, from, read_all};

fn end(log: &mut Log, producer_id: i64, result: TransactionResult) -> i64 {
    let marker = EndMarker { producer_id, producer_epoch: 0, coordinator_epoch: 0, result };
    log.append_end_marker(marker, 5_000).unwrap().base_offset
}

fn send(log: &mut Log, producer_id: i64, sequence: i32) {
    let batch = Batch::of(&["a", "b"]).sent_by(producer_id, 0, sequence).transactional();
    log.append(&batch.encode(), 0).unwrap();
}

fn committed(offset: i64) -> ReadRequest {
    ReadRequest { isolation: Isolation::ReadCommitted, ..from(offset) }
}

#[test]
fn last_stable_offset_is_the_first_of_an_open_transaction() {
    for mut log in TestLog::on_both(&LogConfig::default()) {
        log.append(&Batch::of(&["x"]).encode(), 0).unwrap();
        send(&mut log, 1, 0);
        send(&mut log, 2, 0);
        for _ in 0..2 {
            assert_eq!((log.last_stable_offset(), log.high_watermark()), (1, 5));
            assert!(log.has_open_transaction(1));
            log.reopen();
        }
        assert_eq!(end(&mut log, 1, TransactionResult::Commit), 5);
        assert_eq!(log.last_stable_offset(), 3);
        end(&mut log, 2, TransactionResult::Commit);
        assert_eq!(log.last_stable_offset(), 7);
        assert!(!log.has_open_transaction(1));
    }
}

#[test]
fn committed_read_ends_at_the_last_stable_offset() {
    for mut log in TestLog::on_both(&LogConfig::default()) {
        log.append(&Batch::of(&["x"]).encode(), 0).unwrap();
        send(&mut log, 1, 0);
        log.append(&Batch::of(&["y"]).encode(), 0).unwrap();
        assert_eq!(decode(log.read(committed(0)).unwrap().records), [(0, b"x".to_vec())]);
        assert!(log.read(committed(1)).unwrap().records.is_empty());
        assert!(log.read(committed(4)).unwrap().records.is_empty());
        assert_eq!(read_all(&log).len(), 4);
    }
}

#[test]
fn aborted_transactions_are_listed_where_they_overlap() {
    for mut log in TestLog::on_both(&LogConfig::default()) {
        send(&mut log, 1, 0); // 0, 1
        send(&mut log, 2, 0); // 2, 3
        end(&mut log, 1, TransactionResult::Abort); // 4
        send(&mut log, 1, 2); // 5, 6
        end(&mut log, 2, TransactionResult::Commit); // 7
        end(&mut log, 1, TransactionResult::Abort); // 8
        log.append(&Batch::of(&["x"]).encode(), 0).unwrap(); // 9
        let first = AbortedTransaction { producer_id: 1, first_offset: 0 };
        let second = AbortedTransaction { producer_id: 1, first_offset: 5 };
        for _ in 0..2 {
            assert_eq!(log.read(committed(0)).unwrap().aborted, [first, second]);
            assert_eq!(log.read(committed(5)).unwrap().aborted, [second]);
            assert_eq!(log.read(committed(9)).unwrap().aborted, []);
            assert_eq!(log.read(from(0)).unwrap().aborted, []);
            let one_batch = ReadRequest { max_bytes: 1, ..committed(2) };
            assert_eq!(log.read(one_batch).unwrap().aborted, [first]);
            log.reopen();
        }
    }
}

#[test]
fn marker_without_records_is_stored() {
    for mut log in TestLog::on_both(&LogConfig::default()) {
        end(&mut log, 1, TransactionResult::Abort);
        assert_eq!((log.last_stable_offset(), log.high_watermark()), (1, 1));
        assert_eq!(log.read(committed(0)).unwrap().aborted, []);
    }
}

#[test]
fn marker_with_an_old_epoch_is_fenced() {
    for mut log in TestLog::on_both(&LogConfig::default()) {
        let batch = Batch::of(&["a"]).sent_by(1, 3, 0).transactional();
        log.append(&batch.encode(), 0).unwrap();
        let result = TransactionResult::Commit;
        let marker = EndMarker { producer_id: 1, producer_epoch: 2, coordinator_epoch: 0, result };
        assert_eq!(log.append_end_marker(marker, 0).unwrap_err().code(), 47);
        assert_eq!(log.high_watermark(), 1);
    }
}

#[test]
fn deleted_start_of_an_open_transaction_moves_the_last_stable_offset() {
    for mut log in TestLog::on_both(&LogConfig::default()) {
        send(&mut log, 1, 0);
        send(&mut log, 1, 2);
        log.delete_records_before(2).unwrap();
        assert_eq!(log.last_stable_offset(), 2);
    }
}

/// All records of a transaction are deleted while it is open.
#[test]
fn sequences_survive_the_deletion_of_their_records() {
    for mut log in TestLog::on_both(&LogConfig::default()) {
        send(&mut log, 1, 0);
        let plain = Batch::of(&["x"]).sent_by(2, 0, 0).encode();
        log.append(&plain, 0).unwrap();
        log.delete_records_before(3).unwrap();
        log.reopen();
        assert!(log.has_open_transaction(1));
        assert!(log.append(&plain, 0).unwrap().duplicate, "a retry after the restart");
        end(&mut log, 1, TransactionResult::Commit);
        log.reopen();
        assert_eq!(log.last_stable_offset(), 4);
        send(&mut log, 1, 2);
        let skipped = Batch::of(&["y"]).sent_by(2, 0, 2).encode();
        assert_eq!(log.append(&skipped, 0).unwrap_err().code(), 45);
    }
}

#[test]
fn damaged_state_of_producers_is_ignored() {
    let mut log = TestLog::on_disk(LogConfig::default());
    send(&mut log, 1, 0);
    log.delete_records_before(2).unwrap();
    let mut state = None;
    log.reopen_after(|partition| {
        let path = partition.join("00000000000000000002.producers");
        std::fs::write(&path, &std::fs::read(&path).unwrap()[..20]).unwrap();
        state = Some(path);
    });
    assert!(state.is_some());
    assert!(!log.has_open_transaction(1));
}
