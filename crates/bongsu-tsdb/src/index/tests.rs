//! Matchers, and the series they select.

use bongsu_model::MatchOp;
use proptest::prelude::*;

use super::*;

fn any_labels() -> impl Strategy<Value = Labels> {
    let pairs = proptest::collection::btree_map("[abc]", "[xy.1]{1,2}", 1..4);
    pairs.prop_map(Labels::from_pairs)
}

fn any_matcher() -> impl Strategy<Value = Matcher> {
    let op = prop_oneof![
        Just(MatchOp::Equal),
        Just(MatchOp::NotEqual),
        Just(MatchOp::Regex),
        Just(MatchOp::NotRegex),
    ];
    let value = prop_oneof![
        "[xy.1]{0,2}",
        "(x|y|)[.][*+]",
        "(x|x[|]y1|x[|]|[|])",
        Just(".*".to_owned()),
        Just(".+".to_owned()),
        Just("x.*".to_owned()),
    ];
    ("[abcd]", op, value)
        .prop_filter_map("no regex", |(name, op, value)| Matcher::new(name, op, value).ok())
}

proptest! {
    /// Whatever comes and goes, the index finds what a walk over all series finds.
    #[test]
    fn finds_what_matches(
        sets in proptest::collection::vec(any_labels(), 0..40),
        gone in proptest::collection::vec(any::<prop::sample::Index>(), 0..20),
        matchers in proptest::collection::vec(any_matcher(), 0..4),
    ) {
        let mut index = Index::default();
        let mut model: std::collections::BTreeMap<u32, Labels> = Default::default();
        for labels in &sets {
            if index.find(&labels.iter()).is_none() {
                let id = index.add(labels.clone()).unwrap().id;
                model.insert(id, labels.clone());
            }
        }
        let mut ids: Vec<u32> = gone
            .iter()
            .filter(|_| !model.is_empty())
            .map(|gone| *model.keys().nth(gone.index(model.len())).unwrap())
            .collect();
        ids.sort_unstable();
        ids.dedup();
        index.remove(&ids);
        model.retain(|id, _| ids.binary_search(id).is_err());

        let found: Vec<u32> = index.select(&matchers).iter().map(|series| series.id).collect();
        let wanted: Vec<u32> = model
            .iter()
            .filter(|(_, labels)| matchers.iter().all(|matcher| matcher.matches(labels)))
            .map(|(id, _)| *id)
            .collect();
        prop_assert_eq!(found, wanted);
        for (id, labels) in &model {
            prop_assert_eq!(index.find(&labels.iter()).map(|series| series.id), Some(*id));
        }
        let mut names: Vec<&str> =
            model.values().flat_map(|labels| labels.iter().map(|(name, _)| name)).collect();
        names.sort_unstable();
        names.dedup();
        prop_assert_eq!(index.names(|_| true), names);
    }
}

#[test]
fn the_younger_of_two_with_the_same_labels_holds() {
    let labels = Labels::from_pairs([("__name__", "up")]);
    let mut index = Index::default();
    assert!(index.add_known(7, labels.clone()).is_some());
    assert!(index.add_known(9, labels.clone()).is_some());
    assert!(index.add_known(8, labels.clone()).is_none());
    assert_eq!(index.find(&labels.iter()).map(|series| series.id), Some(9));
    assert_eq!((index.len(), index.next_id()), (1, 10));
    index.remove(&[9]);
    assert_eq!((index.len(), index.size()), (0, 0));
}
