//! Inputs of a feed: files, files that grow, standard input, and bytes in memory.

use std::fs::Metadata;
use std::path::{Path, PathBuf};

/// One input of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Standard input, which can be read only once.
    Stdin,
    /// A regular file, a named pipe or a device.
    File(PathBuf),
    /// A regular file that grows.
    Followed(PathBuf),
    /// Bytes in memory.
    Bytes {
        /// Name for messages.
        name: &'static str,
        /// The CSV text, gzipped or not.
        bytes: &'static [u8],
    },
}

impl Input {
    /// Returns the input's name for messages.
    #[must_use]
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Stdin => "standard input".to_owned(),
            Self::File(path) | Self::Followed(path) => path.display().to_string(),
            Self::Bytes { name, .. } => (*name).to_owned(),
        }
    }

    /// Returns the file name, which may contain the symbol; `None` for an input without a name.
    #[must_use]
    pub(crate) fn file_name(&self) -> Option<String> {
        match self {
            Self::Stdin => None,
            Self::File(path) | Self::Followed(path) => path.file_name().map(|name| name.to_string_lossy().into_owned()),
            Self::Bytes { name, .. } => Some((*name).to_owned()),
        }
    }

    /// Returns `true` if the input has the same rows each time it is opened: a file does, a pipe or a file that grows
    /// does not.
    #[must_use]
    pub(crate) fn is_repeatable(&self) -> bool {
        match self {
            Self::Stdin | Self::Followed(_) => false,
            Self::File(path) => path.metadata().is_ok_and(|metadata| metadata.is_file()),
            Self::Bytes { .. } => true,
        }
    }

    /// Returns the size in bytes, which for a gzipped input is the compressed size; `None` if the size is unknown.
    #[must_use]
    pub(crate) fn size(&self) -> Option<u64> {
        match self {
            Self::Stdin | Self::Followed(_) => None,
            Self::File(path) => path.metadata().ok().filter(Metadata::is_file).map(|metadata| metadata.len()),
            Self::Bytes { bytes, .. } => Some(bytes.len() as u64),
        }
    }

    /// Returns the path of the input's rejects file: `<input>.rejects.csv`, in `folder` if one is given, otherwise
    /// beside the input.
    #[must_use]
    pub(crate) fn rejects_path(&self, folder: Option<&Path>) -> PathBuf {
        let mut beside = match self {
            Self::Stdin => PathBuf::from("stdin").into_os_string(),
            Self::File(path) | Self::Followed(path) => path.clone().into_os_string(),
            Self::Bytes { name, .. } => PathBuf::from(name).into_os_string(),
        };
        beside.push(".rejects.csv");
        let beside = PathBuf::from(beside);
        match (folder, beside.file_name()) {
            (Some(folder), Some(name)) => folder.join(name),
            _ => beside,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_are_beside_the_input_or_in_the_given_folder() {
        let input = Input::File("in/a.csv".into());
        assert_eq!(input.rejects_path(None), Path::new("in/a.csv.rejects.csv"));
        assert_eq!(input.rejects_path(Some(Path::new("out"))), Path::new("out/a.csv.rejects.csv"));
        assert_eq!(Input::Stdin.rejects_path(None), Path::new("stdin.rejects.csv"));
    }
}
