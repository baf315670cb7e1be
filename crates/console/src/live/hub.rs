//! Distributes frames to the clients of the event stream.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::{Stream, StreamExt, stream};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{self, Receiver};
use uuid::Uuid;

use super::frames::{Frame, Frames, Sections};

/// Number of frames by which a client can fall behind before it receives a snapshot instead.
const FRAMES_BEHIND: usize = 16;

/// Maximum number of clients, each of which is an open page. Further ones are rejected.
pub(crate) const MAX_CLIENTS: usize = 32;

/// Distributor of the frames of the running console.
pub(crate) struct Hub {
    frames: Mutex<Frames>,
    sender: broadcast::Sender<Frame>,
    clients: AtomicUsize,
}

/// A frame for one client.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    /// The first frame of a client.
    Snapshot(Frame),
    /// A snapshot for a client that has missed frames.
    Resync(Frame),
    Delta(Frame),
}

impl Default for Hub {
    fn default() -> Self {
        let frames = Mutex::new(Frames::of_server(&Uuid::new_v4().simple().to_string()));
        Hub { frames, sender: broadcast::channel(FRAMES_BEHIND).0, clients: AtomicUsize::new(0) }
    }
}

/// A connected client. Dropping it disconnects the client.
struct Client {
    hub: Arc<Hub>,
    receiver: Receiver<Frame>,
    /// Number of the last frame that the client has.
    sent: u64,
}

impl Drop for Client {
    fn drop(&mut self) {
        self.hub.clients.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Hub {
    pub(crate) fn clients(&self) -> usize {
        self.clients.load(Ordering::Relaxed)
    }

    /// Updates sections, and sends a delta to all clients if anything changed.
    pub(crate) fn update(&self, sections: Sections, quotes: Option<&str>) {
        let mut frames = self.frames();
        if let Some(frame) = frames.update(sections, quotes) {
            // Sent under the lock, so that frames arrive in order. An error means that no client exists.
            let _ = self.sender.send(frame);
        }
    }

    /// Returns the frames of a new client: a snapshot, then deltas. Returns `None` if there are too many clients.
    pub(crate) fn connect(self: &Arc<Self>) -> Option<impl Stream<Item = Message> + Send + use<>> {
        if self.clients.fetch_add(1, Ordering::Relaxed) >= MAX_CLIENTS {
            self.clients.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let mut client = Client { receiver: self.sender.subscribe(), hub: Arc::clone(self), sent: 0 };
        let snapshot = client.snapshot();
        let rest = stream::unfold(client, |mut client| async move { Some((client.next().await?, client)) });
        Some(stream::iter([Message::Snapshot(snapshot)]).chain(rest))
    }

    fn frames(&self) -> MutexGuard<'_, Frames> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client {
    /// Returns a snapshot, after which the client receives only later deltas.
    fn snapshot(&mut self) -> Frame {
        let frames = self.hub.frames();
        // Frames are sent under the same lock, so none is missed.
        self.receiver = self.hub.sender.subscribe();
        let snapshot = frames.snapshot();
        self.sent = snapshot.number;
        drop(frames);
        snapshot
    }

    async fn next(&mut self) -> Option<Message> {
        match self.receiver.recv().await {
            Ok(frame) => {
                self.sent = frame.number;
                Some(Message::Delta(frame))
            }
            Err(RecvError::Lagged(_)) => Some(Message::Resync(self.snapshot())),
            Err(RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    fn count(hub: &Hub, value: u64) {
        hub.update(Sections::from([("count", value.to_string())]), None);
    }

    #[tokio::test]
    async fn client_receives_a_snapshot_and_deltas() {
        let hub = Arc::new(Hub::default());
        count(&hub, 1);
        let mut client = pin!(hub.connect().unwrap());
        count(&hub, 2);
        assert!(
            matches!(client.next().await, Some(Message::Snapshot(frame)) if frame.json.starts_with(r#"{"frame":1,"count":1,"server":""#))
        );
        assert!(
            matches!(client.next().await, Some(Message::Delta(frame)) if &*frame.json == r#"{"frame":2,"count":2}"#)
        );
    }

    #[tokio::test]
    async fn snapshots_name_their_server() {
        let server = async |hub: Hub| {
            let mut client = pin!(Arc::new(hub).connect().unwrap());
            let Some(Message::Snapshot(frame)) = client.next().await else { panic!("no snapshot") };
            serde_json::from_str::<serde_json::Value>(&frame.json).unwrap()["server"].as_str().unwrap().to_owned()
        };
        assert_ne!(server(Hub::default()).await, server(Hub::default()).await);
    }

    #[tokio::test]
    async fn slow_client_skips_to_a_snapshot() {
        let hub = Arc::new(Hub::default());
        let mut client = pin!(hub.connect().unwrap());
        client.next().await.unwrap();
        for value in 1..=1_000 {
            count(&hub, value);
        }
        assert!(matches!(client.next().await, Some(Message::Resync(frame)) if frame.number == 1_000));
        count(&hub, 1_001);
        assert!(matches!(client.next().await, Some(Message::Delta(frame)) if frame.number == 1_001));
    }

    #[tokio::test]
    async fn clients_are_counted_while_they_are_connected() {
        let hub = Arc::new(Hub::default());
        let clients: Vec<_> = (0..MAX_CLIENTS).map(|_| Box::pin(hub.connect().unwrap())).collect();
        assert!(hub.connect().is_none());
        assert_eq!(hub.clients(), MAX_CLIENTS);
        drop(clients);
        assert_eq!(hub.clients(), 0);
        assert!(hub.connect().is_some());
    }
}
