use std::time::Instant;
use bongsu_alert::{Alerts, Arrival, Report, Taken, content_hash};
use bongsu_provider::manifest::Catalogue;
use std::hint::black_box;
fn alert(number: usize, variant: usize) -> String {
    let (service, cluster) = (number % 200, number % 7);
    let status = if variant % 2 == 0 { "firing" } else { "resolved" };
    format!(
        r#"{{"status":"{status}","startsAt":"2026-01-01T00:0{variant}:00Z","endsAt":"0001-01-01T00:00:00Z","fingerprint":"{:016x}","labels":{{"alertname":"HighErrorRate{name}","cluster":"prod-eu-west-{cluster}","service":"checkout-service-{service}","namespace":"shop-{cluster}","instance":"10.0.{a}.{b}:9100","job":"kubernetes-pods","pod":"checkout-service-{service}-7d9f8b6c5d-{number:06}","severity":"critical","team":"payments","region":"eu-west-1"}},"annotations":{{"summary":"Error rate of checkout-service-{service} on {number} is above five percent","description":"The share of requests answered with a server error has been above five percent for ten minutes; customers see failing payments. Look at the dashboard first, then at the last deployment of the service.","runbook_url":"https://runbooks.example.com/payments/high-error-rate/{name}","dashboard":"https://grafana.example.com/d/abcdef/checkout?var-service={service}"}},"generatorURL":"https://prometheus.example.com/graph?g0.expr=rate%28http_requests_total%7Bcode%3D~%225..%22%7D%5B5m%5D%29+%3E+0.05&g0.tab=1"}}"#,
        (number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15),
        name = number % 50, a = number / 250 % 250, b = number % 250,
    )
}
fn main() {
    let catalogue = Catalogue::shipped();
    let manifest = catalogue.get("prometheus").unwrap().unwrap();
    let now = jiff::Timestamp::now();
    let bodies: Vec<String> = (0..300).map(|i| {
        let all: Vec<String> = (0..64).map(|n| alert(i * 64 + n, 0)).collect();
        format!(r#"{{"alerts":[{}]}}"#, all.join(","))
    }).collect();
    let n = (bodies.len() * 64) as f64;
    let t = Instant::now();
    let docs: Vec<serde_json::Value> = bodies.iter().map(|b| serde_json::from_str(b).unwrap()).collect();
    println!("parse {:.2} us", t.elapsed().as_secs_f64() * 1e6 / n);
    let rounds: usize = std::env::args().nth(1).and_then(|t| t.parse().ok()).unwrap_or(1);
    for _ in 0..rounds {
        let t = Instant::now();
        for doc in &docs { black_box(manifest.map(doc, now).unwrap()); }
        println!("map {:.2} us", t.elapsed().as_secs_f64() * 1e6 / n);
    }
    let mapped: Vec<_> = docs.iter().map(|d| manifest.map(d, now).unwrap()).collect();
    let t = Instant::now();
    for m in &mapped { for o in &m.occurrences { black_box(content_hash(o, &[])); } }
    println!("hash {:.2} us", t.elapsed().as_secs_f64() * 1e6 / n);
    let t = Instant::now();
    let mut size = 0;
    for m in &mapped { for o in &m.occurrences { size += serde_json::to_string(o).unwrap().len(); } }
    println!("json {:.2} us, {} bytes", t.elapsed().as_secs_f64() * 1e6 / n, size as f64 / n);
    let mut alerts = Alerts::default();
    for pass in 0..2 {
        let copies: Vec<_> = mapped.iter().flat_map(|m| m.occurrences.iter().cloned()).collect();
        let t = Instant::now();
        for occurrence in copies {
            let taken = alerts.take(now, Report { provider: "prometheus".into(), instance: None, occurrence, payload: 1, arrival: Arrival::Now });
            if let Taken::Stored(s) = taken { black_box(s); }
        }
        println!("take {pass} {:.2} us", t.elapsed().as_secs_f64() * 1e6 / n);
    }
}
