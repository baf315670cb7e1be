//! The files of the page. They are part of the binary; a debug build reads them from the source folder if it exists, so
//! that a change needs no build, unless `TICKERLAKE_CONSOLE_ASSETS` is `embedded`.

use std::borrow::Cow;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

/// A file of the page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asset {
    /// Path below `assets/`.
    pub(crate) path: &'static str,
    content: &'static [u8],
}

macro_rules! assets {
    ($($path:literal),* $(,)?) => {
        &[$(Asset { path: $path, content: include_bytes!(concat!("../assets/", $path)) }),*]
    };
}

pub(crate) static ASSETS: &[Asset] = assets![
    "index.html",
    "style.css",
    "favicon.svg",
    "app.js",
    "athena.js",
    "audit.js",
    "bars.js",
    "chart.js",
    "dom.js",
    "format.js",
    "json-text.js",
    "lab.js",
    "lake.js",
    "market.js",
    "net.js",
    "pipeline.js",
    "plot.js",
    "quality.js",
    "quarantine.js",
    "records.js",
    "sql-editor.js",
    "sql.js",
    "strip.js",
    "theme.js",
    "watch.js",
    "vendor/lightweight-charts.js",
    "vendor/NOTICE.txt",
];

impl Asset {
    pub(crate) fn find(path: &str) -> Option<&'static Asset> {
        ASSETS.iter().find(|asset| asset.path == path)
    }

    pub(crate) fn content(&self) -> Cow<'static, [u8]> {
        if cfg!(debug_assertions) && std::env::var_os("TICKERLAKE_CONSOLE_ASSETS").is_none_or(|from| from != "embedded")
        {
            let file = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/");
            if let Ok(content) = std::fs::read(format!("{file}{}", self.path)) {
                return content.into();
            }
        }
        self.content.into()
    }

    pub(crate) fn media_type(&self) -> &'static str {
        match self.path.rsplit('.').next() {
            Some("html") => "text/html; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("svg") => "image/svg+xml",
            _ => "text/plain; charset=utf-8",
        }
    }
}

/// Compresses with gzip. Returns `None` if that fails, which it does not in memory.
pub(crate) fn gzip(content: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).ok()?;
    encoder.finish().ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// Maximum size of all files, compressed, in bytes.
    const MAX_COMPRESSED: usize = 250_000;

    fn files(folder: &Path, prefix: &str, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{prefix}{}", entry.file_name().into_string().unwrap());
            match entry.path().is_dir() {
                true => files(&entry.path(), &format!("{name}/"), found),
                false => _ = found.insert(name),
            }
        }
    }

    #[test]
    fn every_file_is_in_the_binary() {
        let mut found = BTreeSet::new();
        files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("assets"), "", &mut found);
        // The record of the vendored versions, and the script that refreshes them, are not served.
        found.retain(|name| !name.starts_with("vendor/") || name.ends_with(".js") || name == "vendor/NOTICE.txt");
        let listed: BTreeSet<_> = ASSETS.iter().map(|asset| asset.path.to_owned()).collect();
        assert_eq!(listed, found);
    }

    #[test]
    fn all_files_together_are_small() {
        let sizes: Vec<_> = ASSETS.iter().map(|asset| (gzip(asset.content).unwrap().len(), asset.path)).collect();
        let total: usize = sizes.iter().map(|(size, _)| size).sum();
        assert!(total <= MAX_COMPRESSED, "{total} bytes: {sizes:?}");
    }

    #[test]
    fn page_names_no_other_host() {
        for asset in ASSETS.iter().filter(|asset| !asset.path.starts_with("vendor/")) {
            let text = std::str::from_utf8(asset.content).unwrap();
            for (at, _) in text.match_indices("//").filter(|(at, _)| text[..*at].ends_with(':')) {
                let url = text[at..].split(['"', '\'', ' ', '<', '`']).next().unwrap();
                // A link that the user follows is not a request of the page.
                let is_link =
                    ["//www.tradingview.com/", "//www.w3.org/2000/svg"].iter().any(|known| url.starts_with(known));
                assert!(is_link, "{}: {url}", asset.path);
            }
        }
    }
}
