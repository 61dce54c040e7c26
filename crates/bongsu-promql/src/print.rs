//! Trees as text: Prometheus' canonical form on one line, or over several where it would be longer
//! than 100 characters. What is printed parses to the same tree.

use std::fmt::{self, Display, Formatter, Write};

use bongsu_model::{MatchOp, Matcher, go_quote};

use crate::ast::{
    At, BinaryOp, Cardinality, Expr, ExprKind, Grouping, Length, LengthExpr, Matching, Selector,
    Shift,
};
use crate::length::print_duration;

/// Characters a line may have before its expression is split.
const MAX_LINE: usize = 100;

impl BinaryOp {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Atan2 => "atan2",
            Self::Eq => "==",
            Self::Ne => "!=",
            Self::Gt => ">",
            Self::Lt => "<",
            Self::Ge => ">=",
            Self::Le => "<=",
            Self::And => "and",
            Self::Or => "or",
            Self::Unless => "unless",
        }
    }

    /// `== != > < >= <=`.
    pub fn is_comparison(self) -> bool {
        matches!(self, Self::Eq | Self::Ne | Self::Gt | Self::Lt | Self::Ge | Self::Le)
    }

    /// `and or unless`.
    pub fn is_set(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Unless)
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Number { value, duration } => number(*value, *duration, f),
            ExprKind::Text(text) => go_quote(text, f),
            ExprKind::Vector(selector) => {
                matchers(selector, f)?;
                write!(f, "{}", selector.shift)
            }
            ExprKind::Matrix { selector, range } => {
                matchers(selector, f)?;
                write!(f, "[{range}]{}", selector.shift)
            }
            ExprKind::Subquery { expr, range, step, shift } => {
                write!(f, "{expr}{}", Window { range, step: step.as_ref(), shift })
            }
            ExprKind::Call { function, args } => {
                write!(f, "{function}(")?;
                list(f, args.iter(), |f, arg| write!(f, "{arg}"))?;
                f.write_char(')')
            }
            ExprKind::Aggregate { op, expr, param, grouping } => {
                write!(f, "{}{grouping}(", op.name())?;
                if let Some(param) = param {
                    write!(f, "{param}, ")?;
                }
                write!(f, "{expr})")
            }
            ExprKind::Binary { op, lhs, rhs, return_bool, matching } => {
                let operator = Operator { op: *op, return_bool: *return_bool, matching };
                write!(f, "{lhs} {operator} {rhs}")
            }
            ExprKind::Unary { negative, expr } => write!(f, "{}{expr}", sign(*negative)),
            ExprKind::Paren(expr) => write!(f, "({expr})"),
        }
    }
}

fn sign(negative: bool) -> char {
    if negative { '-' } else { '+' }
}

fn number(value: f64, duration: bool, f: &mut Formatter<'_>) -> fmt::Result {
    if duration {
        f.write_str(&print_duration((value * 1000.0).round() as i64))
    } else if value.is_infinite() {
        f.write_str(if value > 0.0 { "+Inf" } else { "-Inf" })
    } else {
        write!(f, "{value}")
    }
}

fn list<T>(
    f: &mut Formatter<'_>,
    items: impl Iterator<Item = T>,
    write: impl Fn(&mut Formatter<'_>, T) -> fmt::Result,
) -> fmt::Result {
    for (at, item) in items.enumerate() {
        if at > 0 {
            f.write_str(", ")?;
        }
        write(f, item)?;
    }
    Ok(())
}

/// Whether a label can be written without quotes.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric())
}

fn label(f: &mut Formatter<'_>, name: &str) -> fmt::Result {
    if is_plain(name) { f.write_str(name) } else { go_quote(name, f) }
}

fn labels(f: &mut Formatter<'_>, names: &[String]) -> fmt::Result {
    f.write_char('(')?;
    list(f, names.iter(), |f, name| label(f, name))?;
    f.write_char(')')
}

/// The name and the other matchers in order of their text.
fn matchers(selector: &Selector, f: &mut Formatter<'_>) -> fmt::Result {
    let name = selector.name.as_deref();
    let is_name = |matcher: &&Matcher| {
        matcher.name() == "__name__"
            && matcher.op() == MatchOp::Equal
            && Some(matcher.value()) == name
    };
    f.write_str(name.unwrap_or_default())?;
    let others = selector.matchers.iter().filter(|matcher| !is_name(matcher));
    let mut texts: Vec<String> = others.map(|m| MatcherText(m).to_string()).collect();
    if texts.is_empty() && name.is_some() {
        return Ok(());
    }
    texts.sort_unstable();
    write!(f, "{{{}}}", texts.join(","))
}

struct MatcherText<'a>(&'a Matcher);

impl Display for MatcherText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        label(f, self.0.name())?;
        f.write_str(self.0.op().as_str())?;
        go_quote(self.0.value(), f)
    }
}

/// ` @ 12.000 offset 5m`, or nothing.
impl Display for Shift {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.at {
            None => {}
            Some(At::Start) => f.write_str(" @ start()")?,
            Some(At::End) => f.write_str(" @ end()")?,
            Some(At::Time(time)) => write!(f, " @ {:.3}", time as f64 / 1000.0)?,
        }
        match &self.offset {
            None => Ok(()),
            Some(offset) => write!(f, " offset {offset}"),
        }
    }
}

impl Display for Length {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(milliseconds) => f.write_str(&print_duration(*milliseconds)),
            Self::Computed(expr) => write!(f, "{expr}"),
        }
    }
}

impl Display for LengthExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { seconds, duration } => number(*seconds, *duration, f),
            Self::Step => f.write_str("step()"),
            Self::Call { function, args } => {
                write!(f, "{function}(")?;
                list(f, args.iter(), |f, arg| write!(f, "{arg}"))?;
                f.write_char(')')
            }
            Self::Negative(expr) => write!(f, "-{expr}"),
            Self::Binary { op, lhs, rhs } => write!(f, "{lhs} {} {rhs}", op.name()),
            Self::Paren(expr) => write!(f, "({expr})"),
        }
    }
}

/// `[5m:1m] @ 12.000 offset 5m`.
struct Window<'a> {
    range: &'a Length,
    step: Option<&'a Length>,
    shift: &'a Shift,
}

impl Display for Window<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "[{}:", self.range)?;
        if let Some(step) = self.step {
            write!(f, "{step}")?;
        }
        write!(f, "]{}", self.shift)
    }
}

/// ` by (a) `, with the spaces around it, or nothing.
impl Display for Grouping {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if !self.without && self.labels.is_empty() {
            return Ok(());
        }
        f.write_str(if self.without { " without " } else { " by " })?;
        labels(f, &self.labels)?;
        f.write_char(' ')
    }
}

/// `== bool on (a) group_left (b)`.
struct Operator<'a> {
    op: BinaryOp,
    return_bool: bool,
    matching: &'a Option<Matching>,
}

impl Display for Operator<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.op.name())?;
        if self.return_bool {
            f.write_str(" bool")?;
        }
        let Some(matching) = self.matching else { return Ok(()) };
        let group = match matching.cardinality {
            Cardinality::ManyToOne => Some("left"),
            Cardinality::OneToMany => Some("right"),
            Cardinality::OneToOne | Cardinality::ManyToMany => None,
        };
        if matching.on || !matching.labels.is_empty() || group.is_some() {
            f.write_str(if matching.on { " on " } else { " ignoring " })?;
            labels(f, &matching.labels)?;
        }
        if let Some(side) = group {
            write!(f, " group_{side} ")?;
            labels(f, &matching.include)?;
        }
        Ok(())
    }
}

/// `expr` over as many lines as `/api/v1/format_query` makes of it.
pub fn pretty(expr: &Expr) -> String {
    let mut out = String::new();
    lines(expr, 0, &mut out);
    out
}

fn indent(level: usize, out: &mut String) {
    out.extend(std::iter::repeat_n("  ", level));
}

/// Writes `expr`, indented by `level`.
fn lines(expr: &Expr, level: usize, out: &mut String) {
    // A sign is put before whatever its operand becomes.
    if let ExprKind::Unary { negative, expr } = &expr.kind {
        indent(level, out);
        out.push(sign(*negative));
        let mut operand = String::new();
        lines(expr, level, &mut operand);
        out.push_str(operand.trim());
        return;
    }
    let text = expr.to_string();
    if text.len() <= MAX_LINE {
        // Prometheus does not indent a subquery that fits.
        if !matches!(expr.kind, ExprKind::Subquery { .. }) {
            indent(level, out);
        }
        out.push_str(&text);
        return;
    }
    match &expr.kind {
        ExprKind::Aggregate { op, expr, param, grouping } => {
            indent(level, out);
            out.push_str(op.name());
            out.push_str(&grouping.to_string());
            out.push_str("(\n");
            if let Some(param) = param {
                lines(param, level + 1, out);
                out.push_str(",\n");
            }
            lines(expr, level + 1, out);
            close(level, out);
        }
        ExprKind::Binary { op, lhs, rhs, return_bool, matching } => {
            lines(lhs, level + 1, out);
            out.push('\n');
            indent(level, out);
            let operator = Operator { op: *op, return_bool: *return_bool, matching };
            out.push_str(&operator.to_string());
            out.push('\n');
            lines(rhs, level + 1, out);
        }
        ExprKind::Call { function, args } => {
            indent(level, out);
            out.push_str(function);
            out.push_str("(\n");
            for (at, arg) in args.iter().enumerate() {
                if at > 0 {
                    out.push_str(",\n");
                }
                lines(arg, level + 1, out);
            }
            close(level, out);
        }
        ExprKind::Paren(expr) => {
            indent(level, out);
            out.push_str("(\n");
            lines(expr, level + 1, out);
            close(level, out);
        }
        ExprKind::Subquery { expr, range, step, shift } => {
            lines(expr, level, out);
            let window = Window { range, step: step.as_ref(), shift };
            out.push_str(&window.to_string());
        }
        _ => {
            indent(level, out);
            out.push_str(&text);
        }
    }
}

fn close(level: usize, out: &mut String) {
    out.push('\n');
    indent(level, out);
    out.push(')');
}
