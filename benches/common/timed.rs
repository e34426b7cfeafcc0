//! A line of a table of times.

use std::time::Instant;

use super::cpu::cpu_seconds;

/// Runs `work` and prints what it took: processor time, all threads together, and time.
pub fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let (cpu, wall) = (cpu_seconds(), Instant::now());
    let value = work();
    println!("{:8.2} cpu-s {:8.2} s  {what}", cpu_seconds() - cpu, wall.elapsed().as_secs_f64());
    value
}
