//! `bongsu rule apply`: rule files are written to a ruler.
//!
//! In: rule files with their overlays, the groups that are there. Out: the difference, then groups
//! written and removed until there is none.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bongsu_lang::yaml::{self, Limits};
use bongsu_model::Source;
use bongsu_rules::file;
use bongsu_rules::rule::Group;
use clap::Args;

use super::check::{counted, sources};
use super::compare::{Change, Difference, Kind, compare, of_groups};
use super::diff::{self, Side};
use super::ruler::{self, Ruler, There};
use super::server;
use crate::cli::{Failure, Global, Outcome, input};
use crate::exit::Exit;

/// Which rules, and where to.
#[derive(Debug, Args)]
#[command(
    before_help = "  bongsu rule apply rules/ --dry-run\n  \
                         bongsu rule apply rules/ --owner web --prune --yes\n  \
                         kustomize build overlays/prod | bongsu rule apply - --namespace prod\n  \
                         bongsu rule apply rules/ --ruler mimir --tenant team-a --server http://mimir:8080",
    after_help = "A rule file is written into the namespace it names, or else of its name without extension, \
                  an object into namespace/name. What is there already is not written again. Ends with 0 if all is as in \
                  the files afterwards; with --dry-run with 0 if it is already and with 1 if not; with 6 \
                  if something is another owner's or a file's of the server, and then writes nothing; with \
                  7 if only a part could be written."
)]
pub(crate) struct ApplyRules {
    /// Rule files, folders of them, PrometheusRule objects, overlays; `-` is standard input.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// What the server is.
    #[arg(long, value_name = "RULER", default_value = "bongsu")]
    ruler: ruler::Kind,
    /// Write all groups into this namespace.
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// Tenant, sent as X-Scope-OrgID.
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// Whose the groups are; those of others are left alone. Only Bongsu keeps it.
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// Remove groups that the files no longer have: of Bongsu those of the owner, of others those in
    /// the same namespaces.
    #[arg(long)]
    prune: bool,
    /// Print what would be changed, change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask before changing something.
    #[arg(long, short)]
    yes: bool,
}

/// Namespace and name.
type Key = (Arc<str>, String);

/// What is to be done.
#[derive(Default)]
struct Plan {
    write: Vec<Group>,
    remove: Vec<Key>,
    /// Groups that stay as they are.
    same: usize,
    changes: Vec<Change>,
}

impl ApplyRules {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        if self.prune && self.owner.is_none() && self.ruler.knows_owners() {
            return Err(Failure::usage("--prune needs --owner")
                .hint("only groups that were written with the same --owner are removed"));
        }
        let wanted = self.wanted(global)?;
        let tenant = self.tenant.iter().map(|id| ("X-Scope-OrgID".to_owned(), id.clone()));
        let client = global.client_with(tenant.collect())?;
        let ruler = Ruler { kind: self.ruler, client };
        let plan = self.plan(&wanted, ruler.groups()?)?;
        diff::print(&plan.changes, Side::Files, global)?;
        if plan.write.is_empty() && plan.remove.is_empty() {
            global.say(&format!("{} as in the files: nothing to do", counted(plan.same, "group")));
            return Ok(Exit::Done);
        }
        let told = told(&plan);
        if self.dry_run {
            global.say(&told);
            return Ok(Exit::No);
        }
        let named = plan.write.iter().map(|group| format!("write {}", label(&key(group))));
        let named: Vec<String> =
            named.chain(plan.remove.iter().map(|key| format!("remove {}", label(key)))).collect();
        input::confirm(&told, &named, self.yes)?;
        self.carry_out(&plan, &ruler, global)
    }

    /// The groups of the files, by namespace.
    fn wanted(&self, global: &Global) -> Result<BTreeMap<Key, Group>, Failure> {
        let sources = sources(&self.paths)?;
        let named: BTreeMap<String, String> = sources
            .0
            .iter()
            .filter_map(|source| Some((source.name.clone(), own_namespace(source)?)))
            .collect();
        let groups = server::load(sources, self.ruler.language(), global)?;
        let mut wanted: BTreeMap<Key, Group> = BTreeMap::new();
        let mut faults = Vec::new();
        for mut group in groups {
            let lacks = self.ruler.lacks(&group);
            if !lacks.is_empty() {
                let whose = self.ruler.name();
                faults.push(format!("{}: {whose} does not know {}", group.name, lacks.join(", ")));
            }
            let from = Arc::clone(&group.file);
            group.file = match self.namespace.as_ref().or(named.get(&*from)) {
                Some(namespace) => Arc::from(&**namespace),
                None => namespace_of(&from),
            };
            if let Some(other) = wanted.insert(key(&group), group) {
                faults.push(format!("two groups are {} (one is from {from})", label(&key(&other))));
            }
        }
        match faults.as_slice() {
            [] => Ok(wanted),
            _ => Err(Failure::no(faults.join("\n       "))),
        }
    }

    fn plan(&self, wanted: &BTreeMap<Key, Group>, there: Vec<There>) -> Result<Plan, Failure> {
        let (fixed, there): (Vec<There>, Vec<There>) =
            there.into_iter().partition(|known| known.fixed);
        let fixed: BTreeSet<Arc<str>> = fixed.into_iter().map(|known| known.group.file).collect();
        let there: BTreeMap<Key, There> =
            there.into_iter().map(|known| (key(&known.group), known)).collect();
        self.conflicts(wanted, &fixed, &there)?;
        let mut plan = Plan::default();
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for (key, group) in wanted {
            let known = there.get(key);
            let owned = known.is_some_and(|known| {
                !self.ruler.knows_owners() || known.owner.as_ref() == self.owner.as_ref()
            });
            let same = known.is_some_and(|known| comparable(&known.group) == comparable(group));
            if owned && same {
                plan.same += 1;
                continue;
            }
            if known.is_some() && !owned {
                plan.changes.push(given(key, self.owner.as_deref()));
            }
            before.extend(known.map(|known| labelled(&known.group)));
            after.push(labelled(group));
            plan.write.push(group.clone());
        }
        for (key, known) in there.iter().filter(|(key, _)| !wanted.contains_key(key)) {
            if self.prunes(known, wanted) {
                plan.remove.push(key.clone());
                before.push(labelled(&known.group));
            }
        }
        plan.changes.extend(compare(&of_groups(&before), &of_groups(&after)));
        plan.changes.sort_by(|a, b| (&a.group, &a.rule).cmp(&(&b.group, &b.rule)));
        Ok(plan)
    }

    /// What must not be touched.
    fn conflicts(
        &self,
        wanted: &BTreeMap<Key, Group>,
        fixed: &BTreeSet<Arc<str>>,
        there: &BTreeMap<Key, There>,
    ) -> Result<(), Failure> {
        let mut found = Vec::new();
        for key in wanted.keys() {
            if fixed.contains(&key.0) {
                found.push(format!("{} is managed by a file of the server", label(key)));
            }
            let owner = there.get(key).and_then(|known| known.owner.as_ref());
            if let Some(owner) = owner.filter(|owner| Some(*owner) != self.owner.as_ref()) {
                found.push(format!("{} belongs to {owner}", label(key)));
            }
        }
        match found.as_slice() {
            [] => Ok(()),
            _ => Err(Failure::new(Exit::Conflict, found.join("\n       "))
                .hint("nothing was written; choose another --namespace, or say whose they are with --owner")),
        }
    }

    /// Whether a group that the files do not have is to go.
    fn prunes(&self, known: &There, wanted: &BTreeMap<Key, Group>) -> bool {
        let mut namespaces = wanted.keys().map(|(namespace, _)| namespace);
        self.prune
            && match self.ruler.knows_owners() {
                true => known.owner.is_some() && known.owner == self.owner,
                false => namespaces.any(|namespace| *namespace == known.group.file),
            }
    }

    fn carry_out(&self, plan: &Plan, ruler: &Ruler, global: &Global) -> Outcome {
        let (mut done, mut failures) = (0, Vec::new());
        let mut note = |key: &Key, outcome: Result<(), Failure>| match outcome {
            Ok(()) => done += 1,
            Err(failure) => failures.push((label(key), failure)),
        };
        for group in &plan.write {
            note(&key(group), ruler.write(group, self.owner.as_deref()));
        }
        for key in &plan.remove {
            note(key, ruler.remove(key));
        }
        let all = plan.write.len() + plan.remove.len();
        global.say(&format!("{done} of {} done", counted(all, "change")));
        for (group, failure) in &failures {
            eprintln!("{group}: {}", failure.what);
        }
        match failures.into_iter().next() {
            None => Ok(Exit::Done),
            Some(_) if done > 0 => {
                Err(Failure::new(Exit::Partly, "not all groups could be written"))
            }
            Some((_, first)) => Err(Failure::new(first.exit, "no group could be written")),
        }
    }
}

fn told(plan: &Plan) -> String {
    let (write, remove) = (counted(plan.write.len(), "group"), plan.remove.len());
    format!("{write} to write, {remove} to remove, {} as in the files", plan.same)
}

/// The same for all groups that mean the same.
fn comparable(group: &Group) -> String {
    file::to_yaml(&file::canonical(group))
}

fn key(group: &Group) -> Key {
    (Arc::clone(&group.file), group.name.clone())
}

fn label((namespace, name): &Key) -> String {
    format!("{namespace}/{name}")
}

/// The group under the name that tells it from those of other namespaces.
fn labelled(group: &Group) -> Group {
    Group { name: label(&key(group)), ..group.clone() }
}

/// That a group becomes somebody's.
fn given(key: &Key, owner: Option<&str>) -> Change {
    let difference = Difference {
        what: "owner".to_owned(),
        before: String::new(),
        after: owner.unwrap_or_default().to_owned(),
        identity: false,
    };
    Change {
        change: Kind::Changed,
        group: label(key),
        rule: String::new(),
        file: key.0.to_string(),
        differences: vec![difference],
    }
}

/// That a rule file names itself, as mimirtool and lokitool write it.
fn own_namespace(source: &Source) -> Option<String> {
    let file = yaml::parse_value(&source.text, &Limits::default()).ok()?;
    let namespace = file.get("namespace")?.as_str()?;
    (file.get("kind").is_none() && !namespace.is_empty()).then(|| namespace.to_owned())
}

/// That of a rule file is its name without folder and extension; objects have one already.
fn namespace_of(from: &Arc<str>) -> Arc<str> {
    let path = Path::new(&**from);
    let is_file = ["yaml", "yml", "rules"]
        .iter()
        .any(|known| path.extension().is_some_and(|extension| extension == *known));
    match path.file_stem().and_then(|stem| stem.to_str()) {
        Some(stem) if is_file => Arc::from(stem),
        _ => Arc::clone(from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces() {
        for (from, want) in [
            ("rules/team/web.yaml", "web"),
            ("a.b.yml", "a.b"),
            ("monitoring/web", "monitoring/web"),
            ("stdin", "stdin"),
        ] {
            assert_eq!(&*namespace_of(&Arc::from(from)), want);
        }
        for (text, want) in [
            ("namespace: team\ngroups: []\n", Some("team")),
            ("groups: []\n", None),
            ("kind: PrometheusRule\nnamespace: team\n", None),
            ("[", None),
        ] {
            let source = Source { name: "a.yaml".to_owned(), text: text.to_owned() };
            assert_eq!(own_namespace(&source).as_deref(), want, "{text}");
        }
    }
}
