//! Calls that are no calls: what this code generator has instructions for and CLIF has no opcode.
//!
//! An intrinsic is a function whose name is in the namespace [`NAMESPACE`]. A call of it is replaced by instructions: it clobbers
//! nothing, has no return address, goes away if its result is not used, and nothing refers to the function's code.
//!
//! # Integers of tagged words
//!
//! The only one is [`int_of_tagged`]: `i32 -> i64`, the integer that a tagged word means. A word whose lowest bit is 0 is shifted right by one; any
//! other is the address of memory that holds the integer, at an offset from the word that is the index of the name. As a choice between two blocks of
//! CLIF it would take four blocks of machine code (two ways, the edge around one of them, and where they meet), for each of which
//! all passes have to pay; with conditional loads it takes none.

use cranelift_codegen::ir::{ExternalName, FuncRef, Function, UserExternalName};

/// Namespace of the names of intrinsics.
pub const NAMESPACE: u32 = 1;

/// The name of the intrinsic that makes an `i64` of a tagged word. `offset`: where the integer is from a word that is an address.
pub fn int_of_tagged(offset: u32) -> UserExternalName {
    UserExternalName { namespace: NAMESPACE, index: offset }
}

/// The offset, if a function is [`int_of_tagged`].
pub(crate) fn offset_of_int(func: &Function, callee: FuncRef) -> Option<i32> {
    let ExternalName::User(name) = func.dfg.ext_funcs[callee].name else { return None };
    let UserExternalName { namespace, index } = func.params.user_named_funcs()[name];
    (namespace == NAMESPACE).then_some(index as i32)
}
