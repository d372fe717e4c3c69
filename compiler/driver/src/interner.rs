//! Dense numbering of keys in the order in which they are first seen.

use std::hash::Hash;

use cranelift_entity::{EntityRef, PrimaryMap};
use rustc_hash::FxHashMap;

/// Keys with dense numbers.
#[derive(Debug)]
pub struct Interner<I: EntityRef, K> {
    numbers: FxHashMap<K, I>,
    keys: PrimaryMap<I, K>,
}

impl<I: EntityRef, K> Default for Interner<I, K> {
    fn default() -> Self {
        Interner { numbers: FxHashMap::default(), keys: PrimaryMap::new() }
    }
}

impl<I: EntityRef, K: Clone + Eq + Hash> Interner<I, K> {
    /// The number of a key, and whether it is new.
    pub fn intern(&mut self, key: &K) -> (I, bool) {
        if let Some(&number) = self.numbers.get(key) {
            return (number, false);
        }
        let number = self.keys.push(key.clone());
        self.numbers.insert(key.clone(), number);
        (number, true)
    }

    /// The number of a key that was seen.
    pub fn get(&self, key: &K) -> Option<I> {
        self.numbers.get(key).copied()
    }

    /// The key with a number.
    pub fn key(&self, number: I) -> &K {
        &self.keys[number]
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Keys in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (I, &K)> {
        self.keys.iter()
    }
}
