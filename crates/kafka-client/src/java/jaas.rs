//! Parses `sasl.jaas.config`, the login configuration of Kafka's Java client.
//!
//! The Java client parses it with Java's `StreamTokenizer`, so this module supports the same escapes and comments. It
//! is more lenient than the Java client: it accepts values without quotes and a missing semicolon.

use std::iter::Peekable;
use std::str::Chars;

use thiserror::Error;

/// User name and password of a login module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) username: String,
    pub(crate) password: String,
    /// `true` for PLAIN, `false` for SCRAM.
    pub(crate) is_plain: bool,
}

/// Reason that a login cannot be translated. Messages omit the configuration, because it contains the password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum JaasError {
    /// The login module is neither `ScramLoginModule` nor `PlainLoginModule`.
    #[error(
        "login module {0} cannot be translated; use ScramLoginModule or PlainLoginModule, or librdkafka's `sasl.*` settings"
    )]
    Module(String),
    /// The user name or the password is missing.
    #[error("{0}=\"...\" is missing; add it")]
    Missing(&'static str),
    /// The configuration does not have the form `Module required key="value" ...;`.
    #[error("expected `Module required username=\"...\" password=\"...\";`")]
    Syntax,
    /// The SCRAM mechanism is not set.
    #[error("`sasl.mechanism` must be set too: SCRAM-SHA-256 or SCRAM-SHA-512")]
    NoMechanism,
}

/// Parses `<module> required username="..." password="...";`.
///
/// # Errors
/// [`JaasError`] if the configuration is malformed, the login module is neither `ScramLoginModule` nor
/// `PlainLoginModule`, or the user name or the password is missing.
pub(crate) fn parse(config: &str) -> Result<Login, JaasError> {
    let (module, rest) = config.trim().split_once(char::is_whitespace).ok_or(JaasError::Syntax)?;
    let is_plain = match module.rsplit('.').next() {
        Some("ScramLoginModule") => false,
        Some("PlainLoginModule") => true,
        _ => return Err(JaasError::Module(module.to_owned())),
    };
    let mut options = Options { letters: rest.chars().peekable() };
    // Skip the control flag, which has no effect with a single module.
    options.skip_blanks_and_comments();
    if options.word(char::is_whitespace).is_empty() || options.letters.peek().is_none() {
        return Err(JaasError::Syntax);
    }
    let (mut username, mut password) = (None, None);
    while let Some((key, value)) = options.next()? {
        match key.as_str() {
            "username" => username = Some(value),
            "password" => password = Some(value),
            _ => {}
        }
    }
    Ok(Login {
        username: username.ok_or(JaasError::Missing("username"))?,
        password: password.ok_or(JaasError::Missing("password"))?,
        is_plain,
    })
}

/// Parser of the options of a login module.
struct Options<'a> {
    letters: Peekable<Chars<'a>>,
}

impl Options<'_> {
    /// Consumes the next option and returns its key and value. Returns `None` at the semicolon or the end of the input.
    fn next(&mut self) -> Result<Option<(String, String)>, JaasError> {
        self.skip_blanks_and_comments();
        if matches!(self.letters.peek(), None | Some(';')) {
            return Ok(None);
        }
        let key = self.word(|letter| letter.is_whitespace() || letter == '=');
        self.skip_blanks_and_comments();
        self.letters.next_if_eq(&'=').ok_or(JaasError::Syntax)?;
        self.skip_blanks_and_comments();
        let value = match self.letters.next_if(|letter| matches!(letter, '"' | '\'')) {
            Some(quote) => self.quoted(quote)?,
            None => self.word(|letter| letter.is_whitespace() || letter == ';'),
        };
        Ok(Some((key, value)))
    }

    fn skip_blanks_and_comments(&mut self) {
        loop {
            while self.letters.next_if(|letter| letter.is_whitespace()).is_some() {}
            let mut ahead = self.letters.clone();
            match (ahead.next(), ahead.next()) {
                (Some('/'), Some('/')) => while self.letters.next_if(|&letter| letter != '\n').is_some() {},
                (Some('/'), Some('*')) => {
                    self.letters = ahead;
                    let mut last = ' ';
                    for letter in self.letters.by_ref() {
                        if last == '*' && letter == '/' {
                            break;
                        }
                        last = letter;
                    }
                }
                _ => return,
            }
        }
    }

    /// Consumes everything before the first character for which `is_end` returns `true`.
    fn word(&mut self, is_end: impl Fn(char) -> bool) -> String {
        let mut word = String::new();
        while let Some(letter) = self.letters.next_if(|&letter| !is_end(letter)) {
            word.push(letter);
        }
        word
    }

    /// Consumes a quoted value up to its closing quote.
    fn quoted(&mut self, quote: char) -> Result<String, JaasError> {
        let mut value = String::new();
        while let Some(letter) = self.letters.next() {
            match letter {
                letter if letter == quote => return Ok(value),
                '\\' => value.push(self.escaped().ok_or(JaasError::Syntax)?),
                letter => value.push(letter),
            }
        }
        Err(JaasError::Syntax)
    }

    /// Consumes the rest of an escape, after its backslash, and returns the escaped character. Returns `None` at the
    /// end of the input.
    fn escaped(&mut self) -> Option<char> {
        Some(match self.letters.next()? {
            'a' => '\x07',
            'b' => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            first @ '0'..='7' => {
                let mut code = first.to_digit(8)? as u8;
                let more = if first <= '3' { 2 } else { 1 };
                for _ in 0..more {
                    let Some(digit) = self.letters.next_if(|letter| letter.is_digit(8)) else { break };
                    code = code << 3 | digit.to_digit(8)? as u8;
                }
                char::from(code)
            }
            letter => letter,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;

    const SCRAM: &str = "org.apache.kafka.common.security.scram.ScramLoginModule";

    /// A line of `testdata/jaas.jsonl`: a configuration, and the login or error of Kafka's client for it.
    #[derive(Deserialize)]
    struct Line {
        config: String,
        kafka: Kafka,
    }

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Kafka {
        Options { username: Option<String>, password: Option<String> },
        Error(#[expect(dead_code, reason = "what Kafka rejects may be accepted here")] String),
    }

    #[test]
    fn every_login_that_kafka_accepts_is_read_as_kafka_reads_it() {
        let mut accepted = 0;
        for line in include_str!("testdata/jaas.jsonl").lines() {
            let Line { config, kafka } = serde_json::from_str(line).expect("a line of the table");
            let login = parse(&config);
            if let Kafka::Options { username: Some(username), password: Some(password) } = kafka {
                assert_eq!(login, Ok(Login { username, password, is_plain: false }), "{config:?}");
                accepted += 1;
            }
        }
        assert!(accepted > 30, "{accepted}");
    }

    #[test]
    fn options_may_have_any_order_and_quotes() {
        for options in [
            "username=\"u\" password=\"p w\";",
            "password='p w'\n username = u ;",
            "tokenauth=\"true\" username=\"u\" password=\"p w\"",
        ] {
            let login = parse(&format!("{SCRAM} required {options}")).expect(options);
            assert_eq!(login, Login { username: "u".into(), password: "p w".into(), is_plain: false }, "{options}");
        }
    }

    #[test]
    fn errors_do_not_show_the_password() {
        let error = |config: &str| parse(config).expect_err(config);
        assert_eq!(error(&format!("{SCRAM} required password=\"p\";")), JaasError::Missing("username"));
        assert_eq!(error(&format!("{SCRAM} required username=\"u\" password=\"p")), JaasError::Syntax);
        assert_eq!(error("x.OAuthBearerLoginModule required;"), JaasError::Module("x.OAuthBearerLoginModule".into()));
        assert_eq!(error(""), JaasError::Syntax);
    }

    proptest! {
        #[test]
        fn any_password_survives_its_quotes(password in "\\PC{0,20}") {
            let quoted = password.replace('\\', "\\\\").replace('"', "\\\"");
            let login = parse(&format!("{SCRAM} required username=\"u\" password=\"{quoted}\";"));
            prop_assert_eq!(login.map(|login| login.password), Ok(password));
        }

        #[test]
        fn no_configuration_causes_a_panic(options in "(\\PC|[ \n\\\\=\"';/*07n]){0,60}") {
            let _ = parse(&options);
            let _ = parse(&format!("{SCRAM} required {options}"));
        }
    }
}
