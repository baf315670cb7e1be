//! What answers a connection: tansu's services, with one answer mended.

use rama::context::Context;
use rama::{Layer, Service};
use tansu_broker::coordinator::group::administrator::Controller;
use tansu_broker::service::{coordinator, storage};
use tansu_broker::{Error, Result};
use tansu_sans_io::{Body, Frame};
use tansu_service::{
    BytesFrameLayer, BytesFrameService, FrameRouteService, TcpBytesLayer, TcpBytesService, TcpContext, TcpContextLayer,
    TcpContextService,
};
use tansu_storage::StorageContainer;

/// Serves a TCP connection.
pub(super) type Connection = TcpContextService<TcpBytesService<BytesFrameService<PlainVersions>, ()>>;

/// A service for one connection.
///
/// # Errors
/// None in practice: two services for one request.
pub(super) fn connection(
    cluster: &str,
    store: StorageContainer,
    groups: Controller<StorageContainer>,
) -> Result<Connection> {
    let routes = storage::services(FrameRouteService::builder(), store)?;
    let routes = coordinator::services(routes, groups)?.build()?;
    let context = TcpContextLayer::new(TcpContext::default().cluster_id(Some(cluster.into())));
    Ok((context, TcpBytesLayer::default(), BytesFrameLayer::default()).into_layer(PlainVersions(routes)))
}

/// Leaves the four optional fields out of the answer to `ApiVersions`. Tansu fills them with nothing, and
/// librdkafka before 2.1, such as Debian 12's kcat has, fails on more than one of them.
#[derive(Clone, Debug)]
pub(super) struct PlainVersions(FrameRouteService<(), Error>);

impl Service<(), Frame> for PlainVersions {
    type Response = Frame;
    type Error = Error;

    async fn serve(&self, context: Context<()>, request: Frame) -> Result<Frame> {
        let mut answer = self.0.serve(context, request).await?;
        if let Body::ApiVersionsResponse(versions) = answer.body {
            answer.body = Body::ApiVersionsResponse(
                versions
                    .supported_features(None)
                    .finalized_features_epoch(None)
                    .finalized_features(None)
                    .zk_migration_ready(None),
            );
        }
        Ok(answer)
    }
}
