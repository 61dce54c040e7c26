//! The API's filters on alerts and receivers.

use bongsu_model::{Labels, Matchers};

/// Whether every filter matcher holds. A negative matcher against the empty value asks only
/// whether the label is there. Source: Alertmanager `api/v2` `matchFilterLabels`.
pub fn holds(filter: &Matchers, labels: &Labels) -> bool {
    filter.0.iter().all(|matcher| {
        let value = labels.get(matcher.name());
        let asks_presence = matcher.value().is_empty();
        if asks_presence && value.is_some() != matcher.op().is_equal() {
            return true;
        }
        matcher.matches_value(value.unwrap_or(""))
    })
}

/// Whether any of an alert's receivers, given by their labels, passes the filter.
pub fn any_receiver_holds<'a>(
    filter: &Matchers,
    receivers: impl IntoIterator<Item = &'a Labels>,
) -> bool {
    receivers.into_iter().any(|labels| holds(filter, labels))
}

#[cfg(test)]
mod tests {
    use bongsu_lang::Mode;
    use bongsu_lang::matcher::parse_list;
    use bongsu_model::Labels;

    use super::{any_receiver_holds, holds};

    #[test]
    fn presence_and_values() {
        let labels = Labels::from_pairs([("a", "1"), ("empty", "")]);
        for (filter, want) in [
            ("", true),
            (r#"a="1""#, true),
            (r#"a="""#, false),
            (r#"b="""#, true),
            (r#"b!="""#, false),
            (r#"empty!="""#, true),
            (r#"a=~"1|2",b!="x""#, true),
            (r#"b!~"x|""#, false),
        ] {
            let filter = parse_list(filter, Mode::Utf8).unwrap();
            assert_eq!(holds(&filter, &labels), want, "{filter}");
        }
        let filter = parse_list(r#"kind!="x""#, Mode::Utf8).unwrap();
        let (x, y) = (Labels::from_pairs([("kind", "x")]), Labels::from_pairs([("kind", "y")]));
        assert!(any_receiver_holds(&filter, [&x, &y]));
        assert!(!any_receiver_holds(&filter, [&x]));
        assert!(!any_receiver_holds(&filter, []));
    }
}
