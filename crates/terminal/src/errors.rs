//! Formats errors for messages.

use std::error::Error;

/// Formats an error and its causes on one line, from the outermost to the innermost. Omits a cause whose text is
/// already part of the line.
#[must_use]
pub fn in_one_line(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.contains(&message) {
            text = format!("{text}: {message}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use thiserror::Error;

    #[derive(Debug, Error)]
    enum Failure {
        #[error("failed to read a.csv: {0}")]
        InMessage(#[source] io::Error),
        #[error("failed to read a.csv")]
        SourceOnly(#[source] io::Error),
    }

    #[test]
    fn each_cause_is_printed_once() {
        let cause = || io::Error::other("no such disk");
        let expected = "failed to read a.csv: no such disk";
        assert_eq!(in_one_line(&Failure::InMessage(cause())), expected);
        assert_eq!(in_one_line(&Failure::SourceOnly(cause())), expected);
    }
}
