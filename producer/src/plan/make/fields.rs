//! Chooses the number format, and the name and kind of each column.

use super::Maker;
use super::roles::Roles;
use crate::plan::columns::{self, Table};
use crate::plan::date_format::DateFormat;
use crate::plan::number_format::{DecimalSign, Evidence, NumberFormat, is_missing};
use crate::plan::question::Question;
use crate::plan::titles::Role;
use crate::plan::{Column, Dates, Kind};

impl Maker<'_> {
    pub(super) fn numbers(&mut self, table: Table<'_>, roles: &Roles, dates: &Dates) -> NumberFormat {
        let mut evidence = Evidence::default();
        // A cell such as `4.005` in a column that has whole numbers but no other fractions. A program that always
        // writes three decimals would also have written them for the whole numbers, so the point may separate
        // thousands.
        let mut is_unpadded = None;
        let priced = roles.prices.values().chain(roles.groups.iter().flat_map(|(_, roles)| roles.values()));
        let priced: Vec<usize> = priced.copied().collect();
        for column in 0..table.titles.len() {
            if dates.columns().any(|dated| dated == column) || Some(column) == roles.symbol {
                continue;
            }
            let mut own = Evidence::default();
            let cells = || table.cells(column).filter(|cell| !is_missing(cell));
            let numbers = cells().filter(|cell| own.add(cell, true)).count();
            // Text that contains a comma says nothing about numbers.
            if priced.contains(&column) || (numbers > 0 && numbers == cells().count()) {
                if own.ambiguous_point.is_some() && own.point.is_none() {
                    let whole = |cell: &&str| cell.parse::<u64>().is_ok_and(|number| number > 0);
                    is_unpadded = is_unpadded.or(cells().find(whole).and_then(|_| own.ambiguous_point.clone()));
                }
                evidence.merge(own);
            }
        }
        if let Some(decimal) = self.options.decimal {
            let value = match decimal {
                DecimalSign::Point => "decimal points",
                DecimalSign::Comma => "decimal commas",
            };
            self.reason("numbers", value, "--decimal");
            return NumberFormat { decimal, has_groups: true };
        }
        let ask = |problem: String| Question::new(problem, ["--decimal point", "--decimal comma"]);
        let has_day_first = matches!(dates, Dates::Column(column, DateFormat::DayMonthYear)
            if table.cells(*column).any(|cell| cell.contains('/')));
        let is_european = (table.delimiter == b';' || has_day_first) && evidence.point.is_none();
        let whole = is_unpadded.or(evidence.ambiguous_point.filter(|_| is_european));
        match (evidence.point, evidence.comma, evidence.ambiguous) {
            (None, None, _) if whole.is_some() => {
                let cell = whole.unwrap_or_default();
                self.questions.push(ask(format!("{cell} can be {} or {cell}", cell.replace('.', ""))));
                NumberFormat::default()
            }
            (Some(point), Some(comma), _) => {
                self.questions.push(ask(format!("numbers have decimal points ({point}) and decimal commas ({comma})")));
                NumberFormat::default()
            }
            (None, Some(comma), _) => {
                self.reason("numbers", "decimal commas", format!("a number such as {comma}"));
                NumberFormat { decimal: DecimalSign::Comma, has_groups: true }
            }
            (None, None, Some(cell)) => {
                self.questions.push(ask(format!(
                    "{cell} can be {} or {}",
                    cell.replace(',', ""),
                    cell.replace(',', ".")
                )));
                NumberFormat::default()
            }
            (point, None, ambiguous) => NumberFormat {
                decimal: DecimalSign::Point,
                has_groups: ambiguous.is_some() || point.is_some_and(|point| point.contains(',')),
            },
        }
    }

    /// Asks for the names of the columns if the high is below the low in most rows.
    pub(super) fn check_range(&mut self, table: Table<'_>, roles: &Roles, numbers: NumberFormat) {
        let (Some(&high), Some(&low)) = (roles.prices.get(&Role::High), roles.prices.get(&Role::Low)) else { return };
        let number = |cell: &str| numbers.rewrite(cell, false).ok()?.parse::<f64>().ok();
        let ranges = table.rows.iter().filter_map(|row| Some((number(row.cell(low))?, number(row.cell(high))?)));
        let (wrong, right): (Vec<_>, Vec<_>) = ranges.partition(|(low, high)| low > high);
        if wrong.len() > right.len() && self.options.columns.is_empty() {
            let titles: Vec<&str> = table.titles.iter().map(String::as_str).collect();
            self.questions.push(Question::new(
                format!(
                    "{} would be the high and {} the low, but the high is below the low in {} of {} rows",
                    table.label(high),
                    table.label(low),
                    wrong.len(),
                    wrong.len() + right.len()
                ),
                [format!("{}--columns '{}' (with the right name for each)", self.skip_header(), titles.join(","))],
            ));
        }
    }

    pub(super) fn key(&mut self, table: Table<'_>) -> Vec<usize> {
        let mut key = Vec::new();
        for name in &self.options.key {
            key.extend(self.ask(table.named("--key", name).map(Some)));
        }
        key
    }

    pub(super) fn columns(&mut self, table: Table<'_>, roles: &Roles, dates: &Dates, key: &[usize]) -> Vec<Column> {
        let mut used: Vec<String> = roles.prices.keys().map(|role| role.field().to_owned()).collect();
        let grouped = |column: usize| {
            let mut all = roles.groups.iter().flat_map(|(_, roles)| roles);
            all.find(|(_, at)| **at == column).map(|(role, _)| *role)
        };
        for (_, group) in &roles.groups {
            used.extend(group.keys().map(|role| role.field().to_owned()));
        }
        let mut columns = Vec::new();
        for (column, title) in table.titles.iter().enumerate() {
            let role =
                roles.prices.iter().find(|(_, at)| **at == column).map(|(role, _)| *role).or_else(|| grouped(column));
            let (name, kind) = match (dates, role) {
                (Dates::Column(date, _) | Dates::WithTime(date, ..), _) if column == *date => {
                    ("trade_date".to_owned(), Kind::Date)
                }
                (Dates::WithTime(_, _, time, _) | Dates::Given(_, time, _), _) if column == *time => {
                    (String::new(), Kind::Time)
                }
                _ if Some(column) == roles.symbol => ("symbol".to_owned(), Kind::Symbol),
                _ if key.contains(&column) => (String::new(), Kind::Key),
                (_, Some(role)) => (role.field().to_owned(), Kind::Number { magnitudes: role == Role::Volume }),
                (_, None) => {
                    let name = columns::unique_name(title, column, &mut used, key.is_empty());
                    let is_number = (self.options.numeric.contains(&name) || columns::is_number_column(table, column))
                        && !self.options.text.contains(&name)
                        && name != "series";
                    (name, if is_number { Kind::Number { magnitudes: false } } else { Kind::Text })
                }
            };
            columns.push(Column { title: title.clone(), name, kind });
        }
        self.column_warnings(&columns, roles);
        columns
    }

    pub(super) fn column_warnings(&mut self, columns: &[Column], roles: &Roles) {
        let renamed = columns.iter().filter(|column| {
            let plain = crate::csv::field_name::snake_case(&column.title);
            matches!(column.kind, Kind::Text | Kind::Number { .. })
                && column.name.strip_prefix(plain.as_str()).is_some_and(|rest| {
                    rest.strip_prefix('_').is_some_and(|number| number.parse::<u32>().is_ok()) && !plain.is_empty()
                })
        });
        let renamed: Vec<String> = renamed.map(|column| format!("{} becomes {}", column.title, column.name)).collect();
        if !renamed.is_empty() {
            self.warnings.push(format!("fields are renamed because their names are taken: {}", renamed.join(", ")));
        }
        let has = |role: Role| {
            roles.prices.contains_key(&role) || roles.groups.iter().any(|(_, group)| group.contains_key(&role))
        };
        if ![Role::Close, Role::Bid, Role::Ask].into_iter().any(has) {
            let titles: Vec<&str> = columns.iter().map(|column| column.title.as_str()).collect();
            self.warnings.push(format!(
                "no column holds a close, a last price, a bid or an ask; if one does, name it `close` with {}--columns '{}'",
                self.skip_header(),
                titles.join(",")
            ));
        }
    }
}
