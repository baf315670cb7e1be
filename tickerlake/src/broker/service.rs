//! What answers a connection: tansu's services, with two answers mended.

use rama::context::Context;
use rama::{Layer, Service};
use tansu_broker::coordinator::group::administrator::Controller;
use tansu_broker::service::{coordinator, storage};
use tansu_broker::{Error, Result};
use tansu_sans_io::{ApiVersionsResponse, Body, Frame, ListOffsetsRequest, ListOffsetsResponse};
use tansu_service::{
    BytesFrameLayer, BytesFrameService, FrameRouteService, TcpBytesLayer, TcpBytesService, TcpContext, TcpContextLayer,
    TcpContextService,
};
use tansu_storage::{Storage, StorageContainer, Topition};

/// Serves a TCP connection.
pub(super) type Connection = TcpContextService<TcpBytesService<BytesFrameService<Mended>, ()>>;

/// A service for one connection.
///
/// # Errors
/// None in practice: two services for one request.
pub(super) fn connection(
    cluster: &str,
    store: StorageContainer,
    groups: Controller<StorageContainer>,
) -> Result<Connection> {
    let stored = store.clone();
    let routes = storage::services(FrameRouteService::builder(), store)?;
    let routes = coordinator::services(routes, groups)?.build()?;
    let context = TcpContextLayer::new(TcpContext::default().cluster_id(Some(cluster.into())));
    Ok((context, TcpBytesLayer::default(), BytesFrameLayer::default()).into_layer(Mended { routes, store: stored }))
}

/// Tansu's services with two answers mended.
#[derive(Clone, Debug)]
pub(super) struct Mended {
    routes: FrameRouteService<(), Error>,
    store: StorageContainer,
}

impl Service<(), Frame> for Mended {
    type Response = Frame;
    type Error = Error;

    async fn serve(&self, context: Context<()>, request: Frame) -> Result<Frame> {
        let asks_for_ends = match &request.body {
            Body::ListOffsetsRequest(asked) => ends_asked_for(asked),
            _ => Vec::new(),
        };
        let mut answer = self.routes.serve(context, request).await?;
        match &mut answer.body {
            Body::ApiVersionsResponse(versions) => *versions = without_options(std::mem::take(versions)),
            Body::ListOffsetsResponse(offsets) => self.correct_ends(&asks_for_ends, offsets).await?,
            _ => {}
        }
        Ok(answer)
    }
}

impl Mended {
    /// Tansu takes the first offset of a partition's last batch for its last offset.
    async fn correct_ends(&self, asked: &[(String, i32)], offsets: &mut ListOffsetsResponse) -> Result<()> {
        for topic in offsets.topics.iter_mut().flatten() {
            for partition in topic.partitions.iter_mut().flatten() {
                let index = partition.partition_index;
                if asked.iter().any(|(name, number)| *name == topic.name && *number == index) {
                    let stage = self.store.offset_stage(&Topition::new(&*topic.name, index)).await?;
                    partition.offset = Some(stage.high_watermark());
                }
            }
        }
        Ok(())
    }
}

/// The partitions whose end is asked for, rather than their start or the offset of a moment.
fn ends_asked_for(request: &ListOffsetsRequest) -> Vec<(String, i32)> {
    const LATEST: i64 = -1;
    let topics = request.topics.iter().flatten();
    topics
        .flat_map(|topic| {
            let partitions = topic.partitions.iter().flatten().filter(|partition| partition.timestamp == LATEST);
            partitions.map(|partition| (topic.name.clone(), partition.partition_index))
        })
        .collect()
}

/// Leaves the four optional fields out of the answer to `ApiVersions`. Tansu fills them with nothing, and
/// librdkafka before 2.1, such as Debian 12's kcat has, fails on more than one of them.
fn without_options(versions: ApiVersionsResponse) -> ApiVersionsResponse {
    versions.supported_features(None).finalized_features_epoch(None).finalized_features(None).zk_migration_ready(None)
}
