//! JSON objects, one a line or as the elements of an array, and plain strings in their place.
//!
//! An element is first cut out by counting brackets, then checked by `serde_json`, and only then taken apart. So
//! an array need not fit into memory, a broken element costs no other, and numbers stay as they were written.

use std::fmt;

use serde::Deserializer;
use serde::de::{IgnoredAny, Visitor};

use super::ReadError;
use super::row::{CUT_OFF, MAX_ROW_BYTES, Row, Step};
use super::window::{Window, count_lines, line_end};

/// The column that plain strings go to.
const TEXT_COLUMN: &str = "text";

/// After so many losses of the thread, the rest of an array is given up: finding it again costs time each time.
const MAX_RESYNCS: usize = 100;

const TOO_LONG: &str = "the element is longer than 16 MB";
const NEVER_ENDS: &str = "a bracket or a quote is opened here and not closed";
const HOPELESS: &str = "the JSON is broken beyond this line, and the rest was not read";

/// One element's members: their names, and their values as cells.
#[derive(Default)]
pub(super) struct Object {
    pub names: Row,
    pub values: Row,
}

impl Object {
    /// Takes one JSON value apart; says in words what is wrong with it.
    pub fn parse(&mut self, json: &[u8]) -> Result<(), String> {
        self.names.clear();
        self.values.clear();
        serde_json::from_slice::<IgnoredAny>(json).map_err(|e| explain(&e))?;
        match json.first() {
            Some(b'{') => self.members(json),
            Some(b'"') => {
                self.names.add(TEXT_COLUMN.as_bytes());
                self.names.end_cell();
                add_value(json, &mut self.values)
            }
            Some(b'[') => Err("an array stands where an object should".into()),
            _ => Err("a single value stands where an object should".into()),
        }
    }

    /// `json` is a valid object.
    fn members(&mut self, json: &[u8]) -> Result<(), String> {
        let mut at = 1;
        loop {
            at = skip(json, at, |b| b.is_ascii_whitespace() || b == b',');
            if json.get(at) != Some(&b'"') {
                return Ok(());
            }
            let Extent::To(end) = extent(json, at, true) else { return Ok(()) };
            add_string(&json[at..end], &mut self.names)?;
            at = skip(json, end, |b| b.is_ascii_whitespace() || b == b':');
            let Extent::To(end) = extent(json, at, true) else { return Ok(()) };
            add_value(&json[at..end], &mut self.values)?;
            at = end;
        }
    }
}

/// serde_json's sentence without the line, which it counts within the element.
fn explain(e: &serde_json::Error) -> String {
    let sentence = e.to_string();
    let what = sentence.split(" at line ").next().unwrap_or(&sentence);
    format!("broken JSON: {what}")
}

/// Adds a valid JSON value as a cell: strings unescaped, null as nothing, the rest compact.
fn add_value(json: &[u8], row: &mut Row) -> Result<(), String> {
    match json.first() {
        Some(b'"') => return add_string(json, row),
        Some(b'{' | b'[') => add_compact(json, row),
        _ if json == b"null" => {}
        _ => row.add(json),
    }
    row.end_cell();
    Ok(())
}

fn add_string(json: &[u8], row: &mut Row) -> Result<(), String> {
    if json.contains(&b'\\') {
        let mut json = serde_json::Deserializer::from_slice(json);
        let text = json.deserialize_bytes(Unescaped).map_err(|e| explain(&e))?;
        // A NUL can come as an escape, too.
        row.add(text.replace('\0', "").as_bytes());
    } else {
        row.add(&json[1..json.len() - 1]);
    }
    row.end_cell();
    Ok(())
}

/// A JSON string's text; half of a surrogate pair (programs cut texts in the middle of emoji) becomes U+FFFD.
struct Unescaped;

impl Visitor<'_> for Unescaped {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_bytes<E>(self, text: &[u8]) -> Result<String, E> {
        Ok(String::from_utf8_lossy(text).into_owned())
    }
}

/// Adds valid JSON without the white space between its parts.
fn add_compact(json: &[u8], row: &mut Row) {
    let mut at = 0;
    while at < json.len() {
        if json[at] == b'"' {
            let Extent::To(end) = extent(json, at, true) else { return };
            row.add(&json[at..end]);
            at = end;
        } else {
            if !json[at].is_ascii_whitespace() {
                row.add(&json[at..=at]);
            }
            at += 1;
        }
    }
}

/// The first place from `at` on whose byte is not `among`.
fn skip(text: &[u8], at: usize, among: impl Fn(u8) -> bool) -> usize {
    at + text[at..].iter().position(|&b| !among(b)).unwrap_or(text.len() - at)
}

/// How far a value reaches.
#[derive(Debug, PartialEq)]
enum Extent {
    /// To just before here.
    To(usize),
    /// Further than the text in view.
    Beyond,
    /// A string runs over the end of a line, or one kind of bracket is closed by the other.
    Broken,
}

/// Finds the end of the JSON value that starts at `at`, without checking what is in it. It is never empty, so
/// that reading gets on; what cannot begin a value fails the check that follows.
fn extent(text: &[u8], at: usize, ended: bool) -> Extent {
    let (mut i, mut depth) = (at, 0usize);
    while let Some(&b) = text.get(i) {
        match b {
            b'"' if depth > 0 || i == at => {
                i += 1;
                loop {
                    match text.get(i) {
                        None => return Extent::Beyond,
                        Some(b'"') => break,
                        Some(b'\n' | b'\r') => return Extent::Broken,
                        Some(b'\\') => i += 2,
                        Some(_) => i += 1,
                    }
                }
                i += 1;
                if depth == 0 {
                    return Extent::To(i);
                }
            }
            b'{' | b'[' => {
                depth += 1;
                i += 1;
            }
            b'}' | b']' if depth > 1 => {
                depth -= 1;
                i += 1;
            }
            b'}' | b']' if depth == 1 => {
                let fits = (b == b'}') == (text[at] == b'{');
                return if fits { Extent::To(i + 1) } else { Extent::Broken };
            }
            b'}' | b']' => return Extent::To(if i == at { i + 1 } else { i }),
            b',' | b':' | b'"' if depth == 0 => return Extent::To(if i == at { i + 1 } else { i }),
            _ if depth == 0 && i > at && b.is_ascii_whitespace() => return Extent::To(i),
            _ => i += 1,
        }
    }
    // Only a bare number or word can end with the text.
    if ended && depth == 0 && i > at { Extent::To(text.len()) } else { Extent::Beyond }
}

/// The first whole value of a text, if it has one.
pub(super) fn first_value(text: &[u8]) -> Option<&[u8]> {
    let at = skip(text, 0, |b| b.is_ascii_whitespace());
    match extent(text, at, false) {
        Extent::To(end) => Some(&text[at..end]),
        _ => None,
    }
}

/// Reads the next line that is not blank.
pub(super) fn next_line(window: &mut Window, object: &mut Object) -> Result<Step, ReadError> {
    loop {
        let line = window.line();
        let found = line_end(window.text(), window.ended());
        if found.is_none() && !window.ended() {
            if window.text().len() > MAX_ROW_BYTES {
                window.skip_line()?;
                return Ok(Step::Skipped { line, cause: TOO_LONG.into() });
            }
            window.more()?;
            continue;
        }
        let (end, next, lines) = match found {
            Some(found) => (found.end, found.next, 1),
            None => (window.text().len(), window.text().len(), 0),
        };
        let json = window.text()[..end].trim_ascii();
        let json = json.strip_suffix(b",").unwrap_or(json);
        let parsed = (!json.is_empty()).then(|| object.parse(json));
        window.consume(next, lines);
        return Ok(match parsed {
            None if next == 0 => Step::End,
            None => continue,
            Some(Err(_)) if found.is_none() && window.cut() => Step::Skipped { line, cause: CUT_OFF.into() },
            Some(Err(cause)) => Step::Skipped { line, cause },
            Some(Ok(())) => Step::Row,
        });
    }
}

/// Reads the elements of an array one by one, or objects that just follow each other.
#[derive(Default)]
pub(super) struct Elements {
    begun: bool,
    /// Whether an opening bracket stood at the start.
    is_array: bool,
    /// How far the present element is indented, if it begins its line: the next one will be, too.
    indent: Option<usize>,
    resyncs: usize,
}

impl Elements {
    pub fn next(&mut self, window: &mut Window, object: &mut Object) -> Result<Step, ReadError> {
        loop {
            self.pass_blanks(window);
            let line = window.line();
            match window.text().first() {
                None if window.ended() => return Ok(Step::End),
                None => {
                    window.more()?;
                    continue;
                }
                Some(b'[') if !self.begun => {
                    (self.begun, self.is_array) = (true, true);
                    window.consume(1, 0);
                    continue;
                }
                Some(b']') if self.is_array => return Ok(Step::End),
                Some(_) => self.begun = true,
            }
            let cause = match extent(window.text(), 0, window.ended()) {
                Extent::To(end) => {
                    let text = &window.text()[..end];
                    let parsed = object.parse(text);
                    // A bracket too few may have hidden the next elements in this one.
                    let search = parsed.is_err() && self.indent.is_some() && self.resyncs < MAX_RESYNCS;
                    let mut inside = 1..if search { end } else { 1 };
                    let hidden = inside.find(|&i| begins_element(text, i, self.indent));
                    self.resyncs += usize::from(hidden.is_some());
                    pass(window, |_| hidden.unwrap_or(end));
                    return Ok(match parsed {
                        Ok(()) => Step::Row,
                        Err(cause) => Step::Skipped { line, cause },
                    });
                }
                Extent::Beyond if !window.ended() && window.text().len() <= MAX_ROW_BYTES => {
                    window.more()?;
                    continue;
                }
                Extent::Beyond if window.cut() => {
                    pass(window, <[u8]>::len);
                    return Ok(Step::Skipped { line, cause: CUT_OFF.into() });
                }
                Extent::Beyond if window.ended() => NEVER_ENDS,
                Extent::Beyond => TOO_LONG,
                Extent::Broken => NEVER_ENDS,
            };
            self.resyncs += 1;
            if self.resyncs > MAX_RESYNCS {
                exhaust(window)?;
                return Ok(Step::Skipped { line, cause: HOPELESS.into() });
            }
            find_next_element(window, self.indent)?;
            return Ok(Step::Skipped { line, cause: cause.into() });
        }
    }
}

impl Elements {
    fn pass_blanks(&mut self, window: &mut Window) {
        let text = window.text();
        let blank = skip(text, 0, |b| b.is_ascii_whitespace() || b == b',');
        if blank > 0 {
            let line_end = text[..blank].iter().rposition(|&b| b == b'\n' || b == b'\r');
            self.indent = line_end.map(|at| blank - at - 1);
            pass(window, |_| blank);
        }
    }
}

/// Lets go of as much text as `how_far` says.
fn pass(window: &mut Window, how_far: impl Fn(&[u8]) -> usize) {
    let bytes = how_far(window.text());
    let lines = count_lines(&window.text()[..bytes]);
    window.consume(bytes, lines);
}

/// Moves on to what looks like the next element: an object that follows the end of another.
fn find_next_element(window: &mut Window, indent: Option<usize>) -> Result<(), ReadError> {
    // Not from 0: that is the element that is given up.
    let mut from = 1;
    loop {
        let text = window.text();
        if let Some(at) = (from..text.len()).find(|&i| begins_element(text, i, indent)) {
            pass(window, |_| at);
            return Ok(());
        }
        if window.ended() {
            pass(window, <[u8]>::len);
            return Ok(());
        }
        // What is over is let go of, save for a closing brace that the next element may follow.
        let brace = text.iter().rposition(|&b| b == b'}').filter(|_| follows_object(text));
        let keep = brace.unwrap_or(text.len());
        pass(window, |_| keep);
        from = 0;
        window.more()?;
    }
}

/// Whether `at` looks like the start of an element that follows another, as far indented as that was.
fn begins_element(text: &[u8], at: usize, indent: Option<usize>) -> bool {
    let before = &text[..at];
    let indented =
        |indent| before.len() > indent && matches!(before[before.len() - 1 - indent], b'\n' | b'\r');
    text[at] == b'{' && indent.is_none_or(indented) && follows_object(before)
}

/// Whether `before` ends with a closing brace and, perhaps, a comma.
fn follows_object(before: &[u8]) -> bool {
    let before = before.trim_ascii_end();
    let before = before.strip_suffix(b",").unwrap_or(before);
    before.trim_ascii_end().ends_with(b"}")
}

/// Lets go of all the text there is.
fn exhaust(window: &mut Window) -> Result<(), ReadError> {
    while !window.ended() {
        window.consume(window.text().len(), 0);
        window.more()?;
    }
    window.consume(window.text().len(), 0);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(object: &Object) -> String {
        let text = |cell: &[u8]| String::from_utf8(cell.to_vec()).unwrap();
        let pairs = object.names.cells().zip(object.values.cells());
        pairs.map(|(name, value)| format!("{}={}", text(name), text(value))).collect::<Vec<_>>().join("|")
    }

    fn elements(text: &str) -> Vec<String> {
        let mut window = Window::of_sample(text.as_bytes().to_vec(), false);
        let (mut elements, mut object, mut all) = (Elements::default(), Object::default(), Vec::new());
        loop {
            match elements.next(&mut window, &mut object).unwrap() {
                Step::Row => all.push(pairs(&object)),
                Step::Skipped { line, cause } => all.push(format!("line {line}: {cause}")),
                Step::End => return all,
            }
        }
    }

    #[test]
    fn numbers_stay_as_written_and_nested_values_become_compact() {
        let mut object = Object::default();
        let json =
            br#"{"a": 1.50, "b": 123456789012345678901234567890, "c": {"d" : [ "e f" , null ] }, "n": null}"#;
        object.parse(json).unwrap();
        let expected = r#"a=1.50|b=123456789012345678901234567890|c={"d":["e f",null]}|n="#;
        assert_eq!(pairs(&object), expected);
    }

    #[test]
    fn escapes_are_undone_and_half_an_emoji_is_replaced() {
        let mut object = Object::default();
        let json = br#"{"t\"": "a\nb \u00e9 \ud83d\ude00", "half": "x\ud83d", "nul": "a\u0000b"}"#;
        object.parse(json).unwrap();
        assert_eq!(pairs(&object), "t\"=a\nb é 😀|half=x\u{fffd}\u{fffd}\u{fffd}|nul=ab");
    }

    #[test]
    fn an_array_gives_its_elements_whatever_the_white_space() {
        assert_eq!(elements("[{\"a\":1}\n,\n {\n\"a\" : 2\n}, \"s\" ]"), ["a=1", "a=2", "text=s"]);
        assert_eq!(elements("{\n\"a\":1}\n{\n\"a\":2}"), ["a=1", "a=2"], "objects in a row");
    }

    #[test]
    fn a_broken_element_costs_no_other() {
        let text = "[{\"a\":1},\n{\"a\": nonsense},\n{\"a\":\"open},\n{\"a\":4},\n{\"a\":5}]";
        let read = elements(text);
        assert_eq!(read[0], "a=1");
        assert!(read[1].starts_with("line 2: broken JSON"), "{read:?}");
        assert!(read[2].starts_with("line 3: "), "{read:?}");
        assert_eq!(read[3..], ["a=4", "a=5"]);
    }

    #[test]
    fn an_element_that_never_ends_does_not_take_the_rest_with_it() {
        let read = elements("[{\"a\":{},\n{\"a\":2},\n{\"a\":3}]");
        assert!(read[0].starts_with("line 1: "), "{read:?}");
        assert_eq!(read[1..], ["a=2", "a=3"]);
        let read = elements("[\n{\"a\":{\"b\":1},\n{\"a\":2},\n{\"a\":3}}]");
        assert!(read[0].starts_with("line 2: "), "{read:?}");
        assert!(read.contains(&"a=2".to_owned()), "{read:?}");
    }

    #[test]
    fn deep_nesting_is_no_trouble() {
        let deep = format!("[{}]", "[".repeat(200_000));
        assert!(elements(&deep)[0].starts_with("line 1: "));
        let mut object = Object::default();
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(object.parse(deep.as_bytes()).is_ok());
    }
}
