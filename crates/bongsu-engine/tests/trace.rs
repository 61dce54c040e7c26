//! Spans of a running engine: what hangs below what, across timers and restarts.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use bongsu_config::alertmanager;
use bongsu_engine::api::{Answer, Backend, PostedAlert, TraceContext};
use bongsu_engine::clock::ManualClock;
use bongsu_engine::trace::Tracer;
use bongsu_engine::transport::Transport;
use bongsu_engine::{Engine, Loaded, Options};
use bongsu_lang::Mode;
use bongsu_model::{Labels, Secret, Source, Timestamp};
use bongsu_notify::{HttpRequest, Mail, Response, TransportError};
use bongsu_store::memory::MemoryStore;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use parking_lot::Mutex;
use tokio::time::Instant;

const CONFIG: &str = "route: {receiver: team, group_by: [alertname], group_wait: 30s}\n\
    receivers: [{name: team, webhook_configs: [{url: 'http://hook.test/'}]}]\n";

/// Answers 200 or never, and notes the `traceparent` of every request.
struct Peer {
    answers: bool,
    told: Mutex<Vec<Option<String>>>,
}

impl Transport for Peer {
    fn request(
        &self,
        request: HttpRequest,
        _deadline: Instant,
    ) -> Answer<'_, std::result::Result<Response, TransportError>> {
        self.told.lock().push(request.header("traceparent").map(str::to_owned));
        Box::pin(async {
            if !self.answers {
                std::future::pending::<()>().await;
            }
            Ok(Response { status: 200, content_type: String::new(), body: "ok".into() })
        })
    }

    fn mail(
        &self,
        _mail: Mail,
        _deadline: Instant,
    ) -> Answer<'_, std::result::Result<(), TransportError>> {
        Box::pin(async { Ok(()) })
    }

    fn secret<'a>(&'a self, _path: &'a str) -> Answer<'a, std::result::Result<Secret, String>> {
        Box::pin(async { Err("no files here".to_owned()) })
    }
}

struct House {
    clock: Arc<ManualClock>,
    provider: SdkTracerProvider,
    finished: InMemorySpanExporter,
}

impl House {
    fn new() -> Self {
        let finished = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(finished.clone()).build();
        let clock = Arc::new(ManualClock::new("2026-01-01T00:00:00Z".parse().unwrap()));
        Self { clock, provider, finished }
    }

    fn engine(&self, store: Arc<MemoryStore>, peer: &Arc<Peer>, options: Options) -> Engine {
        let provider = self.provider.clone();
        let load = move || {
            let source = Source { name: "am.yml".to_owned(), text: CONFIG.to_owned() };
            let (config, _) = alertmanager::load(source, None, Mode::Fallback)?;
            let templates = bongsu_notify::templates::default_templates().unwrap();
            let retention = Duration::from_secs(3600);
            let loaded = Loaded::new(config, templates, "http://am.test", retention);
            Ok(loaded.traced(Some(Tracer::new(provider.tracer("test")))))
        };
        let (clock, peer) = (self.clock.clone(), Arc::clone(peer));
        Engine::start(store, clock, peer, options, Box::new(load)).unwrap()
    }

    fn pass(&self, engine: &Engine, instant: &str) {
        self.clock.set(instant.parse::<Timestamp>().unwrap());
        engine.tick();
    }

    /// The finished spans of these names in order of their start, once there are as many.
    async fn spans<const N: usize>(&self, names: [&str; N]) -> [SpanData; N] {
        let all = async {
            loop {
                let mut spans = self.finished.get_finished_spans().unwrap();
                if spans.len() >= N {
                    spans.sort_by_key(|span| span.start_time);
                    return spans;
                }
                tokio::task::yield_now().await;
            }
        };
        let spans = tokio::time::timeout(Duration::from_secs(20), all).await.unwrap();
        assert_eq!(spans.iter().map(|span| &*span.name).collect::<Vec<_>>(), names);
        spans.try_into().unwrap()
    }
}

fn peer(answers: bool) -> Arc<Peer> {
    Arc::new(Peer { answers, told: Mutex::default() })
}

fn disk(disk: &str) -> Vec<PostedAlert> {
    vec![PostedAlert {
        labels: Labels::from_pairs([("alertname", "Disk"), ("disk", disk)]),
        annotations: Labels::default(),
        generator_url: "".into(),
        starts_at: None,
        ends_at: None,
    }]
}

fn assert_below(span: &SpanData, parent: &SpanData) {
    assert_eq!(span.parent_span_id, parent.span_context.span_id());
    assert_eq!(span.span_context.trace_id(), parent.span_context.trace_id());
}

#[tokio::test]
async fn a_flush_continues_its_first_request_and_links_the_others() {
    let house = House::new();
    let peer = peer(true);
    let engine = house.engine(Arc::default(), &peer, Options::default());
    let client =
        TraceContext::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").unwrap();
    engine.ingest(disk("a"), Some(client.clone())).await.unwrap();
    engine.ingest(disk("b"), None).await.unwrap();
    // Nothing new, so nothing the flush is about.
    engine.ingest(disk("a"), None).await.unwrap();
    house.pass(&engine, "2026-01-01T00:00:31Z");
    let [first, second, _, flush, deliver] =
        house.spans(["receive", "receive", "receive", "flush", "deliver"]).await;
    let begun = format!("00-{}-{}-01", first.span_context.trace_id(), first.parent_span_id);
    assert_eq!(begun, client.to_string());
    assert_below(&flush, &first);
    let linked: Vec<_> = flush.links.iter().map(|link| link.span_context.clone()).collect();
    assert_eq!(linked, [second.span_context]);
    assert_below(&deliver, &flush);
    let place = &deliver.span_context;
    let place = format!("00-{}-{}-01", place.trace_id(), place.span_id());
    assert_eq!(*peer.told.lock(), [Some(place)]);
    engine.close().await;
}

#[tokio::test]
async fn a_repetition_begins_a_trace_of_its_own() {
    let house = House::new();
    let engine = house.engine(Arc::default(), &peer(true), Options::default());
    let lasting = || {
        let mut alerts = disk("a");
        alerts[0].ends_at = Some(bongsu_model::Time::utc("2026-01-02T00:00:00Z".parse().unwrap()));
        alerts
    };
    engine.ingest(lasting(), None).await.unwrap();
    house.pass(&engine, "2026-01-01T00:00:31Z");
    let [_, flush, _] = house.spans(["receive", "flush", "deliver"]).await;
    house.pass(&engine, "2026-01-01T05:00:00Z");
    let [.., again, told] = house.spans(["receive", "flush", "deliver", "flush", "deliver"]).await;
    assert_ne!(again.span_context.trace_id(), flush.span_context.trace_id());
    assert!(again.links.is_empty());
    assert_below(&told, &again);
    engine.close().await;
}

#[tokio::test]
async fn a_delivery_taken_up_after_a_crash_stays_in_its_trace() {
    let house = House::new();
    let store = Arc::new(MemoryStore::default());
    let away = peer(false);
    let engine = house.engine(store.clone(), &away, Options::default());
    engine.ingest(disk("a"), None).await.unwrap();
    house.pass(&engine, "2026-01-01T00:00:31Z");
    let told = async {
        while away.told.lock().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), told).await.unwrap();
    let peer = peer(true);
    let restarted = house.engine(
        Arc::new(store.crash()),
        &peer,
        Options { compatible: true, ..Options::default() },
    );
    let [receive, deliver] = house.spans(["receive", "deliver"]).await;
    assert_eq!(deliver.span_context.trace_id(), receive.span_context.trace_id());
    assert_ne!(deliver.parent_span_id, receive.span_context.span_id());
    // Alertmanager's requests carry no traces.
    assert_eq!(*peer.told.lock(), [None]);
    restarted.close().await;
    engine.close().await;
}
