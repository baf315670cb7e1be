//! Wrong S3 settings: each results in a single line that names the variable to correct. A profile's endpoint applies to
//! storing and to reading.

use std::path::Path;
use std::process::{Command, Output};

use embedded_s3::{ACCESS_KEY, Endpoint, REGION, SECRET_KEY, Storage};
use tempfile::TempDir;
use tickerlake_tests::lake;
use tickerlake_tests::programs::program;

struct Server {
    folder: TempDir,
    endpoint: Endpoint,
}

impl Server {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let endpoint = Storage::open(folder.path(), "lake").unwrap().serve(0).await.unwrap();
        Server { folder, endpoint }
    }

    fn objects(&self) -> usize {
        lake::objects(&self.folder.path().join("lake")).unwrap().len()
    }
}

/// Runs `tickerlake` with no variables but these.
fn tickerlake(home: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    Command::new(program("tickerlake").unwrap())
        .env_clear()
        .env("HOME", home)
        // A machine in EC2 may have a role.
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(variables.iter().copied())
        .args(arguments)
        .current_dir(home)
        .output()
        .unwrap()
}

/// Runs three commands that begin by reading from S3, and `run`. Asserts that each fails with a single line that
/// contains each of `parts`.
fn assert_one_line(variables: &[(&str, &str)], bucket: &str, parts: &[&str]) {
    let home = TempDir::new().unwrap();
    let commands: [&[&str]; 4] = [&["query", "SELECT 1"], &["audit"], &["trace", "quotes/0/0"], &["run"]];
    for command in commands {
        let arguments = [command, &["--bucket", bucket]].concat();
        let output = tickerlake(home.path(), variables, &arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{command:?}: {text}");
        assert_eq!(text.trim_end().lines().count(), 1, "{command:?}: {text}");
        for part in parts {
            assert!(text.contains(part), "{command:?} does not print {part:?}: {text}");
        }
    }
}

fn variables<'v>(url: &'v str, access_key: &'v str, secret_key: &'v str) -> [(&'v str, &'v str); 4] {
    [
        ("AWS_ENDPOINT_URL_S3", url),
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", access_key),
        ("AWS_SECRET_ACCESS_KEY", secret_key),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_secret_names_its_variable() {
    let server = Server::new().await;
    let url = server.endpoint.url();
    let parts = [&url, "SignatureDoesNotMatch", "correct AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"];
    assert_one_line(&variables(&url, ACCESS_KEY, "wrong"), "lake", &parts);
    assert_eq!(server.objects(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_access_key_names_its_variable() {
    let server = Server::new().await;
    let url = server.endpoint.url();
    let parts = [&url, "InvalidAccessKeyId", "correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"];
    assert_one_line(&variables(&url, "nobody", SECRET_KEY), "lake", &parts);
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_credentials_name_the_variables() {
    let server = Server::new().await;
    let url = server.endpoint.url();
    let parts = ["no AWS credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"];
    assert_one_line(&variables(&url, "", "")[..2], "lake", &parts);
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_bucket_names_the_option() {
    let server = Server::new().await;
    let url = server.endpoint.url();
    let parts = [&url, "NoSuchBucket", "create the bucket, or correct --bucket"];
    assert_one_line(&variables(&url, ACCESS_KEY, SECRET_KEY), "absent", &parts);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_endpoint_names_its_variable() {
    let server = Server::new().await;
    let url = server.endpoint.url();
    let host = url.strip_prefix("http://").unwrap();
    let right = format!("AWS_ENDPOINT_URL_S3 is not a URL: it must begin with http:// or https://, such as {url}");
    assert_one_line(&variables(host, ACCESS_KEY, SECRET_KEY), "lake", &[&right]);
    let https = format!("https://{host}");
    let parts = ["does not support HTTPS", "write http:// in AWS_ENDPOINT_URL_S3"];
    assert_one_line(&variables(&https, ACCESS_KEY, SECRET_KEY), "lake", &parts);
}

#[test]
fn absent_server_names_the_endpoint() {
    // A port that nothing listens on: it was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let parts = [&url, "Connection refused", "start the server, or correct AWS_ENDPOINT_URL_S3"];
    assert_one_line(&variables(&url, ACCESS_KEY, SECRET_KEY), "lake", &parts);
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoint_of_a_profile_is_used_by_all_commands() {
    let (server, home) = (Server::new().await, TempDir::new().unwrap());
    let config = format!(
        "[profile local]\nregion = {REGION}\nservices = local\naws_access_key_id = {ACCESS_KEY}\n\
         aws_secret_access_key = {SECRET_KEY}\n[services local]\ns3 =\n  endpoint_url = {}\n",
        server.endpoint.url()
    );
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    std::fs::write(home.path().join(".aws/config"), config).unwrap();
    let commands: [(&[&str], &str); 3] = [
        (&["run"], "1,200 stored"),
        (&["query", "--format", "csv", "SELECT count(*) AS n FROM quotes"], "n\n1200\n"),
        (&["audit"], "1,200 stored"),
    ];
    for (command, printed) in commands {
        let arguments = [command, &["--bucket", "lake"]].concat();
        let output = tickerlake(home.path(), &[("AWS_PROFILE", "local")], &arguments);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains(printed), "{output:?}");
    }
    assert!(server.objects() > 0);
}
