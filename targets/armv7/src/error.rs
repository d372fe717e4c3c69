//! What can go wrong.

/// Why a function was not compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A construct that the code generator does not support.
    #[error("armv7: {what} is not supported, in {function}")]
    Unsupported {
        /// The construct: opcode and type, or a description.
        what: String,
        /// The CLIF function.
        function: String,
    },
    /// CLIF that breaks the rules of CLIF.
    #[error("armv7: {function} does not verify: {message}")]
    Verifier {
        /// The verifier's report.
        message: String,
        /// The CLIF function.
        function: String,
    },
    /// The register allocator failed, or its checker found its result wrong: a defect of this crate.
    #[error("armv7: register allocation of {function}: {message}")]
    Regalloc {
        /// The allocator's report.
        message: String,
        /// The CLIF function.
        function: String,
    },
}
