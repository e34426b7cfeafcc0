//! Values computed from session values off the window's thread, and kept until their inputs change.

use std::sync::Arc;

use super::{Ctx, Job, Outcome};

/// Compares shared values by identity. Holding the value keeps its address from being used again.
pub struct Same<T: ?Sized>(pub Arc<T>);

impl<T: ?Sized> Clone for Same<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: ?Sized> PartialEq for Same<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// The value that belongs to a key, computed by a worker. While a new one is under way the old one stays
/// readable, so that nothing blinks.
pub struct Derived<K, V> {
    name: &'static str,
    value: Option<(K, Arc<V>)>,
    running: Option<(K, Job<V>)>,
}

impl<K: PartialEq, V: Send + Sync + 'static> Derived<K, V> {
    /// Nothing yet; `name` is what its thread is called.
    pub fn new(name: &'static str) -> Self {
        Self { name, value: None, running: None }
    }

    /// Asks for the value of `key`: starts `work` unless that value is there or under way. Returns whether the
    /// value of `key` is there now.
    pub fn want(
        &mut self,
        key: K,
        wake: &Arc<dyn Fn() + Send + Sync>,
        work: impl FnOnce(&Ctx) -> V + Send + 'static,
    ) -> bool {
        self.poll();
        if self.value.as_ref().is_some_and(|(have, _)| *have == key) {
            self.running = None;
            return true;
        }
        if self.running.as_ref().is_none_or(|(under_way, _)| *under_way != key) {
            match Job::spawn_prompt(self.name, wake.clone(), work) {
                Ok(job) => self.running = Some((key, job)),
                Err(error) => tracing::error!("No thread for {}: {error}", self.name),
            }
        }
        false
    }

    /// Like [`Derived::want`], but lets a running computation of an older key finish first: for keys that change
    /// faster than the work takes.
    pub fn want_in_turn(
        &mut self,
        key: K,
        wake: &Arc<dyn Fn() + Send + Sync>,
        work: impl FnOnce(&Ctx) -> V + Send + 'static,
    ) -> bool {
        self.poll();
        if self.running.is_some() {
            self.value.as_ref().is_some_and(|(have, _)| *have == key)
        } else {
            self.want(key, wake, work)
        }
    }

    /// The newest value there is, be it of an older key.
    pub fn latest(&self) -> Option<&Arc<V>> {
        self.value.as_ref().map(|(_, value)| value)
    }

    /// The value of `key`, if it is there.
    pub fn of(&self, key: &K) -> Option<&Arc<V>> {
        self.value.as_ref().filter(|(have, _)| have == key).map(|(_, value)| value)
    }

    /// Drops the value and any work on it.
    pub fn clear(&mut self) {
        self.value = None;
        self.running = None;
    }

    /// Takes over work that is done; [`Derived::want`] does so, too.
    pub fn poll(&mut self) {
        match self.running.as_ref().and_then(|(_, job)| job.poll()) {
            Some(Outcome::Done(value)) => {
                self.value = self.running.take().map(|(key, _)| (key, Arc::new(value)));
            }
            // The key stays as under way, so that work that panics is not tried again every frame.
            Some(Outcome::Panicked(message)) => tracing::error!("{} failed: {message}", self.name),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wake() -> Arc<dyn Fn() + Send + Sync> {
        Arc::new(|| {})
    }

    fn settle(derived: &mut Derived<u32, u32>, key: u32) {
        while !derived.want(key, &wake(), move |_| key * 10) {
            std::thread::yield_now();
        }
    }

    #[test]
    fn the_old_value_stays_until_the_new_one_is_there() {
        let mut derived = Derived::new("test");
        settle(&mut derived, 1);
        assert_eq!(derived.latest().map(|v| **v), Some(10));
        derived.want(2, &wake(), |ctx| {
            while !ctx.cancel.is_cancelled() {
                std::thread::yield_now();
            }
            0
        });
        assert_eq!(derived.of(&2), None);
        assert_eq!(derived.latest().map(|v| **v), Some(10));
        settle(&mut derived, 3);
        assert_eq!(derived.of(&3).map(|v| **v), Some(30));
    }

    #[test]
    fn a_value_that_is_there_is_not_computed_again() {
        let mut derived = Derived::new("test");
        settle(&mut derived, 1);
        assert!(derived.want(1, &wake(), |_| panic!("asked again")));
    }
}
