//! Instruction selection: CLIF to [`VCode`].

use cranelift_codegen::ir;

use crate::error::Error;
use crate::vcode::VCode;

/// Fills `vcode`, whose order is computed, with the machine code of a function.
///
/// # Errors
/// [`Error::Unsupported`] names the first instruction that cannot be selected.
pub fn select(func: &ir::Function, vcode: &mut VCode) -> Result<(), Error> {
    vcode.start(func.signature.call_conv);
    Err(Error::Unsupported { what: "selection".to_string(), function: func.name.to_string() })
}
