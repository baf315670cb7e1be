//! Takes the event's bytes out of the invocation before `lambda_runtime` parses them.
//!
//! Before `lambda_runtime` calls the handler, it parses the event as JSON and keeps a copy. For an event of 6 MB, this
//! takes about as long as all of the sink's work except compression. A layer therefore takes the bytes first and leaves
//! `null` for the runtime to parse. The runtime's own trace log then shows `null` as well.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use lambda_runtime::LambdaInvocation;
use lambda_runtime::tower::util::MapRequestLayer;

/// The body of the current invocation. One is enough, because an execution environment handles one invocation at a
/// time.
#[derive(Clone, Debug, Default)]
pub struct Body(Arc<Mutex<Bytes>>);

impl Body {
    /// Returns a layer that moves the body of each invocation into `self` and leaves `null` in its place.
    pub fn layer(&self) -> MapRequestLayer<impl Fn(LambdaInvocation) -> LambdaInvocation + Clone + use<>> {
        let body = self.clone();
        MapRequestLayer::new(move |mut invocation: LambdaInvocation| {
            let event = std::mem::replace(&mut invocation.body, Bytes::from_static(b"null"));
            *body.0.lock().unwrap_or_else(PoisonError::into_inner) = event;
            invocation
        })
    }

    /// Takes the body of the current invocation. A second call returns an empty body.
    pub fn take(&self) -> Bytes {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
