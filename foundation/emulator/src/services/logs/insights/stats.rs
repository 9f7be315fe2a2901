//! `stats`: counts, sums and percentiles over groups of lines.

use super::{Row, time, unquoted};
use std::collections::BTreeMap;

/// What is computed, and by which fields.
#[derive(Clone, Debug)]
pub(super) struct Stats {
    columns: Vec<Column>,
    by: Vec<By>,
}

#[derive(Clone, Debug)]
struct Column {
    name: String,
    function: String,
    field: String,
    percent: f64,
}

#[derive(Clone, Debug)]
enum By {
    Field(String),
    /// Its name and its milliseconds.
    Bin(String, i64),
}

/// The parts of a list: commas in brackets are none of its own.
fn parts(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts
}

/// What stands in the brackets of a call.
fn call(text: &str) -> Option<(&str, &str)> {
    let (function, rest) = text.split_once('(')?;
    Some((function.trim(), rest.strip_suffix(')')?.trim()))
}

fn bin(text: &str) -> Option<i64> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let unit = match unit.trim() {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<i64>().ok().filter(|number| *number > 0).map(|number| number * unit)
}

impl Column {
    fn parse(text: &str) -> Result<Column, String> {
        let (text, name) = text.split_once(" as ").map_or((text, text), |(text, name)| (text.trim(), name.trim()));
        let wrong = || format!("unexpected symbol found {text} in stats");
        let (function, arguments) = call(text).ok_or_else(wrong)?;
        let (field, percent) = arguments.split_once(',').unwrap_or((arguments, "50"));
        let known = ["count", "count_distinct", "sum", "avg", "min", "max", "pct", "earliest", "latest"];
        if !known.contains(&function) {
            return Err(wrong());
        }
        let percent = percent.trim().parse().map_err(|_| wrong())?;
        Ok(Column { name: unquoted(name).to_owned(), function: function.to_owned(), field: unquoted(field.trim()).to_owned(), percent })
    }

    fn of(&self, rows: &[&Row]) -> Option<String> {
        let texts = || rows.iter().filter_map(|row| row.text(&self.field));
        let mut numbers: Vec<f64> = texts().filter_map(|text| text.parse().ok()).collect();
        numbers.sort_by(f64::total_cmp);
        let number = match self.function.as_str() {
            "count" if ["*", ""].contains(&self.field.as_str()) => rows.len() as f64,
            "count" => texts().count() as f64,
            "count_distinct" => texts().collect::<std::collections::BTreeSet<_>>().len() as f64,
            "earliest" => return texts().next(),
            "latest" => return texts().next_back(),
            _ if numbers.is_empty() => return None,
            "sum" => numbers.iter().sum(),
            "avg" => numbers.iter().sum::<f64>() / numbers.len() as f64,
            "min" => numbers[0],
            "max" => numbers[numbers.len() - 1],
            _ => {
                // The smallest number that so many in a hundred are not above.
                let rank = (self.percent / 100.0 * numbers.len() as f64).ceil() as usize;
                numbers[rank.clamp(1, numbers.len()) - 1]
            }
        };
        Some(format!("{}", (number * 1e4).round() / 1e4))
    }
}

impl Stats {
    pub(super) fn parse(text: &str) -> Result<Stats, String> {
        let (columns, by) = text.split_once(" by ").map_or((text, None), |(columns, by)| (columns, Some(by)));
        let group = |text: &str| match call(text) {
            Some(("bin", every)) => bin(every).map(|every| By::Bin(text.to_owned(), every)).ok_or_else(|| format!("unexpected bin {text}")),
            Some(_) => Err(format!("the embedded AWS groups by fields and bin(): {text}")),
            None => Ok(By::Field(unquoted(text).to_owned())),
        };
        let by: Result<_, String> = by.map(parts).into_iter().flatten().map(group).collect();
        let columns: Result<_, String> = parts(columns).into_iter().map(Column::parse).collect();
        Ok(Stats { columns: columns?, by: by? })
    }

    pub(super) fn run(&self, rows: &[Row]) -> Vec<super::Fields> {
        let mut groups: BTreeMap<Vec<Option<String>>, Vec<&Row>> = BTreeMap::new();
        for row in rows {
            let key = self.by.iter().map(|by| match by {
                By::Field(name) => row.text(name),
                By::Bin(_, every) => row.text("@timestamp").as_deref().and_then(millis).map(|at| time(at - at.rem_euclid(*every))),
            });
            groups.entry(key.collect()).or_default().push(row);
        }
        if groups.is_empty() && self.by.is_empty() {
            groups.insert(Vec::new(), Vec::new());
        }
        let name = |by: &By| match by {
            By::Field(name) | By::Bin(name, _) => name.clone(),
        };
        let fields = |(key, rows): (Vec<Option<String>>, Vec<&Row>)| {
            let mut fields: super::Fields = self.by.iter().map(name).zip(key).collect();
            fields.extend(self.columns.iter().map(|column| (column.name.clone(), column.of(&rows))));
            fields
        };
        groups.into_iter().map(fields).collect()
    }
}

fn millis(text: &str) -> Option<i64> {
    let at: jiff::Timestamp = format!("{}Z", text.replacen(' ', "T", 1)).parse().ok()?;
    Some(at.as_millisecond())
}
