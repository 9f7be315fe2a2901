//! Filter patterns: terms that a line must have, may have or must not have, and comparisons of a JSON line's fields.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>

use serde_json::Value;

/// A pattern.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Pattern {
    /// All of the first, none of the second, and, where there are only those, one of the third.
    Terms { all: Vec<String>, none: Vec<String>, any: Vec<String> },
    /// One of these must hold: in each, all comparisons.
    Json(Vec<Vec<Comparison>>),
}

/// One comparison of a field.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Comparison {
    path: Vec<String>,
    operator: String,
    value: String,
}

impl Pattern {
    /// Reads a pattern.
    pub(super) fn parse(text: &str) -> Result<Pattern, String> {
        let text = text.trim();
        if text.len() > 1024 {
            return Err("Filter pattern must have length less than or equal to 1024".to_owned());
        }
        if let Some(inner) = text.strip_prefix('{') {
            let inner = inner.strip_suffix('}').ok_or("Invalid filter pattern: a closing } is missing")?;
            let alternatives: Result<_, String> = inner.split("||").map(|part| part.split("&&").map(comparison).collect()).collect();
            return Ok(Pattern::Json(alternatives?));
        }
        if text.starts_with(['[', '%']) {
            return Err("Invalid filter pattern: the embedded AWS knows terms and { $.field = value }".to_owned());
        }
        let (mut all, mut none, mut any) = (Vec::new(), Vec::new(), Vec::new());
        let mut rest = text;
        while !rest.is_empty() {
            let (list, after) = match rest.chars().next() {
                Some('-') => (&mut none, &rest[1..]),
                Some('?') => (&mut any, &rest[1..]),
                _ => (&mut all, rest),
            };
            let (term, after) = term(after)?;
            list.push(term);
            rest = after.trim_start();
        }
        Ok(Pattern::Terms { all, none, any })
    }

    /// Whether a line passes. Letters are compared with their case.
    pub(super) fn matches(&self, line: &str) -> bool {
        match self {
            Pattern::Terms { all, none, any } => {
                let has = |term: &String| line.contains(term.as_str());
                all.iter().all(has) && !none.iter().any(has) && (any.is_empty() || !all.is_empty() || any.iter().any(has))
            }
            Pattern::Json(alternatives) => {
                let Ok(line) = serde_json::from_str::<Value>(line) else { return false };
                alternatives.iter().any(|all| all.iter().all(|one| one.holds(&line)))
            }
        }
    }
}

/// The first term and what follows it.
fn term(text: &str) -> Result<(String, &str), String> {
    if let Some(quoted) = text.strip_prefix('"') {
        let (term, rest) = quoted.split_once('"').ok_or("Invalid filter pattern: a closing \" is missing")?;
        return Ok((term.to_owned(), rest));
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (term, rest) = text.split_at(end);
    // Whatever is neither letter, digit nor underscore needs quotes.
    if term.is_empty() || !term.chars().all(|c| c.is_alphanumeric() || c == '_') {
        return Err(format!("Invalid filter pattern: Invalid character(s) in term '{term}'"));
    }
    Ok((term.to_owned(), rest))
}

fn comparison(text: &str) -> Result<Comparison, String> {
    let wrong = || format!("Invalid filter pattern: `{}` is no comparison", text.trim());
    let text = text.trim().trim_matches(['(', ')']).trim();
    let rest = text.strip_prefix("$.").ok_or_else(wrong)?;
    let at = rest.find(['=', '!', '<', '>']).ok_or_else(wrong)?;
    let (path, rest) = rest.split_at(at);
    let operator = ["!=", "<=", ">=", "=", "<", ">"].into_iter().find(|it| rest.starts_with(it)).ok_or_else(wrong)?;
    let value = rest[operator.len()..].trim().trim_matches('"');
    let path = path.trim().split('.').map(str::to_owned).collect();
    Ok(Comparison { path, operator: operator.to_owned(), value: value.to_owned() })
}

impl Comparison {
    fn holds(&self, line: &Value) -> bool {
        let Some(found) = self.path.iter().try_fold(line, |value, part| value.get(part)).filter(|it| !it.is_null()) else { return false };
        let same = match found {
            Value::String(text) => match self.value.split_once('*') {
                Some((start, end)) => text.len() >= start.len() + end.len() && text.starts_with(start) && text.ends_with(end),
                None => *text == self.value,
            },
            other => {
                let text = other.to_string();
                text == self.value || other.as_f64().zip(self.value.parse::<f64>().ok()).is_some_and(|(a, b)| a == b)
            }
        };
        let order = || found.as_f64().zip(self.value.parse::<f64>().ok()).map(|(a, b)| a.total_cmp(&b));
        match self.operator.as_str() {
            "=" => same,
            "!=" => !same,
            "<" => order().is_some_and(|it| it.is_lt()),
            ">" => order().is_some_and(|it| it.is_gt()),
            "<=" => order().is_some_and(|it| it.is_le()),
            _ => order().is_some_and(|it| it.is_ge()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_pass_as_aws_documents() {
        let line = "[ERROR] 400 BAD REQUEST by-user_1";
        for (pattern, passes) in [
            ("", true),
            ("ERROR", true),
            ("error", false),
            ("ERROR REQUEST", true),
            ("ERROR WARN", false),
            ("\"BAD REQUEST\"", true),
            ("\"REQUEST BAD\"", false),
            ("?WARN ?ERROR", true),
            ("?WARN ?INFO", false),
            ("ERROR -WARN", true),
            ("ERROR -\"BAD REQUEST\"", false),
            ("-INFO", true),
            ("\"by-user\"", true),
        ] {
            assert_eq!(Pattern::parse(pattern).unwrap().matches(line), passes, "{pattern}");
        }
        for wrong in ["by-user", "\"open", "{ $.level = 1", "[w1, w2]", "{ level = 1 }"] {
            assert!(Pattern::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn fields_of_json_lines_are_compared() {
        let line = r#"{"level":"ERROR","status":503,"a":{"b":"x-y"},"none":null}"#;
        for (pattern, passes) in [
            (r#"{ $.level = "ERROR" }"#, true),
            ("{ $.status >= 500 }", true),
            ("{ $.status < 500 }", false),
            ("{ $.status = 503 && $.level = \"INFO\" }", false),
            ("{ ($.status = 200) || ($.level = ERR*) }", true),
            ("{ $.a.b = x* }", true),
            ("{ $.none != 1 }", false),
        ] {
            assert_eq!(Pattern::parse(pattern).unwrap().matches(line), passes, "{pattern}");
        }
        assert!(!Pattern::parse("{ $.level = ERROR }").unwrap().matches("no JSON"));
    }
}
