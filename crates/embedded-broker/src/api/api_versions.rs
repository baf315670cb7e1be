//! `ApiVersions`: the APIs of this broker with their versions.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{ApiKey, ApiVersionsRequest, ApiVersionsResponse};

use crate::wire::offered::{OFFERED, Offer, offer_of};

pub(super) fn handle(version: i16, request: &ApiVersionsRequest) -> ApiVersionsResponse {
    let named = is_software_name(&request.client_software_name) && is_software_name(&request.client_software_version);
    if version >= 3 && !named {
        return ApiVersionsResponse::default().with_error_code(ResponseError::InvalidRequest.code());
    }
    ApiVersionsResponse::default().with_api_keys(OFFERED.iter().map(listed).collect())
}

/// Returns the response to a version that the broker does not offer. It is encoded as version 0, which every client
/// decodes, and contains the versions of `ApiVersions`, so that the client can ask again (KIP-511).
pub(super) fn unsupported() -> ApiVersionsResponse {
    ApiVersionsResponse::default()
        .with_error_code(ResponseError::UnsupportedVersion.code())
        .with_api_keys(offer_of(ApiKey::ApiVersions).map(listed).into_iter().collect())
}

fn listed(offer: &Offer) -> ApiVersion {
    ApiVersion::default().with_api_key(offer.api as i16).with_min_version(offer.listed_min).with_max_version(offer.max)
}

/// Returns `true` if a client's name or version consists of letters, digits, `.` and `-`, with a letter or digit at
/// both ends (KIP-511).
fn is_software_name(name: &str) -> bool {
    let ends = |end: Option<char>| end.is_some_and(|c| c.is_ascii_alphanumeric());
    ends(name.chars().next())
        && ends(name.chars().next_back())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsupported_version_names_its_own_range() {
        let response = unsupported();
        assert_eq!(response.error_code, 35);
        let keys: Vec<_> =
            response.api_keys.iter().map(|key| (key.api_key, key.min_version, key.max_version)).collect();
        assert_eq!(keys, [(18, 0, 4)]);
    }

    #[test]
    fn software_name_ends_in_letters_or_digits() {
        for (name, valid) in [("apache-kafka-java", true), ("4.2.0", true), ("", false), ("-x", false), ("x.", false)] {
            assert_eq!(is_software_name(name), valid, "{name}");
        }
    }
}
