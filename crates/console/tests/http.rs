//! The console over HTTP, on a lake in a folder and with a pipeline.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use console::{Console, Invoked, OpenLake, Phase, Pipeline, Range, Sample, Settings, Stored};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lake_store::Lake;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A pipeline whose counters a test sets.
#[derive(Default)]
struct Counters(Mutex<Sample>);

impl Pipeline for Counters {
    fn sample(&self) -> Sample {
        self.0.lock().unwrap().clone()
    }
}

/// A console on a free port, its lake and its pipeline.
struct Served {
    console: Console,
    counters: Arc<Counters>,
    client: Client<HttpConnector, Full<Bytes>>,
    folder: TempDir,
}

fn line(offset: u64, symbol: &str, date: &str, close: f64) -> String {
    format!(
        "{{\"kafka_partition\":0,\"kafka_offset\":{offset},\"kafka_timestamp\":17640288001{offset:02},\"symbol\":\"{symbol}\",\
         \"trade_date\":\"{date}\",\"bar\":\"1d\",\"open\":1.0,\"high\":9.0,\"low\":0.5,\"close\":{close},\"volume\":10}}\n"
    )
}

fn put(folder: &Path, key: &str, text: &str) {
    let path = folder.join(key);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

impl Served {
    fn start() -> Self {
        Self::start_with(|_| {})
    }

    /// Starts a console whose settings `change` changes.
    fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        let folder = TempDir::new().unwrap();
        let lines =
            [line(0, "IBM", "2024-01-02", 2.0), line(1, "IBM", "2024-01-03", 3.0), line(2, "<b>", "2024-01-03", 4.0)];
        put(folder.path(), "data/quotes/dt=2025-11-25/00000-00000000000000000000.json", &lines.concat());
        let root = folder.path().to_owned();
        let open: OpenLake = Box::new(move || {
            let store = lake_store::folder(&root).map_err(|error| error.to_string());
            Box::pin(async move { Ok(Lake { store: store?, prefix: String::new() }) })
        });
        let mut settings = Settings::new("quotes", "a folder");
        settings.listen.set_port(0);
        change(&mut settings);
        let counters = Arc::new(Counters::default());
        let console = Console::start(settings, open, Some(Arc::clone(&counters) as Arc<dyn Pipeline>)).unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http();
        Served { console, counters, client, folder }
    }

    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &Value) -> Response<Incoming> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.console.url()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.client.request(request.body(Full::new(body.to_string().into())).unwrap()).await.unwrap()
    }

    async fn get(&self, path: &str) -> Value {
        let response = self.send(Method::GET, path, &[], &Value::Null).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        json_of(response).await
    }

    /// Returns the page's token.
    async fn token(&self) -> String {
        let page = text_of(self.send(Method::GET, "", &[], &Value::Null).await).await;
        let (_, rest) = page.split_once("name=\"console-token\" content=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    }

    async fn query(&self, sql: &str) -> (StatusCode, Value) {
        let token = self.token().await;
        let headers = [("content-type", "application/json"), ("x-console-token", &token)];
        let response = self.send(Method::POST, "api/query", &headers, &json!({"sql": sql})).await;
        (response.status(), json_of(response).await)
    }
}

async fn text_of(response: Response<Incoming>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

async fn json_of(response: Response<Incoming>) -> Value {
    serde_json::from_str(&text_of(response).await).unwrap()
}

/// Waits for a frame that has a property. The comments that keep the connection alive do not count as frames.
async fn frame_where(body: &mut Incoming, buffer: &mut String, is_wanted: impl Fn(&Value) -> bool) -> Value {
    let found = async {
        loop {
            let (_, frame) = next_event(body, buffer).await;
            if is_wanted(&frame) {
                return frame;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), found).await.unwrap()
}

/// The next event of a stream: its kind and its JSON.
async fn next_event(body: &mut Incoming, buffer: &mut String) -> (String, Value) {
    loop {
        if let Some((event, rest)) = buffer.split_once("\n\n") {
            let field = |name: &str| {
                event.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
            };
            let found = field("event:").zip(field("data:"));
            *buffer = rest.to_owned();
            if let Some((kind, data)) = found {
                return (kind, serde_json::from_str(&data).unwrap());
            }
            continue;
        }
        let frame = tokio::time::timeout(Duration::from_secs(20), body.frame()).await.unwrap().unwrap().unwrap();
        buffer.push_str(std::str::from_utf8(&frame.into_data().unwrap()).unwrap());
    }
}

#[tokio::test]
async fn statement_returns_rows_and_what_it_read() {
    let served = Served::start();
    let (status, answer) = served.query("SELECT symbol, close FROM quotes_latest ORDER BY close").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(answer["rows"], json!([["IBM", "2.0"], ["IBM", "3.0"], ["<b>", "4.0"]]));
    assert_eq!((&answer["objects"], &answer["is_cut"]), (&json!(1), &json!(false)));
}

#[tokio::test]
async fn statement_that_writes_is_refused() {
    let served = Served::start();
    let (status, answer) = served.query("COPY quotes TO '/tmp/x.csv'").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(answer["error"].as_str().unwrap().contains("only statements that read"), "{answer}");
}

#[tokio::test]
async fn statement_ends_at_its_time_limit() {
    let served = Served::start_with(|settings| settings.query_timeout = Duration::from_millis(500));
    // Opens the session, which is not what takes time here.
    while served.query("SELECT 1").await.0 != StatusCode::OK {}
    let sql = "SELECT count(*) FROM range(100000) AS a, range(100000) AS b, range(100000) AS c";
    let began = std::time::Instant::now();
    let (status, answer) = served.query(sql).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
    assert!(answer["error"].as_str().unwrap().starts_with("this took longer than 0.5 s"), "{answer}");
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn statement_that_is_too_deep_ends_no_process() {
    let served = Served::start();
    let sum = vec!["1"; 100_000].join("+");
    for sql in [format!("SELECT {sum}"), format!("SELECT {sum}; SELECT 1")] {
        let (status, answer) = served.query(&sql).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
        assert!(answer["error"].as_str().unwrap().contains("more than 1,000 operators"), "{answer}");
    }
    assert_eq!(served.query("SELECT 1").await.0, StatusCode::OK);
}

#[tokio::test]
async fn url_of_another_address_is_permitted() {
    let served = Served::start_with(|settings| settings.listen.set_ip([127, 0, 0, 2].into()));
    assert!(served.console.url().starts_with("http://127.0.0.2:"), "{}", served.console.url());
    assert_eq!(served.console.first_url(), served.console.url());
    served.get("api/info").await;
}

#[tokio::test]
async fn url_has_the_permitted_name_and_opens_with_the_token() {
    let served = Served::start_with(|settings| {
        settings.listen.set_ip([0, 0, 0, 0].into());
        settings.bearer = Some("0123456789abcdef".to_owned());
    });
    assert!(served.console.url().starts_with("http://127.0.0.1:"), "{}", served.console.url());
    let refused = served.send(Method::GET, "", &[], &Value::Null).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let opened = served.client.get(served.console.first_url().parse().unwrap()).await.unwrap();
    assert_eq!(opened.status(), StatusCode::SEE_OTHER);
    assert!(opened.headers()["set-cookie"].to_str().unwrap().contains("0123456789abcdef"));

    let named = Served::start_with(|settings| settings.allowed_hosts = vec!["Lake.example".to_owned()]);
    assert!(named.console.url().starts_with("http://lake.example:"), "{}", named.console.url());
}

#[tokio::test]
async fn statement_without_the_token_is_refused() {
    let served = Served::start();
    let headers = [("content-type", "application/json")];
    let response = served.send(Method::POST, "api/query", &headers, &json!({"sql": "SELECT 1"})).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert!(response.headers().contains_key("content-security-policy"));
}

#[tokio::test]
async fn chart_and_watch_list_have_the_stored_quotes() {
    let served = Served::start();
    let bars = served.get("api/market/bars?symbol=IBM").await;
    assert_eq!((&bars["length"], &bars["lengths"]), (&json!("1d"), &json!(["1d", "1w", "1mo"])));
    assert_eq!(
        bars["bars"][1],
        json!({"time": 1_704_240_000, "open": 1.0, "high": 9.0, "low": 0.5, "close": 3.0, "volume": 10.0})
    );
    let symbols = served.get("api/market/symbols").await;
    assert_eq!(symbols["symbols"][1]["symbol"], "IBM");
    assert_eq!((&symbols["symbols"][1]["close"], &symbols["symbols"][1]["before"]), (&json!(3.0), &json!(2.0)));
    assert_eq!((&symbols["symbols"][1]["bar"], &symbols["symbols"][1]["simulated"]), (&json!("1d"), &json!(false)));
}

#[tokio::test]
async fn bars_of_ticks_name_their_last_row() {
    let served = Served::start();
    let tick = |offset: u64, time: &str, close: f64| {
        format!(
            "{{\"kafka_partition\":0,\"kafka_offset\":{offset},\"kafka_timestamp\":1764028800123,\"symbol\":\"T\",\
             \"trade_date\":\"2024-01-01\",\"traded_at\":\"2024-01-02 {time}\",\"bar\":\"tick\",\"close\":{close},\
             \"volume\":1,\"simulated\":true}}\n"
        )
    };
    let lines = [tick(3, "00:30:00.250000", 1.0), tick(4, "00:30:00.750000", 2.0)];
    put(served.folder.path(), "data/quotes/dt=2025-11-25/00000-00000000000000000003.json", &lines.concat());
    let answer = served.get("api/market/bars?symbol=T&length=1m").await;
    let bar = json!({"time": 1_704_155_400, "open": 1.0, "high": 2.0, "low": 1.0, "close": 2.0, "volume": 2.0, "rows": "tick", "simulated": true});
    assert_eq!(answer["bars"], json!([bar]));
    assert_eq!(answer["last"], json!({"micros": 1_704_155_400_750_000_i64, "seq": 1}));
    // From a day on, the trade date decides.
    let answer = served.get("api/market/bars?symbol=T&length=1d").await;
    assert_eq!(answer["bars"][0]["time"], 1_704_067_200);
}

#[tokio::test]
async fn record_is_traced_to_its_line() {
    let served = Served::start();
    let traced = served.get("api/trace?partition=0&offset=1").await;
    assert_eq!((&traced["locations"][0]["line"], &traced["locations"][0]["record"]["close"]), (&json!(2), &json!(3)));
    assert_eq!(traced["locations"][0]["text"], line(1, "IBM", "2024-01-03", 3.0).trim());
    let key = traced["locations"][0]["key"].as_str().unwrap();
    assert_eq!(served.get(&format!("api/object?key={key}")).await["lines"], 3);
    let missing = served.get("api/trace?partition=0&offset=7").await;
    assert_eq!(missing["neighbours"][0]["before"]["offset"], 2);
}

/// A successful invocation with one record.
fn invocation(value: &str) -> Invoked {
    let value = base64_simd::STANDARD.encode_to_string(value);
    let event = format!(
        r#"{{"eventSource":"SelfManagedKafka","records":{{"quotes-0":[{{"topic":"quotes","partition":0,"offset":3,"value":"{value}"}}]}}}}"#
    );
    Invoked {
        event: event.into(),
        partitions: vec![Range { topic: "quotes".to_owned(), partition: 0, first: 3, last: 3, records: 1 }],
        duration: Duration::from_millis(2),
        failures_before: 0,
        is_part: false,
        closed_by: "window",
        objects: Some(1),
        bytes: Some(80),
        quarantined: 0,
        skipped: 0,
        error: None,
        discarded: 0,
    }
}

#[tokio::test]
async fn events_are_a_snapshot_and_deltas() {
    let served = Served::start();
    let mut body = served.send(Method::GET, "api/events", &[], &Value::Null).await.into_body();
    let mut buffer = String::new();
    let (kind, _) = next_event(&mut body, &mut buffer).await;
    assert_eq!(kind, "snapshot");
    served.console.live().unwrap().set_phase(Phase::Feeding);
    served.counters.0.lock().unwrap().stored = Stored { records: 41, ..Stored::default() };
    loop {
        let (kind, delta) = next_event(&mut body, &mut buffer).await;
        assert_eq!(kind, "delta");
        if delta["stored"]["records"] == 41 {
            break;
        }
    }
    served.console.live().unwrap().invoked(invocation(r#"{"symbol":"NEW","trade_date":"2024-01-04","close":5}"#));
    loop {
        let (_, delta) = next_event(&mut body, &mut buffer).await;
        if delta["quotes"]["rows"][0][0] == "NEW" {
            assert_eq!(delta["quotes"]["rows"][0][10], 5.0);
            break;
        }
    }
}

#[tokio::test]
async fn audit_reports_through_the_events() {
    let served = Served::start();
    let token = served.token().await;
    let headers = [("content-type", "application/json"), ("x-console-token", &token)];
    let started = served.send(Method::POST, "api/audit", &headers, &json!({})).await;
    assert_eq!(started.status(), StatusCode::ACCEPTED);
    let mut body = served.send(Method::GET, "api/events", &[], &Value::Null).await.into_body();
    let mut buffer = String::new();
    loop {
        let (_, frame) = next_event(&mut body, &mut buffer).await;
        // The lake has no ledger, which is a fault.
        if frame["audit"]["seal"] == "faults" {
            assert_eq!(frame["audit"]["total"]["stored"], 3);
            break;
        }
    }
    let audit = served.get("api/audit").await;
    assert_eq!(audit["strips"][0]["cells"][0]["first"], 0);
    assert_eq!(audit["result"]["kinds"][0]["kind"], "no ledger");
}

#[tokio::test]
async fn another_address_needs_a_token() {
    let open: OpenLake = Box::new(|| Box::pin(async { Err("not opened".to_owned()) }));
    let mut settings = Settings::new("quotes", "a folder");
    settings.listen = ([0, 0, 0, 0], 0).into();
    let error = Console::start(settings, open, None).err().unwrap().to_string();
    assert!(error.contains("TICKERLAKE_CONSOLE_TOKEN"), "{error}");
}

#[tokio::test]
async fn lake_that_is_away_is_an_answer() {
    let open: OpenLake = Box::new(|| Box::pin(async { Err("no lake exists here".to_owned()) }));
    let mut settings = Settings::new("quotes", "a folder");
    settings.listen.set_port(0);
    let console = Console::start(settings, open, None).unwrap();
    let client: Client<HttpConnector, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let answer = client.get(format!("{}api/lake", console.url()).parse().unwrap()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(text_of(answer).await.contains("no lake exists here"));
}

/// A console with a pipeline on a lake that `open` opens.
fn start_with(open: OpenLake) -> (Console, Arc<Counters>) {
    let mut settings = Settings::new("quotes", "a folder");
    settings.listen.set_port(0);
    let counters = Arc::new(Counters::default());
    let console = Console::start(settings, open, Some(Arc::clone(&counters) as Arc<dyn Pipeline>)).unwrap();
    (console, counters)
}

async fn events_of(console: &Console) -> Incoming {
    let client: Client<HttpConnector, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    client.get(format!("{}api/events", console.url()).parse().unwrap()).await.unwrap().into_body()
}

#[tokio::test]
async fn lake_that_does_not_answer_delays_no_frame() {
    let (console, counters) = start_with(Box::new(|| Box::pin(std::future::pending())));
    let (mut body, mut buffer) = (events_of(&console).await, String::new());
    next_event(&mut body, &mut buffer).await;
    for records in 1..=5 {
        counters.0.lock().unwrap().stored = Stored { records, ..Stored::default() };
        frame_where(&mut body, &mut buffer, |frame| frame["stored"]["records"] == records).await;
    }
}

#[tokio::test]
async fn failed_listing_is_repeated() {
    let folder = TempDir::new().unwrap();
    put(folder.path(), "data/quotes/dt=2025-11-25/00000-00000000000000000000.json", &line(0, "IBM", "2024-01-02", 2.0));
    let (root, attempts) = (folder.path().to_owned(), Mutex::new(0));
    let open: OpenLake = Box::new(move || {
        let mut attempts = attempts.lock().unwrap();
        *attempts += 1;
        if *attempts == 1 {
            return Box::pin(async { Err("away".to_owned()) });
        }
        let store = lake_store::folder(&root).map_err(|error| error.to_string());
        Box::pin(async move { Ok(Lake { store: store?, prefix: String::new() }) })
    });
    let (console, _counters) = start_with(open);
    let (mut body, mut buffer) = (events_of(&console).await, String::new());
    let frame = frame_where(&mut body, &mut buffer, |frame| frame["objects"].is_array()).await;
    assert_eq!(frame["objects"][0]["records"], 1);
}

#[tokio::test]
async fn client_misses_no_record_after_its_snapshot() {
    let served = Served::start();
    let (mut body, mut buffer) = (events_of(&served.console).await, String::new());
    next_event(&mut body, &mut buffer).await;
    served.console.live().unwrap().invoked(invocation(r#"{"symbol":"NEW","trade_date":"2024-01-04","close":5}"#));
    served.console.live().unwrap().set_phase(Phase::Finished);
    let frame = frame_where(&mut body, &mut buffer, |frame| frame["phase"] == "finished").await;
    assert_eq!(frame["quotes"]["rows"][0][0], "NEW");
}
