//! Conditions of `filter`: comparisons, `like`, `in`, `ispresent`, with `and`, `or`, `not` and brackets.

use super::{Row, unquoted};

/// A condition.
#[derive(Clone, Debug)]
pub(super) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Present(String),
    /// Field, text, whether letters are compared with their case.
    Like(String, String, bool),
    In(String, Vec<String>),
    Compare(String, String, String),
}

/// Words, operators, brackets; what stands in quotes or slashes is one, with its quotes.
fn tokens(text: &str) -> Result<Vec<String>, String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' | '\'' | '/' => closing(rest, first).ok_or_else(|| format!("a closing {first} is missing"))?,
            '(' | ')' | '[' | ']' | ',' => 1,
            '=' | '!' | '<' | '>' | '~' => rest.find(|c| !"=!<>~".contains(c)).unwrap_or(rest.len()),
            _ => rest.find(|c: char| c.is_whitespace() || "()[],=!<>~\"'".contains(c)).unwrap_or(rest.len()),
        };
        tokens.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

/// Where a quoted text ends; a backslash hides what follows.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut hidden = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '\\' if !hidden => hidden = true,
            c if c == quote && !hidden => return Some(at + 1),
            _ => hidden = false,
        }
    }
    None
}

struct Reader {
    tokens: std::iter::Peekable<std::vec::IntoIter<String>>,
}

impl Condition {
    pub(super) fn parse(text: &str) -> Result<Condition, String> {
        let mut reader = Reader { tokens: tokens(text)?.into_iter().peekable() };
        let condition = reader.any()?;
        match reader.tokens.next() {
            None => Ok(condition),
            Some(more) => Err(format!("unexpected symbol found {more} in filter")),
        }
    }

    pub(super) fn holds(&self, row: &Row) -> bool {
        match self {
            Condition::All(all) => all.iter().all(|it| it.holds(row)),
            Condition::Any(any) => any.iter().any(|it| it.holds(row)),
            Condition::Not(it) => !it.holds(row),
            Condition::Present(field) => row.text(field).is_some(),
            Condition::Like(field, text, case) => row.text(field).is_some_and(|found| {
                if *case { found.contains(text.as_str()) } else { found.to_lowercase().contains(&text.to_lowercase()) }
            }),
            Condition::In(field, values) => row.text(field).is_some_and(|found| values.contains(&found)),
            Condition::Compare(field, operator, value) => {
                let order = super::order(&row.text(field), &Some(value.clone()));
                match (operator.as_str(), row.text(field).is_some()) {
                    ("=", there) => there && order.is_eq(),
                    ("!=", _) => !order.is_eq(),
                    (_, false) => false,
                    ("<", _) => order.is_lt(),
                    (">", _) => order.is_gt(),
                    ("<=", _) => order.is_le(),
                    _ => order.is_ge(),
                }
            }
        }
    }
}

impl Reader {
    fn is(&mut self, word: &str) -> bool {
        self.tokens.next_if(|token| token.eq_ignore_ascii_case(word)).is_some()
    }

    fn next(&mut self) -> Result<String, String> {
        self.tokens.next().ok_or_else(|| "unexpected end of the filter".to_owned())
    }

    fn must(&mut self, word: &str) -> Result<(), String> {
        let found = self.next()?;
        if found.eq_ignore_ascii_case(word) { Ok(()) } else { Err(format!("unexpected symbol found {found}: {word} is expected")) }
    }

    fn any(&mut self) -> Result<Condition, String> {
        let mut any = vec![self.all()?];
        while self.is("or") {
            any.push(self.all()?);
        }
        Ok(Condition::Any(any))
    }

    fn all(&mut self) -> Result<Condition, String> {
        let mut all = vec![self.one()?];
        while self.is("and") {
            all.push(self.one()?);
        }
        Ok(Condition::All(all))
    }

    fn one(&mut self) -> Result<Condition, String> {
        if self.is("not") {
            return Ok(Condition::Not(Box::new(self.one()?)));
        }
        if self.is("(") {
            let inner = self.any()?;
            self.must(")")?;
            return Ok(inner);
        }
        if self.is("ispresent") {
            self.must("(")?;
            let field = self.next()?;
            self.must(")")?;
            return Ok(Condition::Present(unquoted(&field).to_owned()));
        }
        let field = unquoted(&self.next()?).to_owned();
        let not = self.is("not");
        let found = match self.next()?.to_lowercase().as_str() {
            "like" | "=~" => {
                let (text, case) = pattern(&self.next()?)?;
                Condition::Like(field, text, case)
            }
            "in" => {
                self.must("[")?;
                let mut values = Vec::new();
                while !self.is("]") {
                    values.push(value(&self.next()?));
                    self.is(",");
                }
                Condition::In(field, values)
            }
            operator if ["=", "!=", "<", ">", "<=", ">="].contains(&operator) => {
                Condition::Compare(field, operator.to_owned(), value(&self.next()?))
            }
            other => return Err(format!("unexpected symbol found {other} in filter")),
        };
        Ok(if not { Condition::Not(Box::new(found)) } else { found })
    }
}

fn value(token: &str) -> String {
    token.trim_matches(['"', '\'']).to_owned()
}

/// The text that a line must have. Of regular expressions only plain text is known, with `(?i)` before it.
fn pattern(token: &str) -> Result<(String, bool), String> {
    let Some(inner) = token.strip_prefix('/').and_then(|token| token.strip_suffix('/')) else { return Ok((value(token), true)) };
    let (inner, case) = inner.strip_prefix("(?i)").map_or((inner, true), |inner| (inner, false));
    let (mut text, mut hidden) = (String::new(), false);
    for c in inner.chars() {
        match c {
            '\\' if !hidden => hidden = true,
            c if hidden || !".*+?[](){}|^$".contains(c) => {
                text.push(c);
                hidden = false;
            }
            _ => return Err(format!("the embedded AWS knows no regular expressions: {token}")),
        }
    }
    Ok((text, case))
}
