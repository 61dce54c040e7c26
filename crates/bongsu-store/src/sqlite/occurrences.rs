//! Reading wide alerts and payloads: conditions and words as SQL.

use bongsu_lang::cel::{Column, ColumnKind, Columns, Parameter, Program, Sql};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row as SqlRow, params};

use super::packed;
use super::words::{self, Looker};
use crate::occurrence::{STATES, words};
use crate::{
    ChangeFilter, ChangeRecord, FacetValue, Facets, OccurrenceFilter, OccurrenceRecord,
    PayloadFilter, PayloadRow, PresetRow, SortKey, Total, stored_nanos, timestamp_of,
};

/// Rows looked at when a condition cannot be said in SQL.
const SCAN: usize = 200_000;
/// The newest alerts that are looked through for words before the index is asked.
const NEWEST: i64 = 1000;
/// How many of the newest alerts are looked through to count those that have words which stand in more
/// than so many.
const COUNTED: usize = 10_000;

/// Where a table has the fields of its alerts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fields {
    /// The table of alerts.
    All,
    /// The one that counts them by the fields that have a column.
    Counted,
}

impl Columns for Fields {
    fn json(&self) -> Option<&str> {
        (*self == Self::All).then_some("alert")
    }

    fn column(&self, path: &[&str]) -> Option<Column> {
        let (sql, kind) = match path {
            ["name"] => ("name", ColumnKind::Text),
            ["fingerprint"] if *self == Self::All => ("fingerprint", ColumnKind::Text),
            ["status"] => ("status", ColumnKind::Text),
            ["severity"] => ("severity", ColumnKind::Severity),
            ["providerType"] => ("provider", ColumnKind::Text),
            ["service"] => ("service", ColumnKind::Text),
            ["environment"] => ("environment", ColumnKind::Text),
            _ => return None,
        };
        Some(Column { sql, kind })
    }
}

/// What a filter says in SQL, and the condition that is left to be evaluated.
#[derive(Clone)]
struct Where<'a> {
    sql: String,
    parameters: Vec<Value>,
    rest: Option<&'a Program>,
    /// The alerts that have the words are listed.
    narrowed: bool,
}

impl<'a> Where<'a> {
    fn of(connection: &Connection, filter: &OccurrenceFilter<'a>) -> rusqlite::Result<Self> {
        let mut this = Self::of_condition(filter);
        let words = filter.text.map(words).unwrap_or_default();
        if words.is_empty() {
            return Ok(this);
        }
        match words::narrow(connection, &words)? {
            Some(ids) => this.narrow(&ids),
            None => {
                let query = this.bind(Value::Text(words::query(&words)));
                this.sql.push_str(&format!(
                    " AND id IN (SELECT rowid FROM occurrence_text \
                     WHERE occurrence_text MATCH {query})"
                ));
            }
        }
        Ok(this)
    }

    /// The same for counting. Where the words stand in more alerts than people wait for, the newest
    /// ones that the condition selects are looked through for them instead; and whether that left some
    /// out.
    fn of_all(
        connection: &Connection,
        filter: &OccurrenceFilter<'a>,
    ) -> rusqlite::Result<(Self, bool)> {
        let words = filter.text.map(words).unwrap_or_default();
        let mut this = Self::of_condition(filter);
        if this.rest.is_some() || !words::are_abundant(connection, &words, COUNTED)? {
            return Ok((Self::of(connection, filter)?, false));
        }
        let (ids, more) = this.looked_through(connection, &words)?;
        this.narrow(&ids);
        Ok((this, more))
    }

    /// The newest alerts so selected that have the words, and whether older ones were left out.
    fn looked_through(
        &self,
        connection: &Connection,
        words: &[String],
    ) -> rusqlite::Result<(Vec<i64>, bool)> {
        // What is not indexed is not found.
        let sql = format!(
            "SELECT {} FROM occurrence WHERE indexed_at >= at AND {} ORDER BY at DESC, id DESC",
            words::COLUMNS,
            self.sql
        );
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(&self.parameters))?;
        let mut looker = Looker::new(connection, words)?;
        let mut found = Vec::new();
        for _ in 0..COUNTED {
            let Some(row) = rows.next()? else { return Ok((found, false)) };
            if looker.has_all(row)? {
                found.push(row.get("id")?);
            }
        }
        Ok((found, rows.next()?.is_some()))
    }

    /// These alerts only.
    fn narrow(&mut self, ids: &[i64]) {
        self.narrowed = true;
        let ids = self.bind(Value::Text(format!("{ids:?}")));
        self.sql.push_str(&format!(" AND id IN (SELECT value FROM json_each({ids}))"));
    }

    /// What the condition alone says.
    fn of_condition(filter: &OccurrenceFilter<'a>) -> Self {
        let mut this =
            Self { sql: "1".to_owned(), parameters: Vec::new(), rest: None, narrowed: false };
        match filter.condition.map(|condition| (condition, condition.to_sql(&Fields::All))) {
            None => {}
            Some((_, Ok(Sql { text, parameters }))) => {
                this.sql = format!("({text})");
                this.parameters.extend(parameters.into_iter().map(value));
            }
            Some((condition, Err(_))) => this.rest = Some(condition),
        }
        this
    }

    /// The same over what is counted, if that can tell.
    fn counted(filter: &OccurrenceFilter<'a>) -> Option<Self> {
        if filter.text.is_some_and(|text| !words(text).is_empty()) {
            return None;
        }
        let mut this =
            Self { sql: "1".to_owned(), parameters: Vec::new(), rest: None, narrowed: false };
        if let Some(condition) = filter.condition {
            let Sql { text, parameters } = condition.to_sql(&Fields::Counted).ok()?;
            this.sql = format!("({text})");
            this.parameters.extend(parameters.into_iter().map(value));
        }
        Some(this)
    }

    fn bind(&mut self, value: Value) -> String {
        self.parameters.push(value);
        format!("?{}", self.parameters.len())
    }

    /// A field (dotted path) of the alert.
    fn field(&mut self, path: &[&str]) -> String {
        match Fields::All.column(path) {
            Some(column) => column.sql.to_owned(),
            None => {
                let quoted: Vec<String> =
                    path.iter().map(|key| format!("\"{}\"", key.replace('"', ""))).collect();
                let path = self.bind(Value::Text(format!("$.{}", quoted.join("."))));
                format!("json_extract(alert, {path})")
            }
        }
    }

    /// What to order by.
    fn order(&mut self, sort: &[SortKey]) -> String {
        let mut order = String::new();
        for key in sort {
            let path: Vec<&str> = key.field.split('.').collect();
            let by = match path.as_slice() {
                ["lastReceived" | "timestamp"] => "at".to_owned(),
                ["status"] => format!("instr('{STATES}', status)"),
                path => self.field(path),
            };
            order.push_str(&by);
            order.push_str(if key.descending { " DESC, " } else { ", " });
        }
        order + "at DESC, id DESC"
    }
}

fn value(parameter: Parameter) -> Value {
    match parameter {
        Parameter::Int(int) => Value::Integer(int),
        Parameter::Real(real) => Value::Real(real),
        Parameter::Text(text) => Value::Text(text),
        Parameter::Blob(blob) => Value::Blob(blob),
    }
}

fn record(row: &SqlRow<'_>) -> rusqlite::Result<OccurrenceRecord> {
    Ok(OccurrenceRecord {
        id: row.get(0)?,
        at: timestamp_of(row.get(1)?),
        fingerprint: row.get(2)?,
        known: row.get(3)?,
        alert: row.get(4)?,
    })
}

fn holds(condition: Option<&Program>, alert: &str) -> bool {
    condition.is_none_or(|condition| {
        // Written by this program as JSON.
        let alert: serde_json::Value = serde_json::from_str(alert).unwrap_or_default();
        condition.matches(&alert).matched()
    })
}

pub(super) fn list(
    connection: &Connection,
    filter: &OccurrenceFilter<'_>,
) -> rusqlite::Result<Vec<OccurrenceRecord>> {
    if let Some(found) = newest(connection, filter)? {
        return Ok(found);
    }
    let mut wanted = Where::of(connection, filter)?;
    if let Some((at, id)) = filter.before {
        let at = wanted.bind(Value::Integer(stored_nanos(at)));
        let id = wanted.bind(Value::Integer(id));
        wanted.sql.push_str(&format!(" AND (at, id) < ({at}, {id})"));
    }
    // What is evaluated here is also counted here.
    let (limit, offset, mut skip) = match wanted.rest {
        Some(_) => (SCAN, 0, filter.offset),
        None => (filter.limit, filter.offset, 0),
    };
    let order = wanted.order(filter.sort);
    let limit = wanted.bind(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
    let offset = wanted.bind(Value::Integer(i64::try_from(offset).unwrap_or(i64::MAX)));
    let sql = format!(
        "SELECT id, at, fingerprint, known, alert FROM occurrence WHERE {} \
         ORDER BY {order} LIMIT {limit} OFFSET {offset}",
        wanted.sql
    );
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query(rusqlite::params_from_iter(&wanted.parameters))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        if found.len() >= filter.limit {
            break;
        }
        if holds(wanted.rest, row.get_ref(4)?.as_str()?) {
            match skip.checked_sub(1) {
                Some(left) => skip = left,
                None => found.push(record(row)?),
            }
        }
    }
    Ok(found)
}

/// A page of alerts that have the words asked for, if the newest alerts fill it.
fn newest(
    connection: &Connection,
    filter: &OccurrenceFilter<'_>,
) -> rusqlite::Result<Option<Vec<OccurrenceRecord>>> {
    let words = filter.text.map(words).unwrap_or_default();
    let mut wanted = Where::of_condition(filter);
    let usual = filter.sort.is_empty() && filter.offset == 0 && wanted.rest.is_none();
    if words.is_empty() || !usual || !words.iter().all(|word| words::is_plain(word)) {
        return Ok(None);
    }
    let place = filter.before.map_or((i64::MAX, i64::MAX), |(at, id)| (stored_nanos(at), id));
    let (at, id) = (wanted.bind(Value::Integer(place.0)), wanted.bind(Value::Integer(place.1)));
    let newest = wanted.bind(Value::Integer(NEWEST));
    // The order of the inner rows is that of the outer ones; what is not indexed is not found.
    let sql = format!(
        "SELECT {}, at, known FROM (SELECT * FROM occurrence WHERE (at, id) < ({at}, {id}) \
         ORDER BY at DESC, id DESC LIMIT {newest}) WHERE indexed_at >= at AND {} \
         ORDER BY at DESC, id DESC",
        words::COLUMNS,
        wanted.sql
    );
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query(rusqlite::params_from_iter(&wanted.parameters))?;
    let mut looker = Looker::new(connection, &words)?;
    let mut found = Vec::new();
    while found.len() < filter.limit {
        let Some(row) = rows.next()? else { return Ok(None) };
        if looker.has_all(row)? {
            found.push(OccurrenceRecord {
                id: row.get("id")?,
                at: timestamp_of(row.get("at")?),
                fingerprint: row.get("fingerprint")?,
                known: row.get("known")?,
                alert: row.get("alert")?,
            });
        }
    }
    Ok(Some(found))
}

pub(super) fn get(
    connection: &Connection,
    fingerprint: &str,
) -> rusqlite::Result<Option<OccurrenceRecord>> {
    let sql = "SELECT id, at, fingerprint, known, alert FROM occurrence WHERE fingerprint = ?1";
    connection.prepare_cached(sql)?.query_row([fingerprint], record).optional()
}

/// The same alerts, all of them, in the usual order.
fn whole<'a>(filter: &OccurrenceFilter<'a>) -> OccurrenceFilter<'a> {
    OccurrenceFilter { before: None, sort: &[], offset: 0, ..*filter }
}

pub(super) fn count(
    connection: &Connection,
    filter: &OccurrenceFilter<'_>,
) -> rusqlite::Result<Total> {
    let total = |n: i64, more| Total { n: n.cast_unsigned(), more };
    if let Some(wanted) = Where::counted(filter) {
        let sql = format!("SELECT coalesce(sum(n), 0) FROM occurrence_count WHERE {}", wanted.sql);
        let parameters = rusqlite::params_from_iter(&wanted.parameters);
        let mut statement = connection.prepare_cached(&sql)?;
        return statement.query_row(parameters, |row| row.get(0)).map(|n| total(n, false));
    }
    let (wanted, more) = Where::of_all(connection, filter)?;
    if wanted.rest.is_some() {
        let all = OccurrenceFilter { limit: SCAN, ..whole(filter) };
        let n = list(connection, &all)?.len() as u64;
        return Ok(Total { n, more: false });
    }
    // Every text belongs to an alert, so without a condition the texts are counted.
    let sql = match (filter.condition, &*wanted.parameters) {
        (None, [Value::Text(_)]) if !wanted.narrowed => {
            "SELECT count(*) FROM occurrence_text WHERE occurrence_text MATCH ?1".to_owned()
        }
        _ => format!("SELECT count(*) FROM occurrence WHERE {}", wanted.sql),
    };
    let parameters = rusqlite::params_from_iter(&wanted.parameters);
    connection.prepare(&sql)?.query_row(parameters, |row| row.get(0)).map(|n| total(n, more))
}

/// Fields that are counted as alerts change cost next to nothing. For the others the condition is
/// what costs: it is asked of every alert once, whatever the number of fields.
pub(super) fn facets(
    connection: &Connection,
    fields: &[String],
    filter: &OccurrenceFilter<'_>,
) -> rusqlite::Result<Facets> {
    let mut found: Vec<Vec<FacetValue>> = vec![Vec::new(); fields.len()];
    let counted = Where::counted(filter);
    let column = |field: &String| {
        let path: Vec<&str> = field.split('.').collect();
        counted.as_ref().and_then(|_| counted_column(&path))
    };
    let (kept, others): (Vec<usize>, Vec<usize>) =
        (0..fields.len()).partition(|at| column(&fields[*at]).is_some());
    if let Some(wanted) = counted.as_ref().filter(|_| !kept.is_empty()) {
        let columns = kept.iter().filter_map(|at| Some((*at, column(&fields[*at])?.to_owned())));
        let table = ("occurrence_count", "n");
        let columns: Vec<(usize, String)> = columns.collect();
        facets_in(connection, table, &columns, wanted.clone(), filter.limit, &mut found)?;
    }
    if others.is_empty() {
        return Ok(Facets { values: found, more: false });
    }
    let (mut wanted, more) = Where::of_all(connection, filter)?;
    if wanted.rest.is_some() {
        let all = OccurrenceFilter { limit: SCAN, ..whole(filter) };
        let alerts = list(connection, &all)?;
        for at in others {
            let alerts = alerts.iter().map(|record| record.alert.as_str());
            found[at] = crate::memory::facet_of(alerts, &fields[at], filter.limit);
        }
        return Ok(Facets { values: found, more });
    }
    let mut columns = Vec::new();
    for at in others {
        let path: Vec<&str> = fields[at].split('.').collect();
        let column = match path.as_slice() {
            ["severity"] => "alert ->> 'severity'".to_owned(),
            path => wanted.field(path),
        };
        columns.push((at, column));
    }
    facets_in(connection, ("occurrence", "1"), &columns, wanted, filter.limit, &mut found)?;
    Ok(Facets { values: found, more })
}

/// The values of `columns` among the rows of a table, of which each stands for `n` alerts; each
/// column with its place in `found`.
fn facets_in(
    connection: &Connection,
    (table, n): (&str, &str),
    columns: &[(usize, String)],
    mut wanted: Where<'_>,
    limit: usize,
    found: &mut [Vec<FacetValue>],
) -> rusqlite::Result<()> {
    let limit = wanted.bind(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
    let counts: Vec<String> = columns
        .iter()
        .map(|(at, _)| {
            format!(
                "SELECT * FROM (SELECT {at}, c{at}, sum(n) AS n FROM found \
                 GROUP BY c{at} ORDER BY n DESC, c{at} LIMIT {limit})"
            )
        })
        .collect();
    let kept = if columns.len() == 1 { "" } else { "MATERIALIZED" };
    let columns: Vec<String> =
        columns.iter().map(|(at, column)| format!("CAST({column} AS TEXT) AS c{at}")).collect();
    let sql = format!(
        "WITH found AS {kept} (SELECT {}, {n} AS n FROM {table} WHERE {}) {}",
        columns.join(", "),
        wanted.sql,
        counts.join(" UNION ALL ")
    );
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query(rusqlite::params_from_iter(&wanted.parameters))?;
    while let Some(row) = rows.next()? {
        let value = FacetValue { value: row.get(1)?, count: row.get::<_, i64>(2)?.cast_unsigned() };
        if let Some(values) = found.get_mut(row.get::<_, u32>(0)? as usize) {
            values.push(value);
        }
    }
    // A compound promises no order.
    for values in found {
        values.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
    }
    Ok(())
}

/// SQL of a field among what is counted.
fn counted_column(path: &[&str]) -> Option<&'static str> {
    match path {
        ["severity"] => Some(
            "CASE severity WHEN 1 THEN 'low' WHEN 2 THEN 'info' WHEN 3 THEN 'warning' \
             WHEN 4 THEN 'high' WHEN 5 THEN 'critical' END",
        ),
        path => Fields::Counted.column(path).map(|column| column.sql),
    }
}

pub(super) const PAYLOAD: &str =
    "SELECT id, at, provider, instance, origin, body, problem, length FROM payload";

pub(super) fn payload_row(row: &SqlRow<'_>) -> rusqlite::Result<PayloadRow> {
    Ok(PayloadRow {
        id: row.get(0)?,
        at: timestamp_of(row.get(1)?),
        provider: row.get(2)?,
        instance: row.get(3)?,
        origin: row.get(4)?,
        body: match row.get::<_, Option<u32>>(7)? {
            Some(length) => packed::unpack(row.get_ref(5)?.as_blob()?, length as usize)?,
            None => row.get(5)?,
        },
        problem: row.get(6)?,
    })
}

pub(super) fn payloads(
    connection: &Connection,
    filter: &PayloadFilter,
) -> rusqlite::Result<Vec<PayloadRow>> {
    let only = if filter.problems { "AND problem IS NOT NULL" } else { "" };
    let sql = format!(
        "{PAYLOAD} WHERE id < ?1 {only} AND (?2 IS NULL OR provider = ?2) \
         ORDER BY id DESC LIMIT ?3"
    );
    let limit = i64::try_from(filter.limit).unwrap_or(i64::MAX);
    let params = params![filter.before.unwrap_or(i64::MAX), filter.provider, limit];
    connection.prepare_cached(&sql)?.query_map(params, payload_row)?.collect()
}

pub(super) fn payload(connection: &Connection, id: i64) -> rusqlite::Result<Option<PayloadRow>> {
    let sql = format!("{PAYLOAD} WHERE id = ?1");
    connection.prepare_cached(&sql)?.query_row([id], payload_row).optional()
}

pub(super) fn presets(connection: &Connection) -> rusqlite::Result<Vec<PresetRow>> {
    let sql = "SELECT name, at, data FROM preset ORDER BY name";
    let preset = |row: &SqlRow<'_>| {
        Ok(PresetRow { name: row.get(0)?, at: timestamp_of(row.get(1)?), data: row.get(2)? })
    };
    connection.prepare_cached(sql)?.query_map([], preset)?.collect()
}

pub(super) fn changes(
    connection: &Connection,
    filter: &ChangeFilter,
) -> rusqlite::Result<Vec<ChangeRecord>> {
    let sql = "SELECT id, at, detail FROM change WHERE (at, id) < (?1, ?2) AND at >= ?3 \
               AND (?4 IS NULL OR service = ?4) AND (?5 IS NULL OR environment = ?5) \
               ORDER BY at DESC, id DESC LIMIT ?6";
    let (at, id) = filter.before.map_or((i64::MAX, i64::MAX), |(at, id)| (stored_nanos(at), id));
    let since = filter.since.map_or(i64::MIN, stored_nanos);
    let limit = i64::try_from(filter.limit).unwrap_or(i64::MAX);
    let params = params![at, id, since, filter.service, filter.environment, limit];
    let change = |row: &SqlRow<'_>| {
        Ok(ChangeRecord { id: row.get(0)?, at: timestamp_of(row.get(1)?), detail: row.get(2)? })
    };
    connection.prepare_cached(sql)?.query_map(params, change)?.collect()
}
