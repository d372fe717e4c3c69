//! Helper routines for what the processor has no instructions for.

/// A helper routine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RoutineId {
    /// `u32 / u32`.
    UDiv32,
}
