//! Tables that lie at a web address: where they are, and how what lies there is read.

use std::time::Duration;

use bongsu_config::secret::Reference;
use bongsu_model::Place;

/// Header fields a table is asked for with.
pub(crate) const MAX_HEADERS: usize = 20;

/// A table that is fetched; fetching is somebody else's.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpTable {
    /// Where it is; it holds no credentials.
    pub url: String,
    /// How often it is fetched.
    pub refresh: Duration,
    /// What it is; without it the answer, its address and its first character tell.
    pub format: Option<TableFormat>,
    /// Of JSON and YAML: where in the document the rows are.
    pub rows_at: Option<String>,
    /// Header fields of the request.
    pub headers: Vec<HttpHeader>,
}

/// A header field and where its value is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpHeader {
    /// Its name.
    pub name: String,
    /// What stands before the value: `Bearer `, or nothing.
    pub scheme: String,
    /// Its value.
    pub value: Reference,
    /// Where it is written.
    pub place: Option<Place>,
}

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableFormat {
    /// Comma separated values.
    Csv,
    /// A list of maps.
    Json,
    /// A list of maps.
    Yaml,
}

impl TableFormat {
    /// By its name, which may be the end of a file's name or a part of a media type.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "csv" | "tsv" => Some(Self::Csv),
            "json" => Some(Self::Json),
            "yaml" | "yml" | "x-yaml" => Some(Self::Yaml),
            _ => None,
        }
    }
}

impl HttpTable {
    /// The address without its query, which is nobody's business.
    pub fn shown_url(&self) -> &str {
        self.url.split(['?', '#']).next().unwrap_or_default()
    }

    /// Whether another table is read from the same place in the same way.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.url == other.url && self.format == other.format && self.rows_at == other.rows_at
    }

    /// What a text from there is.
    pub(crate) fn format_of(&self, text: &str, content_type: &str) -> TableFormat {
        let media = content_type.split(';').next().unwrap_or_default().trim();
        let subtype = media.rsplit(['/', '+']).next().unwrap_or_default().to_ascii_lowercase();
        let ending = || self.shown_url().rsplit('.').next().map(str::to_ascii_lowercase);
        let known = self.format.or_else(|| TableFormat::named(&subtype));
        known.or_else(|| TableFormat::named(&ending()?)).unwrap_or_else(|| {
            match text.trim_start_matches('\u{feff}').trim_start().chars().next() {
                Some('[' | '{') => TableFormat::Json,
                Some('-') => TableFormat::Yaml,
                _ => TableFormat::Csv,
            }
        })
    }
}
