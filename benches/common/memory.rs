//! What the process has taken.

/// The largest resident size so far, pages of mapped files included; NaN where `/proc` does not tell.
pub fn peak_mebibytes() -> f64 {
    const KIBIBYTES: f64 = 1024.0;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let size = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    size.map_or(f64::NAN, |size| size / KIBIBYTES)
}
