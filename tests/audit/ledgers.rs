//! What the ledger says is compared with what is stored.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_ahead_of_the_data_is_named() {
    let stored = Stored::sample().await;
    stored.ledger(0, &stored.reaching(500));
    let audit = stored.audit(&[]);
    let told =
        "ledger ahead of the data: quotes/0 offsets 300 to 499 (200): in no object, although the ledger's next is 500";
    audit.is(FOUND, &["ledger ahead of the data"], &[told]);

    let group = "data/quotes/dt=2026-11-20/".to_owned();
    let stored = Stored::sample().await;
    stored.ledger(0, &Ledger { ahead: BTreeMap::from([(group.clone(), 320)]), ..stored.reaching(300) });
    let told = format!("its ahead has offset 320 in {group}, and the last stored is 299");
    stored.audit(&[]).is(FOUND, &["ledger ahead of the data"], &[&told, "ledger/quotes/00000.json"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_behind_the_data_is_noted_unless_it_knows_of_what_is_ahead() {
    let stored = Stored::sample().await;
    stored.ledger(0, &stored.reaching(200));
    let told = "its next is 200, and offset 299 is stored";
    stored.audit(&[]).is(0, &["ledger behind the data"], &[told, "when their records are delivered again"]);
    let ahead = BTreeMap::from([("data/quotes/dt=2026-11-20/".to_owned(), 299)]);
    stored.ledger(0, &Ledger { ahead, ..stored.reaching(200) });
    stored.audit(&[]).is(0, &[], &[]);
    // What is missing there is still to be delivered.
    stored.remove(&key(0, 100));
    stored.ledger(0, &stored.reaching(100));
    let told = "not stored yet: quotes/0 offsets 100 to 199 (100)";
    stored.audit(&[]).is(FOUND, &["ledger behind the data", "not stored yet"], &[told]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_ledger_declares_is_told_apart_from_what_was_lost() {
    let stored = Stored::sample().await;
    stored.remove(&key(0, 100));
    stored.ledger(0, &Ledger { gaps: std::iter::once(120..150).collect(), ..stored.reaching(300) });
    let audit = stored.audit(&[]);
    audit.is(
        FOUND,
        &["declared by the ledger", "missing"],
        &[
            "declared by the ledger: quotes/0 offsets 120 to 149 (30): given up or skipped, or missing when",
            "next 300, 1 gap",
        ],
    );
    assert_eq!(audit.found("missing"), [found(100, 119, &[]), found(150, 199, &[])]);
    assert_eq!((&audit.row(0)["missing"], &audit.row(0)["gaps"]), (&json!(100), &json!(3)));

    // A ledger forgets a gap, and that it does not list one proves nothing then.
    stored.batch(0, 150_000..150_001).await;
    stored.ledger(0, &Ledger { gaps: std::iter::once(300..150_000).collect(), ..stored.reaching(150_001) });
    let told = "missing: quotes/0 offsets 100 to 199 (100): in no object; the ledger may have declared them";
    stored.audit(&[]).is(FOUND, &["declared by the ledger", "missing"], &[told]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_is_lost_damaged_or_of_other_settings_is_named_with_the_remedy() {
    let stored = Stored::sample().await;
    let ledger = "ledger/quotes/00000.json";
    stored.lose_ledger(0);
    stored.audit(&[]).is(
        FOUND,
        &["no ledger"],
        &[
            &format!("no ledger: quotes/0: {ledger}: the ledger does not exist, but 3 objects exist"),
            "tickerlake repair",
        ],
    );
    stored.write(ledger, b"{\"next\":3");
    stored.audit(&[]).is(FOUND, &["damaged ledger"], &[&format!("damaged ledger: quotes/0: {ledger}: not a ledger")]);
    stored.ledger(0, &Ledger::starting_at(300, "dt=*/hour=*/*.json.gz"));
    let told = format!("its layout is dt=*/hour=*/*.json.gz, but {} exists", key(0, 0));
    stored.audit(&[]).is(FOUND, &["other settings"], &[&told, "SINK_PREFIX"]);
}
