//! Limits of a statement that a stranger wrote.
//!
//! The engine visits a statement by recursion, and a stack that overflows ends the process. The parser limits how
//! deeply parentheses and subqueries nest, but it reads a chain in a loop and returns a tree with one level for each
//! operator:
//!
//! ```text
//! 1+1+1+...                  one level for each operator
//! a UNION ALL b UNION ...    one level for each keyword
//! FROM t, t, t, ...          one level of the plan for each table
//! ```
//!
//! A text of tokens has no depth yet, so operators and keywords are counted before the statement is parsed. Even a tree
//! that is only dropped would overflow a stack.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::visit_relations;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::error::SqlError;

/// Maximum number of operators and keywords. The saved queries have fewer than 300.
pub(crate) const MAX_OPERATORS: usize = 1_000;

/// Maximum number of all tokens, which is what a list of values consists of.
pub(crate) const MAX_TOKENS: usize = 20_000;

/// Maximum number of tables and views that a statement names, counted each time.
pub(crate) const MAX_TABLES: usize = 50;

/// Checks a text that has not been parsed.
///
/// # Errors
/// If the text has too many tokens.
pub(crate) fn check_text(sql: &str) -> Result<(), SqlError> {
    // The parser reports a text that has no tokens.
    let Ok(tokens) = Tokenizer::new(&GenericDialect, sql).tokenize() else { return Ok(()) };
    let (mut all, mut operators) = (0, 0);
    for token in &tokens {
        all += usize::from(!matches!(token, Token::Whitespace(_) | Token::EOF));
        operators += usize::from(is_operator(token));
    }
    match (operators > MAX_OPERATORS, all > MAX_TOKENS) {
        (true, _) => Err(SqlError::TooComplex { limit: MAX_OPERATORS, what: "operators and keywords" }),
        (_, true) => Err(SqlError::TooComplex { limit: MAX_TOKENS, what: "words and signs" }),
        _ => Ok(()),
    }
}

/// Returns `true` for a token that can add a level to the tree. A comma or a parenthesis cannot: the parser limits how
/// deeply parentheses nest.
fn is_operator(token: &Token) -> bool {
    match token {
        Token::Word(word) => word.keyword != Keyword::NoKeyword,
        Token::EOF
        | Token::Whitespace(_)
        | Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::DoubleQuotedString(_)
        | Token::Comma
        | Token::Period
        | Token::SemiColon
        | Token::LParen
        | Token::RParen => false,
        _ => true,
    }
}

/// Checks a parsed statement.
///
/// # Errors
/// If the statement names too many tables.
pub(crate) fn check_tables(statement: &Statement) -> Result<(), SqlError> {
    let mut tables = 0;
    let mut statement = statement;
    while let Statement::Explain(explain) = statement {
        statement = &*explain.statement;
    }
    if let Statement::Statement(statement) = statement {
        let _: ControlFlow<()> = visit_relations(&**statement, |_| {
            tables += 1;
            ControlFlow::Continue(())
        });
    }
    match tables {
        ..=MAX_TABLES => Ok(()),
        _ => Err(SqlError::TooComplex { limit: MAX_TABLES, what: "tables and views" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saved_queries_are_far_below_the_limits() {
        let all = [crate::queries(), crate::quality_questions(), crate::views()].concat();
        for query in all {
            let tokens = Tokenizer::new(&GenericDialect, query.sql).tokenize().unwrap();
            let operators = tokens.iter().filter(|token| is_operator(token)).count();
            assert!(operators < 300, "{}: {operators}", query.name);
        }
    }

    #[test]
    fn list_of_values_is_no_chain() {
        let values: Vec<_> = (0..9_000).map(|value| value.to_string()).collect();
        check_text(&format!("SELECT * FROM quotes WHERE kafka_offset IN ({})", values.join(", "))).unwrap();
        let sum = format!("SELECT {}", vec!["1"; MAX_OPERATORS + 1].join("+"));
        let error = check_text(&sum).unwrap_err().to_string();
        assert!(error.starts_with("the statement has more than 1,000 operators and keywords"), "{error}");
        assert!(check_text(&format!("SELECT {}", ["1"; MAX_TOKENS].join(","))).is_err());
    }
}
