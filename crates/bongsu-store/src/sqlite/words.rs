//! Finding wide alerts by words though some of the words stand in nearly all of them.
//!
//! Every word may be the beginning of a longer one. The full-text index answers that by merging the
//! lists of all words that begin so, which for a word that every alert has takes longer than people
//! wait. So the index is asked for the rare words only, and the few alerts it finds are looked through
//! for the others; and where nearly everything matches, the newest alerts are looked through without
//! asking it at all. Either way what is found is what the index would have found.

use rusqlite::{CachedStatement, Connection, Row as SqlRow, params};
use serde::Deserialize;
use serde_json::value::RawValue;
use xxhash_rust::xxh64::Xxh64;

use crate::OccurrenceRow;

/// Where looking through alerts is faster than asking the index.
#[derive(Clone, Copy)]
struct Limits {
    /// A word that stands in more alerts is common.
    common: i64,
    /// More alerts are not looked through for the common words.
    candidates: usize,
}

const LIMITS: Limits = Limits { common: 5000, candidates: 5000 };

/// The text of an alert that is searched: what the index is given, too.
pub(super) const TEXT: &str = "concat_ws(' ', name, service, environment, provider, fingerprint, \
     alert ->> 'description', alert ->> 'message', alert ->> 'note', \
     alert ->> 'labels', alert ->> 'annotations', alert ->> 'url')";
/// How the index splits and folds it.
const INDEX: &str = "USING fts5 (text, content = '', contentless_delete = 1, \
     tokenize = 'unicode61 remove_diacritics 2')";
/// The columns a [`Looker`] reads, in its order.
pub(super) const COLUMNS: &str = "id, alert, name, service, environment, provider, fingerprint";

/// The words as the index is asked for them.
pub(super) fn query<'w>(words: impl IntoIterator<Item = &'w String>) -> String {
    let query: Vec<String> = words.into_iter().map(|word| format!("\"{word}\"*")).collect();
    query.join(" ")
}

/// The ids of the alerts that have all words, if that is told faster than by the index alone.
pub(super) fn narrow(
    connection: &Connection,
    words: &[String],
) -> rusqlite::Result<Option<Vec<i64>>> {
    narrow_within(connection, words, LIMITS)
}

fn narrow_within(
    connection: &Connection,
    words: &[String],
    limits: Limits,
) -> rusqlite::Result<Option<Vec<i64>>> {
    if words.len() < 2 {
        return Ok(None);
    }
    let (mut common, mut rare) = (Vec::new(), Vec::new());
    for word in words {
        // What is not plain only the index can tell.
        let side = if is_plain(word) && is_common(connection, word, limits)? {
            &mut common
        } else {
            &mut rare
        };
        side.push(word.clone());
    }
    if common.is_empty() || rare.is_empty() {
        return Ok(None);
    }
    let sql = "SELECT rowid FROM occurrence_text WHERE occurrence_text MATCH ?1 LIMIT ?2";
    let limit = limits.candidates as i64 + 1;
    let mut found: Vec<i64> = connection
        .prepare_cached(sql)?
        .query_map(params![query(&rare), limit], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    if found.len() > limits.candidates {
        return Ok(None);
    }
    let mut looker = Looker::new(connection, &common)?;
    let mut left = Vec::with_capacity(found.len());
    let sql = format!("SELECT {COLUMNS} FROM occurrence WHERE id = ?1");
    let mut statement = connection.prepare_cached(&sql)?;
    for id in found.drain(..) {
        if let Some(row) = statement.query([id])?.next()?
            && looker.has_all(row)?
        {
            left.push(id);
        }
    }
    Ok(Some(left))
}

/// Whether more alerts than `many` have all of the words, each as a word of its own. What is not plain
/// is not: nobody else could look alerts through for it.
pub(super) fn are_abundant(
    connection: &Connection,
    words: &[String],
    many: usize,
) -> rusqlite::Result<bool> {
    if words.is_empty() || !words.iter().all(|word| is_plain(word)) {
        return Ok(false);
    }
    let whole: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    stands_in_more(connection, &whole.join(" "), many as i64)
}

/// A hash of what an alert is found by; `None` if its JSON is odd.
pub(super) fn hash(row: &OccurrenceRow) -> Option<i64> {
    let texts: Texts<'_> = serde_json::from_str(&row.alert).ok()?;
    let OccurrenceRow { name, service, environment, provider, fingerprint, .. } = row;
    let (service, environment) = (service.as_deref(), environment.as_deref());
    let columns = [Some(&**name), service, environment, Some(&**provider), Some(&**fingerprint)];
    let mut hash = Xxh64::new(0);
    for part in columns.into_iter().chain(texts.all().map(|json| json.map(RawValue::get))) {
        hash.update(part.unwrap_or_default().as_bytes());
        // Stands in no text.
        hash.update(&[0xff]);
    }
    Some(hash.digest().cast_signed())
}

/// Whether the word itself, not only what begins with it, stands in many alerts.
fn is_common(connection: &Connection, word: &str, limits: Limits) -> rusqlite::Result<bool> {
    stands_in_more(connection, &format!("\"{word}\""), limits.common)
}

/// Whether the index finds more alerts than `many`.
fn stands_in_more(connection: &Connection, query: &str, many: i64) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*) FROM (SELECT 1 FROM occurrence_text \
               WHERE occurrence_text MATCH ?1 LIMIT ?2)";
    let count: i64 =
        connection.prepare_cached(sql)?.query_row(params![query, many + 1], |row| row.get(0))?;
    Ok(count > many)
}

/// Looks alerts through for words.
pub(super) struct Looker<'c> {
    words: Vec<String>,
    text: CachedStatement<'c>,
    /// An index of one alert, for texts that are not plain.
    index: Option<Connection>,
}

impl<'c> Looker<'c> {
    /// For plain words in lower case.
    pub(super) fn new(connection: &'c Connection, words: &[String]) -> rusqlite::Result<Self> {
        let text =
            connection.prepare_cached(&format!("SELECT {TEXT} FROM occurrence WHERE id = ?1"))?;
        Ok(Self { words: words.to_vec(), text, index: None })
    }

    /// Whether the alert of a row of [`COLUMNS`] has all words.
    pub(super) fn has_all(&mut self, row: &SqlRow<'_>) -> rusqlite::Result<bool> {
        let mut search = Search { wanted: &self.words, found: 0, unsure: false };
        for column in 2..7 {
            if let Some(text) = row.get_ref(column)?.as_str_or_null()? {
                search.look(text);
            }
        }
        match serde_json::from_str::<Texts<'_>>(row.get_ref(1)?.as_str()?) {
            Ok(texts) => texts.each(&mut search),
            Err(_) => search.unsure = true,
        }
        if search.has_all() {
            return Ok(true);
        }
        if search.unsure { self.ask_index(row.get(0)?) } else { Ok(false) }
    }

    /// The same by an index of this alert alone.
    fn ask_index(&mut self, id: i64) -> rusqlite::Result<bool> {
        let text: String = self.text.query_row([id], |row| row.get(0))?;
        let index = match self.index.take() {
            Some(index) => index,
            None => {
                let index = Connection::open_in_memory()?;
                index.execute_batch(&format!("CREATE VIRTUAL TABLE occurrence_text {INDEX}"))?;
                index
            }
        };
        let index = self.index.insert(index);
        index.prepare_cached("DELETE FROM occurrence_text WHERE rowid = 1")?.execute(())?;
        index
            .prepare_cached("INSERT INTO occurrence_text (rowid, text) VALUES (1, ?1)")?
            .execute([text])?;
        index
            .prepare_cached("SELECT 1 FROM occurrence_text WHERE occurrence_text MATCH ?1")?
            .exists([query(&self.words)])
    }
}

/// The parts of an alert's JSON that are searched.
#[derive(Deserialize)]
struct Texts<'a> {
    #[serde(borrow)]
    description: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    note: Option<&'a RawValue>,
    #[serde(borrow)]
    labels: Option<&'a RawValue>,
    #[serde(borrow)]
    annotations: Option<&'a RawValue>,
    #[serde(borrow)]
    url: Option<&'a RawValue>,
}

impl Texts<'_> {
    fn all(&self) -> [Option<&RawValue>; 6] {
        let Self { description, message, note, labels, annotations, url } = self;
        [*description, *message, *note, *labels, *annotations, *url]
    }

    fn each(&self, search: &mut Search<'_>) {
        for value in self.all().into_iter().flatten() {
            let json = value.get();
            match json.as_bytes().first() {
                Some(b'"') if !json.contains('\\') => search.look(json),
                Some(b'"') => match serde_json::from_str::<String>(json) {
                    Ok(text) => search.look(&text),
                    Err(_) => search.unsure = true,
                },
                // As SQL sees it: its JSON.
                Some(b'{' | b'[') => search.look(json),
                _ if json == "null" => {}
                // Numbers and truth have another text in SQL.
                _ => search.unsure = true,
            }
        }
    }
}

/// Which of the words were seen.
struct Search<'w> {
    wanted: &'w [String],
    /// A bit for each.
    found: u32,
    /// Something could not be read here as the index reads it.
    unsure: bool,
}

impl Search<'_> {
    fn has_all(&self) -> bool {
        self.found.count_ones() as usize == self.wanted.len()
    }

    fn look(&mut self, text: &str) {
        if self.has_all() {
            return;
        }
        if !is_plain(text) {
            self.unsure = true;
            return;
        }
        for token in text.split(|c: char| !c.is_alphanumeric()) {
            for (at, word) in self.wanted.iter().enumerate() {
                let begins = token.as_bytes().get(..word.len());
                if begins.is_some_and(|begins| begins.eq_ignore_ascii_case(word.as_bytes())) {
                    self.found |= 1 << at;
                }
            }
        }
    }
}

/// Whether a text is split and folded here as the index does it: ASCII, Hangul, Chinese characters and
/// the punctuation seen most.
pub(super) fn is_plain(text: &str) -> bool {
    let plain = |c: char| {
        matches!(c, '\0'..='\x7f' | '°' | '·' | '\u{a0}' | '가'..='힣' | '\u{4e00}'..='\u{9fa5}'
            | '\u{2010}'..='\u{2027}' | '←'..='↓' | '\u{3000}'..='\u{3003}')
    };
    text.is_ascii() || text.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TABLE: &str = "CREATE TABLE occurrence (id INTEGER PRIMARY KEY, fingerprint TEXT, \
         name TEXT, service TEXT, environment TEXT, provider TEXT, alert TEXT)";

    /// A text with what senders write: plain, accented, escaped, of several scripts.
    fn text() -> impl Strategy<Value = String> {
        let word = prop_oneof![
            4 => "[a-cA-C0-1]{1,3}",
            1 => "[가각나]{1,2}",
            1 => "(é|É|ß|ﬀ|İ|e\u{301}|中|ア|Ж|ж|µ|²|Ⅷ|ⓐ){1,2}",
        ];
        let between = prop_oneof![
            5 => " ", 1 => "[-_/.\"\\\\\n\u{1}]", 1 => "(·|–|…|°|→|😀|\u{a0}|\u{200b}|\u{fe0f})"
        ];
        proptest::collection::vec((word, between), 0..5)
            .prop_map(|parts| parts.into_iter().map(|(word, between)| word + &between).collect())
    }

    fn value() -> impl Strategy<Value = serde_json::Value> {
        use serde_json::{Value, json};
        prop_oneof![
            6 => text().prop_map(Value::from),
            2 => (text(), text()).prop_map(|(key, value)| json!({ key: value, "n": [1, value] })),
            1 => prop_oneof![
                Just(Value::Null), Just(json!(true)), Just(json!(1.0)), Just(json!(1e30)), Just(json!(10))
            ],
        ]
    }

    proptest! {
        #[test]
        fn what_is_found_is_what_the_index_finds(
            values in proptest::collection::vec(value(), 6),
            columns in proptest::collection::vec(text(), 5),
            words in proptest::collection::vec("[a-c0-1]{1,2}|[가각]{1,2}", 1..3),
        ) {
            let db = Connection::open_in_memory().unwrap();
            db.execute_batch(&format!("{TABLE}; CREATE VIRTUAL TABLE occurrence_text {INDEX}")).unwrap();
            let names = ["description", "message", "note", "labels", "annotations", "url"];
            let alert: serde_json::Map<String, serde_json::Value> =
                names.iter().map(|name| (*name).to_owned()).zip(values).collect();
            let alert = serde_json::to_string(&alert).unwrap();
            let row = params![columns[0], columns[1], columns[2], columns[3], columns[4], alert];
            db.execute("INSERT INTO occurrence VALUES (7, ?1, ?2, ?3, ?4, ?5, ?6)", row).unwrap();
            let index = format!(
                "INSERT INTO occurrence_text (rowid, text) SELECT id, {TEXT} FROM occurrence"
            );
            db.execute(&index, ()).unwrap();
            let sql = "SELECT 1 FROM occurrence_text WHERE occurrence_text MATCH ?1";
            let wanted = db.prepare(sql).unwrap().exists([query(&words)]).unwrap();
            let mut statement = db.prepare(&format!("SELECT {COLUMNS} FROM occurrence")).unwrap();
            let mut rows = statement.query(()).unwrap();
            let mut looker = Looker::new(&db, &words).unwrap();
            prop_assert_eq!(looker.has_all(rows.next().unwrap().unwrap()).unwrap(), wanted);
        }

        #[test]
        fn rare_words_first_find_what_all_words_find(
            names in proptest::collection::vec("[ab]{1,2} [ab01]{1,2} [0-2]{2}", 1..60),
            words in proptest::collection::vec("[ab0-2]{1,2}", 2..4),
            candidates in 1..30usize,
        ) {
            let db = Connection::open_in_memory().unwrap();
            db.execute_batch(&format!("{TABLE}; CREATE VIRTUAL TABLE occurrence_text {INDEX}")).unwrap();
            for name in &names {
                let sql = "INSERT INTO occurrence (name, alert) VALUES (?1, '{}')";
                db.execute(sql, [name]).unwrap();
            }
            let index = format!(
                "INSERT INTO occurrence_text (rowid, text) SELECT id, {TEXT} FROM occurrence"
            );
            db.execute(&index, ()).unwrap();
            if let Some(found) = narrow_within(&db, &words, Limits { common: 8, candidates }).unwrap() {
                let sql = "SELECT rowid FROM occurrence_text WHERE occurrence_text MATCH ?1";
                let mut statement = db.prepare(sql).unwrap();
                let wanted = statement.query_map([query(&words)], |row| row.get(0)).unwrap();
                let wanted: Vec<i64> = wanted.map(Result::unwrap).collect();
                prop_assert_eq!(found, wanted);
            }
        }
    }
}
