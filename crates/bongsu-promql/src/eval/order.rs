//! `sort` and its like. Only the order of an instant query's rows is seen.

use std::cmp::Ordering;

use bongsu_model::Labels;

use super::frame::Frame;

/// Floats in order, NaNs last; histograms leave.
pub(crate) fn by_value(mut frame: Frame, descending: bool) -> Frame {
    frame.drop_histograms();
    if frame.steps() != 1 {
        return frame;
    }
    let mut order: Vec<usize> = (0..frame.rows()).collect();
    order.sort_by(|a, b| {
        let (a, b) = (frame.row(*a)[0], frame.row(*b)[0]);
        match (a.is_nan(), b.is_nan()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            _ if descending => b.partial_cmp(&a).unwrap_or(Ordering::Equal),
            _ => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
        }
    });
    frame.reordered(&order)
}

/// By the values of labels, numbers in them by size, then by the whole label set.
pub(crate) fn by_label(frame: Frame, labels: &[&str], descending: bool) -> Frame {
    if frame.steps() != 1 {
        return frame;
    }
    let sets: Vec<Labels> = frame.metrics.iter().map(|metric| metric.visible()).collect();
    let mut order: Vec<usize> = (0..frame.rows()).collect();
    order.sort_by(|a, b| {
        let values =
            labels.iter().map(|label| natural(sets[*a].value(label), sets[*b].value(label)));
        let ordering =
            values.fold(Ordering::Equal, Ordering::then).then_with(|| sets[*a].cmp(&sets[*b]));
        if descending { ordering.reverse() } else { ordering }
    });
    frame.reordered(&order)
}

/// Compares runs of digits as numbers, the rest as text.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    while !left.is_empty() && !right.is_empty() {
        let (one, other) = (run(left), run(right));
        let digits = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
        let ordering = if digits(one) && digits(other) {
            let (one, other) = (one.trim_start_matches('0'), other.trim_start_matches('0'));
            one.len().cmp(&other.len()).then_with(|| one.cmp(other))
        } else {
            one.cmp(other)
        };
        if ordering != Ordering::Equal {
            return ordering;
        }
        (left, right) = (&left[one.len()..], &right[other.len()..]);
    }
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

/// The digits, or the other characters, at the start.
fn run(text: &str) -> &str {
    let digits = text.starts_with(|c: char| c.is_ascii_digit());
    let end = text.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::natural;

    #[test]
    fn numbers_by_size() {
        let mut names = ["4m1000", "4m5", "b", "4m600", "10", "9", "a2b", "a10b", "", "a"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["", "4m5", "4m600", "4m1000", "9", "10", "a", "a2b", "a10b", "b"]);
    }
}
