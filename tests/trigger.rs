//! The trigger against functions that fail, over HTTP as `cargo lambda watch` and AWS answer.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};
use sink::event::Event;
use tickerlake::broker::Broker;
use tickerlake::trigger::Settings;
use tickerlake::trigger::batch::{Limits, MAX_PAYLOAD};
use tickerlake::trigger::command::Running;
use tickerlake::trigger::function::Function;
use tickerlake::trigger::progress::Progress;
use tokio::net::TcpListener;

const WAIT: Duration = Duration::from_secs(30);

/// How a function answers one invocation.
#[derive(Clone, Copy)]
enum Reply {
    Success,
    /// As `cargo lambda watch` tells a function error.
    Status500,
    /// As AWS and `sam local` do.
    FunctionErrorHeader,
}

/// A function that answers the first invocations as told and every later one with success; it keeps the
/// offsets of each event.
struct FakeFunction {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Vec<i64>>>>,
}

impl FakeFunction {
    async fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen: Arc<Mutex<Vec<Vec<i64>>>> = Arc::default();
        let (events, replies) = (Arc::clone(&seen), Arc::new(replies));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (events, replies) = (Arc::clone(&events), Arc::clone(&replies));
                let service = service_fn(move |request: Request<Incoming>| {
                    let (events, replies) = (Arc::clone(&events), Arc::clone(&replies));
                    async move {
                        assert_eq!(request.uri().path(), "/2015-03-31/functions/sink/invocations");
                        let body = request.into_body().collect().await.unwrap().to_bytes();
                        let event = Event::parse(std::str::from_utf8(&body).unwrap()).unwrap();
                        let mut events = events.lock().unwrap();
                        events.push(event.records.iter().map(|record| record.offset).collect());
                        let reply = replies.get(events.len() - 1).copied().unwrap_or(Reply::Success);
                        Ok::<_, Infallible>(response(reply))
                    }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        FakeFunction { address, seen }
    }

    fn function(&self) -> Function {
        Function::http(format!("http://{}/2015-03-31/functions/sink/invocations", self.address).parse().unwrap())
    }

    fn seen(&self) -> Vec<Vec<i64>> {
        self.seen.lock().unwrap().clone()
    }
}

fn response(reply: Reply) -> Response<Full<Bytes>> {
    let body = |text: &'static str| Full::new(Bytes::from_static(text.as_bytes()));
    match reply {
        Reply::Success => Response::new(body("null")),
        Reply::Status500 => Response::builder().status(500).body(body(r#"{"errorType":"x"}"#)).unwrap(),
        Reply::FunctionErrorHeader => {
            Response::builder().header("x-amz-function-error", "Unhandled").body(body(r#"{"errorType":"x"}"#)).unwrap()
        }
    }
}

fn settings(servers: &str, batch_size: usize) -> Settings {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", servers);
    let window = Duration::from_millis(200);
    let limits = Limits { batch_size, window, payload: MAX_PAYLOAD };
    Settings { timeout: WAIT, ..Settings::new(client, vec!["t".to_owned()], "g", limits) }
}

/// A broker with a topic of one partition that holds this many records.
async fn broker(records: i64) -> Broker {
    let broker = Broker::start(0).await.unwrap();
    let servers = broker.bootstrap_servers();
    let kafka = producer::kafka::Settings::from_pairs([("bootstrap.servers".to_owned(), servers.clone())]).unwrap();
    producer::topic::create(&kafka, &"t".parse().unwrap(), 1).await.unwrap();
    let producer: FutureProducer = ClientConfig::new().set("bootstrap.servers", &servers).create().unwrap();
    for _ in 0..records {
        producer.send(FutureRecord::<(), _>::to("t").payload("{}"), WAIT).await.unwrap();
    }
    broker
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_batch_is_delivered_again_whole_and_nothing_overtakes_it() {
    let broker = broker(5).await;
    let function = FakeFunction::start(vec![Reply::Status500, Reply::FunctionErrorHeader]).await;
    let progress = Arc::new(Progress::default());
    let trigger =
        Running::start(settings(&broker.bootstrap_servers(), 3), function.function(), Arc::clone(&progress)).unwrap();
    tokio::time::timeout(WAIT, progress.stored("t", 0, 4)).await.unwrap();
    trigger.finish().await.unwrap();
    assert_eq!(function.seen(), [vec![0, 1, 2], vec![0, 1, 2], vec![0, 1, 2], vec![3, 4]]);
    let counts = progress.counts();
    assert_eq!((counts.batches, counts.records, counts.failures), (2, 5, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_that_ends_before_success_leaves_the_batch_to_the_next_and_a_stored_one_does_not_come_again() {
    let broker = broker(4).await;
    let servers = broker.bootstrap_servers();
    let failing = FakeFunction::start(vec![Reply::Success, Reply::Status500, Reply::Status500, Reply::Status500]).await;
    let progress = Arc::new(Progress::default());
    let trigger = Running::start(settings(&servers, 2), failing.function(), Arc::clone(&progress)).unwrap();
    tokio::time::timeout(WAIT, async {
        while progress.counts().failures == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
    trigger.finish().await.unwrap();
    assert_eq!(failing.seen()[..2], [vec![0, 1], vec![2, 3]]);

    let working = FakeFunction::start(Vec::new()).await;
    let progress = Arc::new(Progress::default());
    let trigger = Running::start(settings(&servers, 2), working.function(), Arc::clone(&progress)).unwrap();
    tokio::time::timeout(WAIT, progress.stored("t", 0, 3)).await.unwrap();
    trigger.finish().await.unwrap();
    assert_eq!(working.seen(), [vec![2, 3]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_is_not_there_is_waited_for() {
    let broker = broker(1).await;
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = format!("http://{unused}/2015-03-31/functions/sink/invocations").parse().unwrap();
    let progress = Arc::new(Progress::default());
    let trigger =
        Running::start(settings(&broker.bootstrap_servers(), 1), Function::http(url), Arc::clone(&progress)).unwrap();
    tokio::time::timeout(WAIT, async {
        while progress.counts().failures < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
    assert_eq!(progress.counts().batches, 0);
    trigger.finish().await.unwrap();
}
