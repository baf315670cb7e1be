//! The event's bytes, as they came.
//!
//! `lambda_runtime` reads an event as JSON and keeps a copy before the handler has it, which for 6 MB takes about as
//! long as all that the sink does but compressing. So the bytes are taken out before, and `null` is read instead, which is
//! also what its own log shows at level trace.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use lambda_runtime::LambdaInvocation;
use lambda_runtime::tower::util::MapRequestLayer;

/// The body of the invocation under way. An execution environment has one at a time.
#[derive(Clone, Debug, Default)]
pub struct Body(Arc<Mutex<Bytes>>);

impl Body {
    /// The layer that takes the body of each invocation.
    pub fn layer(&self) -> MapRequestLayer<impl Fn(LambdaInvocation) -> LambdaInvocation + Clone + use<>> {
        let body = self.clone();
        MapRequestLayer::new(move |mut invocation: LambdaInvocation| {
            let taken = std::mem::replace(&mut invocation.body, Bytes::from_static(b"null"));
            *body.0.lock().unwrap_or_else(PoisonError::into_inner) = taken;
            invocation
        })
    }

    /// What was taken last; nothing the second time.
    pub fn take(&self) -> Bytes {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
