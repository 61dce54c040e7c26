//! Lists and objects in the formats of `--output`.

use serde_json::Value;

use super::{Colour, paint, print};

/// Format of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Shape {
    /// Columns for people.
    Table,
    /// One JSON document, as the API has it.
    Json,
    /// One JSON object a line.
    Jsonl,
    /// One YAML document.
    Yaml,
    /// Ids only, one a line, for pipes.
    Name,
}

/// One entry of a list.
#[derive(Debug)]
pub(crate) struct Row {
    /// What `-o name` prints.
    pub(crate) id: String,
    /// Table cells, one for each column.
    pub(crate) cells: Vec<(Colour, String)>,
    /// What the JSON formats print.
    pub(crate) json: Value,
}

/// A list ready to be printed.
#[derive(Debug)]
pub(crate) struct Listing {
    /// Column headings, upper case.
    pub(crate) columns: &'static [&'static str],
    /// Entries in order.
    pub(crate) rows: Vec<Row>,
}

impl Listing {
    /// Prints the list; `fields` picks columns of a table (by heading, any case) or keys of JSON
    /// objects. An unknown column is an error that names the known ones.
    pub(crate) fn print(&self, shape: Shape, fields: &[String]) -> Result<(), String> {
        let text = match shape {
            Shape::Table => self.table(fields, true)?,
            Shape::Name => self.rows.iter().map(|row| format!("{}\n", row.id)).collect(),
            Shape::Jsonl => {
                self.rows.iter().map(|row| format!("{}\n", picked(&row.json, fields))).collect()
            }
            Shape::Json | Shape::Yaml => {
                let all = self.rows.iter().map(|row| picked(&row.json, fields)).collect();
                document(&Value::Array(all), shape)
            }
        };
        print(&text);
        Ok(())
    }

    /// Prints the list as part of one that goes on: without headings, and only in formats that
    /// have an end on every line.
    pub(crate) fn append(&self, shape: Shape, fields: &[String]) -> Result<(), String> {
        match shape {
            Shape::Table => print(&self.table(fields, false)?),
            Shape::Jsonl | Shape::Name => self.print(shape, fields)?,
            Shape::Json | Shape::Yaml => {
                return Err("one document has no end here; use -o jsonl".to_owned());
            }
        }
        Ok(())
    }

    fn table(&self, fields: &[String], headings: bool) -> Result<String, String> {
        let shown: Vec<usize> = if fields.is_empty() {
            (0..self.columns.len()).collect()
        } else {
            fields.iter().map(|field| self.column(field)).collect::<Result<_, _>>()?
        };
        let widths: Vec<usize> = shown
            .iter()
            .map(|&c| {
                let cells = self.rows.iter().map(|row| width(&row.cells[c].1));
                cells.chain(headings.then(|| width(self.columns[c]))).max().unwrap_or(0)
            })
            .collect();
        let line = |cell: &dyn Fn(usize) -> (Colour, String)| {
            let mut line = String::new();
            for (at, (&column, &wide)) in shown.iter().zip(&widths).enumerate() {
                let (colour, text) = cell(column);
                line.push_str(&paint(colour, &text));
                if at + 1 < shown.len() {
                    line.extend(std::iter::repeat_n(' ', wide - width(&text) + 2));
                }
            }
            format!("{}\n", line.trim_end())
        };
        let mut out = String::new();
        if headings {
            out.push_str(&line(&|c| (Colour::Strong, self.columns[c].to_owned())));
        }
        for row in &self.rows {
            out.push_str(&line(&|c| row.cells[c].clone()));
        }
        Ok(out)
    }

    fn column(&self, field: &str) -> Result<usize, String> {
        self.columns.iter().position(|name| name.eq_ignore_ascii_case(field)).ok_or_else(|| {
            format!("no column {field}; there are {}", self.columns.join(", ").to_lowercase())
        })
    }
}

/// Prints one object; `table` is its form for people, `id` its name.
pub(crate) fn object(json: &Value, shape: Shape, fields: &[String], table: &str, id: &str) {
    let text = match shape {
        Shape::Table => table.to_owned(),
        Shape::Name => format!("{id}\n"),
        Shape::Jsonl => format!("{}\n", picked(json, fields)),
        Shape::Json | Shape::Yaml => document(&picked(json, fields), shape),
    };
    print(&text);
}

fn document(json: &Value, shape: Shape) -> String {
    match shape {
        Shape::Yaml => bongsu_lang::yaml::emit(&bongsu_lang::yaml::Value::from_json(json)),
        // A JSON value is always representable.
        _ => serde_json::to_string_pretty(json).unwrap_or_default() + "\n",
    }
}

fn picked(json: &Value, fields: &[String]) -> Value {
    match json {
        Value::Object(all) if !fields.is_empty() => Value::Object(
            fields.iter().filter_map(|f| Some((f.clone(), all.get(f)?.clone()))).collect(),
        ),
        other => other.clone(),
    }
}

/// Columns a terminal needs: two for wide (East Asian, emoji) characters, none for marks.
fn width(text: &str) -> usize {
    text.chars()
        .map(|c| match c as u32 {
            0x300..=0x36f | 0x200b..=0x200f | 0xfe00..=0xfe0f => 0,
            0x1100..=0x115f
            | 0x2e80..=0xa4cf
            | 0xac00..=0xd7a3
            | 0xf900..=0xfaff
            | 0xfe30..=0xfe6f
            | 0xff00..=0xff60
            | 0xffe0..=0xffe6
            | 0x1f300..=0x1f64f
            | 0x1f900..=0x1f9ff
            | 0x20000..=0x3fffd => 2,
            _ => 1,
        })
        .sum()
}
