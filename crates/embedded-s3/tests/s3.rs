//! The embedded S3 through its port, as clients of AWS see it.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, EncodingType};
use embedded_s3::{ACCESS_KEY, Endpoint, REGION, SECRET_KEY, Storage};
use tempfile::TempDir;

const BUCKET: &str = "lake";

struct Server {
    dir: TempDir,
    storage: Storage,
    _endpoint: Endpoint,
    client: Client,
}

fn client(url: &str, access_key: &str, secret_key: &str) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(REGION))
        .credentials_provider(Credentials::new(access_key, secret_key, None, None, "test"))
        .endpoint_url(url)
        .force_path_style(true)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .retry_config(aws_sdk_s3::config::retry::RetryConfig::disabled());
    Client::from_conf(config.build())
}

async fn server() -> Server {
    let dir = TempDir::new().unwrap();
    let storage = Storage::open(dir.path(), BUCKET).unwrap();
    let endpoint = storage.serve(0).await.unwrap();
    let client = client(&endpoint.url(), ACCESS_KEY, SECRET_KEY);
    Server { dir, storage, _endpoint: endpoint, client }
}

/// Returns the status and the code of an error response, such as `404 NoSuchKey`.
fn failure<T, E: ProvideErrorMetadata + std::fmt::Debug>(result: Result<T, SdkError<E>>) -> String {
    let Err(error) = result else { return "success".to_owned() };
    let status = error.raw_response().map_or(0, |response| response.status().as_u16());
    let code = error.as_service_error().and_then(|error| error.code()).unwrap_or_default();
    format!("{status} {code}").trim().to_owned()
}

impl Server {
    async fn put(&self, key: &str, text: &str) -> String {
        let put = self.client.put_object().bucket(BUCKET).key(key).body(ByteStream::from(text.as_bytes().to_vec()));
        put.send().await.unwrap().e_tag.unwrap()
    }

    async fn get(&self, key: &str) -> String {
        let found = self.client.get_object().bucket(BUCKET).key(key).send().await.unwrap();
        String::from_utf8(found.body.collect().await.unwrap().to_vec()).unwrap()
    }

    fn file(&self, key: &str) -> std::path::PathBuf {
        self.dir.path().join(BUCKET).join(key)
    }

    /// Lists keys and common prefixes, in pages of `max_keys`.
    async fn list(&self, prefix: &str, delimiter: Option<&str>, max_keys: i32) -> Vec<String> {
        let request =
            self.client.list_objects_v2().bucket(BUCKET).prefix(prefix).set_delimiter(delimiter.map(Into::into));
        let mut pages = request.max_keys(max_keys).into_paginator().send();
        let mut names = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.unwrap();
            names.extend(page.contents().iter().map(|object| object.key().unwrap().to_owned()));
            names.extend(page.common_prefixes().iter().map(|prefix| prefix.prefix().unwrap().to_owned()));
        }
        names
    }
}

#[tokio::test]
async fn folder_is_not_an_object() {
    let s3 = server().await;
    s3.put("data/quotes/a.json", "{}").await;
    for key in ["data", "data/", "data/quotes", "data/quotes/", "data/quotes/a.json/", "data/quotes/a.json/b"] {
        let get = s3.client.get_object().bucket(BUCKET).key(key).send().await;
        assert_eq!(failure(get), "404 NoSuchKey", "{key}");
        let head = s3.client.head_object().bucket(BUCKET).key(key).send().await;
        assert!(failure(head).starts_with("404"), "{key}");
    }
    let absent = s3.client.get_object().bucket("absent").key("a").send().await;
    assert_eq!(failure(absent), "404 NoSuchBucket");
}

#[tokio::test]
async fn object_is_a_plain_file() {
    let s3 = server().await;
    let e_tag = s3.put("data/q/dt=2026-01-02/a.json", "text").await;
    assert_eq!(std::fs::read_to_string(s3.file("data/q/dt=2026-01-02/a.json")).unwrap(), "text");
    assert_eq!(e_tag, "\"1cb251ec0d568de6a929b520c4aed8d1\"");
    s3.client.delete_object().bucket(BUCKET).key("data/q/dt=2026-01-02/a.json").send().await.unwrap();
    assert!(!s3.file("data").exists(), "folders without objects are removed");
    assert!(s3.file("").exists());
}

#[tokio::test]
async fn file_of_another_program_is_an_object() {
    let s3 = server().await;
    s3.put("a", "one").await;
    std::fs::write(s3.file("a"), "two").unwrap();
    std::fs::write(s3.file("b"), "two").unwrap();
    let tag = |key: &'static str| s3.client.head_object().bucket(BUCKET).key(key).send();
    let changed = tag("a").await.unwrap().e_tag.unwrap();
    assert_eq!(changed, "\"b8a9f715dbb64fd5c56e7783c6820a61\"");
    assert_eq!(tag("b").await.unwrap().e_tag.unwrap(), changed);
    assert_eq!(s3.get("a").await, "two");
}

#[tokio::test]
async fn metadata_survives_a_restart_and_a_copy_of_the_folder() {
    let s3 = server().await;
    let put = s3.client.put_object().bucket(BUCKET).key("a").content_type("text/x").metadata("records", "3");
    put.body(ByteStream::from_static(b"x")).send().await.unwrap();
    let copy = TempDir::new().unwrap();
    copy_folder(s3.dir.path(), copy.path());
    for folder in [s3.dir.path(), copy.path()] {
        let head = Storage::open(folder, BUCKET).unwrap().client().head_object().bucket(BUCKET).key("a").send().await;
        let head = head.unwrap();
        assert_eq!(head.content_type(), Some("text/x"));
        assert_eq!(head.metadata().unwrap()["records"], "3");
    }
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &to.join(entry.file_name()));
        } else {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

#[tokio::test]
async fn conditional_writes_are_honoured() {
    let s3 = server().await;
    let put = |key: &str| s3.client.put_object().bucket(BUCKET).key(key).body(ByteStream::from_static(b"1"));
    let wrong = "\"00000000000000000000000000000000\"";
    assert_eq!(failure(put("a").if_match(wrong).send().await), "404 NoSuchKey");
    let e_tag = put("a").if_none_match("*").send().await.unwrap().e_tag.unwrap();
    assert_eq!(failure(put("a").if_none_match("*").send().await), "412 PreconditionFailed");
    assert_eq!(failure(put("a").if_match(wrong).send().await), "412 PreconditionFailed");
    put("a").if_match(&e_tag).send().await.unwrap();
    assert_eq!(failure(put("b").if_match(&e_tag).send().await), "404 NoSuchKey");
    let get = s3.client.get_object().bucket(BUCKET).key("a").if_none_match(&e_tag).send().await;
    assert!(failure(get).starts_with("304"));
}

#[tokio::test]
async fn one_of_many_creators_wins() {
    let s3 = server().await;
    for round in 0..20 {
        let puts = (0..16).map(|writer| {
            let put = s3.client.put_object().bucket(BUCKET).key(format!("race/{round}")).if_none_match("*");
            put.body(ByteStream::from(format!("{writer}").into_bytes())).send()
        });
        let results = futures::future::join_all(puts).await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "round {round}");
    }
}

#[tokio::test]
async fn listings_have_tags_sizes_and_pages() {
    let s3 = server().await;
    let mut keys: Vec<String> = (0..25).map(|n| format!("d/{n:02}/x")).collect();
    keys.extend(["d.txt".to_owned(), "e".to_owned()]);
    for key in &keys {
        s3.put(key, "ab").await;
    }
    keys.sort();
    let page = s3.client.list_objects_v2().bucket(BUCKET).send().await.unwrap();
    assert!(
        page.contents()
            .iter()
            .all(|object| object.size() == Some(2) && object.e_tag() == Some("\"187ef4436122d1cc2f40dc2b92f0eba0\""))
    );
    for max_keys in [1, 4, 1000] {
        assert_eq!(s3.list("", None, max_keys).await, keys, "{max_keys}");
        let mut top = s3.list("", Some("/"), max_keys).await;
        top.sort();
        assert_eq!(top, ["d.txt", "d/", "e"], "{max_keys}");
        assert_eq!(s3.list("d/", Some("/"), max_keys).await.len(), 25, "{max_keys}");
    }
    // An empty delimiter counts as no delimiter.
    assert_eq!(s3.list("", Some(""), 1000).await, keys);
    let old = s3.client.list_objects().bucket(BUCKET).marker("d/23/x").delimiter("").send().await.unwrap();
    assert_eq!(old.contents().len(), 2);
}

#[tokio::test]
async fn keys_are_encoded_in_listings_if_asked_for() {
    let s3 = server().await;
    s3.put("pl/a b+ü%.json", "").await;
    assert_eq!(s3.list("pl/", None, 9).await, ["pl/a b+ü%.json"]);
    let page = s3.client.list_objects_v2().bucket(BUCKET).encoding_type(EncodingType::Url).send().await.unwrap();
    assert_eq!(page.contents()[0].key(), Some("pl/a%20b%2B%C3%BC%25.json"));
}

#[tokio::test]
async fn every_key_of_1024_bytes_is_an_object() {
    let s3 = server().await;
    let long = "k".repeat(1024);
    let odd = [&long, "folder/", "a//b", "/", "x", "x/y", "x/y/z", "../up", ".", "\u{7f}~", "p/q/r", "p/q", "p"];
    for key in odd {
        s3.put(key, key).await;
    }
    for key in odd {
        assert_eq!(s3.get(key).await, key);
    }
    let mut sorted = odd.map(str::to_owned);
    sorted.sort();
    assert_eq!(s3.list("", None, 3).await, sorted);
    assert!(!s3.dir.path().join("up").exists());
    // They are there after a restart too, and can be deleted.
    let again = Storage::open(s3.dir.path(), BUCKET).unwrap().client();
    assert_eq!(again.list_objects_v2().bucket(BUCKET).send().await.unwrap().contents().len(), odd.len());
    for key in odd {
        s3.client.delete_object().bucket(BUCKET).key(key).send().await.unwrap();
    }
    assert_eq!(s3.list("", None, 9).await, [""; 0]);
    let longer = s3.client.put_object().bucket(BUCKET).key("k".repeat(1025)).send().await;
    assert_eq!(failure(longer), "400 KeyTooLongError");
    assert_eq!(s3.list("", None, 9).await, [""; 0]);
}

#[tokio::test]
async fn multipart_upload_is_one_object() {
    let s3 = server().await;
    let begin = s3.client.create_multipart_upload().bucket(BUCKET).key("big").content_type("x/y").send().await.unwrap();
    let id = begin.upload_id.unwrap();
    let mut parts = Vec::new();
    for (number, text) in [(1, "a".repeat(5 << 20)), (3, "end".to_owned())] {
        let part = s3.client.upload_part().bucket(BUCKET).key("big").upload_id(&id).part_number(number);
        let part = part.body(ByteStream::from(text.into_bytes())).send().await.unwrap();
        parts.push(CompletedPart::builder().part_number(number).set_e_tag(part.e_tag).build());
    }
    assert!(s3.list("", None, 9).await.is_empty());
    let listed = s3.client.list_parts().bucket(BUCKET).key("big").upload_id(&id).send().await.unwrap();
    assert_eq!(listed.parts().len(), 2);
    let complete = |parts| {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        s3.client.complete_multipart_upload().bucket(BUCKET).key("big").upload_id(&id).multipart_upload(parts)
    };
    let reversed = parts.iter().rev().cloned().collect();
    assert_eq!(failure(complete(reversed).send().await), "400 InvalidPartOrder");
    let done = complete(parts.clone()).send().await.unwrap();
    assert!(done.e_tag().unwrap().ends_with("-2\""), "{done:?}");
    let head = s3.client.head_object().bucket(BUCKET).key("big").send().await.unwrap();
    assert_eq!((head.content_length(), head.content_type()), (Some((5 << 20) + 3), Some("x/y")));
    assert_eq!(head.e_tag(), done.e_tag());
    let end = s3.client.get_object().bucket(BUCKET).key("big").range("bytes=-5").send().await.unwrap();
    assert_eq!(end.content_range(), Some("bytes 5242878-5242882/5242883"));
    assert_eq!(end.body.collect().await.unwrap().to_vec(), b"aaend");
    assert_eq!(s3.get("big").await.len(), (5 << 20) + 3);
    assert_eq!(failure(complete(parts).send().await), "404 NoSuchUpload");
    assert!(std::fs::read_dir(s3.dir.path().join(".s3/temporary")).unwrap().next().is_none());
}

#[tokio::test]
async fn copy_keeps_metadata() {
    let s3 = server().await;
    let put = s3.client.put_object().bucket(BUCKET).key("a").metadata("records", "3");
    put.body(ByteStream::from_static(b"x")).send().await.unwrap();
    s3.client.copy_object().bucket(BUCKET).key("b/c").copy_source("lake/a").send().await.unwrap();
    let head = s3.client.head_object().bucket(BUCKET).key("b/c").send().await.unwrap();
    assert_eq!(head.metadata().unwrap()["records"], "3");
}

#[tokio::test]
async fn buckets_are_folders() {
    let s3 = server().await;
    s3.client.create_bucket().bucket("other").send().await.unwrap();
    assert_eq!(failure(s3.client.create_bucket().bucket("other").send().await), "409 BucketAlreadyOwnedByYou");
    let names = s3.client.list_buckets().send().await.unwrap();
    assert_eq!(names.buckets().iter().filter_map(|bucket| bucket.name()).collect::<Vec<_>>(), [BUCKET, "other"]);
    s3.client.put_object().bucket("other").key("a/").send().await.unwrap();
    assert_eq!(failure(s3.client.delete_bucket().bucket("other").send().await), "409 BucketNotEmpty");
    s3.client.delete_object().bucket("other").key("a/").send().await.unwrap();
    s3.client.delete_bucket().bucket("other").send().await.unwrap();
    assert!(s3.client.get_bucket_versioning().bucket(BUCKET).send().await.unwrap().status().is_none());
}

#[tokio::test]
async fn errors_have_the_codes_of_aws() {
    let s3 = server().await;
    let head = |client: Client| async move { client.list_objects_v2().bucket(BUCKET).send().await };
    let url = s3._endpoint.url();
    let unknown = head(client(&url, "nobody", SECRET_KEY)).await;
    assert_eq!(
        unknown.as_ref().unwrap_err().as_service_error().unwrap().message(),
        Some("The AWS Access Key Id you provided does not exist in our records.")
    );
    assert_eq!(failure(unknown), "403 InvalidAccessKeyId");
    let wrong = head(client(&url, ACCESS_KEY, "wrong")).await;
    assert!(wrong.as_ref().unwrap_err().as_service_error().unwrap().message().unwrap().contains("signature"));
    assert_eq!(failure(wrong), "403 SignatureDoesNotMatch");
    let acl = s3.client.get_bucket_acl().bucket(BUCKET).send().await;
    let text = acl.as_ref().unwrap_err().as_service_error().unwrap().message().map(str::to_owned);
    assert_eq!(failure(acl), "501 NotImplemented");
    assert!(text.is_some());
    assert!(s3.storage.client().list_buckets().send().await.is_ok());
}
