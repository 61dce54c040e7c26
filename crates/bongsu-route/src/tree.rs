//! The routing tree: which routes an alert takes, and the groups it forms there.
//!
//! In: nested [`RouteSpec`]s and label sets. Out: indexes of effective [`Route`]s, group labels and
//! group keys. Semantics: Alertmanager `dispatch/route.go`.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{Fingerprint, Labels, Matchers};

/// One route as written; `None` takes the parent's value.
#[derive(Clone, Debug, Default)]
pub struct RouteSpec {
    /// Receiver name.
    pub receiver: Option<Arc<str>>,
    /// What groups are formed by.
    pub group_by: Option<GroupBy>,
    /// Delay of the first notification of a group.
    pub group_wait: Option<Duration>,
    /// Distance of two notifications of a group.
    pub group_interval: Option<Duration>,
    /// How long an unchanged group stays quiet.
    pub repeat_interval: Option<Duration>,
    /// All must hold; in any order. Legacy `match_re` values come as `^(?:…)$`.
    pub matchers: Matchers,
    /// Whether siblings behind a match are tried too.
    pub proceed: bool,
    /// Names of intervals in which the route is mute. Not inherited.
    pub mute_time_intervals: Vec<Arc<str>>,
    /// Names of intervals outside of which the route is mute. Not inherited.
    pub active_time_intervals: Vec<Arc<str>>,
    /// Labels for notifications, values are templates; added to the parent's.
    pub labels: Labels,
    /// Children.
    pub routes: Vec<RouteSpec>,
}

/// How alerts of one route are put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// `['...']`: one group for each label set.
    All,
    /// One group for each combination of these labels' values.
    Names(Vec<Box<str>>),
}

/// A route with inherited values filled in.
#[derive(Clone, Debug)]
pub struct Route {
    /// Unique: `{}/{a="b"}/0`.
    pub id: Arc<str>,
    /// As printed in group keys: `{}/{a="b"}`; siblings with equal matchers share it.
    pub key: Arc<str>,
    /// Receiver name.
    pub receiver: Arc<str>,
    /// Every label forms groups, whatever `group_by` says.
    pub group_by_all: bool,
    /// Labels that form groups, sorted.
    pub group_by: Vec<Box<str>>,
    /// Delay of the first notification of a group.
    pub group_wait: Duration,
    /// Distance of two notifications of a group.
    pub group_interval: Duration,
    /// How long an unchanged group stays quiet.
    pub repeat_interval: Duration,
    /// All must hold.
    pub matchers: Matchers,
    /// Whether siblings behind a match are tried too.
    pub proceed: bool,
    /// Names of intervals in which the route is mute.
    pub mute_time_intervals: Vec<Arc<str>>,
    /// Names of intervals outside of which the route is mute.
    pub active_time_intervals: Vec<Arc<str>>,
    /// Labels for notifications before rendering.
    pub labels: Labels,
    /// Nesting, 0 for the root.
    pub depth: usize,
    /// First index behind the route's descendants.
    end: usize,
}

impl Route {
    fn forms_groups(&self, name: &str) -> bool {
        self.group_by_all || self.group_by.iter().any(|by| **by == *name)
    }

    /// The subset of an alert's labels that names its group; absent ones are left out.
    pub fn group_labels(&self, labels: &Labels) -> Labels {
        if self.group_by_all {
            return labels.clone();
        }
        labels.project(|name| self.forms_groups(name))
    }

    /// The fingerprint of [`Route::group_labels`] without building them.
    pub fn group_fingerprint(&self, labels: &Labels) -> Fingerprint {
        Fingerprint::of(labels.iter().filter(|(name, _)| self.forms_groups(name)))
    }
}

/// All routes, parents before children, siblings in order. Index 0 is the root.
#[derive(Clone, Debug)]
pub struct RouteTree {
    routes: Vec<Route>,
}

impl RouteTree {
    /// Lays a configuration out. Values the root leaves open get Alertmanager's defaults.
    pub fn new(root: &RouteSpec) -> Self {
        let open = Route {
            id: "".into(),
            key: "".into(),
            receiver: "".into(),
            group_by_all: false,
            group_by: Vec::new(),
            group_wait: Duration::from_secs(30),
            group_interval: Duration::from_secs(5 * 60),
            repeat_interval: Duration::from_secs(4 * 3600),
            matchers: Matchers::default(),
            proceed: false,
            mute_time_intervals: Vec::new(),
            active_time_intervals: Vec::new(),
            labels: Labels::default(),
            depth: 0,
            end: 0,
        };
        let mut tree = Self { routes: Vec::new() };
        let mut root_route = effective(root, &open);
        let key: Arc<str> = root_route.matchers.to_string().into();
        (root_route.id, root_route.key) = (Arc::clone(&key), key);
        tree.add(root_route, &root.routes);
        tree
    }

    fn add(&mut self, route: Route, children: &[RouteSpec]) {
        let at = self.routes.len();
        self.routes.push(route);
        for (position, spec) in children.iter().enumerate() {
            let parent = &self.routes[at];
            let mut child = effective(spec, parent);
            child.depth = parent.depth + 1;
            child.key = format!("{}/{}", parent.key, child.matchers).into();
            child.id = format!("{}/{}/{position}", parent.id, child.matchers).into();
            self.add(child, &spec.routes);
        }
        self.routes[at].end = self.routes.len();
    }

    /// Puts the indexes of the routes an alert takes into `into`, in order of notification.
    /// `into` is emptied first; nothing is allocated once it has room.
    ///
    /// A route is taken if it matches and none of its children does; children are tried in order
    /// up to the first match without `continue`.
    pub fn matches(&self, labels: &Labels, into: &mut Vec<usize>) {
        into.clear();
        if self.routes[0].matchers.matches(labels) {
            self.descend(0, labels, into);
        }
    }

    /// Collects below a route that matches.
    fn descend(&self, at: usize, labels: &Labels, into: &mut Vec<usize>) {
        let mut child = at + 1;
        let mut any = false;
        while child < self.routes[at].end {
            let route = &self.routes[child];
            if route.matchers.matches(labels) {
                any = true;
                self.descend(child, labels, into);
                if !route.proceed {
                    return;
                }
            }
            child = route.end;
        }
        if !any {
            into.push(at);
        }
    }

    /// All routes in depth-first order.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// A route by index.
    pub fn route(&self, at: usize) -> &Route {
        &self.routes[at]
    }

    /// The index of the route with this id.
    pub fn find(&self, id: &str) -> Option<usize> {
        self.routes.iter().position(|route| *route.id == *id)
    }

    /// See [`Route::group_labels`].
    pub fn group_labels(&self, at: usize, labels: &Labels) -> Labels {
        self.routes[at].group_labels(labels)
    }

    /// `<route key>:<group labels>`: hashed into other systems' dedup keys, so its text is a
    /// contract.
    pub fn group_key(&self, at: usize, group_labels: &Labels) -> String {
        let mut key = String::from(&*self.routes[at].key);
        let _ = write!(key, ":{group_labels}");
        key
    }
}

fn effective(spec: &RouteSpec, parent: &Route) -> Route {
    let mut route = parent.clone();
    if let Some(receiver) = &spec.receiver {
        route.receiver = Arc::clone(receiver);
    }
    match &spec.group_by {
        None => {}
        // The names stay, as upstream prints them, but no longer matter.
        Some(GroupBy::All) => route.group_by_all = true,
        Some(GroupBy::Names(names)) => {
            route.group_by_all = false;
            route.group_by.clone_from(names);
            route.group_by.sort_unstable();
            route.group_by.dedup();
        }
    }
    route.group_wait = spec.group_wait.unwrap_or(parent.group_wait);
    route.group_interval = spec.group_interval.unwrap_or(parent.group_interval);
    route.repeat_interval = spec.repeat_interval.unwrap_or(parent.repeat_interval);
    route.matchers = spec.matchers.clone();
    route.matchers.sort();
    route.proceed = spec.proceed;
    route.mute_time_intervals.clone_from(&spec.mute_time_intervals);
    route.active_time_intervals.clone_from(&spec.active_time_intervals);
    route.labels = Labels::from_pairs(parent.labels.iter().chain(spec.labels.iter()));
    route
}

#[cfg(test)]
mod tests {
    use bongsu_lang::Mode;
    use bongsu_lang::matcher::parse_list;
    use proptest::prelude::*;

    use super::*;

    fn spec(receiver: &str, matchers: &str, routes: Vec<RouteSpec>) -> RouteSpec {
        RouteSpec {
            receiver: Some(receiver.into()),
            matchers: parse_list(matchers, Mode::Fallback).unwrap(),
            routes,
            ..RouteSpec::default()
        }
    }

    fn proceed(spec: RouteSpec) -> RouteSpec {
        RouteSpec { proceed: true, ..spec }
    }

    fn receivers(tree: &RouteTree, labels: &[(&str, &str)]) -> Vec<String> {
        let mut into = vec![7];
        tree.matches(&Labels::from_pairs(labels.iter().copied()), &mut into);
        into.iter().map(|at| tree.route(*at).receiver.to_string()).collect()
    }

    #[test]
    fn first_match_wins_unless_told_to_proceed() {
        let tree = RouteTree::new(&spec(
            "root",
            "",
            vec![
                proceed(spec("b", "x=1", vec![spec("c", "y=1", vec![])])),
                spec("d", "x=1", vec![]),
                spec("e", "x=1", vec![]),
                proceed(spec("f", "x=2", vec![])),
            ],
        ));
        assert_eq!(receivers(&tree, &[]), ["root"]);
        assert_eq!(receivers(&tree, &[("x", "1")]), ["b", "d"]);
        assert_eq!(receivers(&tree, &[("x", "1"), ("y", "1")]), ["c", "d"]);
        assert_eq!(receivers(&tree, &[("x", "2")]), ["f"]);
    }

    #[test]
    fn names_itself_as_upstream_does() {
        let tree = RouteTree::new(&spec(
            "root",
            "",
            vec![
                spec("a", "", vec![]),
                spec("b", r#"z="1",b=~"x""#, vec![spec("c", "q!=1", vec![])]),
            ],
        ));
        let ids: Vec<&str> = tree.routes().iter().map(|route| &*route.id).collect();
        assert_eq!(
            ids,
            ["{}", "{}/{}/0", r#"{}/{b=~"x",z="1"}/1"#, r#"{}/{b=~"x",z="1"}/1/{q!="1"}/0"#]
        );
        assert_eq!(tree.find(ids[3]), Some(3));
        let labels = Labels::from_pairs([("k v", "\"")]);
        assert_eq!(tree.group_key(2, &labels), r#"{}/{b=~"x",z="1"}:{k v="\""}"#);
    }

    #[test]
    fn inherits_all_but_time_intervals() {
        let by = |names: &[&str]| Some(GroupBy::Names(names.iter().map(|n| (*n).into()).collect()));
        let child = RouteSpec { group_by: Some(GroupBy::All), ..RouteSpec::default() };
        let grandchild = RouteSpec { group_by: by(&[]), ..RouteSpec::default() };
        let root = RouteSpec {
            group_by: by(&["b", "a"]),
            group_wait: Some(Duration::ZERO),
            mute_time_intervals: vec!["night".into()],
            labels: Labels::from_pairs([("p", "1"), ("q", "1")]),
            routes: vec![RouteSpec {
                labels: Labels::from_pairs([("q", "2")]),
                routes: vec![grandchild],
                ..child
            }],
            ..spec("r", "", vec![])
        };
        let tree = RouteTree::new(&root);
        let [root, child, grandchild] = tree.routes() else { panic!("three routes") };
        assert_eq!(*root.group_by, ["a".into(), "b".into()]);
        assert!(child.group_by_all && child.mute_time_intervals.is_empty());
        assert_eq!(child.labels.to_string(), r#"{p="1", q="2"}"#);
        assert_eq!((child.group_wait, &*child.receiver), (Duration::ZERO, "r"));
        assert!(!grandchild.group_by_all && grandchild.group_by.is_empty());
    }

    proptest! {
        #[test]
        fn grouping_ignores_the_order_of_labels_and_names(
            pairs in prop::collection::btree_map("[a-e]", "[0-9]?", 0..5),
            mut names in prop::collection::vec("[a-e]", 0..4),
            all: bool,
        ) {
            let built = |names: &[String], pairs: Vec<(&String, &String)>| {
                let names = names.iter().map(|name| name.as_str().into()).collect();
                let by = if all { GroupBy::All } else { GroupBy::Names(names) };
                let tree = RouteTree::new(&RouteSpec { group_by: Some(by), ..RouteSpec::default() });
                let labels = Labels::from_pairs(pairs);
                let group = tree.group_labels(0, &labels);
                let fingerprint = tree.route(0).group_fingerprint(&labels);
                assert_eq!(group.fingerprint(), fingerprint);
                tree.group_key(0, &group)
            };
            let forward = built(&names, pairs.iter().collect());
            names.reverse();
            prop_assert_eq!(forward, built(&names, pairs.iter().rev().collect()));
        }
    }
}
