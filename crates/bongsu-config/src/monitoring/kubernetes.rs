//! What is found in a cluster: targets as Prometheus' `kubernetes_sd_configs` describes them, and rules
//! in `PrometheusRule` objects, chosen as prometheus-operator chooses them.
//!
//! ```yaml
//! kubernetes_rules:
//!   namespaces: {names: [shop, pay]}       # without it: all
//!   rule_selector: {matchLabels: {role: alert-rules}}
//!   rule_namespace_selector: {matchLabels: {team: shop}}
//!   enforced_namespace_label: namespace
//!   excluded_from_enforcement: [{namespace: monitoring}]
//! ```

use std::collections::{BTreeMap, HashSet};
use std::fmt::{self, Display, Formatter};

use bongsu_lang::label_name;
use bongsu_model::Secret;
use url::Url;

use crate::alertmanager::{
    Authorization, BasicAuth, Headers, HttpConfig, OAuth2, ProxyUrl, TlsConfig,
};
use crate::settings::{Reader, forbid, settings};

settings! {
    /// Targets in a cluster.
    pub struct KubernetesDiscovery("kubernetes_sd_config", check = check_discovery) {
        /// `node`, `pod`, `service`, `endpoints`, `endpointslice` or `ingress`.
        role: String, always;
        /// Address of the API server; empty: that of the surroundings.
        api_server: String;
        /// File with places and credentials.
        kubeconfig_file: String;
        /// Where to look; empty: everywhere.
        namespaces: KubernetesNamespaces;
        /// Which objects.
        selectors: Vec<KubernetesSelector>;
        /// What is told of them besides.
        attach_metadata: KubernetesMetadata;
        /// See [`HttpConfig`].
        basic_auth: Option<BasicAuth>;
        /// See [`HttpConfig`].
        authorization: Option<Authorization>;
        /// See [`HttpConfig`].
        oauth2: Option<OAuth2>;
        /// See [`HttpConfig`].
        bearer_token: Secret;
        /// See [`HttpConfig`].
        bearer_token_file: String;
        /// See [`HttpConfig`].
        tls_config: TlsConfig;
        /// See [`HttpConfig`].
        follow_redirects: bool = true;
        /// See [`HttpConfig`].
        enable_http2: bool = true;
        /// See [`HttpConfig`].
        proxy_url: Option<ProxyUrl>;
        /// See [`HttpConfig`].
        no_proxy: String;
        /// See [`HttpConfig`].
        proxy_from_environment: bool;
        /// See [`HttpConfig`].
        proxy_connect_header: BTreeMap<String, Vec<Secret>>;
        /// See [`HttpConfig`].
        http_headers: Option<Headers>;
    }
}

settings! {
    /// Namespaces.
    pub struct KubernetesNamespaces("namespaces") {
        /// Where this server runs.
        own_namespace: bool;
        /// These.
        names: Vec<String>;
    }
}

settings! {
    /// Which objects of one kind, in the API server's words.
    pub struct KubernetesSelector("selector") {
        /// The kind, named by its role.
        role: String;
        /// `app=web,tier!=db`.
        label: String;
        /// `spec.nodeName=a`.
        field: String;
    }
}

settings! {
    /// What is told of targets besides.
    pub struct KubernetesMetadata("attach_metadata") {
        /// Labels and annotations of the node they run on.
        node: bool;
    }
}

settings! {
    /// Rules in `PrometheusRule` objects of a cluster.
    pub struct KubernetesRules("kubernetes_rules", check = check_rules) {
        /// Address of the API server; empty: that of the surroundings.
        api_server: String;
        /// File with places and credentials.
        kubeconfig_file: String;
        /// How the API server at `api_server` is reached.
        http_config: HttpConfig = HttpConfig::default();
        /// Where to look; empty: everywhere.
        namespaces: KubernetesNamespaces;
        /// Which objects; empty: all.
        rule_selector: LabelSelector;
        /// Objects of which namespaces; empty: all.
        rule_namespace_selector: LabelSelector;
        /// A label that rules get with the namespace of their object as its value, and that all of
        /// their selectors ask for.
        enforced_namespace_label: String;
        /// Objects whose rules may see everything.
        excluded_from_enforcement: Vec<ExemptObject>;
    }
}

settings! {
    /// Objects by name, or all of a namespace.
    pub struct ExemptObject("excluded_from_enforcement", check = check_exempt) {
        /// Its API group; empty or `monitoring.coreos.com`.
        group: String;
        /// Its kind in the plural.
        resource: String;
        /// Its namespace.
        namespace: String, always;
        /// Its name; empty: all of the namespace.
        name: String;
    }
}

settings! {
    /// Objects by their labels. An empty one selects all.
    #[expect(non_snake_case, reason = "the names are Kubernetes'")]
    pub struct LabelSelector("selector", check = check_labels) {
        /// Labels and their values.
        matchLabels: BTreeMap<String, String>;
        /// What else must hold.
        matchExpressions: Vec<LabelRequirement>;
    }
}

settings! {
    /// What must hold of a label.
    pub struct LabelRequirement("matchExpressions", check = check_requirement) {
        /// The label.
        key: String, always;
        /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
        operator: String, always;
        /// Of `In` and `NotIn`.
        values: Vec<String>;
    }
}

/// Where a cluster is and how its API server is reached.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClusterAccess {
    /// Address of the API server.
    pub api_server: String,
    /// File with places and credentials; if both are empty, what the surroundings say.
    pub kubeconfig_file: String,
    /// Of an `api_server`.
    pub http: HttpConfig,
}

impl KubernetesDiscovery {
    /// Where the cluster is.
    pub fn access(&self) -> ClusterAccess {
        ClusterAccess {
            api_server: self.api_server.clone(),
            kubeconfig_file: self.kubeconfig_file.clone(),
            http: self.http(),
        }
    }

    /// The selector for objects of a role.
    pub fn selector(&self, role: &str) -> Option<&KubernetesSelector> {
        self.selectors.iter().find(|selector| selector.role == role)
    }

    fn http(&self) -> HttpConfig {
        HttpConfig {
            basic_auth: self.basic_auth.clone(),
            authorization: self.authorization.clone(),
            oauth2: self.oauth2.clone(),
            bearer_token: self.bearer_token.clone(),
            bearer_token_file: self.bearer_token_file.clone(),
            tls_config: self.tls_config.clone(),
            follow_redirects: self.follow_redirects,
            enable_http2: self.enable_http2,
            proxy_url: self.proxy_url.clone(),
            no_proxy: self.no_proxy.clone(),
            proxy_from_environment: self.proxy_from_environment,
            proxy_connect_header: self.proxy_connect_header.clone(),
            http_headers: self.http_headers.clone(),
        }
    }
}

impl KubernetesRules {
    /// Where the cluster is.
    pub fn access(&self) -> ClusterAccess {
        ClusterAccess {
            api_server: self.api_server.clone(),
            kubeconfig_file: self.kubeconfig_file.clone(),
            http: self.http_config.clone(),
        }
    }

    /// The label that rules of this object get, if they do.
    pub fn enforced(&self, namespace: &str, name: &str) -> Option<&str> {
        let exempt = |object: &ExemptObject| {
            object.namespace == namespace && (object.name.is_empty() || object.name == name)
        };
        let label = self.enforced_namespace_label.as_str();
        (!label.is_empty() && !self.excluded_from_enforcement.iter().any(exempt)).then_some(label)
    }
}

/// As an API server reads it.
impl Display for LabelSelector {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let labels = self.matchLabels.iter().map(|(key, value)| format!("{key}={value}"));
        let others = self.matchExpressions.iter().map(|requirement| {
            let LabelRequirement { key, operator, values } = requirement;
            let values = values.join(",");
            match operator.as_str() {
                "In" => format!("{key} in ({values})"),
                "NotIn" => format!("{key} notin ({values})"),
                "DoesNotExist" => format!("!{key}"),
                _ => key.clone(),
            }
        });
        f.write_str(&labels.chain(others).collect::<Vec<_>>().join(","))
    }
}

/// Kinds that a role looks at.
fn looked_at(role: &str) -> Option<&'static [&'static str]> {
    Some(match role {
        "pod" => &["pod"],
        "service" => &["service"],
        "endpointslice" => &["pod", "service", "endpointslice"],
        "endpoints" => &["pod", "service", "endpoints"],
        "node" => &["node"],
        "ingress" => &["ingress"],
        _ => return None,
    })
}

fn check_discovery(found: &mut KubernetesDiscovery, reader: &mut Reader) -> Result<(), String> {
    let role = found.role.as_str();
    forbid(
        role.is_empty(),
        "role missing (one of: pod, service, endpoints, endpointslice, node, ingress)",
    )?;
    let kinds = looked_at(role).ok_or_else(|| format!("unknown Kubernetes SD role {role:?}"))?;
    let mut http = found.http();
    crate::alertmanager::check_http(&mut http, reader)?;
    check_access(&found.access(), &found.namespaces)?;
    let mut seen = HashSet::new();
    for selector in &found.selectors {
        if !seen.insert(&selector.role) {
            return Err(format!("duplicated selector role: {}", selector.role));
        }
        if !kinds.contains(&selector.role.as_str()) {
            return Err(format!("{role} role supports only {} selectors", kinds.join(", ")));
        }
    }
    found.authorization = http.authorization;
    found.bearer_token = http.bearer_token;
    found.bearer_token_file = http.bearer_token_file;
    Ok(())
}

fn check_access(access: &ClusterAccess, namespaces: &KubernetesNamespaces) -> Result<(), String> {
    let ClusterAccess { api_server, kubeconfig_file, http } = access;
    let (server, file) = (!api_server.is_empty(), !kubeconfig_file.is_empty());
    let custom = *http != HttpConfig::default();
    let own = namespaces.own_namespace;
    for (clash, message) in [
        (server && file, "cannot use 'kubeconfig_file' and 'api_server' simultaneously"),
        (
            file && custom,
            "cannot use a custom HTTP client configuration together with 'kubeconfig_file'",
        ),
        (
            !server && custom,
            "to use custom HTTP client configuration please provide the 'api_server' URL explicitly",
        ),
        (server && own, "cannot use 'api_server' and 'namespaces.own_namespace' simultaneously"),
        (file && own, "cannot use 'kubeconfig_file' and 'namespaces.own_namespace' simultaneously"),
    ] {
        forbid(clash, message)?;
    }
    if server {
        let url = Url::parse(api_server).ok();
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        forbid(url.is_none(), "api_server is no http or https URL")?;
    }
    let named = |name: &String| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    match namespaces.names.iter().find(|name| !named(name)) {
        Some(name) => Err(format!("{name:?} is no name of a namespace")),
        None => Ok(()),
    }
}

fn check_rules(rules: &mut KubernetesRules, _: &mut Reader) -> Result<(), String> {
    check_access(&rules.access(), &rules.namespaces)?;
    let label = &rules.enforced_namespace_label;
    if !label.is_empty() && (!label_name::is_legacy(label) || label == "__name__") {
        return Err(format!("{label:?} is not a valid label name"));
    }
    let exempt = !rules.excluded_from_enforcement.is_empty();
    forbid(
        exempt && label.is_empty(),
        "excluded_from_enforcement has no meaning without enforced_namespace_label",
    )
}

fn check_exempt(object: &mut ExemptObject, _: &mut Reader) -> Result<(), String> {
    forbid(object.namespace.is_empty(), "namespace is missing")?;
    let ours = matches!(object.group.as_str(), "" | "monitoring.coreos.com")
        && matches!(object.resource.as_str(), "" | "prometheusrules");
    forbid(!ours, "only prometheusrules of monitoring.coreos.com are looked at")
}

/// What names and values of labels are made of.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b))
}

fn check_labels(selector: &mut LabelSelector, _: &mut Reader) -> Result<(), String> {
    let odd =
        |(key, value): &(&String, &String)| key.is_empty() || !is_plain(key) || !is_plain(value);
    match selector.matchLabels.iter().find(odd) {
        Some((key, value)) => Err(format!("{key:?}: {value:?} is no label of an object")),
        None => Ok(()),
    }
}

fn check_requirement(requirement: &mut LabelRequirement, _: &mut Reader) -> Result<(), String> {
    let LabelRequirement { key, operator, values } = requirement;
    forbid(key.is_empty() || !is_plain(key), "key is no name of a label")?;
    forbid(!values.iter().all(|value| is_plain(value)), "a value is none of a label")?;
    match operator.as_str() {
        "In" | "NotIn" => forbid(values.is_empty(), "In and NotIn need values"),
        "Exists" | "DoesNotExist" => {
            forbid(!values.is_empty(), "Exists and DoesNotExist have no values")
        }
        other => Err(format!("{other:?} is none of In, NotIn, Exists, DoesNotExist")),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bongsu_model::Source;

    use super::*;
    use crate::monitoring::{Monitoring, load};

    fn read(text: &str) -> Result<Monitoring, String> {
        let source = Source { name: "bongsu.yaml".to_owned(), text: text.to_owned() };
        let read = load(&Arc::new(source));
        read.map(|(read, _)| read).map_err(|found| found[0].message.clone())
    }

    fn discovery(text: &str) -> Result<KubernetesDiscovery, String> {
        let job = format!("scrape_configs: [{{job_name: a, kubernetes_sd_configs: [{text}]}}]");
        Ok(read(&job)?.scrape_configs.remove(0).kubernetes_sd_configs.remove(0))
    }

    #[test]
    fn discoveries() {
        let found = discovery(
            "{role: endpoints, api_server: 'https://k8s:6443', bearer_token_file: /t, \
             namespaces: {names: [a]}, attach_metadata: {node: true}, \
             selectors: [{role: pod, label: app=a}, {role: endpoints, field: metadata.name=x}]}",
        )
        .unwrap();
        assert_eq!(found.access().http.authorization.unwrap().credentials_file, "/t");
        assert_eq!(found.selector("pod").unwrap().label, "app=a");
        assert_eq!(found.selector("service"), None);
        assert!(found.attach_metadata.node);
        for (text, message) in [
            ("{}", "role missing (one of: pod, service, endpoints, endpointslice, node, ingress)"),
            ("{role: gateway}", "unknown Kubernetes SD role \"gateway\""),
            (
                "{role: pod, api_server: 'https://a', kubeconfig_file: b}",
                "cannot use 'kubeconfig_file' and 'api_server' simultaneously",
            ),
            (
                "{role: pod, kubeconfig_file: b, bearer_token: x}",
                "cannot use a custom HTTP client configuration together with 'kubeconfig_file'",
            ),
            (
                "{role: pod, tls_config: {insecure_skip_verify: true}}",
                "to use custom HTTP client configuration please provide the 'api_server' URL explicitly",
            ),
            (
                "{role: pod, api_server: 'https://a', namespaces: {own_namespace: true}}",
                "cannot use 'api_server' and 'namespaces.own_namespace' simultaneously",
            ),
            ("{role: pod, selectors: [{role: pod}, {role: pod}]}", "duplicated selector role: pod"),
            (
                "{role: endpoints, selectors: [{role: node}]}",
                "endpoints role supports only pod, service, endpoints selectors",
            ),
            ("{role: pod, api_server: 'ftp://a'}", "api_server is no http or https URL"),
            ("{role: pod, namespaces: {names: ['a/b']}}", "\"a/b\" is no name of a namespace"),
        ] {
            assert_eq!(discovery(text).unwrap_err(), message, "{text}");
        }
    }

    #[test]
    fn rules() {
        assert_eq!(read("kubernetes_rules:").unwrap().kubernetes_rules, None);
        let rules = read("kubernetes_rules: {}").unwrap().kubernetes_rules.unwrap();
        assert_eq!(rules, KubernetesRules::default());
        assert_eq!(rules.rule_selector.to_string(), "");
        assert_eq!(rules.enforced("a", "b"), None);
        let rules = read(
            "kubernetes_rules:\n  kubeconfig_file: k\n  rule_selector:\n    matchLabels: {role: alerts, a: b}\n    \
             matchExpressions:\n    - {key: team, operator: In, values: [x, y]}\n    - {key: t, operator: NotIn, values: [z]}\n    \
             - {key: on, operator: Exists}\n    - {key: off, operator: DoesNotExist}\n  \
             enforced_namespace_label: namespace\n  \
             excluded_from_enforcement: [{namespace: monitoring}, {namespace: shop, name: all}]\n",
        )
        .unwrap()
        .kubernetes_rules
        .unwrap();
        assert_eq!(
            rules.rule_selector.to_string(),
            "a=b,role=alerts,team in (x,y),t notin (z),on,!off"
        );
        for (namespace, name, label) in
            [("monitoring", "any", None), ("shop", "all", None), ("shop", "web", Some("namespace"))]
        {
            assert_eq!(rules.enforced(namespace, name), label, "{namespace}/{name}");
        }
        for (text, message) in [
            ("{enforced_namespace_label: a b}", "\"a b\" is not a valid label name"),
            (
                "{excluded_from_enforcement: [{namespace: a}]}",
                "excluded_from_enforcement has no meaning without enforced_namespace_label",
            ),
            (
                "{rule_selector: {matchExpressions: [{key: a, operator: In}]}}",
                "In and NotIn need values",
            ),
            (
                "{rule_selector: {matchExpressions: [{key: a, operator: Is}]}}",
                "\"Is\" is none of In, NotIn, Exists, DoesNotExist",
            ),
            (
                "{http_config: {enable_http2: false}}",
                "to use custom HTTP client configuration please provide the 'api_server' URL explicitly",
            ),
        ] {
            assert_eq!(read(&format!("kubernetes_rules: {text}")).unwrap_err(), message, "{text}");
        }
    }
}
