//! The service behind each connection: tansu's services, with corrections to requests and responses that tansu or
//! clients would otherwise misread or reject.

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

/// Service for one TCP connection.
pub(super) type Connection = TcpContextService<TcpBytesService<BytesFrameService<Corrected>, ()>>;

/// Creates the service for one connection.
///
/// # Errors
/// If two services are registered for the same request, which is a bug.
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
    Ok((context, TcpBytesLayer::default(), BytesFrameLayer::default()).into_layer(Corrected {
        routes,
        store: stored,
        appends,
    }))
}

/// The batches that were produced, and whether the broker accepts more. Shared by all connections.
#[derive(Clone, Debug)]
pub(super) struct Appends {
    pub(super) batches: Batches,
    /// `true` once the broker accepts no more records.
    pub(super) closed: Arc<AtomicBool>,
}

/// Tansu's services with corrected fetches, end offsets and API versions.
#[derive(Clone, Debug)]
pub(super) struct Corrected {
    routes: FrameRouteService<(), Error>,
    store: StorageContainer,
    appends: Appends,
}

impl Service<(), Frame> for Corrected {
    type Response = Frame;
    type Error = Error;

    async fn serve(&self, context: Context<()>, mut request: Frame) -> Result<Frame> {
        let mut wants_end_offset = Vec::new();
        match &mut request.body {
            Body::ListOffsetsRequest(list) => wants_end_offset = latest_partitions(list),
            Body::ProduceRequest(_) if self.appends.closed.load(Ordering::SeqCst) => {
                return Err(Error::Message("the broker is shutting down and accepts no more records".to_owned()));
            }
            Body::FetchRequest(fetch) => self.align_to_batches(fetch).await?,
            Body::DeleteTopicsRequest(delete) => self.appends.batches.remove_topics(delete),
            _ => {}
        }
        let mut response = self.routes.serve(context, request).await?;
        match &mut response.body {
            Body::ApiVersionsResponse(versions) => {
                *versions = versions_with_names(without_tagged_fields(std::mem::take(versions)));
            }
            Body::ProduceResponse(produced) => self.appends.batches.record(produced),
            Body::ListOffsetsResponse(offsets) => self.correct_end_offsets(&wants_end_offset, offsets).await?,
            _ => {}
        }
        Ok(response)
    }
}

impl Corrected {
    /// Moves each fetch offset back to the start of its batch. Clients expect whole batches and skip the records below
    /// the offset that they requested. An offset at the end of a partition is left unchanged, because returning the
    /// last batch again would be an error.
    async fn align_to_batches(&self, request: &mut FetchRequest) -> Result<()> {
        for topic in request.topics.iter_mut().flatten() {
            let Some(name) = &topic.topic else { continue };
            for partition in topic.partitions.iter_mut().flatten() {
                let (number, offset) = (partition.partition, partition.fetch_offset);
                let first = self.appends.batches.first_offset(name, number, offset);
                let Some(first) = first.filter(|first| *first < offset) else { continue };
                let stage = self.store.offset_stage(&Topition::new(&**name, number)).await?;
                if offset < stage.high_watermark() {
                    partition.fetch_offset = first;
                }
            }
        }
        Ok(())
    }

    /// Replaces end offsets with the high watermark, because tansu returns the first offset of the last batch.
    async fn correct_end_offsets(&self, wanted: &[(String, i32)], offsets: &mut ListOffsetsResponse) -> Result<()> {
        for topic in offsets.topics.iter_mut().flatten() {
            for partition in topic.partitions.iter_mut().flatten() {
                let index = partition.partition_index;
                if wanted.iter().any(|(name, number)| *name == topic.name && *number == index) {
                    let stage = self.store.offset_stage(&Topition::new(&*topic.name, index)).await?;
                    partition.offset = Some(stage.high_watermark());
                }
            }
        }
        Ok(())
    }
}

/// Returns the partitions whose end offset is requested, rather than the first offset or the offset at a timestamp.
fn latest_partitions(request: &ListOffsetsRequest) -> Vec<(String, i32)> {
    const LATEST: i64 = -1;
    let topics = request.topics.iter().flatten();
    topics
        .flat_map(|topic| {
            let partitions = topic.partitions.iter().flatten().filter(|partition| partition.timestamp == LATEST);
            partitions.map(|partition| (topic.name.clone(), partition.partition_index))
        })
        .collect()
}

/// Removes the four optional fields from the `ApiVersions` response. tansu sends these fields empty, and librdkafka
/// before 2.1 (Debian 12's kcat, for example) fails if a response has more than one of them.
fn without_tagged_fields(versions: ApiVersionsResponse) -> ApiVersionsResponse {
    versions.supported_features(None).finalized_features_epoch(None).finalized_features(None).zk_migration_ready(None)
}

/// Limits the offered versions to those that identify topics by name rather than by id, because [`Batches`] is keyed by
/// name.
fn versions_with_names(mut versions: ApiVersionsResponse) -> ApiVersionsResponse {
    const LAST_WITH_NAMES: [(i16, i16); 3] =
        [(ProduceRequest::KEY, 12), (FetchRequest::KEY, 12), (DeleteTopicsRequest::KEY, 5)];
    for api in versions.api_keys.iter_mut().flatten() {
        if let Some((_, last)) = LAST_WITH_NAMES.iter().find(|(key, _)| *key == api.api_key) {
            api.max_version = api.max_version.min(*last);
        }
    }
    versions
}
