//! Decides which requests the server answers.
//!
//! A console on a loopback port can be reached by every page that its user opens in the browser. Three rules keep these
//! pages out:
//!
//! - The header `Host` must name this machine or a permitted host. A page whose name is rebound to 127.0.0.1 sends its
//! own   name.
//! - The API answers neither requests that the browser marks as coming from another site, nor those with another
//! origin.
//! - A request that changes something or runs SQL is a POST with the token that only the console's own page contains.
//!
//! A server that other machines can reach also requires a bearer token, in `Authorization` or in the cookie that
//! `/?token=` sets.

use axum::http::{HeaderMap, Method, StatusCode, header};
use subtle::ConstantTimeEq;

/// Header with the page's token.
pub(crate) const TOKEN_HEADER: &str = "x-console-token";

/// Cookie with the bearer token.
pub(crate) const COOKIE: &str = "tickerlake_console";

/// Names of this machine, as browsers write them.
const LOOPBACK_HOSTS: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

/// Requirements on a request.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// Permitted host names besides those of the loopback addresses, in lower case and without a port.
    pub(crate) hosts: Vec<String>,
    pub(crate) page_token: String,
    pub(crate) bearer: Option<String>,
}

/// Reason that a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the host of this request is not permitted; start the console with --allowed-host NAME to permit it")]
    Host,
    #[error("requests from other sites are not permitted")]
    Origin,
    #[error("the request has no valid page token; reload the page")]
    PageToken,
    #[error("a token is required: open /?token=TOKEN, or send it as Authorization: Bearer TOKEN")]
    Bearer,
    #[error("only GET and POST are permitted")]
    Method,
}

impl Refusal {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Refusal::Host | Refusal::Origin | Refusal::PageToken => StatusCode::FORBIDDEN,
            Refusal::Bearer => StatusCode::UNAUTHORIZED,
            Refusal::Method => StatusCode::METHOD_NOT_ALLOWED,
        }
    }
}

impl Rules {
    /// Checks a request. `query` is the part of the URI after `?`.
    pub(crate) fn check(
        &self,
        method: &Method,
        path: &str,
        query: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<(), Refusal> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let host = text(header::HOST).ok_or(Refusal::Host)?;
        if headers.get_all(header::HOST).iter().count() != 1 || !self.permits(host) {
            return Err(Refusal::Host);
        }
        if let Some(origin) = headers.get(header::ORIGIN) {
            let authority = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, rest)| rest);
            if authority.is_none_or(|authority| !authority.eq_ignore_ascii_case(host)) {
                return Err(Refusal::Origin);
            }
        }
        let is_api = path.starts_with("/api/");
        if is_api
            && text(header::HeaderName::from_static("sec-fetch-site"))
                .is_some_and(|site| site != "same-origin" && site != "none")
        {
            return Err(Refusal::Origin);
        }
        if let Some(bearer) = &self.bearer
            && !has_bearer(headers, bearer)
            && !(path == "/" && query.and_then(token_of).is_some_and(|token| is_equal(token, bearer)))
        {
            return Err(Refusal::Bearer);
        }
        match *method {
            Method::GET | Method::HEAD => Ok(()),
            Method::POST => match text(header::HeaderName::from_static(TOKEN_HEADER)) {
                Some(token) if is_equal(token, &self.page_token) => Ok(()),
                _ => Err(Refusal::PageToken),
            },
            _ => Err(Refusal::Method),
        }
    }

    fn permits(&self, host: &str) -> bool {
        let name = match host.rsplit_once(':') {
            // The last colon of an IPv6 address in brackets is inside them.
            Some((name, port)) if !port.contains(']') => name,
            _ => host,
        };
        let name = name.to_ascii_lowercase();
        LOOPBACK_HOSTS.contains(&name.as_str()) || self.hosts.contains(&name)
    }
}

/// Returns the value of `token` in the query of a URI.
pub(crate) fn token_of(query: &str) -> Option<&str> {
    query.split('&').find_map(|pair| pair.strip_prefix("token="))
}

fn has_bearer(headers: &HeaderMap, bearer: &str) -> bool {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let cookie =
        cookies.flat_map(|line| line.split(';')).find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='));
    authorization.and_then(|value| value.strip_prefix("Bearer ")).is_some_and(|token| is_equal(token, bearer))
        || cookie.is_some_and(|token| is_equal(token, bearer))
}

/// Compares two tokens in a time that does not depend on where they differ.
fn is_equal(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn rules(bearer: Option<&str>) -> Rules {
        Rules {
            hosts: vec!["lake.example".to_owned()],
            page_token: "page".to_owned(),
            bearer: bearer.map(str::to_owned),
        }
    }

    fn check(rules: &Rules, method: &Method, target: &str, headers: &[(&str, &str)]) -> Result<(), Refusal> {
        let headers = headers.iter().map(|(name, value)| {
            (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
        });
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        rules.check(method, path, query, &headers.collect())
    }

    #[test]
    fn other_hosts_are_refused() {
        let get = |host| check(&rules(None), &Method::GET, "/", &[("host", host)]);
        for host in ["127.0.0.1:8900", "localhost:8900", "LOCALHOST", "[::1]:8900", "lake.example", "Lake.Example:80"] {
            assert_eq!(get(host), Ok(()), "{host}");
        }
        for host in ["evil.example:8900", "127.0.0.1.evil.example", "localhost.", "", "10.0.0.1:8900", "[::2]:8900"] {
            assert_eq!(get(host), Err(Refusal::Host), "{host}");
        }
        assert_eq!(check(&rules(None), &Method::GET, "/", &[]), Err(Refusal::Host));
    }

    #[test]
    fn other_sites_are_refused() {
        let get =
            |name, value| check(&rules(None), &Method::GET, "/api/info", &[("host", "localhost:8900"), (name, value)]);
        assert_eq!(get("sec-fetch-site", "same-origin"), Ok(()));
        assert_eq!(get("sec-fetch-site", "none"), Ok(()));
        assert_eq!(get("sec-fetch-site", "cross-site"), Err(Refusal::Origin));
        assert_eq!(get("sec-fetch-site", "same-site"), Err(Refusal::Origin));
        assert_eq!(get("origin", "http://localhost:8900"), Ok(()));
        for origin in ["http://evil.example", "http://localhost:9000", "null", "http://localhost:8900.evil.example"] {
            assert_eq!(get("origin", origin), Err(Refusal::Origin), "{origin}");
        }
    }

    #[test]
    fn post_needs_the_token_of_the_page() {
        let post = |token| {
            let headers: Vec<_> = [("host", "localhost")].into_iter().chain(token).collect();
            check(&rules(None), &Method::POST, "/api/query", &headers)
        };
        assert_eq!(post(Some((TOKEN_HEADER, "page"))), Ok(()));
        assert_eq!(post(Some((TOKEN_HEADER, "pag"))), Err(Refusal::PageToken));
        assert_eq!(post(None), Err(Refusal::PageToken));
        assert_eq!(check(&rules(None), &Method::DELETE, "/", &[("host", "localhost")]), Err(Refusal::Method));
        assert_eq!(check(&rules(None), &Method::OPTIONS, "/", &[("host", "localhost")]), Err(Refusal::Method));
    }

    #[test]
    fn bearer_is_required_everywhere_if_set() {
        let get = |target, headers: &[(&'static str, &'static str)]| {
            check(&rules(Some("secret")), &Method::GET, target, &[&[("host", "lake.example")][..], headers].concat())
        };
        assert_eq!(get("/", &[]), Err(Refusal::Bearer));
        assert_eq!(get("/assets/app.js", &[]), Err(Refusal::Bearer));
        assert_eq!(get("/?token=secret", &[]), Ok(()));
        assert_eq!(get("/?token=secre", &[]), Err(Refusal::Bearer));
        assert_eq!(get("/api/info?token=secret", &[]), Err(Refusal::Bearer));
        assert_eq!(get("/api/info", &[("authorization", "Bearer secret")]), Ok(()));
        assert_eq!(get("/api/info", &[("authorization", "Basic secret")]), Err(Refusal::Bearer));
        assert_eq!(get("/api/info", &[("cookie", "a=b; tickerlake_console=secret")]), Ok(()));
        assert_eq!(get("/api/info", &[("cookie", "tickerlake_console=secret2")]), Err(Refusal::Bearer));
    }
}
