//! The way from an event to objects, as the function goes it, without the requests.

use anyhow::Result;
use commit_protocol::{Answer, CommitProtocol, Ledger, MAX_OBJECT_SPAN, Request};
use sink::Config;
use sink::batch::Batch;

/// What the function puts for a batch that follows the one before: each object's bytes.
///
/// # Errors
/// When the text is no event, or there is no memory.
pub fn objects(config: &Config, text: &[u8]) -> Result<Vec<Vec<u8>>> {
    let codec = config.layout.codec;
    let mut objects = Vec::new();
    each(config, text, |lines| {
        objects.push(codec.encode(lines)?);
        Ok(())
    })?;
    Ok(objects)
}

/// The lines of each of these objects.
///
/// # Errors
/// When the text is no event.
pub fn lines(config: &Config, text: &str) -> Result<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    each(config, text.as_bytes(), |lines| {
        all.push(lines.to_vec());
        Ok(())
    })?;
    Ok(all)
}

fn each(config: &Config, text: &[u8], mut object: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let batch = Batch::of(config, text)?;
    let pattern = config.layout.pattern();
    for part in batch.parts() {
        let protocol = CommitProtocol::new(batch.records(part), &part.prefixes, &pattern, MAX_OBJECT_SPAN);
        let mut protocol = protocol.map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
        let first = protocol.records().first().map_or(0, |record| record.offset);
        let ledger = Answer::Ledger(Ledger::starting_at(first, &pattern), String::new());
        let requests = protocol.answer(&protocol.begin(), &ledger).map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
        for request in requests {
            let Request::PutObject { records, .. } = request else { continue };
            let lines: Vec<&[u8]> = records.iter().map(|&place| protocol.records()[place].line).collect();
            object(&batch.together(&lines))?;
        }
    }
    Ok(())
}
