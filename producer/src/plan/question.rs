//! Questions that a file leaves open, and the options that answer them, in one message.

use std::fmt;

/// A question that a file leaves open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The problem, as a clause that includes the evidence.
    pub problem: String,
    /// Options that answer the question; the first is part of the command to try.
    pub answers: Vec<String>,
}

impl Question {
    pub(crate) fn new(problem: impl Into<String>, answers: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Question { problem: problem.into(), answers: answers.into_iter().map(Into::into).collect() }
    }
}

/// All questions of a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Questions(pub Vec<Question>);

impl fmt::Display for Questions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Question { problem, answers }) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{problem}")?;
            match answers.as_slice() {
                [] => {}
                [only] => write!(f, ": add {only}")?,
                [rest @ .., last] => write!(f, ": add {} or {last}", rest.join(", "))?,
            }
        }
        Ok(())
    }
}
