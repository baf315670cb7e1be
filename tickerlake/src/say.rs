//! The lines that a command prints about its stages.

use std::io::Write;

use producer::summary::{grouped, size};
use sink::metrics::Report;

/// Prints what a stage has to say. A reader of a pipe that has gone away is no reason to stop storing.
pub fn say(stage: &str, what: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{stage:<10} {what}").and_then(|()| out.flush());
}

/// `1 batch`, `1,200 batches`.
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// What the sink has stored.
pub fn stored(report: &Report) -> String {
    format!(
        "{} in {}, {}; {} quarantined",
        counted(report.records, "record", "records"),
        counted(report.objects, "object", "objects"),
        size(report.bytes),
        grouped(report.quarantined)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many() {
        let report = Report { records: 1_200, bytes: 45_000, objects: 1, quarantined: 0, skipped: 0 };
        assert_eq!(stored(&report), "1,200 records in 1 object, 45.0 kB; 0 quarantined");
    }
}
