//! The event path: converts an event to objects with the function's code, without requests.

use anyhow::Result;
use commit_protocol::{Answer, CommitProtocol, Ledger, MAX_OBJECT_SPAN, Request};
use sink::Config;
use sink::batch::Batch;

/// Returns the bytes of each object that the function writes for a batch that directly follows the previous one.
///
/// # Errors
/// If the text is not an event, its records cannot be committed, or compression fails.
pub fn objects(config: &Config, text: &[u8]) -> Result<Vec<Vec<u8>>> {
    let codec = config.layout.codec;
    let mut objects = Vec::new();
    for_each_object(config, text, |lines| {
        objects.push(codec.encode(lines)?);
        Ok(())
    })?;
    Ok(objects)
}

/// Returns the uncompressed lines of each object that [`objects`] returns.
///
/// # Errors
/// If the text is not an event, or its records cannot be committed.
pub fn lines(config: &Config, text: &str) -> Result<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    for_each_object(config, text.as_bytes(), |lines| {
        all.push(lines.to_vec());
        Ok(())
    })?;
    Ok(all)
}

fn for_each_object(config: &Config, text: &[u8], mut object: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let batch = Batch::from_event(config, text)?;
    let layout = config.layout.ledger_layout();
    for part in batch.partitions() {
        let protocol = CommitProtocol::new(batch.records(part), &part.prefixes, &layout, MAX_OBJECT_SPAN);
        let mut protocol = protocol.map_err(|error| anyhow::anyhow!("{error:?}"))?;
        let first = protocol.records().first().map_or(0, |record| record.offset);
        let ledger = Answer::Ledger(Ledger::starting_at(first, &layout), String::new());
        let requests = protocol.answer(&protocol.begin(), &ledger).map_err(|error| anyhow::anyhow!("{error:?}"))?;
        for request in requests {
            let Request::PutObject { records, .. } = request else { continue };
            let lines: Vec<&[u8]> = records.iter().map(|&index| protocol.records()[index].line).collect();
            object(&batch.concat(&lines))?;
        }
    }
    Ok(())
}
