use super::*;

#[test]
fn fetched_offset_carries_metadata_with_its_epoch() {
    let mut coordinator = new();
    commit(&mut coordinator, &request(&[(0, 5)]));
    let expected =
        CommittedOffset { offset: 5, leader_epoch: 0, metadata: "note".to_owned(), commit_timestamp_ms: WALL_CLOCK_MS };
    let fetched = coordinator.fetch(GROUP, Some(&[quotes(0), quotes(9)]), true);
    assert_eq!(fetched[0].offset, Ok(Some(expected)));
    assert_eq!(fetched[1], FetchedOffset { partition: quotes(9), offset: Ok(None) });
}

#[test]
fn unknown_group_has_no_offsets() {
    let coordinator = new();
    assert_eq!(coordinator.fetch(GROUP, None, true), []);
    assert_eq!(coordinator.fetch(GROUP, Some(&[quotes(0)]), true)[0].offset, Ok(None));
}
