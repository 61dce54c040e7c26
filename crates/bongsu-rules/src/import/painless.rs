//! Comparisons of OpenSearch's triggers.
//!
//! In: the source of a script. Out: what is compared with which number, if the script is nothing
//! else; scripts are programs and are not run.

/// Longest script looked at.
const MAX_TEXT: usize = 4096;

/// What a trigger compares.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand {
    /// How many documents the query found.
    Hits,
    /// The value of an aggregation of the query.
    Aggregation(String),
    /// A path of the buckets.
    Parameter(String),
}

/// One comparison.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Comparison {
    pub(super) operand: Operand,
    pub(super) op: &'static str,
    pub(super) number: f64,
}

/// The comparisons of a script of which any is enough.
pub(super) fn any(source: &str) -> Result<Vec<Comparison>, String> {
    if source.len() > MAX_TEXT {
        return Err("the script is too long".to_owned());
    }
    let source = source.trim().trim_end_matches(';').trim();
    let source = source.strip_prefix("return ").unwrap_or(source);
    source
        .split("||")
        .map(|part| {
            // `x != null && x > 5` guards what may be missing; what is missing has no value here.
            let parts: Vec<&str> =
                part.split("&&").map(trimmed).filter(|part| !part.ends_with("null")).collect();
            match parts.as_slice() {
                [only] => comparison(only),
                _ => Err(format!("the script {source:?} is more than comparisons with numbers")),
            }
        })
        .collect()
}

/// Without parentheses around all of it.
fn trimmed(text: &str) -> &str {
    let text = text.trim();
    match text.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
        Some(inner) if !inner.contains(['(', ')']) => inner.trim(),
        _ => text,
    }
}

fn comparison(text: &str) -> Result<Comparison, String> {
    let wrong = || format!("{text:?} is no comparison with a number");
    let ops = [">=", "<=", "==", "!=", ">", "<"];
    let (at, op) = ops
        .into_iter()
        .filter_map(|op| Some((text.find(op)?, op)))
        .min_by_key(|(at, op)| (*at, std::cmp::Reverse(op.len())))
        .ok_or_else(wrong)?;
    let (left, right) = (text[..at].trim(), text[at + op.len()..].trim());
    let number = |text: &str| text.trim_end_matches(['L', 'f', 'd', 'F', 'D']).parse::<f64>().ok();
    let (side, number, op) = match (number(left), number(right)) {
        (None, Some(number)) => (left, number, op),
        (Some(number), None) => (right, number, flipped(op)),
        _ => return Err(wrong()),
    };
    let operand = operand(side).ok_or_else(|| format!("{side} has no counterpart"))?;
    Ok(Comparison { operand, op, number })
}

fn flipped(op: &'static str) -> &'static str {
    match op {
        ">=" => "<=",
        "<=" => ">=",
        ">" => "<",
        "<" => ">",
        same => same,
    }
}

fn operand(text: &str) -> Option<Operand> {
    if let Some(name) = text.strip_prefix("params.") {
        return is_name(name).then(|| Operand::Parameter(name.to_owned()));
    }
    let rest = text.strip_prefix("ctx.results[0].")?;
    if matches!(rest, "hits.total.value" | "hits.total") {
        return Some(Operand::Hits);
    }
    let rest = rest.strip_prefix("aggregations")?;
    let name = match rest.strip_prefix('.') {
        Some(rest) => rest.strip_suffix(".value")?,
        None => {
            let inner = rest.strip_prefix('[')?.strip_suffix(".value")?.strip_suffix(']')?;
            inner.trim_matches(['\'', '"'])
        }
    };
    is_name(name).then(|| Operand::Aggregation(name.to_owned()))
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_comparisons() {
        let read = |text: &str| match any(text) {
            Ok(all) => all
                .iter()
                .map(|c| format!("{:?} {} {}", c.operand, c.op, c.number))
                .collect::<Vec<_>>()
                .join(", "),
            Err(message) => message,
        };
        for (text, expected) in [
            ("ctx.results[0].hits.total.value > 5", "Hits > 5"),
            ("return 10 <= ctx.results[0].hits.total;", "Hits >= 10"),
            (
                "ctx.results[0].aggregations.avg_cpu.value != null && ctx.results[0].aggregations.avg_cpu.value > 0.9",
                r#"Aggregation("avg_cpu") > 0.9"#,
            ),
            ("ctx.results[0].aggregations['p'].value < 1", r#"Aggregation("p") < 1"#),
            (
                "(params._count > 3) || (params.max >= 10L)",
                r#"Parameter("_count") > 3, Parameter("max") >= 10"#,
            ),
            (
                "ctx.results[0].hits.total.value > 5 && params.a < 1",
                r#"the script "ctx.results[0].hits.total.value > 5 && params.a < 1" is more than comparisons with numbers"#,
            ),
            ("true", r#""true" is no comparison with a number"#),
            ("for (x in y) {}", r#""for (x in y) {}" is no comparison with a number"#),
        ] {
            assert_eq!(read(text), expected);
        }
    }
}
