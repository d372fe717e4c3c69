//! Calls of core libraries' members that the compiler makes of its own accord.

use smallvec::SmallVec;
use snapcrane_ir::{FunctionBuilder, Value};
use snapcrane_program::ids::FunctionKey;

use crate::BuildContext;
use crate::error::Result;

/// What builds a function.
pub(crate) trait CoreCalls {
    /// The program, and the function under construction.
    fn context_and_builder(&mut self) -> (&BuildContext<'_>, &mut FunctionBuilder);

    /// Calls a static member of a core library; parameters that are not given get their defaults.
    fn call_core(
        &mut self,
        library: &'static str,
        class: &'static str,
        name: &'static str,
        args: &[Value],
    ) -> Result<Value> {
        let (ctx, b) = self.context_and_builder();
        let id = ctx.core_member(library, class, name)?;
        let mut all: SmallVec<[Value; 8]> = SmallVec::from_slice(args);
        for param in ctx.program.members[id].params.all().skip(args.len()) {
            all.push(b.object(param.default.clone()));
        }
        Ok(b.call(FunctionKey::Member(id), &all))
    }
}
