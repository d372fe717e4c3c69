//! 32-bit ARM (A32): registers, assembler, stubs and native-function bodies.

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

/// Hand-written code of ARMv7-A for the procedure call standard of Linux and Android. It passes no floats, so that
/// it is the same for both.
pub(crate) struct Arm;

impl ArchStubs for Arm {
    fn alignment(&self) -> u32 {
        4
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
