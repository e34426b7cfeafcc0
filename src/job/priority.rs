//! Work yields to the window.

/// How much nicer than the window's thread work is, on the scale of `nice`.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Lets the calling thread step back for others, so that drawing stays smooth while all cores compute. Where the
/// system knows no priority of one thread, nothing happens.
pub fn step_back() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!("a worker keeps the window's priority: {error}");
    }
}
