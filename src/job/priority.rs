//! Work yields to the window, and to what a person waits for.

use std::sync::LazyLock;

use rayon::ThreadPool;

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

/// Runs `work` (a sort, an index: well below a second) on threads of its own, and waits for it.
///
/// The common threads take new work only when all they have is done, which may be minutes of a map or of
/// neighbours: what a person waits for must not queue behind that.
pub fn promptly<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    static THREADS: LazyLock<Option<ThreadPool>> = LazyLock::new(|| {
        let name = |i| format!("prompt {i}");
        rayon::ThreadPoolBuilder::new().thread_name(name).build().ok()
    });
    match &*THREADS {
        Some(threads) => threads.install(work),
        // Without threads of its own it waits for its turn.
        None => work(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn prompt_work_is_done_while_all_common_threads_are_busy() {
        let (let_go, wait) = channel::<()>();
        let wait = std::sync::Mutex::new(wait);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                rayon::broadcast(|_| {
                    // The first holds the lock, and the others wait for it.
                    let _ = wait.lock().unwrap().recv();
                });
            });
            let sum: u64 = promptly(|| {
                use rayon::prelude::*;
                (0..1000u64).into_par_iter().sum()
            });
            assert_eq!(sum, 499_500);
            drop(let_go);
        });
    }
}
