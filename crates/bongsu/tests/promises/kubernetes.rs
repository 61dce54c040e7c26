//! A cluster says what is scraped and which rules judge it: what appears there is taken within seconds,
//! what is wrong there is told and harms nothing, and while it is away all goes on.

use std::net::SocketAddr;
use std::time::Duration;

use bongsu_testkit::capture::{Answer, CaptureServer};
use bongsu_testkit::kubernetes::{Collection, FakeCluster};
use bongsu_testkit::process::{Server, call};
use serde_json::{Value, json};

use crate::support::{eventually, own};

const RULES: Collection = Collection::PROMETHEUS_RULES;

struct House {
    cluster: FakeCluster,
    hook: CaptureServer,
    program: CaptureServer,
    server: Server,
}

impl House {
    fn new() -> Self {
        let cluster = FakeCluster::start();
        cluster.require("t0ken");
        let hook = CaptureServer::start();
        let program = CaptureServer::responding(|_| {
            Answer::status(200).header("content-type", "text/plain").body("queue_length 7\n")
        });
        let config = format!(
            "route: {{receiver: hook, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}\n\
             receivers: [{{name: hook, webhook_configs: [{{url: '{}'}}]}}]\n",
            hook.url("/")
        );
        let url = cluster.url();
        let monitoring = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
             scrape_configs:\n\
             - job_name: pods\n  \
               kubernetes_sd_configs: [{{role: pod, api_server: '{url}', bearer_token: t0ken}}]\n  \
               relabel_configs:\n  \
               - {{source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scrape], regex: 'true', action: keep}}\n  \
               - {{source_labels: [__meta_kubernetes_namespace], target_label: namespace}}\n  \
               - {{source_labels: [__meta_kubernetes_pod_name], target_label: pod}}\n\
             kubernetes_rules:\n  api_server: '{url}'\n  \
               http_config: {{authorization: {{credentials: t0ken}}}}\n  \
               rule_selector: {{matchLabels: {{role: alerts}}}}\n  \
               enforced_namespace_label: namespace\n"
        );
        let server = own(&config).file("bongsu.yaml", &monitoring).start();
        Self { cluster, hook, program, server }
    }

    fn pod(&self, namespace: &str, name: &str) {
        let address: SocketAddr = self.program.address();
        self.cluster.apply(
            Collection::PODS,
            json!({
                "metadata": {"namespace": namespace, "name": name,
                             "annotations": {"prometheus.io/scrape": "true"}},
                "spec": {"containers": [{"name": "app", "ports": [
                    {"containerPort": address.port(), "protocol": "TCP"}]}]},
                "status": {"podIP": address.ip().to_string(), "phase": "Running"},
            }),
        );
    }

    fn rule(&self, name: &str, expr: &str) {
        let rule = json!({"alert": "QueueLong", "expr": expr, "labels": {"severity": "page"}});
        self.cluster.apply(
            RULES,
            json!({
                "metadata": {"namespace": "shop", "name": name, "labels": {"role": "alerts"}},
                "spec": {"groups": [{"name": "queue", "rules": [rule]}]},
            }),
        );
    }

    fn get(&self, path: &str) -> Value {
        call(self.server.address(), "GET", path, None).unwrap().json()
    }

    /// Names of the pods that are scraped with success.
    fn scraped(&self) -> Vec<String> {
        let targets = self.get("/prometheus/api/v1/targets");
        let targets = targets["data"]["activeTargets"].as_array().unwrap().clone();
        let up = targets.iter().filter(|target| target["health"] == "up");
        up.filter_map(|target| target["labels"]["pod"].as_str().map(str::to_owned)).collect()
    }

    /// The expressions that are evaluated.
    fn evaluated(&self) -> Vec<String> {
        let rules = self.get("/prometheus/api/v1/rules");
        let groups = rules["data"]["groups"].as_array().unwrap().clone();
        let rules = groups.iter().flat_map(|group| group["rules"].as_array().unwrap());
        rules.map(|rule| rule["query"].as_str().unwrap().to_owned()).collect()
    }

    /// The messages about the alert with this status.
    fn told(&self, status: &str) -> Vec<Value> {
        let messages = self.hook.captured();
        let alerts = messages
            .iter()
            .flat_map(|message| message.json()["alerts"].as_array().cloned().unwrap_or_default());
        alerts
            .filter(|alert| {
                alert["status"] == status && alert["labels"]["alertname"] == "QueueLong"
            })
            .collect()
    }

    fn object(&self, state: &str) -> Option<Value> {
        let objects = self.get("/api/v1/rules/objects");
        objects["items"].as_array()?.iter().find(|object| object["state"] == state).cloned()
    }
}

#[test]
fn a_cluster_says_what_is_scraped_and_which_rules_there_are() {
    let mut house = House::new();
    house.pod("shop", "web-1");
    eventually("the pod is scraped", || (house.scraped() == ["web-1"]).then_some(()));
    house.pod("pay", "pay-1");
    eventually("the second pod is scraped", || (house.scraped().len() == 2).then_some(()));

    // Fires for the series of its own namespace only.
    house.rule("queue", "queue_length > 5");
    let firing = eventually("the webhook is told", || house.told("firing").pop());
    assert_eq!(firing["labels"]["namespace"], "shop");
    assert_eq!(firing["labels"]["pod"], "web-1");
    assert_eq!(house.evaluated(), [r#"queue_length{namespace="shop"} > 5"#]);

    // A mistake is told; what was there stays.
    house.rule("queue", "queue_length >");
    let refused = eventually("the object is refused", || house.object("refused"));
    assert_eq!(refused["rules"], 1);
    assert!(
        refused["faults"][0]["message"].as_str().unwrap().contains("could not parse"),
        "{refused}"
    );
    assert_eq!(house.evaluated(), [r#"queue_length{namespace="shop"} > 5"#]);
    let metrics = call(house.server.address(), "GET", "/metrics", None).unwrap().body;
    assert!(metrics.contains("bongsu_rule_objects{state=\"refused\"} 1"), "{metrics}");

    // While the cluster is away all goes on, also after a restart; and it is told.
    house.cluster.refuse_all(503);
    let problem = eventually("the problem is told", || {
        let targets = house.get("/prometheus/api/v1/targets");
        let error = targets["data"]["discoveries"][0]["lastError"].as_str()?.to_owned();
        (!error.is_empty()).then_some(error)
    });
    assert!(problem.contains("the API server is in trouble"), "{problem}");
    eventually("both are still scraped", || (house.scraped().len() == 2).then_some(()));
    house.server.restart();
    assert_eq!(house.evaluated(), [r#"queue_length{namespace="shop"} > 5"#]);
    let objects = eventually("the problem is told again", || {
        let objects = house.get("/api/v1/rules/objects");
        objects["problem"].is_string().then_some(objects)
    });
    assert_eq!(objects["current"], false);
    house.cluster.refuse_all(0);
    eventually("the cluster is followed again", || {
        (house.get("/api/v1/rules/objects")["current"] == true).then_some(())
    });
    assert!(house.object("refused").is_some());
    assert_eq!(house.told("resolved").len(), 0);

    // Gone rules resolve, gone pods are scraped no more.
    house.cluster.delete(RULES, "shop", "queue");
    let resolved = eventually("the webhook is told of the end", || house.told("resolved").pop());
    assert_eq!(resolved["startsAt"], firing["startsAt"]);
    assert!(house.evaluated().is_empty());
    house.cluster.delete(Collection::PODS, "shop", "web-1");
    eventually("the pod is forgotten", || (house.scraped() == ["pay-1"]).then_some(()));
    assert!(house.server.stop(Duration::from_secs(60)).is_some_and(|status| status.success()));
}

#[test]
fn a_cluster_that_cannot_be_reached_keeps_nothing_else_from_working() {
    let cluster = FakeCluster::start();
    cluster.refuse_all(403);
    let program = CaptureServer::responding(|_| {
        Answer::status(200).header("content-type", "text/plain").body("a 1\n")
    });
    let monitoring = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n\
         - job_name: pods\n  kubernetes_sd_configs: [{{role: endpoints, api_server: '{}'}}]\n\
         - job_name: fixed\n  static_configs: [{{targets: ['{}']}}]\n",
        cluster.url(),
        program.address()
    );
    let config = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n";
    let server = own(config).file("bongsu.yaml", &monitoring).start();
    let targets = eventually("both are known", || {
        let reply = call(server.address(), "GET", "/prometheus/api/v1/targets", None).ok()?;
        let targets = reply.json()["data"].clone();
        let told = targets["discoveries"][0]["lastError"]
            .as_str()?
            .contains("its role needs one more rule");
        (told && targets["activeTargets"][0]["health"] == "up").then_some(targets)
    });
    assert_eq!(targets["discoveries"][0]["scrapePool"], "pods");
    let metrics = call(server.address(), "GET", "/metrics", None).unwrap().body;
    let up = "bongsu_discovery_up{scrape_job=\"pods\",source=\"kubernetes_sd_configs[0]\"} 0";
    assert!(metrics.contains(up), "{metrics}");
}

#[test]
fn objects_are_reviewed_before_a_cluster_takes_them() {
    let server = own("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n").start();
    let review = |expr: &str| {
        let object = json!({"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule",
            "metadata": {"namespace": "shop", "name": "queue"},
            "spec": {"groups": [{"name": "g", "rules": [{"alert": "A", "expr": expr}]}]}});
        let request = json!({"uid": "u", "operation": "CREATE", "object": object});
        let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request});
        let body = review.to_string();
        call(server.address(), "POST", "/api/v1/admission/rules", Some(&body)).unwrap().json()
    };
    let sound = review("up == 0");
    assert_eq!(sound["response"]["allowed"], true);
    assert!(!sound["response"]["warnings"].as_array().unwrap().is_empty());
    let wrong = review("up ==");
    assert_eq!(wrong["response"]["allowed"], false);
    assert!(wrong["response"]["status"]["message"].as_str().unwrap().starts_with("[BS2106]"));
    let reply = call(server.address(), "POST", "/api/v1/admission/rules", Some("{}")).unwrap();
    assert_eq!(reply.status, 400);
}
