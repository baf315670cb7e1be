//! Remedies for S3 errors. Each names the variables or permissions to correct.

use std::error::Error;
use std::fmt;
use std::iter::successors;

/// Remedy for an S3 error code that retrying does not resolve. Displays nothing for any other code.
pub(super) struct Remedy<'a>(pub(super) &'a str);

impl fmt::Display for Remedy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let remedy = match self.0 {
            "NoSuchBucket" => "create the bucket or correct SINK_BUCKET",
            "AccessDenied" => {
                "grant the function's role s3:GetObject and s3:PutObject on the objects, and s3:ListBucket on the bucket (without it, S3 returns AccessDenied for a missing object)"
            }
            "SignatureDoesNotMatch" => {
                "correct AWS_SECRET_ACCESS_KEY, or select a profile with AWS_PROFILE: the secret key does not belong to the access key"
            }
            "InvalidAccessKeyId" => {
                "correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or select a profile with AWS_PROFILE; if the keys are for a server other than AWS's, set AWS_ENDPOINT_URL_S3"
            }
            "ExpiredToken" | "InvalidToken" => {
                "renew the credentials: the function's role, AWS_PROFILE, or AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"
            }
            "PermanentRedirect" | "AuthorizationHeaderMalformed" => "set AWS_REGION to the bucket's region",
            "KMS.DisabledException" | "KMS.NotFoundException" => {
                "enable the bucket's KMS key, or configure one that exists"
            }
            "InvalidObjectState" => {
                "restore the object from the archive; objects must stay readable as long as their records can be delivered again"
            }
            "KeyTooLongError" => {
                "set a shorter SINK_PREFIX, or a shorter SINK_PARTITION_FIELD together with a new SINK_PREFIX"
            }
            _ => return Ok(()),
        };
        write!(f, "; {remedy}")
    }
}

/// Returns the reason that no response was received, and the remedy if the reason is known.
pub(super) fn no_answer(error: &(dyn Error + 'static)) -> String {
    let causes: Vec<_> = successors(Some(error), |&cause| cause.source()).map(ToString::to_string).collect();
    let has = |sign: &str| causes.iter().any(|cause| cause.contains(sign));
    if ["no providers in chain", "IMDS session token", "credential provider was not enabled"].into_iter().any(has) {
        return "no AWS credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the function a role".to_owned();
    }
    let remedy = if has("InvalidContentType") {
        "; if the server does not support HTTPS, write http:// in AWS_ENDPOINT_URL_S3"
    } else if has("(Connect)") {
        "; start the server, or correct AWS_ENDPOINT_URL_S3 or the endpoint of AWS_PROFILE"
    } else {
        ""
    };
    let mut text = String::new();
    for cause in causes {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text + remedy
}
