//! `tickerlake view`: defines, lists and removes views, which let queries read another program's topic as quotes.

use anyhow::{Context, bail};
use clap::Args;
use kafka_client::topic::Topic;
use lake_query::view::{self, ColumnMap, Losses, NamedView, View};
use lake_store::Lake;
use serde_json::json;
use terminal::numbers::counted;

use crate::lake::LakeArgs;
use crate::output::{Format, Output};
use crate::shell::shell_word;

#[derive(Args, Debug)]
/// Read another program's topic as quotes: define a view that renames and converts its columns
#[command(after_help = "\
A topic that another program fills has a table with all its columns, such as index and date, but the
saved queries read the columns of a quote, such as symbol and trade_date. A view maps the columns of the
topic to the columns of a quote. It is stored in the lake as views/NAME.json; the records do not change.

The view NAME is then a table, and --topic NAME selects it. The view `quotes` is used by every query
without --topic, and by every query that selects the view's own topic with --topic. In a view:
  - a column of a quote is the column that --map names for it, or the topic's column of the same name;
    it is NULL if the topic has neither, or if the value does not fit its type
  - a date is the first ten characters of a text, such as 1986-12-31 or 1986-12-31 00:00:00+08:00
  - the topic's other columns are kept
Column names are matched ignoring case. Without options, the command lists the views. An existing view is
replaced.

Examples:
  tickerlake view quotes --from demo_test --map symbol=Index,trade_date=Date,adj_close='Adj Close'
  tickerlake view
  tickerlake view quotes --sql
  tickerlake view quotes --remove

Exit codes: 0 done, 1 failed, 2 wrong usage.")]
pub struct ViewArgs {
    /// Name of the view: lower-case letters, digits and underscores, not beginning with a digit
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Topic whose records the view reads
    #[arg(long, value_name = "TOPIC", requires = "name")]
    from: Option<Topic>,
    /// Map columns of a quote to columns of the topic; separate several pairs with commas
    ///
    /// Put a column whose name has a comma or a quotation mark into quotation marks. May be repeated.
    #[arg(long, value_name = "QUOTE_COLUMN=COLUMN", requires = "from")]
    map: Vec<ColumnMap>,
    /// Print the statement that creates the view in Athena or Trino
    #[arg(long, requires = "name", conflicts_with = "from")]
    sql: bool,
    /// Remove the view; the records stay
    #[arg(long, requires = "name", conflicts_with_all = ["from", "sql"])]
    remove: bool,
    /// Format of the output
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    format: Format,
    #[command(flatten)]
    lake: LakeArgs,
}

/// Runs the command.
///
/// # Errors
/// If the definition is invalid, or the lake cannot be read or written.
pub async fn view(args: ViewArgs) -> anyhow::Result<()> {
    let lake = args.lake.open_for_reading().await?;
    let output = Output { format: args.format };
    let Some(name) = args.name else { return list(&lake, None, output).await };
    if let Some(from) = args.from {
        let mut map = ColumnMap::default();
        for (column, source) in args.map.iter().flat_map(ColumnMap::iter) {
            map.insert(column, source).context("--map")?;
        }
        return save(&lake, &name, View { from: from.to_string(), map }, output).await;
    }
    if args.remove {
        if !view::remove(&lake, &name).await? {
            bail!("{}", no_view(&lake, &name).await?);
        }
        output.stage("removed", &format!("{}; the records stay", view::key_of(&name)));
        output.event("removed", json!({"name": name, "key": view::key_of(&name)}));
        return Ok(());
    }
    if args.sql {
        let views = view::list(&lake).await?;
        let Some(found) = views.iter().find(|view| view.name == name) else {
            bail!("{}", no_view(&lake, &name).await?)
        };
        let sql = view::athena(&lake, found).await?;
        output.text(sql.as_bytes());
        output.event("sql", json!({"name": name, "sql": sql}));
        return Ok(());
    }
    list(&lake, Some(&name), output).await
}

/// Prints all views, or the view named `only`.
async fn list(lake: &Lake, only: Option<&str>, output: Output) -> anyhow::Result<()> {
    let views = view::list(lake).await?;
    if let Some(name) = only
        && !views.iter().any(|view| view.name == name)
    {
        bail!("{}", no_view(lake, name).await?);
    }
    if views.is_empty() {
        output.text(b"no views; create one with `tickerlake view NAME --from TOPIC --map QUOTE_COLUMN=COLUMN,...`\n");
    }
    for NamedView { name, view } in views.iter().filter(|view| only.is_none_or(|only| view.name == only)) {
        let map = shell_word(&view.map.to_string());
        output.text(format!("{name} --from {} --map {map}\n", view.from).as_bytes());
        output.event("view", definition(name, view));
    }
    Ok(())
}

async fn save(lake: &Lake, name: &str, view: View, output: Output) -> anyhow::Result<()> {
    view::check(lake, name, &view).await?;
    view::save(lake, name, &view).await?;
    output.stage("view", &format!("{name} reads {} (stored in {})", view.from, view::key_of(name)));
    output.event("view", definition(name, &view));
    let Some(losses) = view::losses(lake, &view).await? else { return Ok(()) };
    for line in warnings(&losses) {
        tracing::warn!("{line}");
    }
    let columns = losses.columns.iter().map(
        |loss| json!({"column": loss.column, "source": loss.source, "values": loss.values, "example": loss.example}),
    );
    let columns: Vec<_> = columns.collect();
    output.event("converted", json!({"day": losses.day, "records": losses.records, "null": columns}));
    Ok(())
}

/// Returns a warning for each column with values that become null.
fn warnings(losses: &Losses) -> Vec<String> {
    let Losses { day, records, columns } = losses;
    let records = counted(*records, "record", "records");
    let line = |loss: &view::Loss| {
        format!(
            "of {records} sent on {day}, {} cannot be converted to {} and will be NULL, such as {:?} in the column {}",
            counted(loss.values, "value", "values"),
            loss.column,
            loss.example,
            loss.source
        )
    };
    columns.iter().map(line).collect()
}

fn definition(name: &str, view: &View) -> serde_json::Value {
    let map: serde_json::Map<_, _> =
        view.map.iter().map(|(column, source)| (column.to_owned(), source.into())).collect();
    json!({"name": name, "from": view.from, "map": map})
}

/// Returns the message for a view that does not exist.
async fn no_view(lake: &Lake, name: &str) -> anyhow::Result<String> {
    let names: Vec<_> = view::list(lake).await?.into_iter().map(|view| view.name).collect();
    Ok(match names.is_empty() {
        true => format!("no view {name}; the lake has no views"),
        false => format!("no view {name}; the views are {}", names.join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use lake_query::view::Loss;

    #[test]
    fn warning_has_count_and_example() {
        let loss = Loss { column: "trade_date".into(), source: "date".into(), values: 1, example: "31/12/1986".into() };
        let losses = Losses { day: "2026-11-20".into(), records: 1_200, columns: vec![loss] };
        assert_eq!(
            warnings(&losses),
            [
                "of 1,200 records sent on 2026-11-20, 1 value cannot be converted to trade_date and will be NULL, such as \
              \"31/12/1986\" in the column date"
            ]
        );
    }
}
