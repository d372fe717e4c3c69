//! Late local variables: the sentinel object stands for "not initialised".

use dart_kernel::Position;
use dart_kernel::ast::Variable;
use snapcrane_ir::function::Unlikely;
use snapcrane_ir::{Block, CompareOp, Value};
use snapcrane_program::ids::ObjectKey;

use crate::body::BodyBuilder;
use crate::core_calls::CoreCalls;
use crate::error::Result;

impl<'b> BodyBuilder<'_, 'b> {
    /// Branches on whether a value is the sentinel, which is unlikely.
    fn branch_if_sentinel(&mut self, value: Value, then: Block, other: Block) {
        let sentinel = self.b.object(ObjectKey::Sentinel);
        let cond = self.compare(CompareOp::Same, value, sentinel);
        self.b.branch_unlikely(cond, then, other, Unlikely::Then);
    }

    fn throw_late_error(&mut self, thrower: &'static str, variable: &'b Variable<'b>) -> Result<()> {
        let name = self.b.object(ObjectKey::String(variable.name));
        self.call_core("dart:_internal", "LateError", thrower, &[name])?;
        self.unreachable();
        Ok(())
    }

    /// Reads a late variable; runs its initialiser if needed.
    pub(crate) fn late_get(&mut self, variable: &'b Variable<'b>, position: Position) -> Result<Value> {
        let value = self.read_variable(variable.id)?;
        let (uninitialized, done) = (self.b.create_block(), self.b.create_block());
        let result = self.b.append_param(done, snapcrane_ir::Type::Tagged);
        let initialized = self.b.create_block();
        self.branch_if_sentinel(value, uninitialized, initialized);
        self.join(initialized);
        self.b.jump_args(done, &[value]);
        self.join(uninitialized);
        self.at(position);
        match variable.initializer {
            None => self.throw_late_error("_throwLocalNotInitialized", variable)?,
            Some(initializer) => {
                let new = self.expression(initializer)?;
                let new = self.tagged(new);
                if variable.flags.is_final() {
                    let (still, assigned) = (self.b.create_block(), self.b.create_block());
                    let now = self.read_variable(variable.id)?;
                    self.branch_if_sentinel(now, still, assigned);
                    self.join(assigned);
                    self.throw_late_error("_throwLocalAssignedDuringInitialization", variable)?;
                    self.join(still);
                }
                self.write_variable(variable.id, new)?;
                self.b.jump_args(done, &[new]);
            }
        }
        self.join(done);
        Ok(result)
    }

    /// Writes a late final variable, which must be uninitialised.
    pub(crate) fn late_final_set(
        &mut self,
        variable: &'b Variable<'b>,
        value: Value,
        position: Position,
    ) -> Result<()> {
        let old = self.read_variable(variable.id)?;
        let (uninitialized, initialized) = (self.b.create_block(), self.b.create_block());
        self.branch_if_sentinel(old, uninitialized, initialized);
        self.join(initialized);
        self.at(position);
        self.throw_late_error("_throwLocalAlreadyInitialized", variable)?;
        self.join(uninitialized);
        self.write_variable(variable.id, value)
    }
}
