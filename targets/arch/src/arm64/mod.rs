//! AArch64: registers, assembler, stubs and native-function bodies.

pub mod asm;
#[cfg(test)]
mod machine;
mod native;
pub mod regs;
mod stubs;
#[cfg(test)]
mod tests;

use crate::ArchStubs;
use crate::code::{Error, ExtraStub, NativeFunction, RawCode, StackMap};
use crate::contract::Contract;
use snapcrane_engines::Stub;

/// Hand-written code of AArch64 for the procedure call standard of Arm, whose variants do not differ in what is used here.
pub(crate) struct Arm64;

impl ArchStubs for Arm64 {
    fn alignment(&self) -> u32 {
        16
    }

    fn listed(&self, stub: Stub, contract: &Contract) -> Option<RawCode> {
        stubs::listed(stub, contract)
    }

    fn extra(&self, stub: ExtraStub, contract: &Contract) -> RawCode {
        stubs::extra(stub, contract)
    }

    fn trap(&self) -> RawCode {
        stubs::trap()
    }

    fn native_body(
        &self,
        native: &NativeFunction,
        contract: &Contract,
    ) -> Result<(RawCode, StackMap), Error> {
        native::native_body(native, contract)
    }
}
