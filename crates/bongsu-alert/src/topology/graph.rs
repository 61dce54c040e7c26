//! Walks along dependencies.
//!
//! In: a service and how far to go. Out: the services on the way, nearest first; circles.

use super::{Dependency, MAX_DEPTH, Topology};

/// A service that was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Its place in [`Topology::services`].
    pub service: usize,
    /// Steps to it, from 1.
    pub depth: usize,
    /// The service the last step came from.
    pub by: usize,
    /// The protocol of that step.
    pub protocol: Option<String>,
}

impl Topology {
    /// What a service needs, directly and through others, at most `depth` steps away (and at most
    /// [`MAX_DEPTH`]). Nearest first; each once; never the service itself.
    pub fn dependencies_of(&self, service: usize, depth: usize) -> Vec<Reached> {
        self.walk(service, depth, &self.outgoing, |dependency| dependency.to)
    }

    /// What needs a service, directly and through others; as [`Topology::dependencies_of`].
    pub fn dependents_of(&self, service: usize, depth: usize) -> Vec<Reached> {
        self.walk(service, depth, &self.incoming, |dependency| dependency.from)
    }

    fn walk(
        &self,
        start: usize,
        depth: usize,
        steps: &[Vec<usize>],
        end: impl Fn(&Dependency) -> usize,
    ) -> Vec<Reached> {
        let mut reached: Vec<Reached> = Vec::new();
        let mut seen = vec![false; self.services.len()];
        let Some(first) = seen.get_mut(start) else { return reached };
        *first = true;
        let mut edge = vec![start];
        for depth in 1..=depth.min(MAX_DEPTH) {
            let mut next = Vec::new();
            for by in edge {
                for number in &steps[by] {
                    let dependency = &self.dependencies[*number];
                    let service = end(dependency);
                    if !std::mem::replace(&mut seen[service], true) {
                        let protocol = dependency.protocol.clone();
                        reached.push(Reached { service, depth, by, protocol });
                        next.push(service);
                    }
                }
            }
            if next.is_empty() {
                break;
            }
            edge = next;
        }
        reached
    }

    /// Groups of services that need each other in a circle, each in the order of
    /// [`Topology::services`]; a service that needs itself is a group of one.
    pub fn cycles(&self) -> Vec<Vec<usize>> {
        let mut search = Search {
            topology: self,
            number: vec![None; self.services.len()],
            lowest: vec![0; self.services.len()],
            waiting: Vec::new(),
            is_waiting: vec![false; self.services.len()],
            next: 0,
            found: Vec::new(),
        };
        for service in 0..self.services.len() {
            if search.number[service].is_none() {
                search.from(service);
            }
        }
        search.found.sort();
        search.found
    }

    fn needs_itself(&self, service: usize) -> bool {
        self.outgoing[service].iter().any(|number| self.dependencies[*number].to == service)
    }
}

/// Tarjan's search for strongly connected components, with its own stack: a chain of fifty thousand
/// services is no reason to overflow the thread's.
struct Search<'t> {
    topology: &'t Topology,
    number: Vec<Option<usize>>,
    lowest: Vec<usize>,
    waiting: Vec<usize>,
    is_waiting: Vec<bool>,
    next: usize,
    found: Vec<Vec<usize>>,
}

impl Search<'_> {
    fn enter(&mut self, service: usize) {
        self.number[service] = Some(self.next);
        self.lowest[service] = self.next;
        self.next += 1;
        self.waiting.push(service);
        self.is_waiting[service] = true;
    }

    fn from(&mut self, start: usize) {
        let mut path = vec![(start, 0)];
        self.enter(start);
        while let Some((service, step)) = path.last_mut() {
            let service = *service;
            if let Some(number) = self.topology.outgoing[service].get(*step) {
                *step += 1;
                let to = self.topology.dependencies[*number].to;
                match self.number[to] {
                    None => {
                        self.enter(to);
                        path.push((to, 0));
                    }
                    Some(number) if self.is_waiting[to] => {
                        self.lowest[service] = self.lowest[service].min(number);
                    }
                    Some(_) => {}
                }
                continue;
            }
            path.pop();
            if let Some((before, _)) = path.last() {
                self.lowest[*before] = self.lowest[*before].min(self.lowest[service]);
            }
            if self.number[service] == Some(self.lowest[service]) {
                self.close(service);
            }
        }
    }

    /// Everything that waits since `service` is one component.
    fn close(&mut self, service: usize) {
        let mut group = Vec::new();
        while let Some(member) = self.waiting.pop() {
            self.is_waiting[member] = false;
            group.push(member);
            if member == service {
                break;
            }
        }
        if group.len() > 1 || self.topology.needs_itself(service) {
            group.sort_unstable();
            self.found.push(group);
        }
    }
}
