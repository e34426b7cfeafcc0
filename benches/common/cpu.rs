//! What the process has spent.

/// User and system time of this process so far, all threads together; NaN where `/proc` does not tell.
pub fn cpu_seconds() -> f64 {
    const TICKS_A_SECOND: f64 = 100.0;
    let read = || {
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        let fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11).take(2);
        fields.map(|field| field.parse::<f64>().ok()).sum::<Option<f64>>()
    };
    read().map_or(f64::NAN, |ticks| ticks / TICKS_A_SECOND)
}
