//! Arrays for other programs to read.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use anyhow::Result;
use npyz::WriterBuilder;

/// Writes `values`, which have this shape.
pub fn write<T: npyz::AutoSerialize + Copy>(path: &Path, values: &[T], shape: &[u64]) -> Result<()> {
    let file = BufWriter::new(File::create(path)?);
    let mut writer = npyz::WriteOptions::new().default_dtype().shape(shape).writer(file).begin_nd()?;
    writer.extend(values.iter().copied())?;
    Ok(writer.finish()?)
}
