use bongsu_web::{WebOptions, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::fake::Fake;

async fn ask(stream: &mut TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut buffer = vec![0; 64 << 10];
    let read = stream.read(&mut buffer).await.unwrap();
    String::from_utf8_lossy(&buffer[..read]).into_owned()
}

#[tokio::test]
async fn connections_are_kept_and_closed_in_order() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async {
        let _ = stopped.await;
    };
    let server = tokio::spawn(serve(vec![listener], Fake::new(), WebOptions::default(), shutdown));
    let mut stream = TcpStream::connect(address).await.unwrap();
    for _ in 0..2 {
        let got = ask(&mut stream, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(got.starts_with("HTTP/1.1 200 OK\r\n") && got.ends_with("\r\n\r\nOK"), "{got}");
    }
    let bad = ask(
        &mut TcpStream::connect(address).await.unwrap(),
        "GET / HTTP/1.1\r\nbad header\r\n\r\n",
    )
    .await;
    assert!(bad.starts_with("HTTP/1.1 400"), "{bad}");
    stop.send(()).unwrap();
    server.await.unwrap().unwrap();
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_wrong_web_configuration_refuses_to_start() {
    let file = std::env::temp_dir().join(format!("bongsu-web-{}.yml", std::process::id()));
    std::fs::write(&file, "tls_server_config: {cert_file: a, key_file: b}\n").unwrap();
    let options = WebOptions { config_file: Some(file.clone()), ..WebOptions::default() };
    let refused = serve(Vec::new(), Fake::new(), options, async {}).await;
    std::fs::remove_file(file).unwrap();
    assert!(refused.unwrap_err().to_string().starts_with("TLS: "));
}
