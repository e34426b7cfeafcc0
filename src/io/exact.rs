//! Numbers in JSON that come back to the last bit.
//!
//! The JSON reader may miss a number of 64 bits by its last bit (a number of 32 bits comes back either way). Those that
//! it would miss are listed with their bits beside the JSON, by RFC 6901's pointers.

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

/// A number that the reader would miss.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Exact {
    /// Where it stands, as in `/view/camera/0`.
    at: String,
    /// Its IEEE 754 form.
    bits: u64,
}

/// The numbers below `value` that the reader would miss; `at` is where it stands itself.
pub(super) fn missed(value: &Value, at: &str) -> Vec<Exact> {
    let mut found = Vec::new();
    collect(value, at, &mut found);
    found
}

fn collect(value: &Value, at: &str, found: &mut Vec<Exact>) {
    match value {
        Value::Number(number) if number.is_f64() => {
            let meant = number.as_f64().map(f64::to_bits);
            let read = serde_json::from_str(&number.to_string()).ok().map(f64::to_bits);
            found.extend(meant.filter(|_| meant != read).map(|bits| Exact { at: at.to_owned(), bits }));
        }
        Value::Array(values) => {
            values.iter().enumerate().for_each(|(i, value)| collect(value, &format!("{at}/{i}"), found));
        }
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            let name = name.replace('~', "~0").replace('/', "~1");
            collect(value, &format!("{at}/{name}"), found);
        }),
        _ => {}
    }
}

/// Puts listed numbers back into what was read.
pub(super) fn restore(value: &mut Value, exact: &[Exact]) {
    for Exact { at, bits } in exact {
        if let (Some(place), Some(number)) = (value.pointer_mut(at), Number::from_f64(f64::from_bits(*bits)))
        {
            *place = Value::Number(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn through_text(value: &Value) -> Value {
        let missed = serde_json::to_string(&missed(value, "")).unwrap();
        let mut back = serde_json::from_str(&value.to_string()).unwrap();
        restore(&mut back, &serde_json::from_str::<Vec<Exact>>(&missed).unwrap());
        back
    }

    #[test]
    fn most_numbers_need_no_help() {
        assert!(missed(&json!({"a": [0.5, 1, -0.1, 1e-3, 384.25, null, "0.3"]}), "").is_empty());
    }

    proptest! {
        #[test]
        fn every_number_comes_back_to_the_last_bit(numbers in prop::collection::vec(any::<f64>(), 0..40)) {
            let numbers: Vec<f64> = numbers.into_iter().filter(|number| number.is_finite()).collect();
            let value = json!({"a/b~": numbers, "c": [{"d": numbers}]});
            let back = through_text(&value);
            for (list, number) in [&back["a/b~"], &back["c"][0]["d"]].into_iter().flat_map(|list| {
                numbers.iter().enumerate().map(move |(i, number)| (&list[i], number))
            }) {
                prop_assert_eq!(list.as_f64().map(f64::to_bits), Some(number.to_bits()));
            }
        }

        #[test]
        fn numbers_of_32_bits_come_back_without_help(number in any::<f32>()) {
            prop_assume!(number.is_finite());
            let text = serde_json::to_value(number).unwrap().to_string();
            let back: f32 = serde_json::from_value(serde_json::from_str(&text).unwrap()).unwrap();
            prop_assert_eq!(back.to_bits(), number.to_bits());
        }
    }
}
