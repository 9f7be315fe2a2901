//! The part of the Logs Insights language that the embedded AWS knows: `fields`, `display`, `filter`, `stats … by …`, `sort`, `limit`.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html>

mod condition;
mod stats;

use super::lines::Event;
use condition::Condition;
use serde_json::{Value, json};
use stats::Stats;
use std::cmp::Ordering;

/// How many rows AWS gives at most.
const MOST: usize = 10_000;

/// A line with its fields: AWS finds those of JSON lines by itself.
pub(super) struct Row {
    fields: Value,
}

impl Row {
    pub(super) fn of(event: &Event, group: &str, place: usize) -> Row {
        let mut fields = serde_json::from_str::<Value>(&event.message).ok().filter(Value::is_object).unwrap_or_else(|| json!({}));
        fields["@timestamp"] = json!(time(event.at));
        fields["@ingestionTime"] = json!(time(event.ingested));
        fields["@message"] = json!(event.message);
        fields["@logStream"] = json!(event.stream);
        fields["@log"] = json!(format!("{}:{group}", crate::world::ACCOUNT));
        fields["@ptr"] = json!(format!("{place:040}"));
        Row { fields }
    }

    /// A field as text; nested ones with a dot.
    fn text(&self, name: &str) -> Option<String> {
        let found = self.fields.get(name).or_else(|| name.split('.').try_fold(&self.fields, |value, part| value.get(part)))?;
        match found {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }
}

/// `2026-11-25 14:10:16.000`.
fn time(at: i64) -> String {
    jiff::Timestamp::from_millisecond(at).unwrap_or_default().strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

/// A query.
#[derive(Clone, Debug, Default)]
pub(super) struct Query {
    shown: Vec<String>,
    filters: Vec<Condition>,
    stats: Option<Stats>,
    sort: Option<(String, bool)>,
    limit: Option<usize>,
}

/// A row of the answer: fields with their values, in order.
type Fields = Vec<(String, Option<String>)>;

impl Query {
    /// Reads a query.
    pub(super) fn parse(text: &str) -> Result<Query, String> {
        let mut query = Query::default();
        for part in pipeline(text) {
            let (verb, rest) = part.split_once(char::is_whitespace).unwrap_or((part, ""));
            let rest = rest.trim();
            match verb.to_lowercase().as_str() {
                "fields" | "display" => query.shown = rest.split(',').map(|name| unquoted(name.trim()).to_owned()).collect(),
                "filter" => query.filters.push(Condition::parse(rest)?),
                "stats" => query.stats = Some(Stats::parse(rest)?),
                "sort" => {
                    let (name, order) = rest.rsplit_once(' ').unwrap_or((rest, "asc"));
                    let order = order.trim().to_lowercase();
                    if !["asc", "desc"].contains(&order.as_str()) {
                        return Err(format!("unexpected symbol found {order} in sort"));
                    }
                    query.sort = Some((unquoted(name.trim()).to_owned(), order == "desc"));
                }
                "limit" => query.limit = Some(rest.parse().map_err(|_| format!("unexpected symbol found {rest} in limit"))?),
                _ => return Err(format!("unexpected symbol found {verb} at line 1 and position 0")),
            }
        }
        Ok(query)
    }

    /// The rows of the answer and how many lines passed the filters.
    pub(super) fn run(&self, rows: Vec<Row>) -> (Vec<Value>, usize) {
        let mut rows = rows;
        rows.retain(|row| self.filters.iter().all(|filter| filter.holds(row)));
        let matched = rows.len();
        let mut found: Vec<(Fields, Option<String>)> = match &self.stats {
            Some(stats) => stats
                .run(&rows)
                .into_iter()
                .map(|fields| {
                    let key = self.sort.as_ref().and_then(|(name, _)| fields.iter().find(|(field, _)| field == name)?.1.clone());
                    (fields, key)
                })
                .collect(),
            None => {
                rows.iter().map(|row| (self.shown_of(row), row.text(self.sort.as_ref().map_or("@timestamp", |(name, _)| name)))).collect()
            }
        };
        // Without an order the newest line comes first.
        let down = self.sort.as_ref().map_or(self.stats.is_none(), |(_, down)| *down);
        if self.sort.is_some() || self.stats.is_none() {
            found.sort_by(|a, b| if down { order(&b.1, &a.1) } else { order(&a.1, &b.1) });
        }
        found.truncate(self.limit.unwrap_or(MOST).min(MOST));
        let row = |(fields, _): (Fields, _)| -> Value {
            fields.into_iter().filter_map(|(field, value)| Some(json!({"field": field, "value": value?}))).collect()
        };
        (found.into_iter().map(row).collect(), matched)
    }

    fn shown_of(&self, row: &Row) -> Fields {
        let usual = ["@timestamp", "@message"].map(str::to_owned);
        let names = if self.shown.is_empty() { &usual[..] } else { &self.shown };
        let all = names.iter().map(String::as_str).chain(["@ptr"]);
        all.map(|name| (name.to_owned(), row.text(name))).collect()
    }
}

/// Numbers by their size, everything else by its letters; what is not there comes first.
fn order(a: &Option<String>, b: &Option<String>) -> Ordering {
    let number = |text: &Option<String>| text.as_ref().and_then(|text| text.parse::<f64>().ok());
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        _ => a.cmp(b),
    }
}

/// The commands of a query: what stands in quotes or slashes has no bars.
fn pipeline(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut inside) = (Vec::new(), 0, None);
    for (at, c) in text.char_indices() {
        match (inside, c) {
            (None, '"' | '\'' | '/') => inside = Some(c),
            (Some(open), c) if c == open => inside = None,
            (None, '|') => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    let comment = |line: &str| line.trim_start().starts_with('#');
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty() && !comment(part)).collect()
}

/// A field's name without the backticks that it may have.
fn unquoted(name: &str) -> &str {
    name.trim_matches('`')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Row> {
        let lines = [
            (0, r#"{"level":"INFO","path":"/a","duration_ms":10}"#),
            (1000, r#"{"level":"ERROR","path":"/b","duration_ms":5.5,"message":"it | broke"}"#),
            (301_000, r#"{"level":"INFO","path":"/a","duration_ms":30}"#),
            (302_000, "no JSON at all"),
        ];
        let event = |(at, message): &(i64, &str)| Event {
            at: *at,
            ingested: *at,
            message: (*message).to_owned(),
            id: String::new(),
            stream: "s".into(),
        };
        lines.iter().enumerate().map(|(place, line)| Row::of(&event(line), "g", place)).collect()
    }

    fn answers(query: &str) -> Vec<Vec<String>> {
        let (rows, _) = Query::parse(query).unwrap().run(rows());
        let text = |row: &Value| {
            let fields = row.as_array().unwrap().iter().filter(|field| field["field"] != "@ptr");
            fields.map(|field| format!("{}={}", field["field"].as_str().unwrap(), field["value"].as_str().unwrap())).collect()
        };
        rows.iter().map(text).collect()
    }

    #[test]
    fn the_commands_do_what_is_documented() {
        assert_eq!(answers("fields path | filter level = \"ERROR\""), [["path=/b"]]);
        assert_eq!(
            answers("fields path, duration_ms | filter ispresent(duration_ms) | sort duration_ms desc | limit 2"),
            [["path=/a", "duration_ms=30"], ["path=/a", "duration_ms=10"]]
        );
        assert_eq!(
            answers("filter @message like /it \\| broke/ or @message like \"no JSON\" | fields @logStream | sort @timestamp asc"),
            [["@logStream=s"], ["@logStream=s"]]
        );
        assert_eq!(answers("filter not (level = 'INFO') and ispresent(level) | fields level"), [["level=ERROR"]]);
        assert_eq!(answers("stats count(*) as n by path | sort path asc"), [vec!["n=1"], vec!["path=/a", "n=2"], vec!["path=/b", "n=1"]]);
        assert_eq!(
            answers("filter path = \"/a\" | stats pct(duration_ms, 50), max(duration_ms), avg(duration_ms) as mean by path"),
            [["path=/a", "pct(duration_ms, 50)=10", "max(duration_ms)=30", "mean=20"]]
        );
        assert_eq!(
            answers("stats count(*) by bin(5m)"),
            [["bin(5m)=1970-01-01 00:00:00.000", "count(*)=2"], ["bin(5m)=1970-01-01 00:05:00.000", "count(*)=2"]]
        );
    }

    #[test]
    fn what_it_does_not_know_is_malformed() {
        for wrong in ["filer level = 1", "filter level", "stats median(x)", "sort a sideways", "limit many", "filter (a = 1"] {
            assert!(Query::parse(wrong).is_err(), "{wrong}");
        }
    }
}
