//! The files in `queries/`, compiled into the binary.

/// A saved query or view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavedQuery {
    /// Path below `queries/`, without the extension.
    pub name: &'static str,
    /// Question that the query answers, from the first line of the file.
    pub title: &'static str,
    /// The statement, including its comments.
    pub sql: &'static str,
}

macro_rules! saved {
    ($($name:literal),* $(,)?) => {
        &[$(saved(
            $name,
            include_str!(concat!("../../../queries/", $name, ".sql")),
        )),*]
    };
}

static QUERIES: &[SavedQuery] = saved![
    "01_daily_range",
    "02_moving_averages",
    "03_best_and_worst_days",
    "04_drawdown",
    "05_volume_leaders",
    "06_coverage",
];

static QUALITY: &[SavedQuery] = saved![
    "quality/duplicates",
    "quality/gaps",
    "quality/jumps",
    "quality/low_above_high",
    "quality/nulls",
    "quality/outside_low_high",
    "quality/quarantined",
];

/// Views in dependency order.
static VIEWS: &[SavedQuery] = saved!["views/quotes_timed", "views/quotes_latest", "views/daily"];

/// Returns the saved queries, ordered by name.
pub fn queries() -> &'static [SavedQuery] {
    QUERIES
}

/// Returns the data-quality queries, ordered by name. Each row of a result is a finding. Because a query returns at
/// most 20 rows, the column `findings` contains the total number of findings.
pub fn quality() -> &'static [SavedQuery] {
    QUALITY
}

/// Returns the views that the saved queries read, in dependency order. Every session has these views.
pub fn views() -> &'static [SavedQuery] {
    VIEWS
}

/// Creates a saved query whose title is the first line of `sql` without its `-- `.
const fn saved(name: &'static str, sql: &'static str) -> SavedQuery {
    let (_, text) = sql.split_at(3);
    let mut end = 0;
    while end < text.len() && text.as_bytes()[end] != b'\n' {
        end += 1;
    }
    let (title, _) = text.split_at(end);
    SavedQuery { name, title, sql }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn files(folder: &str) -> Vec<String> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../queries").join(folder);
        let entries = std::fs::read_dir(path).unwrap();
        let names = entries.map(|e| e.unwrap().file_name().into_string().unwrap());
        let stems = names.filter_map(|n| Some(format!("{folder}{}", n.strip_suffix(".sql")?)));
        let mut stems: Vec<_> = stems.collect();
        stems.sort();
        stems
    }

    #[test]
    fn every_file_is_compiled_in() {
        let names = |all: &[SavedQuery]| all.iter().map(|q| q.name.to_owned()).collect::<Vec<_>>();
        assert_eq!(names(queries()), files(""));
        assert_eq!(names(quality()), files("quality/"));
        let mut views = names(views());
        views.sort();
        assert_eq!(views, files("views/"));
    }

    #[test]
    fn every_header_states_grain_and_repeats() {
        for query in queries().iter().chain(quality()) {
            assert!(query.sql.starts_with("-- ") && query.title.ends_with('?'), "{query:?}");
            for word in ["-- Grain: ", "-- Repeats: ", "ORDER BY"] {
                assert!(query.sql.contains(word), "{} lacks {word:?}", query.name);
            }
        }
    }

    #[test]
    fn quality_query_counts_what_its_limit_hides() {
        for query in quality() {
            assert!(query.sql.contains(" AS findings\n") && query.sql.ends_with("LIMIT 20\n"), "{}", query.name);
        }
    }
}
