//! AWS credentials from made-up surroundings.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::Secret;
use bongsu_provider::aws::{AwsCredentials, AwsSurroundings};
use bongsu_provider::egress::EgressPolicy;
use bongsu_provider::http::{HttpClient, HttpSettings};
use bongsu_testkit::capture::{Answer, CaptureServer};
use tokio::time::Instant;

fn surroundings(variables: &[(&str, &str)]) -> AwsSurroundings {
    let open = Arc::new(EgressPolicy::open());
    let client = HttpClient::new(HttpSettings::default(), "test", open).unwrap();
    let variables: HashMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    AwsSurroundings::new(Arc::new(move |name| variables.get(name).cloned()), Arc::new(client))
}

async fn keys(from: &AwsSurroundings, profile: &str) -> Result<AwsCredentials, String> {
    let deadline = Instant::now() + Duration::from_secs(20);
    from.credentials(profile, deadline).await.map_err(|error| error.message)
}

fn summary(found: &AwsCredentials) -> (&str, &str, Option<&str>) {
    let token = found.session_token.as_ref().map(Secret::expose);
    (&found.access_key, found.secret_key.expose(), token)
}

#[tokio::test]
async fn variables_come_before_files_unless_a_profile_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("credentials");
    let section = |name: &str| {
        format!("[{name}]\naws_access_key_id={name}-key\naws_secret_access_key={name}-secret\n")
    };
    std::fs::write(&file, section("default") + &section("team")).unwrap();
    let file = ("AWS_SHARED_CREDENTIALS_FILE", file.to_str().unwrap());
    let given = [
        ("AWS_ACCESS_KEY_ID", "a"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
        ("AWS_SESSION_TOKEN", "t"),
        file,
    ];
    let both = surroundings(&given);
    assert_eq!(summary(&keys(&both, "").await.unwrap()), ("a", "s", Some("t")));
    let team = ("team-key", "team-secret", None);
    assert_eq!(summary(&keys(&both, "team").await.unwrap()), team);
    let error = keys(&both, "nobody").await.unwrap_err();
    assert_eq!(error, "profile \"nobody\" has no AWS credentials");

    let files = surroundings(&[file]);
    assert_eq!(keys(&files, "").await.unwrap().access_key, "default-key");
    let chosen = surroundings(&[file, ("AWS_PROFILE", "team")]);
    assert_eq!(summary(&keys(&chosen, "").await.unwrap()), team);

    let nothing = surroundings(&[("AWS_EC2_METADATA_DISABLED", "true")]);
    assert_eq!(keys(&nothing, "").await.unwrap_err(), "no AWS credentials found");
}

#[tokio::test]
async fn regions() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join(".aws")).unwrap();
    std::fs::write(dir.path().join(".aws/config"), "[default]\nregion = eu-west-1\n").unwrap();
    let home = ("HOME", dir.path().to_str().unwrap());
    for (variables, expected) in [
        (vec![home], Some("eu-west-1")),
        (vec![home, ("AWS_DEFAULT_REGION", "d")], Some("d")),
        (vec![home, ("AWS_DEFAULT_REGION", "d"), ("AWS_REGION", "r")], Some("r")),
        (vec![], None),
    ] {
        let region = surroundings(&variables).region("").await.unwrap();
        assert_eq!(region.as_deref(), expected, "{variables:?}");
    }
}

fn temporary(token: &str, expires: &str) -> String {
    format!(
        r#"{{"AccessKeyId":"ak","SecretAccessKey":"sk","{token}":"st","Expiration":{expires}}}"#
    )
}

#[tokio::test]
async fn a_container_endpoint_is_asked_once_while_its_answer_lasts() {
    let server = CaptureServer::start();
    let last = temporary("Token", "\"2001-01-01T00:00:00Z\"");
    let long = temporary("Token", "\"2999-01-01T00:00:00Z\"");
    server.script("/creds", [Answer::status(200).body(last), Answer::status(200).body(long)]);
    let url = server.url("/creds");
    let from = surroundings(&[
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "auth"),
    ]);
    for _ in 0..4 {
        assert_eq!(summary(&keys(&from, "").await.unwrap()), ("ak", "sk", Some("st")));
    }
    // The first answer had ended already, the second lasts.
    assert_eq!(server.captured().len(), 2);
    assert_eq!(server.captured()[0].header("authorization"), "auth");

    let foreign = surroundings(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://10.0.0.1/x")]);
    assert!(keys(&foreign, "").await.unwrap_err().contains("must be https"));
}

#[tokio::test]
async fn web_identity_asks_the_token_service() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "jwt\n").unwrap();
    let server = CaptureServer::start();
    let credentials = temporary("SessionToken", "3.2e10");
    let body = format!(
        r#"{{"AssumeRoleWithWebIdentityResponse":{{"AssumeRoleWithWebIdentityResult":{{"Credentials":{credentials}}}}}}}"#
    );
    server.script("/", [Answer::status(200).body(body)]);
    let from = surroundings(&[
        ("AWS_WEB_IDENTITY_TOKEN_FILE", file.to_str().unwrap()),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/x"),
        ("AWS_ENDPOINT_URL_STS", &server.url("/")),
    ]);
    assert_eq!(summary(&keys(&from, "").await.unwrap()), ("ak", "sk", Some("st")));
    keys(&from, "").await.unwrap();
    let requests = server.captured();
    assert_eq!(requests.len(), 1);
    let form = requests[0].form();
    let field = |name: &str| form.iter().find(|(n, _)| n == name).unwrap().1.as_str();
    assert_eq!(field("Action"), "AssumeRoleWithWebIdentity");
    assert_eq!((field("RoleArn"), field("WebIdentityToken")), ("arn:aws:iam::1:role/x", "jwt"));
}

#[tokio::test]
async fn the_machine_is_asked_with_a_session() {
    let server = CaptureServer::start();
    server.script("/latest/api/token", [Answer::status(200).body("session")]);
    server.script(
        "/latest/meta-data/iam/security-credentials/",
        [Answer::status(200).body("role\n")],
    );
    let body = temporary("Token", "\"2999-01-01T00:00:00Z\"");
    server.script(
        "/latest/meta-data/iam/security-credentials/role",
        [Answer::status(200).body(body)],
    );
    let endpoint = ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &*server.url("/"));
    assert_eq!(
        summary(&keys(&surroundings(&[endpoint]), "").await.unwrap()),
        ("ak", "sk", Some("st"))
    );
    let requests = server.captured();
    assert_eq!(requests[0].method, http::Method::PUT);
    assert_eq!(requests[2].header("x-aws-ec2-metadata-token"), "session");

    server.script("/latest/api/token", [Answer::status(404)]);
    let error = keys(&surroundings(&[endpoint]), "").await.unwrap_err();
    assert_eq!(
        error,
        "no AWS credentials found: the machine's metadata service answered with status 404"
    );
}
