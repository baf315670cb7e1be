//! The HTTP server: routes, checks of each request, and headers of each response.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use crate::api::{ApiError, audit, events, info, lab, lake, market, query, records};
use crate::app::App;
use crate::assets::{Asset, gzip};
use crate::guard::{COOKIE, token_of};
use crate::settings::MORE_PORTS;

/// Maximum size of a request's body in bytes. A statement is far shorter.
const MAX_BODY: usize = 256 << 10;

/// Scripts and styles come from this server only, and nothing is loaded from another one.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                                       connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Text in `index.html` that is replaced with the page's token.
const TOKEN_MARK: &str = "PAGE_TOKEN";

pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/assets/{*path}", get(asset))
        .route("/api/info", get(info::info))
        .route("/api/schema", get(info::schema))
        .route("/api/queries", get(info::queries))
        .route("/api/events", get(events::events))
        .route("/api/query", post(query::query))
        .route("/api/download", post(query::download))
        .route("/api/market/symbols", get(market::symbols))
        .route("/api/market/bars", get(market::bars))
        .route("/api/records", get(records::records))
        .route("/api/quarantine", get(records::quarantine))
        .route("/api/trace", get(records::trace))
        .route("/api/audit", get(audit::last).post(audit::start))
        .route("/api/lake", get(lake::contents))
        .route("/api/object", get(lake::object))
        .route("/api/lab", post(lab::act))
        .fallback(|| async { ApiError::not_found("no such page") })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn_with_state(Arc::clone(&app), check))
        .with_state(app)
}

/// Checks each request, and adds the security headers to each response.
async fn check(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let uri = request.uri();
    let checked = app.rules.check(request.method(), uri.path(), uri.query(), request.headers());
    let mut response = match checked {
        Ok(()) => next.run(request).await,
        Err(refusal) => ApiError { status: refusal.status(), message: refusal.to_string() }.into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

async fn index(State(app): State<Arc<App>>, request: Request) -> Response {
    let token = request.uri().query().and_then(token_of);
    if let (Some(bearer), Some(_)) = (&app.rules.bearer, token) {
        // The token is valid, because the request has been checked. It must not remain in the address bar.
        let cookie = format!("{COOKIE}={bearer}; HttpOnly; SameSite=Strict; Path=/");
        let Ok(cookie) = HeaderValue::from_str(&cookie) else {
            return ApiError::bad("the token contains characters that a cookie cannot have").into_response();
        };
        return ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response();
    }
    let Some(page) = Asset::find("index.html") else { return StatusCode::NOT_FOUND.into_response() };
    let html = String::from_utf8_lossy(&page.content()).replace(TOKEN_MARK, &app.rules.page_token);
    ([(header::CONTENT_TYPE, page.media_type())], html).into_response()
}

async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    let Some(asset) = Asset::find(&path).filter(|asset| asset.path != "index.html") else {
        return ApiError::not_found("no such file").into_response();
    };
    let content = asset.content();
    let accepts = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    let compressed = accepts.filter(|encodings| encodings.contains("gzip")).and_then(|_| gzip(&content));
    let mut response = match compressed {
        Some(compressed) => ([(header::CONTENT_ENCODING, "gzip")], Body::from(compressed)).into_response(),
        None => Body::from(content.into_owned()).into_response(),
    };
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type()));
    response
}

/// Binds the wanted port, or the next free one if `search` is `true`.
pub(crate) fn bind(wanted: SocketAddr, search: bool) -> io::Result<TcpListener> {
    let more = if search && wanted.port() != 0 { MORE_PORTS } else { 0 };
    let mut last = None;
    for port in wanted.port()..=wanted.port().saturating_add(more) {
        match TcpListener::bind(SocketAddr::new(wanted.ip(), port)) {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => last = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(last.unwrap_or_else(|| io::Error::from(io::ErrorKind::AddrInUse)))
}
