//! Texts as a terminal or a pull request can show them.

/// More of a sentence helps nobody: it repeats a value that somebody pasted.
const LONGEST: usize = 2000;
/// Less than this says nothing.
const SHORTEST: usize = 6;

/// The sentence as a terminal can show it: what a file or AWS put into it may move the cursor or turn the line around.
pub(crate) fn visible(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    let mut shown = String::new();
    for c in text.chars() {
        if shown.len() > LONGEST {
            return shown + "…";
        }
        match c {
            '\n' | '\t' => shown.push(c),
            c if c.is_control() || turns(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

/// The text on one line in so many characters: its middle is left out, for names differ at their ends.
pub(crate) fn fit(text: &str, room: Option<usize>) -> String {
    let line = visible(text).replace('\n', "⏎").replace('\t', " ");
    let (Some(room), length) = (room.map(|room| room.max(SHORTEST)), line.chars().count()) else { return line };
    if length <= room {
        return line;
    }
    let (head, tail) = (room / 3, room - room / 3 - 1);
    let start: String = line.chars().take(head).collect();
    let end: String = line.chars().skip(length - tail).collect();
    format!("{start}…{end}")
}

/// The text in Markdown, as it is: what Markdown, its tables and a forge's mentions would eat is written as entities.
pub(crate) fn escaped(text: &str) -> String {
    let mut shown = String::new();
    for c in fit(text, None).chars() {
        if c.is_ascii_punctuation() && !"-./:,;()=+".contains(c) {
            shown += &format!("&#{};", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_keeps_both_ends() {
        assert_eq!(fit("arn:aws:ecs:eu-north-1:123456789012:task-definition/shop-app:17", Some(24)), "arn:aws:…ion/shop-app:17");
        assert_eq!(fit("arn:aws:ecs:eu-north-1:123456789012:task-definition/shop-app:17", Some(24)).chars().count(), 24);
        assert_eq!(fit("a\nb\u{1b}[2J", None), "a⏎b\\u{1b}[2J");
    }

    #[test]
    fn markdown_eats_nothing() {
        assert_eq!(escaped("a|b `c` <d> @you #1 *x* _y_"), "a&#124;b &#96;c&#96; &#60;d&#62; &#64;you &#35;1 &#42;x&#42; &#95;y&#95;");
    }
}
