//! Tables as comma separated values, RFC 4180.
//!
//! In: text. Out: a header and rows, or every mistake with its line. A byte order mark, `\r\n` and
//! empty lines are taken; a text whose first line has no comma may be separated by `;` or tabs. A row
//! may be shorter than the header, not longer.

/// Bytes a table may have.
pub const MAX_BYTES: usize = 16 << 20;
/// Rows a table may have.
pub const MAX_ROWS: usize = 100_000;
/// Columns a table may have.
pub const MAX_COLUMNS: usize = 256;
/// Mistakes that are reported; after as many the reader stops.
const MAX_FAULTS: usize = 50;

/// A header and rows of the same width. Texts are trimmed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Csv {
    /// Names of the columns, unique and not empty.
    pub header: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<String>>,
}

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct Fault {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

/// Reads a table.
pub fn parse(text: &str) -> Result<Csv, Vec<Fault>> {
    let mut reader = Reader { faults: Vec::new(), table: Csv::default(), line: 1 };
    reader.read(text);
    if reader.faults.is_empty() { Ok(reader.table) } else { Err(reader.faults) }
}

struct Reader {
    faults: Vec<Fault>,
    table: Csv,
    /// The line the current row began on.
    line: usize,
}

impl Reader {
    fn fault(&mut self, message: impl Into<String>) {
        self.faults.push(Fault { line: self.line, message: message.into() });
    }

    fn read(&mut self, text: &str) {
        if text.len() > MAX_BYTES {
            return self.fault(format!("the table has more than {MAX_BYTES} bytes"));
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let separator = separator(text);
        let mut rest = text;
        let mut next_line = 1;
        while !rest.is_empty() && self.faults.len() < MAX_FAULTS {
            self.line = next_line;
            let Some((cells, after)) = record(rest, separator) else {
                return self.fault("a quoted text does not end");
            };
            next_line += rest[..rest.len() - after.len()].matches('\n').count();
            rest = after;
            if cells.iter().all(String::is_empty) {
                continue;
            }
            if self.table.header.is_empty() {
                self.header(cells);
            } else if self.table.rows.len() == MAX_ROWS {
                return self.fault(format!("the table has more than {MAX_ROWS} rows"));
            } else {
                self.row(cells);
            }
        }
        if self.table.header.is_empty() && self.faults.is_empty() {
            self.fault("the table has no header");
        }
    }

    fn header(&mut self, cells: Vec<String>) {
        if cells.len() > MAX_COLUMNS {
            self.fault(format!("the table has more than {MAX_COLUMNS} columns"));
        }
        for (at, cell) in cells.iter().enumerate() {
            if cell.is_empty() {
                self.fault(format!("column {} has no name", at + 1));
            } else if cells[..at].contains(cell) {
                self.fault(format!("two columns are named {cell}"));
            }
        }
        self.table.header = cells;
    }

    fn row(&mut self, mut cells: Vec<String>) {
        let width = self.table.header.len();
        if cells.len() > width && cells[width..].iter().any(|cell| !cell.is_empty()) {
            let message = format!("the row has {} cells and the header names {width}", cells.len());
            return self.fault(message);
        }
        cells.resize(width, String::new());
        self.table.rows.push(cells);
    }
}

fn separator(text: &str) -> char {
    let first = text.lines().next().unwrap_or_default();
    let found = [',', ';', '\t'].into_iter().find(|c| first.contains(*c));
    found.unwrap_or(',')
}

/// The cells of the first record, and the text after it; `None` if a quote is left open.
fn record(text: &str, separator: char) -> Option<(Vec<String>, &str)> {
    let mut cells = Vec::new();
    let mut rest = text;
    loop {
        let (cell, after) = cell(rest, separator)?;
        cells.push(cell);
        rest = after;
        if let Some(after) = rest.strip_prefix(separator) {
            rest = after;
            continue;
        }
        let rest = rest.strip_prefix('\r').unwrap_or(rest);
        return Some((cells, rest.strip_prefix('\n').unwrap_or(rest)));
    }
}

/// One cell, and the text from its separator or line end on.
fn cell(text: &str, separator: char) -> Option<(String, &str)> {
    let ends = |c: char| c == separator || c == '\n' || c == '\r';
    // Blanks before a quote are taken; a tab may be the separator.
    let start = text.trim_start_matches(|c: char| c == ' ' || (c == '\t' && separator != '\t'));
    let Some(mut rest) = start.strip_prefix('"') else {
        let end = text.find(ends).unwrap_or(text.len());
        return Some((text[..end].trim().to_owned(), &text[end..]));
    };
    let mut cell = String::new();
    loop {
        let end = rest.find('"')?;
        cell.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(after) => {
                cell.push('"');
                rest = after;
            }
            None => break,
        }
    }
    // What stands between the closing quote and the separator belongs to the text.
    let end = rest.find(ends).unwrap_or(rest.len());
    cell.push_str(rest[..end].trim_end());
    Some((cell.trim().to_owned(), &rest[end..]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn show(text: &str) -> String {
        match parse(text) {
            Ok(csv) => std::iter::once(&csv.header)
                .chain(&csv.rows)
                .map(|row| row.join("|"))
                .collect::<Vec<_>>()
                .join(" / "),
            Err(faults) => faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("; "),
        }
    }

    #[test]
    fn reads_and_refuses() {
        for (text, want) in [
            ("a,b\n1,2\n", "a|b / 1|2"),
            ("\u{feff}a,b\r\n1,2\r\n\r\n3,4", "a|b / 1|2 / 3|4"),
            ("a,b\n\"x, \"\"y\"\"\",\"1\n2\"\n", "a|b / x, \"y\"|1\n2"),
            ("a;b\n1;2,5\n", "a|b / 1|2,5"),
            ("a\tb\n1\t2\n", "a|b / 1|2"),
            ("a\n1\n2", "a / 1 / 2"),
            ("a,b\n 1 , \"2\" \n", "a|b / 1|2"),
            ("a,b\n1\n", "a|b / 1|"),
            ("a,b\n1,2,,\n", "a|b / 1|2"),
            ("", "line 1: the table has no header"),
            (
                "a,,a\n1,2,3,4\n",
                "line 1: column 2 has no name; line 1: two columns are named a; line 2: the row has 4 cells and the header names 3",
            ),
            ("a\n\"x\n", "line 2: a quoted text does not end"),
            ("a\n\"x\ny\"\n1,2", "line 4: the row has 2 cells and the header names 1"),
        ] {
            assert_eq!(show(text), want, "{text:?}");
        }
        let long = "a\n".to_owned() + &"1\n".repeat(MAX_ROWS + 1);
        assert_eq!(show(&long), "line 100002: the table has more than 100000 rows");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            rows in prop::collection::vec(prop::collection::vec("[a-z,\";\n\r한]{0,6}", 3), 0..6)
        ) {
            let quote = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
            let mut text = "x,y,z\n".to_owned();
            for row in &rows {
                text += &row.iter().map(quote).collect::<Vec<_>>().join(",");
                text.push('\n');
            }
            let wanted: Vec<Vec<String>> = rows
                .iter()
                .map(|row| row.iter().map(|cell| cell.trim().to_owned()).collect::<Vec<_>>())
                .filter(|row| row.iter().any(|cell| !cell.is_empty()))
                .collect();
            prop_assert_eq!(parse(&text).unwrap().rows, wanted);
        }

        #[test]
        fn any_text_is_answered(text in "(\\PC|[,;\"\n\r\t]){0,60}") {
            if let Ok(csv) = parse(&text) {
                prop_assert!(csv.rows.iter().all(|row| row.len() == csv.header.len()));
            }
        }
    }
}
