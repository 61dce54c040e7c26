//! The orders things are told and listed in.

use std::cmp::Ordering;

use bongsu_model::Labels;

/// Order of alerts inside a notification: by `job`, then `instance` (alerts without one come
/// last), then [`label_set_order`].
pub fn notification_order(a: &Labels, b: &Labels) -> Ordering {
    let by = |name: &str| match (a.get(name), b.get(name)) {
        (Some(a), Some(b)) => a.cmp(b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    };
    by("job").then_with(|| by("instance")).then_with(|| label_set_order(a, b))
}

/// Prometheus's order of label sets: fewer labels first; then, name by name of both together, the
/// set that lacks the name first, else by value. Source: `model.LabelSet.Before`.
pub fn label_set_order(a: &Labels, b: &Labels) -> Ordering {
    let first_difference = || {
        a.iter().zip(b.iter()).find_map(|((name_a, a), (name_b, b))| {
            // The smaller name is the one the other set lacks.
            let by = name_b.cmp(name_a).then_with(|| a.cmp(b));
            by.is_ne().then_some(by)
        })
    };
    a.len().cmp(&b.len()).then_with(|| first_difference().unwrap_or(Ordering::Equal))
}

/// Order of groups in a list, before the receiver's name decides.
pub fn group_order(a: &Labels, b: &Labels) -> Ordering {
    label_set_order(a, b)
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering::{self, Equal, Greater, Less};

    use bongsu_model::Labels;
    use proptest::prelude::*;

    use super::*;

    fn set(pairs: &[(&str, &str)]) -> Labels {
        Labels::from_pairs(pairs.iter().copied())
    }

    #[test]
    fn orders() {
        for (a, b, want) in [
            (set(&[]), set(&[]), Equal),
            (set(&[("z", "1")]), set(&[("a", "1"), ("b", "2")]), Less),
            (set(&[("b", "1")]), set(&[("a", "2")]), Less),
            (set(&[("a", "1"), ("c", "1")]), set(&[("a", "1"), ("b", "1")]), Less),
            (set(&[("a", "2")]), set(&[("a", "10")]), Greater),
        ] {
            assert_eq!(label_set_order(&a, &b), want, "{a} {b}");
            assert_eq!(notification_order(&a, &b), want, "{a} {b}");
        }
        let job = set(&[("job", "x"), ("instance", "9"), ("z", "z")]);
        assert_eq!(notification_order(&job, &set(&[("instance", "1")])), Less);
        assert_eq!(notification_order(&job, &set(&[("job", "x")])), Less);
        assert_eq!(notification_order(&job, &set(&[("job", "a")])), Greater);
    }

    fn sets() -> impl Strategy<Value = Labels> {
        let names = prop::sample::select(vec!["a", "b", "instance", "job"]);
        prop::collection::btree_map(names, "[0-2]", 0..4).prop_map(Labels::from_pairs)
    }

    proptest! {
        #[test]
        fn both_are_total_orders(a in sets(), b in sets(), c in sets()) {
            for order in [notification_order, label_set_order] {
                prop_assert_eq!(order(&a, &b), order(&b, &a).reverse());
                prop_assert_eq!(order(&a, &b) == Ordering::Equal, a == b);
                if order(&a, &b).is_le() && order(&b, &c).is_le() {
                    prop_assert!(order(&a, &c).is_le());
                }
            }
        }
    }
}
