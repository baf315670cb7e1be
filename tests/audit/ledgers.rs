//! Faults of ledgers: the audit compares each ledger with the stored objects.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn ledger_ahead_of_the_data_is_reported() {
    let lake = TestLake::sample().await;
    lake.write_ledger(0, &lake.ledger_at(500));
    let audit = lake.audit(&[]);
    let expected = "ledger ahead of the data: quotes/0 offsets 300 to 499 (200): in no object, although the ledger counts every offset below 500 as stored";
    audit.assert_report(FINDINGS, &["ledger ahead of the data"], &[expected]);

    let prefix = "data/quotes/dt=2026-11-20/".to_owned();
    let lake = TestLake::sample().await;
    lake.write_ledger(0, &Ledger { high_watermarks: BTreeMap::from([(prefix.clone(), 320)]), ..lake.ledger_at(300) });
    let expected = format!("the ledger's high watermark in {prefix} is 320, but the last stored offset is 299");
    lake.audit(&[]).assert_report(FINDINGS, &["ledger ahead of the data"], &[&expected, "ledger/quotes/00000.json"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn high_watermarks_excuse_a_ledger_behind_the_data() {
    let lake = TestLake::sample().await;
    lake.write_ledger(0, &lake.ledger_at(200));
    let expected = "the ledger's next offset is 200, but offset 299 is stored";
    lake.audit(&[]).assert_report(0, &["ledger behind the data"], &[expected, "when the records are delivered again"]);
    let high_watermarks = BTreeMap::from([("data/quotes/dt=2026-11-20/".to_owned(), 299)]);
    lake.write_ledger(0, &Ledger { high_watermarks, ..lake.ledger_at(200) });
    lake.audit(&[]).assert_report(0, &[], &[]);
    // Offsets at or above the ledger's next offset are yet to be delivered, so these records are not lost.
    lake.remove(&key(0, 100));
    lake.write_ledger(0, &lake.ledger_at(100));
    let expected = "not stored yet: quotes/0 offsets 100 to 199 (100)";
    lake.audit(&[]).assert_report(FINDINGS, &["ledger behind the data", "not stored yet"], &[expected]);
}

#[tokio::test(flavor = "multi_thread")]
async fn declared_gaps_are_not_reported_as_missing() {
    let lake = TestLake::sample().await;
    lake.remove(&key(0, 100));
    lake.write_ledger(0, &Ledger { gaps: std::iter::once(120..150).collect(), ..lake.ledger_at(300) });
    let audit = lake.audit(&[]);
    audit.assert_report(
        FINDINGS,
        &["declared by the ledger", "missing"],
        &[
            "declared by the ledger: quotes/0 offsets 120 to 149 (30): discarded or skipped, or missing when",
            "next 300, 1 gap",
        ],
    );
    assert_eq!(audit.findings("missing"), [finding(100, 119, &[]), finding(150, 199, &[])]);
    assert_eq!((&audit.partition_row(0)["missing"], &audit.partition_row(0)["gaps"]), (&json!(100), &json!(3)));

    // A ledger drops old gaps, so a gap that it does not list may have been declared.
    lake.store_batch(0, 150_000..150_001).await;
    lake.write_ledger(0, &Ledger { gaps: std::iter::once(300..150_000).collect(), ..lake.ledger_at(150_001) });
    let expected =
        "missing: quotes/0 offsets 100 to 199 (100): in no object; the ledger may have declared these offsets";
    lake.audit(&[]).assert_report(FINDINGS, &["declared by the ledger", "missing"], &[expected]);
}

#[tokio::test(flavor = "multi_thread")]
async fn unusable_ledger_is_reported_with_its_remedy() {
    let lake = TestLake::sample().await;
    let ledger = "ledger/quotes/00000.json";
    lake.remove_ledger(0);
    lake.audit(&[]).assert_report(
        FINDINGS,
        &["no ledger"],
        &[
            &format!("no ledger: quotes/0: {ledger}: the ledger does not exist, but 3 objects exist"),
            "tickerlake repair",
        ],
    );
    lake.write(ledger, b"{\"next\":3");
    lake.audit(&[]).assert_report(
        FINDINGS,
        &["damaged ledger"],
        &[&format!("damaged ledger: quotes/0: {ledger}: not a ledger")],
    );
    lake.write_ledger(0, &Ledger::starting_at(300, "dt=*/hour=*/*.json.gz"));
    let expected =
        format!("the ledger's layout is dt=*/hour=*/*.json.gz, which does not match the object {}", key(0, 0));
    lake.audit(&[]).assert_report(FINDINGS, &["other settings"], &[&expected, "SINK_PREFIX"]);
}
