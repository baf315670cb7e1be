//! `sasl.jaas.config`, the way Java clients write a login.

use thiserror::Error;

/// User and password of a login module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Login {
    /// The user's name.
    pub(crate) username: String,
    /// The password.
    pub(crate) password: String,
    /// Whether the module is the one for the PLAIN mechanism; otherwise it is SCRAM's.
    pub(crate) plain: bool,
}

/// Why a login cannot be translated. Never shows the configuration, which holds the password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum JaasError {
    /// Another module than SCRAM's and PLAIN's.
    #[error("login module {0} cannot be translated; only ScramLoginModule and PlainLoginModule can")]
    Module(String),
    /// An option is absent.
    #[error("no {0}=\"...\" in it")]
    Absent(&'static str),
    /// Not `Module required key="value" ...;`.
    #[error("expected `Module required username=\"...\" password=\"...\";`")]
    Syntax,
    /// SCRAM comes in two strengths.
    #[error("`sasl.mechanism` must be set too: SCRAM-SHA-256 or SCRAM-SHA-512")]
    NoMechanism,
}

/// Reads `<module> required username="..." password="...";`.
///
/// # Errors
/// [`JaasError`] if the module is not SCRAM's or PLAIN's, or an option is absent.
pub(crate) fn parse(config: &str) -> Result<Login, JaasError> {
    let (module, rest) = config.trim().split_once(char::is_whitespace).ok_or(JaasError::Syntax)?;
    let plain = match module.rsplit('.').next() {
        Some("ScramLoginModule") => false,
        Some("PlainLoginModule") => true,
        _ => return Err(JaasError::Module(module.to_owned())),
    };
    let (_flag, mut rest) = rest.trim_start().split_once(char::is_whitespace).ok_or(JaasError::Syntax)?;
    let (mut username, mut password) = (None, None);
    loop {
        rest = rest.trim_start();
        if rest.is_empty() || rest.starts_with(';') {
            break;
        }
        let (key, after) = rest.split_once('=').ok_or(JaasError::Syntax)?;
        let (value, after) = value(after.trim_start())?;
        match key.trim() {
            "username" => username = Some(value),
            "password" => password = Some(value),
            _ => {}
        }
        rest = after;
    }
    Ok(Login {
        username: username.ok_or(JaasError::Absent("username"))?,
        password: password.ok_or(JaasError::Absent("password"))?,
        plain,
    })
}

/// A value in quotes, where a backslash escapes, or a bare word; and what follows it.
fn value(text: &str) -> Result<(String, &str), JaasError> {
    let Some(quote) = text.chars().next().filter(|first| *first == '"' || *first == '\'') else {
        let end = text.find(|letter: char| letter.is_whitespace() || letter == ';').unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        return Ok((word.to_owned(), rest));
    };
    let mut value = String::new();
    let mut letters = text.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => value.push(letters.next().ok_or(JaasError::Syntax)?.1),
            letter if letter == quote => return Ok((value, &text[at + 1..])),
            letter => value.push(letter),
        }
    }
    Err(JaasError::Syntax)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SCRAM: &str = "org.apache.kafka.common.security.scram.ScramLoginModule";

    #[test]
    fn options_may_stand_in_any_order_and_quoting() {
        for options in [
            "username=\"u\" password=\"p w\";",
            "password='p w'\n username = u ;",
            "tokenauth=\"true\" username=\"u\" password=\"p w\"",
        ] {
            let login = parse(&format!("{SCRAM} required {options}")).expect(options);
            assert_eq!(login, Login { username: "u".into(), password: "p w".into(), plain: false }, "{options}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_without_the_password() {
        let error = |config: &str| parse(config).expect_err(config);
        assert_eq!(error(&format!("{SCRAM} required password=\"p\";")), JaasError::Absent("username"));
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
    }
}
