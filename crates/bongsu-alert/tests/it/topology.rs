//! Services and what they need.

use bongsu_alert::Topology;
use bongsu_alert::topology::{Dependency, Reached, Service};
use proptest::prelude::*;

use crate::support::{findings, read, topology};

fn names(topology: &Topology, reached: &[Reached]) -> String {
    let one = |r: &Reached| format!("{}@{}", topology.services()[r.service].service, r.depth);
    reached.iter().map(one).collect::<Vec<_>>().join(" ")
}

const PLAIN: &str = "
services:
  - {service: web, environment: prod, depends_on: [api, {service: cdn, protocol: https}]}
  - {service: api, environment: prod, team: core, depends_on: [db]}
  - {service: api, environment: stage}
  - db
  - cdn
  - {service: a, depends_on: [b]}
  - {service: b, depends_on: [a]}
  - {service: loop, depends_on: [loop]}
dependencies:
  - {from: db, to: disk, protocol: nvme}
  - {from: a, to: db}
applications:
  - {name: shop, services: [web, {service: api, environment: prod}, db]}
  - {name: lab, services: [{service: api, environment: stage}]}
";

#[test]
fn questions() {
    let text = PLAIN.replace("  - cdn\n", "  - cdn\n  - disk\n");
    let enricher = read(&topology(&text));
    let topology = enricher.topology();
    let of = |name: &str, environment| topology.find(name, environment).unwrap();
    let web = of("web", None);
    assert_eq!(topology.find("api", None), None);
    assert_eq!(names(topology, &topology.dependencies_of(web, 9)), "api@1 cdn@1 db@2 disk@3");
    assert_eq!(names(topology, &topology.dependencies_of(web, 1)), "api@1 cdn@1");
    assert_eq!(topology.dependencies_of(web, 1)[1].protocol.as_deref(), Some("https"));
    assert_eq!(names(topology, &topology.dependents_of(of("disk", None), 2)), "db@1 api@2 a@2");
    assert_eq!(names(topology, &topology.dependencies_of(of("loop", None), 9)), "");
    assert_eq!(topology.dependencies_of(10_000, 9), []);
    let api = of("api", Some("prod"));
    let applications = |at| topology.applications_of(at).map(|a| &*a.name).collect::<Vec<_>>();
    assert_eq!(applications(api), ["shop"]);
    assert_eq!(applications(of("api", Some("stage"))), ["lab"]);
    let services: Vec<&str> = topology.services_of("shop").map(Service::title).collect();
    assert_eq!(services, ["web", "api", "db"]);
    insta::assert_snapshot!(findings(&self::topology(&text)));
}

#[test]
fn as_keep_exports_it() {
    let enricher = read(&topology(
        "
services:
  - {id: 10, service: web, display_name: Web, environment: unknown, is_manual: true, tags: [], source_provider_id: null}
  - {id: 11, service: db, display_name: DB, ip_address: 10.0.0.1, environment: prod}
applications:
  - {id: 7b1a, name: shop, description: '', services: [10, 11]}
dependencies:
  - {service_id: 10, depends_on_service_id: 11, protocol: tcp}
",
    ));
    insta::assert_debug_snapshot!(enricher.topology().services());
    insta::assert_debug_snapshot!((
        enricher.topology().dependencies(),
        enricher.topology().applications()
    ));
}

#[test]
fn mistakes() {
    insta::assert_snapshot!(findings(&topology(
        "
services:
  - {service: api, environment: prod}
  - {service: api, environment: stage, depends_on: [nobody, {protocol: tcp}]}
  - {service: api, environment: prod}
  - {team: core}
  - {service: web, colour: red}
dependencies:
  - {from: web}
  - {from: web, to: api}
  - {service_id: 1, depends_on_service_id: 2}
applications:
  - {services: [web]}
  - {name: x, services: [nothing]}
  - {name: x, services: []}
"
    )));
}

/// Service numbers that lead back to themselves, found by asking every service.
fn in_circles(topology: &Topology, count: usize) -> Vec<usize> {
    let reaches = |from: usize, to: usize| {
        let mut edge = vec![from];
        let mut seen = vec![false; count];
        while let Some(at) = edge.pop() {
            for d in topology.dependencies().iter().filter(|d| d.from == at) {
                if d.to == to {
                    return true;
                }
                if !std::mem::replace(&mut seen[d.to], true) {
                    edge.push(d.to);
                }
            }
        }
        false
    };
    (0..count).filter(|at| reaches(*at, *at)).collect()
}

proptest! {
    #[test]
    fn circles_are_what_leads_back(edges in prop::collection::vec((0..8_usize, 0..8_usize), 0..14)) {
        let service = |n| Service { service: format!("s{n}"), ..Service::default() };
        let dependencies = edges.iter().map(|(from, to)| Dependency { from: *from, to: *to, protocol: None });
        let made = Topology::new((0..8).map(service).collect(), dependencies.collect(), Vec::new()).unwrap();
        let mut found: Vec<usize> = made.cycles().concat();
        found.sort_unstable();
        prop_assert_eq!(found, in_circles(&made, 8));
        for at in 0..8 {
            for reached in made.dependencies_of(at, 8) {
                let back = made.dependents_of(reached.service, 8);
                let same = back.iter().find(|r| r.service == at).map(|r| r.depth);
                prop_assert_eq!(same, Some(reached.depth));
            }
        }
    }
}

#[test]
fn a_long_chain_is_walked() {
    let service = |n| Service { service: format!("s{n}"), ..Service::default() };
    let step = |n| Dependency { from: n, to: n + 1, protocol: None };
    let services = (0..50_000).map(service).collect();
    let made = Topology::new(services, (0..49_999).map(step).collect(), Vec::new()).unwrap();
    assert!(made.cycles().is_empty());
    assert_eq!(made.dependencies_of(0, 1_000).len(), 64);
}
