use std::borrow::Cow;
pub fn shares<'a>(_t: impl Iterator<Item = Cow<'a, str>>) -> Vec<(String, f32)> { Vec::new() }
