//! Describes failed requests to S3 in one line, with the remedy.
//!
//! The errors of `object_store` contain the address and the server's response, an XML document, only as text. This
//! module extracts from that text what a user needs: the server, S3's error code and its message. It adds the remedy,
//! such as the variable to correct.

use std::error::Error;
use std::fmt::{self, Display};
use std::iter::successors;

use object_store::client::{HttpError, HttpErrorKind};

use crate::backend::NoCredentials;

/// Reason that a request to S3 failed, with the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum S3Failure {
    /// The server answered with an error.
    #[error("{server} answered {code}: {message}{remedy}", remedy = Remedy(code, server))]
    Answer {
        /// Scheme, host and port of the server.
        server: String,
        /// S3's error code, such as `AccessDenied`.
        code: String,
        message: String,
    },
    /// The bucket is in another region.
    #[error("{server} redirected the request: set AWS_REGION to the bucket's region")]
    OtherRegion { server: String },
    /// No connection was established.
    #[error(
        "failed to connect to {server}: {cause}; start the server, or correct AWS_ENDPOINT_URL_S3 or the endpoint of AWS_PROFILE"
    )]
    Connection {
        server: String,
        /// The operating system's or the library's reason.
        cause: String,
    },
    /// The server does not speak TLS.
    #[error("{server} does not support HTTPS; if it is an HTTP server, write http:// in AWS_ENDPOINT_URL_S3")]
    NotHttps { server: String },
    /// No credentials were found.
    #[error(transparent)]
    NoCredentials(NoCredentials),
}

impl S3Failure {
    /// Finds the reason in an error of `object_store`. Returns `None` if the error is from another crate, or if its
    /// reason is not one of these.
    pub fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let causes = || successors(Some(error), |&cause| cause.source());
        error.downcast_ref::<object_store::Error>()?;
        if let Some(missing) = causes().find_map(|cause| cause.downcast_ref::<NoCredentials>()) {
            return Some(S3Failure::NoCredentials(missing.clone()));
        }
        let text = error.to_string();
        let server = server(&text)?;
        if text.contains("Received redirect without LOCATION") {
            return Some(S3Failure::OtherRegion { server });
        }
        if let Some(code) = element(&text, "Code") {
            let message = match code.as_str() {
                // Servers ask to check "your key and signing method", where only the secret key can be wrong.
                "SignatureDoesNotMatch" => "the secret key does not belong to the access key".to_owned(),
                _ => element(&text, "Message").unwrap_or_default().trim_end_matches('.').to_owned(),
            };
            return Some(S3Failure::Answer { server, code, message });
        }
        let http = causes().find_map(|cause| cause.downcast_ref::<HttpError>())?;
        let cause = causes().last()?.to_string();
        match http.kind() {
            _ if cause.contains("InvalidContentType") => Some(S3Failure::NotHttps { server }),
            HttpErrorKind::Connect => Some(S3Failure::Connection { server, cause }),
            _ => None,
        }
    }
}

/// Returns the scheme, host and port in the text of a failed request.
fn server(text: &str) -> Option<String> {
    let (_, request) = text.split_once("Error performing ")?;
    let url = request.split_whitespace().find(|word| word.starts_with("http://") || word.starts_with("https://"))?;
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split(['/', '?']).next()?;
    Some(format!("{scheme}://{host}"))
}

/// Returns the text of the first XML element with this name.
fn element(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (content, _) = rest.split_once(&format!("</{name}>"))?;
    Some(content.trim().to_owned())
}

/// The remedy for an error code and a server, for display. Empty if retrying may resolve the error.
struct Remedy<'a>(&'a str, &'a str);

impl Display for Remedy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Remedy(code, server) = *self;
        let remedy = match code {
            "SignatureDoesNotMatch" => "correct AWS_SECRET_ACCESS_KEY, or select a profile with AWS_PROFILE",
            // Without the endpoint, the keys of another server are sent to AWS.
            "InvalidAccessKeyId" if server.contains(".amazonaws.com") => {
                "correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or select a profile with AWS_PROFILE; if the keys are for another server, set AWS_ENDPOINT_URL_S3"
            }
            "InvalidAccessKeyId" => {
                "correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or select a profile with AWS_PROFILE"
            }
            "AccessDenied" => {
                "grant s3:GetObject, s3:PutObject and s3:ListBucket to the access key, or use another one: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
            }
            "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired" => {
                "renew the credentials: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or AWS_PROFILE"
            }
            "NoSuchBucket" => "create the bucket, or correct --bucket, AWS_PROFILE or AWS_ENDPOINT_URL_S3",
            "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => {
                "set AWS_REGION to the bucket's region"
            }
            "RequestTimeTooSkewed" => "correct this machine's clock",
            _ => return Ok(()),
        };
        write!(f, "; {remedy}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the text for an error with which `object_store` reports a failed request.
    fn text(url: &str, answer: &str) -> Option<String> {
        let source = format!("Error performing GET {url}?list-type=2&prefix=data%2F in 12.3ms - {answer}").into();
        let error = object_store::Error::Generic { store: "S3", source };
        S3Failure::of(&error).map(|failure| failure.to_string())
    }

    fn denied(code: &str) -> String {
        format!(
            "Server returned non-2xx status code: 403 Forbidden: <?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>No.</Message></Error>"
        )
    }

    #[test]
    fn keys_of_another_server_name_the_endpoint() {
        let aws = text("https://lake.s3.us-east-1.amazonaws.com/", &denied("InvalidAccessKeyId")).unwrap();
        assert!(aws.starts_with("https://lake.s3.us-east-1.amazonaws.com answered InvalidAccessKeyId: No; "), "{aws}");
        assert!(aws.ends_with("if the keys are for another server, set AWS_ENDPOINT_URL_S3"), "{aws}");
        let other = text("http://127.0.0.1:9000/lake", &denied("InvalidAccessKeyId")).unwrap();
        assert!(!other.contains("AWS_ENDPOINT_URL_S3"), "{other}");
    }

    #[test]
    fn code_without_a_remedy_is_the_servers_answer() {
        let busy = text("http://localhost:9000/lake", &denied("SlowDown"));
        assert_eq!(busy.as_deref(), Some("http://localhost:9000 answered SlowDown: No"));
    }

    #[test]
    fn redirect_names_the_region() {
        let redirect = "Received redirect without LOCATION, this normally indicates an incorrectly configured region";
        let redirect = text("https://lake.s3.us-east-1.amazonaws.com/", redirect).unwrap();
        assert!(redirect.ends_with("set AWS_REGION to the bucket's region"), "{redirect}");
    }

    #[test]
    fn other_errors_are_left_as_they_are() {
        assert_eq!(text("http://localhost:9000/lake", "HTTP error: operation timed out"), None);
        assert_eq!(S3Failure::of(&std::io::Error::other("<Code>AccessDenied</Code>")), None);
        let file = std::io::Error::other("No such file or directory");
        let error = object_store::Error::Generic { store: "LocalFileSystem", source: file.into() };
        assert_eq!(S3Failure::of(&error), None);
    }
}
