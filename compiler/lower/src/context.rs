//! What the lowering of a function needs to know besides the function.

use snapcrane_engines::TargetSpec;
use snapcrane_ir::{Function, ObjectRef, RowRef, SourcePos};
use snapcrane_program::ids::{ClassId, FieldId, FunctionKey};
use snapcrane_program::types::RecordShape;

use crate::facts::ProgramFacts;

/// Numbers that the linker has given out before functions are lowered.
pub trait LinkInfo: Sync {
    /// Byte offset, from the untagged start of the global object pool, of the slot that holds an object of the function's table.
    fn pool_offset(&self, function: &Function, object: ObjectRef) -> i32;
    /// What is added to a class id to get the index of the row's cell, counted from where `Thread.dispatch_table_array` points
    /// (the row's offset minus `kOriginElement`).
    fn row_offset(&self, function: &Function, row: RowRef) -> i32;
    /// Index of a static field in its field table.
    fn static_field_id(&self, field: FieldId) -> u32;
    /// As [`LinkInfo::pool_offset`], for the `Class` object of a class that the function allocates.
    fn class_pool_offset(&self, class: ClassId) -> i32;
    /// The `RecordShape` of a record shape, as an untagged Smi: number of fields and index of the names.
    fn record_shape(&self, shape: &RecordShape) -> i64;
}

/// The surroundings of a function being lowered.
#[derive(Clone, Copy)]
pub struct LowerContext<'a> {
    /// The program: a [`snapcrane_program::Program`], except in tests.
    pub program: &'a dyn ProgramFacts,
    /// What for.
    pub target: &'a TargetSpec,
    /// Numbers from the linker.
    pub link: &'a dyn LinkInfo,
}

/// Why a function could not be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LowerError {
    /// Something this compiler cannot do yet.
    #[error("unsupported: {construct}")]
    Unsupported {
        /// What.
        construct: String,
        /// The function, if one is being compiled.
        function: Option<FunctionKey>,
        /// Where.
        pos: SourcePos,
    },
    /// Cranelift failed: a defect of this compiler.
    #[error("code generation failed: {message}")]
    Codegen {
        /// What it said.
        message: String,
        /// The function, if one is being compiled.
        function: Option<FunctionKey>,
    },
    /// The checker found that the garbage collector would miss a value: a defect of this compiler.
    #[error("stack maps are wrong: {message}")]
    Check {
        /// What it found.
        message: String,
        /// The function, if one is being compiled.
        function: Option<FunctionKey>,
    },
}
