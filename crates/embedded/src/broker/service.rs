//! What answers a connection: tansu's services, with what they get wrong mended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rama::context::Context;
use rama::{Layer, Service};
use tansu_broker::coordinator::group::administrator::Controller;
use tansu_broker::service::{coordinator, storage};
use tansu_broker::{Error, Result};
use tansu_sans_io::{
    ApiKey, ApiVersionsResponse, Body, DeleteTopicsRequest, FetchRequest, Frame, ListOffsetsRequest,
    ListOffsetsResponse, ProduceRequest,
};
use tansu_service::{
    BytesFrameLayer, BytesFrameService, FrameRouteService, TcpBytesLayer, TcpBytesService, TcpContext, TcpContextLayer,
    TcpContextService,
};
use tansu_storage::{Storage, StorageContainer, Topition};

use super::batches::Batches;

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
    appends: Appends,
) -> Result<Connection> {
    let stored = store.clone();
    let routes = storage::services(FrameRouteService::builder(), store)?;
    let routes = coordinator::services(routes, groups)?.build()?;
    let context = TcpContextLayer::new(TcpContext::default().cluster_id(Some(cluster.into())));
    Ok((context, TcpBytesLayer::default(), BytesFrameLayer::default()).into_layer(Mended {
        routes,
        store: stored,
        appends,
    }))
}

/// What all connections know of the records that are appended.
#[derive(Clone, Debug)]
pub(super) struct Appends {
    pub(super) batches: Batches,
    /// No more are taken.
    pub(super) closed: Arc<AtomicBool>,
}

/// Tansu's services with one request and two answers mended.
#[derive(Clone, Debug)]
pub(super) struct Mended {
    routes: FrameRouteService<(), Error>,
    store: StorageContainer,
    appends: Appends,
}

impl Service<(), Frame> for Mended {
    type Response = Frame;
    type Error = Error;

    async fn serve(&self, context: Context<()>, mut request: Frame) -> Result<Frame> {
        let mut asks_for_ends = Vec::new();
        match &mut request.body {
            Body::ListOffsetsRequest(asked) => asks_for_ends = ends_asked_for(asked),
            Body::ProduceRequest(_) if self.appends.closed.load(Ordering::SeqCst) => {
                return Err(Error::Message("the broker takes no more records".to_owned()));
            }
            Body::FetchRequest(asked) => self.widen(asked).await?,
            Body::DeleteTopicsRequest(asked) => self.appends.batches.forget(asked),
            _ => {}
        }
        let mut answer = self.routes.serve(context, request).await?;
        match &mut answer.body {
            Body::ApiVersionsResponse(versions) => *versions = with_names(without_options(std::mem::take(versions))),
            Body::ProduceResponse(produced) => self.appends.batches.note(produced),
            Body::ListOffsetsResponse(offsets) => self.correct_ends(&asks_for_ends, offsets).await?,
            _ => {}
        }
        Ok(answer)
    }
}

impl Mended {
    /// Asks for whole batches, as a client expects to get them: it passes over what it has not asked for. At
    /// the end of a partition there is none to ask for, and one that was read already would be taken for an error.
    async fn widen(&self, request: &mut FetchRequest) -> Result<()> {
        for topic in request.topics.iter_mut().flatten() {
            let Some(name) = &topic.topic else { continue };
            for partition in topic.partitions.iter_mut().flatten() {
                let (number, offset) = (partition.partition, partition.fetch_offset);
                let Some(begin) = self.appends.batches.begin(name, number, offset).filter(|begin| *begin < offset)
                else {
                    continue;
                };
                let stage = self.store.offset_stage(&Topition::new(&**name, number)).await?;
                if offset < stage.high_watermark() {
                    partition.fetch_offset = begin;
                }
            }
        }
        Ok(())
    }

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

/// Offers no version of a request that names topics by their ids, so that [`Batches`] sees names.
fn with_names(mut versions: ApiVersionsResponse) -> ApiVersionsResponse {
    const LAST_WITH_NAMES: [(i16, i16); 3] =
        [(ProduceRequest::KEY, 12), (FetchRequest::KEY, 12), (DeleteTopicsRequest::KEY, 5)];
    for api in versions.api_keys.iter_mut().flatten() {
        if let Some((_, last)) = LAST_WITH_NAMES.iter().find(|(key, _)| *key == api.api_key) {
            api.max_version = api.max_version.min(*last);
        }
    }
    versions
}
