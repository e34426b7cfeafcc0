//! What may be told of a panic. A message that was put together while the program ran can quote a text (slicing a
//! string does), and messages end up in notices, in the log and in reports of problems: only those that certainly
//! quote nothing are passed on.

use std::any::Any;
use std::panic;

/// The target of the records that [`log_places`] writes.
pub const TARGET: &str = concat!(env!("CARGO_PKG_NAME"), "::panic");

/// Said in place of a message that may quote a text.
const WITHHELD: &str = "the log has its place";

/// Beginnings of messages that the standard library puts together from numbers alone.
const NUMBERS_ONLY: [&str; 3] =
    ["index out of bounds: the len is ", "range end index ", "range start index "];

/// Logs where each panic from here on happened, in which thread, and what may be said of it. What was called for
/// panics before is still called.
pub fn log_places() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let place = info.location().map_or_else(|| "an unknown place".into(), ToString::to_string);
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("without a name");
        match told(info.payload()) {
            Some(message) => {
                tracing::error!(target: TARGET, "panic at {place} in thread {thread}: {message}")
            }
            None => tracing::error!(target: TARGET, "panic at {place} in thread {thread}"),
        }
        before(info);
    }));
}

/// The message of a caught panic, as far as it can be passed on.
pub(super) fn message_of(payload: &(dyn Any + Send)) -> String {
    told(payload).unwrap_or(WITHHELD).to_owned()
}

fn told(payload: &(dyn Any + Send)) -> Option<&str> {
    if let Some(literal) = payload.downcast_ref::<&'static str>() {
        return Some(literal);
    }
    let message = payload.downcast_ref::<String>()?;
    let quotes = message.contains(['`', '"', '\'']);
    (!quotes && NUMBERS_ONLY.iter().any(|start| message.starts_with(start))).then_some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caught(work: impl FnOnce() + panic::UnwindSafe) -> String {
        message_of(&*panic::catch_unwind(work).unwrap_err())
    }

    #[test]
    fn a_message_of_the_source_is_told_and_one_that_quotes_a_text_is_not() {
        assert_eq!(caught(|| panic!("a map without points")), "a map without points");
        let text = String::from("é is in a private text");
        assert_eq!(caught(|| drop(text[1..].to_owned())), WITHHELD);
        let cell = String::from("private");
        assert_eq!(caught(|| panic!("index out of bounds: the len is `{cell}`")), WITHHELD);
        assert_eq!(caught(|| panic!("{cell} cannot be")), WITHHELD);
    }

    #[test]
    fn an_index_out_of_bounds_is_told() {
        let (list, at) = (vec![1, 2, 3], std::hint::black_box(7));
        assert_eq!(
            caught(move || assert_eq!(list[at], 0)),
            "index out of bounds: the len is 3 but the index is 7"
        );
    }
}
