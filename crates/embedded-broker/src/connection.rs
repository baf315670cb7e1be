//! One connection of a client: reads requests, answers them in their order, and closes the connection on a request that
//! cannot be answered.
//!
//! As in Apache Kafka, a connection handles one request at a time. The next ones are read ahead into a bounded buffer.
//! Large requests and responses wait for [`Memory`].

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::api::{self, Answer, RequestError};
use crate::memory::{InUse, Memory, STALL_TIMEOUT};
use crate::state::State;

/// Initial size of a connection's buffer in bytes. A full buffer doubles its size.
const FIRST_READ: usize = 16 * 1024;

/// Number of bytes to read ahead while a request is being answered. At the limit, reading pauses.
const READ_AHEAD: usize = 64 * 1024;

const SIZE_PREFIX: usize = 4;

/// Reason that the broker closes a connection.
#[derive(Debug, thiserror::Error)]
enum ConnectionError {
    #[error("connection failed")]
    Io(#[from] std::io::Error),
    #[error("a request of {size} bytes is outside the accepted range of 8 to {max} bytes")]
    Size { size: i32, max: usize },
    #[error("request rejected")]
    Request(#[from] RequestError),
    #[error("a large request or response has made no progress for {} seconds", STALL_TIMEOUT.as_secs())]
    Stalled,
}

/// Serves a client until it disconnects.
pub(crate) async fn serve(state: Arc<State>, mut stream: TcpStream, peer: SocketAddr) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "failed to set TCP_NODELAY on a Kafka connection");
    }
    match requests(&state, &mut stream, peer).await {
        Ok(()) => {}
        Err(ConnectionError::Io(error)) => tracing::debug!(%peer, %error, "Kafka connection lost"),
        // The broker is shutting down for producers, which is no fault of the client.
        Err(ConnectionError::Request(error @ RequestError::Closed)) => {
            tracing::debug!(%peer, %error, "producer disconnected");
        }
        Err(ConnectionError::Request(error)) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            tracing::warn!(%peer, %error, cause, "Kafka connection closed");
        }
        Err(error) => tracing::warn!(%peer, %error, "Kafka connection closed"),
    }
}

async fn requests(state: &State, stream: &mut TcpStream, peer: SocketAddr) -> Result<(), ConnectionError> {
    let mut input = BytesMut::new();
    let max = state.options.max_request_bytes;
    while let Some((request, memory)) = next_request(stream, &mut input, max, &state.memory).await? {
        let mut work = pin!(api::answer(state, peer, request));
        let response = loop {
            tokio::select! {
                biased;
                response = &mut work => break response?,
                // A client that disconnects is noticed while its request waits, for example for records.
                read = read_some(stream, &mut input), if input.len() < READ_AHEAD => {
                    if read? == 0 {
                        return Ok(());
                    }
                }
            }
        };
        drop(memory);
        if let Some(response) = response {
            send(stream, response).await?;
        }
    }
    Ok(())
}

/// Writes the response to the client. If the response uses counted memory and the client reads nothing for
/// [`STALL_TIMEOUT`], returns an error.
async fn send(stream: &mut TcpStream, response: Answer) -> Result<(), ConnectionError> {
    let Answer { mut bytes, memory } = response;
    if !memory.is_counted() {
        return Ok(stream.write_all(&bytes).await?);
    }
    while bytes.has_remaining() {
        match tokio::time::timeout(STALL_TIMEOUT, stream.write_buf(&mut bytes)).await {
            Ok(Ok(0)) => return Err(std::io::Error::from(std::io::ErrorKind::WriteZero).into()),
            Ok(written) => written?,
            Err(_) => return Err(ConnectionError::Stalled),
        };
    }
    Ok(())
}

/// Returns the next request without its size prefix, and the memory that it uses, or `None` after the last request.
async fn next_request(
    stream: &mut TcpStream,
    input: &mut BytesMut,
    max: usize,
    memory: &Memory,
) -> Result<Option<(Bytes, InUse)>, ConnectionError> {
    let mut in_use = InUse::none();
    let mut is_known = false;
    loop {
        if let Some(request) = split_request(input, max)? {
            return Ok(Some((request, in_use)));
        }
        if let Some(length) = request_length(input, max)?
            && !is_known
        {
            // Twice: the buffer doubles when it is full.
            in_use = memory.request(length.saturating_mul(2)).await;
            is_known = true;
        }
        let read = if in_use.is_counted() {
            tokio::time::timeout(STALL_TIMEOUT, read_some(stream, input)).await.map_err(|_| ConnectionError::Stalled)?
        } else {
            read_some(stream, input).await
        };
        if read? == 0 {
            return Ok(None);
        }
    }
}

/// Returns the length of the first request in the input, or `None` if the size prefix has not arrived.
fn request_length(input: &BytesMut, max: usize) -> Result<Option<usize>, ConnectionError> {
    let Some(prefix) = input.first_chunk::<SIZE_PREFIX>() else { return Ok(None) };
    let size = i32::from_be_bytes(*prefix);
    let valid = |length: &usize| (crate::wire::head::FIXED_SIZE..=max).contains(length);
    let length = usize::try_from(size).ok().filter(valid);
    length.map(Some).ok_or(ConnectionError::Size { size, max })
}

/// Splits the first request off the input if all of its bytes have arrived.
fn split_request(input: &mut BytesMut, max: usize) -> Result<Option<Bytes>, ConnectionError> {
    match request_length(input, max)? {
        Some(length) if input.len() - SIZE_PREFIX >= length => {
            input.advance(SIZE_PREFIX);
            Ok(Some(input.split_to(length).freeze()))
        }
        _ => Ok(None),
    }
}

/// Reads the bytes that have arrived, and waits for the first one. If the future is dropped, no bytes are lost.
async fn read_some(stream: &mut TcpStream, input: &mut BytesMut) -> std::io::Result<usize> {
    if input.capacity() == input.len() {
        input.reserve(input.len().max(FIRST_READ));
    }
    stream.read_buf(input).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_is_split_when_complete() {
        let mut input = BytesMut::from(&[0, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7][..]);
        assert!(split_request(&mut input, 100).unwrap().is_none());
        input.extend_from_slice(&[8, 0, 0]);
        assert_eq!(split_request(&mut input, 100).unwrap().unwrap(), [1, 2, 3, 4, 5, 6, 7, 8][..]);
        assert_eq!(input, [0, 0][..]);
    }

    #[test]
    fn sizes_out_of_range_are_rejected() {
        for size in [-1, 0, 7, 101, i32::MAX] {
            let mut input = BytesMut::from(&size.to_be_bytes()[..]);
            assert!(matches!(split_request(&mut input, 100), Err(ConnectionError::Size { .. })), "{size}");
        }
    }
}
