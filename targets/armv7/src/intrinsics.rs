//! Calls that are no calls: what this code generator has instructions for and CLIF has no opcode.
//!
//! An intrinsic is a function whose name is in a namespace of its own. A call of it is replaced by instructions: it clobbers
//! nothing, has no return address, goes away if its result is not used, and nothing refers to the function's code.
//!
//! # Tagged words
//!
//! Both intrinsics look into the object that a tagged word is the address of, unless the lowest bit of the word says that it is an integer
//! itself. As a choice between two blocks of CLIF that takes four blocks of machine code (two ways, the edge around one of them, and where they
//! meet), for each of which all passes have to pay; with conditional loads it takes none.

use cranelift_codegen::ir::{ExternalName, FuncRef, Function, UserExternalName};

use crate::inst::fits_imm12;

const INT_OF_TAGGED: u32 = 1;
const CLASS_ID_OF_TAGGED: u32 = 2;

/// An intrinsic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Intrinsic {
    /// See [`int_of_tagged`].
    IntOfTagged { offset: i32 },
    /// See [`class_id_of_tagged`].
    ClassIdOfTagged { offset: i32, shift: u8, smi: u32 },
}

/// The name of the intrinsic `i32 -> i64` that gives the integer of a tagged word: the word shifted right by one if its lowest bit is 0, else what is
/// in memory `offset` bytes from it.
pub fn int_of_tagged(offset: u32) -> UserExternalName {
    UserExternalName { namespace: INT_OF_TAGGED, index: offset }
}

/// The name of the intrinsic `i32 -> i32` that gives the class id of a tagged word: `smi` if its lowest bit is 0, else the bits from `shift` on
/// of the word in memory `offset` bytes from it. `None` if there are no instructions for such numbers.
pub fn class_id_of_tagged(offset: i32, shift: u32, smi: u32) -> Option<UserExternalName> {
    let offset = i8::try_from(offset).ok()? as u8;
    let index = u32::from(offset) << 24 | shift << 16 | smi;
    (fits_imm12(smi) && smi < 1 << 16 && (1..32).contains(&shift))
        .then_some(UserExternalName { namespace: CLASS_ID_OF_TAGGED, index })
}

/// The intrinsic that a function is, if it is one.
pub(crate) fn intrinsic(func: &Function, callee: FuncRef) -> Option<Intrinsic> {
    let ExternalName::User(name) = func.dfg.ext_funcs[callee].name else { return None };
    let UserExternalName { namespace, index } = func.params.user_named_funcs()[name];
    match namespace {
        INT_OF_TAGGED => Some(Intrinsic::IntOfTagged { offset: index as i32 }),
        CLASS_ID_OF_TAGGED => Some(Intrinsic::ClassIdOfTagged {
            offset: index as i32 >> 24,
            shift: (index >> 16) as u8,
            smi: index & 0xffff,
        }),
        _ => None,
    }
}
