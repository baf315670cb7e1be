//! Probe: checks whether a server honours conditional writes, before the sink writes to it for the first time.
//!
//! AWS's S3 does. A server that accepts the conditions and ignores them would lose records without an error. The probe
//! therefore asks for three writes that must fail, on keys that no other part of Tickerlake reads:
//!
//! | key              | condition                   | required answer |
//! |------------------|-----------------------------|-----------------|
//! | `_probe`         | `If-None-Match: *`, again   | 412             |
//! | `_probe`         | `If-Match` with a wrong tag | 412             |
//! | `_probe-missing` | `If-Match` with a wrong tag | 404 or 412      |
//!
//! Only a server that fails the third check creates `_probe-missing`; the probe then deletes it.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::put_object::{PutObjectError, PutObjectOutput};
use aws_sdk_s3::primitives::ByteStream;
use tokio::sync::OnceCell;

use super::condition_ignored::ConditionIgnored;
use super::s3_adapter::{S3Adapter, S3Error, retry_conflicts};

/// An `ETag` that the probe object does not have.
const WRONG_ETAG: &str = "\"00000000000000000000000000000000\"";

/// Text of the object `_probe`, for readers who find it.
const TEXT: &[u8] = b"Tickerlake uses this object to check whether the server honours conditional writes.\n";

/// The probe of one server, which runs once.
#[derive(Debug)]
pub(crate) struct Probe {
    endpoint: String,
    result: OnceCell<Result<(), ConditionIgnored>>,
}

impl Probe {
    pub(crate) fn new(endpoint: String) -> Self {
        Probe { endpoint, result: OnceCell::new() }
    }

    /// Fails if the server does not honour conditional writes. Must be called before every write; only the first call
    /// sends requests, unless one of them fails for another reason, such as a timeout. `key` is the key of the probe
    /// object.
    pub(super) async fn check(&self, s3: &S3Adapter, key: &str) -> Result<(), S3Error> {
        let result = self.result.get_or_try_init(|| self.run(s3, key)).await?;
        result.clone().map_err(S3Error::ConditionIgnored)
    }

    async fn run(&self, s3: &S3Adapter, key: &str) -> Result<Result<(), ConditionIgnored>, S3Error> {
        let missing = format!("{key}-missing");
        let create = || put(s3, key, Condition::Absent);
        let created = create().await;
        let again = match self.judge(s3, key, created)? {
            // Another process, or an earlier one, has created the object.
            Answer::Failed | Answer::Missing => Ok(()),
            Answer::Unsupported(answer) => Err((answer, "If-None-Match: * on a new key", "200")),
            Answer::Written => match self.judge(s3, key, create().await)? {
                Answer::Failed | Answer::Missing => Ok(()),
                Answer::Unsupported(answer) => Err((answer, "If-None-Match: * on an existing key", "412")),
                Answer::Written => Err(("200".to_owned(), "If-None-Match: * on an existing key", "412")),
            },
        };
        if let Err(found) = again {
            return Ok(Err(self.ignored(found)));
        }
        match self.judge(s3, key, put(s3, key, Condition::WrongETag).await)? {
            Answer::Failed | Answer::Missing => {}
            Answer::Unsupported(answer) => {
                return Ok(Err(self.ignored((answer, "If-Match and a wrong ETag", "412"))));
            }
            Answer::Written => {
                return Ok(Err(self.ignored(("200".to_owned(), "If-Match and a wrong ETag", "412"))));
            }
        }
        let unmet = "If-Match on a key that does not exist";
        let answer = match self.judge(s3, &missing, put(s3, &missing, Condition::WrongETag).await)? {
            Answer::Unsupported(answer) => Some(answer),
            Answer::Written => {
                // The next process must find the key missing again. It may lack the permission to delete.
                let _ = s3.client.delete_object().bucket(&s3.bucket).key(&missing).send().await;
                Some("200".to_owned())
            }
            Answer::Missing => None,
            // The object exists if an earlier probe created it and could not delete it.
            Answer::Failed => s3.exists(&missing).await?.then(|| "200 (earlier)".to_owned()),
        };
        Ok(match answer {
            Some(answer) => Err(self.ignored((answer, unmet, "404"))),
            None => Ok(()),
        })
    }

    fn ignored(&self, (answer, condition, expected): (String, &'static str, &'static str)) -> ConditionIgnored {
        ConditionIgnored { endpoint: self.endpoint.clone(), answer, condition, expected }
    }

    fn judge(
        &self,
        s3: &S3Adapter,
        key: &str,
        result: Result<PutObjectOutput, SdkError<PutObjectError>>,
    ) -> Result<Answer, S3Error> {
        let error = match result {
            Ok(_) => return Ok(Answer::Written),
            Err(error) => error,
        };
        let status = error.raw_response().map(|response| response.status().as_u16());
        let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default();
        match (status, code) {
            (Some(412), _) => Ok(Answer::Failed),
            (Some(404), code) if code != "NoSuchBucket" => Ok(Answer::Missing),
            (Some(status @ (405 | 501)), code)
            | (Some(status @ 400), code @ ("InvalidArgument" | "InvalidRequest")) => {
                Ok(Answer::Unsupported(format!("{status} {code}").trim_end().to_owned()))
            }
            _ => Err(s3.failed("write", key, error.into())),
        }
    }
}

/// `If-None-Match: *` (`Absent`), or `If-Match` with [`WRONG_ETAG`].
#[derive(Clone, Copy)]
enum Condition {
    Absent,
    WrongETag,
}

/// The server's answer to a conditional write.
enum Answer {
    Written,
    /// The condition is not met.
    Failed,
    /// No object has the key.
    Missing,
    /// The server does not know the condition.
    Unsupported(String),
}

async fn put(s3: &S3Adapter, key: &str, condition: Condition) -> Result<PutObjectOutput, SdkError<PutObjectError>> {
    let request = || {
        let request = s3.client.put_object().bucket(&s3.bucket).key(key).content_type("text/plain");
        let request = match condition {
            Condition::Absent => request.if_none_match("*"),
            Condition::WrongETag => request.if_match(WRONG_ETAG),
        };
        request.body(ByteStream::from_static(TEXT))
    };
    retry_conflicts(request).await
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::{Arc, Mutex};

    use aws_sdk_s3::config::http::{HttpRequest, HttpResponse};
    use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
    use aws_sdk_s3::primitives::SdkBody;
    use aws_smithy_runtime_api::client::http::{
        HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
    };

    use super::*;

    const KEY: &str = "ledger/quotes/_probe";

    /// A simulated server: the keys that exist, and how it treats conditions.
    #[derive(Clone, Debug)]
    struct Server {
        keys: Arc<Mutex<BTreeSet<String>>>,
        requests: Arc<Mutex<Vec<String>>>,
        kind: Kind,
    }

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Kind {
        Right,
        IgnoresIfNoneMatch,
        IgnoresIfMatch,
        CreatesIfMatched,
        Unsupported,
        Denied,
    }

    impl HttpConnector for Server {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            let key = request.uri().split("/lake/").nth(1).unwrap().split('?').next().unwrap().to_owned();
            let mut keys = self.keys.lock().unwrap();
            let exists = keys.contains(&key);
            let (creates, matches) =
                (request.headers().get("if-none-match").is_some(), request.headers().get("if-match").is_some());
            let status: u16 = match (request.method(), self.kind) {
                ("HEAD", _) => {
                    if exists {
                        200
                    } else {
                        404
                    }
                }
                ("DELETE", _) => 204,
                (_, Kind::Unsupported) => 501,
                (_, Kind::Denied) => 403,
                (_, kind) if creates && exists && kind != Kind::IgnoresIfNoneMatch => 412,
                (_, kind) if matches && exists && kind != Kind::IgnoresIfMatch => 412,
                (_, kind) if matches && !exists && !matches!(kind, Kind::CreatesIfMatched | Kind::IgnoresIfMatch) => {
                    404
                }
                _ => 200,
            };
            if request.method() == "PUT" && status == 200 {
                keys.insert(key.clone());
            } else if request.method() == "DELETE" {
                keys.remove(&key);
            }
            let name = key.rsplit('/').next().unwrap();
            self.requests.lock().unwrap().push(format!("{} {name} {status}", request.method()));
            let code = match status {
                403 => "AccessDenied",
                404 => "NoSuchKey",
                412 => "PreconditionFailed",
                _ => "NotImplemented",
            };
            let body = if status < 300 { String::new() } else { format!("<Error><Code>{code}</Code></Error>") };
            HttpConnectorFuture::ready(Ok(HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body))))
        }
    }

    impl Server {
        fn new(kind: Kind) -> Self {
            Server { keys: Arc::default(), requests: Arc::default(), kind }
        }

        /// Returns a process that has not probed the server yet.
        fn process(&self) -> Process {
            let server = self.clone();
            let config = aws_sdk_s3::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::from_static("us-east-1"))
                .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
                .endpoint_url("http://server")
                .force_path_style(true)
                .retry_config(aws_sdk_s3::config::retry::RetryConfig::disabled())
                .http_client(http_client_fn(move |_, _| SharedHttpConnector::new(server.clone())));
            let s3 = S3Adapter::new(aws_sdk_s3::Client::from_conf(config.build()), "lake".to_owned());
            Process { s3, probe: Probe::new("http://server".to_owned()) }
        }

        fn requests(&self) -> String {
            std::mem::take(&mut *self.requests.lock().unwrap()).join(", ")
        }
    }

    /// A process with its own probe.
    struct Process {
        s3: S3Adapter,
        probe: Probe,
    }

    impl Process {
        async fn check(&self, key: &str) -> Result<(), S3Error> {
            self.probe.check(&self.s3, key).await
        }
    }

    #[tokio::test]
    async fn right_server_is_probed_once() {
        let server = Server::new(Kind::Right);
        let process = server.process();
        process.check(KEY).await.unwrap();
        assert_eq!(server.requests(), "PUT _probe 200, PUT _probe 412, PUT _probe 412, PUT _probe-missing 404");
        process.check("ledger/other/_probe").await.unwrap();
        assert_eq!(server.requests(), "");
        // Another process finds the object.
        server.process().check(KEY).await.unwrap();
        assert_eq!(server.requests(), "PUT _probe 412, PUT _probe 412, PUT _probe-missing 404");
        assert_eq!(server.keys.lock().unwrap().iter().collect::<Vec<_>>(), [KEY]);
    }

    #[tokio::test]
    async fn ignored_condition_is_named_in_every_process() {
        for (kind, answer) in [
            (Kind::IgnoresIfNoneMatch, "200 to a write with If-None-Match: * on an existing key, where S3 answers 412"),
            (Kind::IgnoresIfMatch, "200 to a write with If-Match and a wrong ETag, where S3 answers 412"),
            (Kind::CreatesIfMatched, "200 to a write with If-Match on a key that does not exist, where S3 answers 404"),
            (
                Kind::Unsupported,
                "501 NotImplemented to a write with If-None-Match: * on a new key, where S3 answers 200",
            ),
        ] {
            let server = Server::new(kind);
            for _ in 0..2 {
                let process = server.process();
                let text = process.check(KEY).await.unwrap_err().to_string();
                assert!(text.contains(answer) && text.contains("http://server"), "{kind:?}: {text}");
                server.requests();
                assert!(process.check(KEY).await.is_err());
                assert_eq!(server.requests(), "", "{kind:?}");
            }
            assert!(server.keys.lock().unwrap().iter().all(|key| key == KEY), "{kind:?}");
        }
    }

    #[tokio::test]
    async fn failed_request_leaves_the_question_open() {
        let server = Server::new(Kind::Denied);
        let process = server.process();
        for _ in 0..2 {
            let error = process.check(KEY).await.unwrap_err();
            assert!(matches!(error, S3Error::Failed { .. }), "{error}");
            assert_eq!(server.requests(), "PUT _probe 403");
        }
    }
}
