//! Shows how inputs would be read: the reading plan, the reason for each choice, and the first records.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::feed::Feed;
use crate::feed::source::{InputError, Source, SourceRow};

/// Description of how one input would be read.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// The input's name.
    pub input: String,
    /// The plan in one line.
    pub plan: String,
    /// Number of rows before the data: the header and the rows that precede it, including blank rows.
    pub rows_before_data: u64,
    /// Each choice, with its value and its reason.
    pub reasons: Vec<[String; 3]>,
    /// Title, field name and kind of each column.
    pub columns: Vec<[String; 3]>,
    /// Choices that a user should check.
    pub warnings: Vec<String>,
    /// The first records, as they would be sent.
    pub records: Vec<String>,
    /// The first rejected rows among the rows that were read to find `records`, each with its line number and the
    /// reason.
    pub rejected: Vec<String>,
}

/// Creates the plan of each input of a feed and reads its first `records` records.
///
/// # Errors
/// [`InputError`] for the first input that cannot be read.
pub fn inspect(feed: &Feed, records: usize) -> Result<Vec<Inspection>, InputError> {
    let (progress, shutdown) = (Arc::default(), CancellationToken::new());
    feed.inputs()
        .iter()
        .map(|input| {
            Source::open(input, feed.options(), &progress, &shutdown)
                .and_then(|source| Inspection::new(source, records))
        })
        .collect()
}

impl Inspection {
    fn new(mut source: Source, count: usize) -> Result<Self, InputError> {
        let plan = source.plan();
        let mut inspection = Inspection {
            input: source.name().to_owned(),
            plan: plan.line(),
            rows_before_data: plan.rows_before_data,
            reasons: plan
                .reasons
                .iter()
                .map(|reason| [reason.choice.to_owned(), reason.value.clone(), reason.because.clone()])
                .collect(),
            columns: plan
                .columns
                .iter()
                .map(|column| [column.title.clone(), column.name.clone(), column.kind.to_string()])
                .collect(),
            warnings: plan.warnings.clone(),
            records: Vec::new(),
            rejected: Vec::new(),
        };
        let mut json = Vec::new();
        while inspection.records.len() < count {
            match source.next(&mut json)? {
                SourceRow::End | SourceRow::Waiting => break,
                SourceRow::Blank => {}
                SourceRow::Quote { .. } => inspection.records.push(String::from_utf8_lossy(&json).into_owned()),
                SourceRow::Rejected { line, reason, .. } if inspection.rejected.len() < count => {
                    inspection.rejected.push(format!("line {line}: {reason}"));
                }
                SourceRow::Rejected { .. } => {}
            }
        }
        Ok(inspection)
    }

    /// Formats the inspection for people.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{}\n  {}\n\nchoices\n", self.input, self.plan);
        let width = |rows: &[[String; 3]], at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
        let (choice, value) = (width(&self.reasons, 0), width(&self.reasons, 1).min(40));
        for [name, decision, because] in &self.reasons {
            text.push_str(&format!("  {name:choice$}  {decision:value$}  {because}\n"));
        }
        text.push_str("\ncolumns\n");
        let (title, name) = (width(&self.columns, 0).max(5), width(&self.columns, 1).max(5));
        for (index, [column, field, kind]) in self.columns.iter().enumerate() {
            text.push_str(&format!("  {:>3}  {column:title$}  {field:name$}  {kind}\n", index + 1));
        }
        for (heading, lines) in
            [("warnings", &self.warnings), ("rejected rows", &self.rejected), ("first records", &self.records)]
        {
            if !lines.is_empty() {
                text.push_str(&format!("\n{heading}\n"));
                lines.iter().for_each(|line| text.push_str(&format!("  {line}\n")));
            }
        }
        text
    }

    /// Returns the inspection as a JSON object.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let records = self.records.iter().filter_map(|record| serde_json::from_str::<Value>(record).ok());
        json!({
            "input": self.input,
            "plan": self.plan,
            "rows_before_data": self.rows_before_data,
            "choices": self.reasons.iter().map(|[choice, value, because]| json!({"choice": choice, "value": value, "because": because})).collect::<Vec<_>>(),
            "columns": self.columns.iter().map(|[title, field, kind]| json!({"title": title, "field": field, "kind": kind})).collect::<Vec<_>>(),
            "warnings": self.warnings,
            "rejected": self.rejected,
            "records": records.collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_feed::TestFeed;

    #[test]
    fn an_inspection_shows_plan_reasons_and_records() {
        let test = TestFeed::new(&[("AAPL.csv", "Date;Close/Last;Note\n12/05/2024;$1,243.04;x\n11/30/2024;$7;y\n")]);
        let feed = Feed::try_from(test.args.clone()).expect("a feed");
        let inspections = inspect(&feed, 1).expect("readable");
        let text = inspections[0].to_text();
        for part in [
            "AAPL.csv\n  separated by ';', symbol AAPL, date in Date (mdy), 1d bars; close (Close/Last)",
            "no column has symbols, but the file's name is a symbol",
            "    2  Close/Last  close       number",
            r#"first records
  {"symbol":"AAPL","trade_date":"2024-12-05","bar":"1d","close":1243.04,"note":"x"}"#,
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert_eq!(inspections[0].to_json()["records"][0]["close"].to_string(), "1243.04");
    }
}
