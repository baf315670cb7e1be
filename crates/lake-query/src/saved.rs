//! The files of `queries/`, built in, so that the binary brings them along.

/// A saved query or view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavedQuery {
    /// The file's name without its ending.
    pub name: &'static str,
    /// The question it answers: its first line.
    pub title: &'static str,
    /// The statement, comments and all.
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

static VIEWS: &[SavedQuery] = saved!["views/quotes_latest"];

/// The saved queries, in the order of their names.
pub fn queries() -> &'static [SavedQuery] {
    QUERIES
}

/// The data-quality questions, in the order of their names: a row is a finding, and its column
/// `findings` says how many there are where not all of them are shown.
pub fn quality() -> &'static [SavedQuery] {
    QUALITY
}

/// The views that the saved queries read; each session has them.
pub fn views() -> &'static [SavedQuery] {
    VIEWS
}

/// The title is what follows the `-- ` of the first line.
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
    fn every_file_is_built_in() {
        let names = |all: &[SavedQuery]| all.iter().map(|q| q.name.to_owned()).collect::<Vec<_>>();
        assert_eq!(names(queries()), files(""));
        assert_eq!(names(quality()), files("quality/"));
        assert_eq!(names(views()), files("views/"));
    }

    #[test]
    fn each_header_says_what_a_reader_needs() {
        for query in queries().iter().chain(quality()) {
            assert!(query.sql.starts_with("-- ") && query.title.ends_with('?'), "{query:?}");
            for word in ["-- Grain: ", "-- Repeats: ", "ORDER BY", "quotes_latest"] {
                assert!(query.sql.contains(word), "{} lacks {word:?}", query.name);
            }
        }
    }

    #[test]
    fn a_quality_query_counts_what_its_limit_hides() {
        for query in quality() {
            assert!(query.sql.contains(" AS findings\n") && query.sql.ends_with("LIMIT 20\n"), "{}", query.name);
        }
    }
}
