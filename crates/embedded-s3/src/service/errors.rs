//! Error responses with the texts of AWS.
//!
//! `s3s` sends an error without a message unless it is given one, and clients then print "Unknown".

use std::io;

use s3s::{S3Error, S3ErrorCode};

use crate::objects::WriteError;

/// Creates an error with AWS's text for its code.
pub(crate) fn error(code: S3ErrorCode) -> S3Error {
    let text = message(code.as_str());
    S3Error::with_message(code, text)
}

/// Creates the error for a failed file operation. The message contains the operating system's text, such as "No space
/// left on device", so that the client can show it.
pub(super) fn failed(action: &str, source: &io::Error) -> S3Error {
    S3Error::with_message(S3ErrorCode::InternalError, format!("failed to {action}: {source}"))
}

/// Converts the reason that an object was not written or deleted to an error response.
pub(super) fn write_error(reason: WriteError) -> S3Error {
    match reason {
        WriteError::NoSuchBucket => error(S3ErrorCode::NoSuchBucket),
        WriteError::NoSuchKey => error(S3ErrorCode::NoSuchKey),
        WriteError::PreconditionFailed => error(S3ErrorCode::PreconditionFailed),
        WriteError::Io(source) => failed("store the object", &source),
    }
}

/// Returns AWS's text for an error code.
pub(crate) fn message(code: &str) -> &'static str {
    match code {
        "AccessDenied" => "Access Denied",
        "BadDigest" => "The Content-MD5 or checksum value that you specified did not match what the server received.",
        "BucketAlreadyOwnedByYou" => {
            "Your previous request to create the named bucket succeeded and you already own it."
        }
        "BucketNotEmpty" => "The bucket you tried to delete is not empty.",
        "EntityTooSmall" => "Your proposed upload is smaller than the minimum allowed object size.",
        "IncompleteBody" => "You did not provide the number of bytes specified by the Content-Length HTTP header.",
        "InvalidAccessKeyId" => "The AWS Access Key Id you provided does not exist in our records.",
        "InvalidArgument" => "Invalid Argument",
        "InvalidBucketName" => "The specified bucket is not valid.",
        "InvalidPart" => {
            "One or more of the specified parts could not be found. The part might not have been uploaded, or the specified entity tag might not have matched the part's entity tag."
        }
        "InvalidPartOrder" => {
            "The list of parts was not in ascending order. The parts list must be specified in order by part number."
        }
        "InvalidRange" => "The requested range is not satisfiable.",
        "InvalidURI" => "Couldn't parse the specified URI.",
        "KeyTooLongError" => "Your key is too long: a key has at most 1,024 bytes.",
        "MalformedXML" => "The XML you provided was not well-formed or did not validate against our published schema.",
        "MethodNotAllowed" => "The specified method is not allowed against this resource.",
        "NoSuchBucket" => "The specified bucket does not exist.",
        "NoSuchKey" => "The specified key does not exist.",
        "NoSuchUpload" => {
            "The specified multipart upload does not exist. The upload ID might be invalid, or the multipart upload might have been aborted or completed."
        }
        "NotImplemented" => "The embedded S3 of Tickerlake does not implement this operation.",
        "PreconditionFailed" => "At least one of the pre-conditions you specified did not hold.",
        "RequestTimeTooSkewed" => "The difference between the request time and the server's time is too large.",
        "SignatureDoesNotMatch" => {
            "The request signature we calculated does not match the signature you provided. Check your key and signing method."
        }
        _ => "The embedded S3 rejected the request.",
    }
}
