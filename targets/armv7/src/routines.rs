//! Helper routines for what the processor has no instructions for.

/// A helper routine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RoutineId {
    /// `u32 / u32`.
    UDiv32,
}

impl RoutineId {
    /// All routines, in the order in which they are placed.
    pub fn all() -> impl Iterator<Item = RoutineId> {
        [RoutineId::UDiv32].into_iter()
    }
}
