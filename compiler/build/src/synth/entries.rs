//! Entries of functions whose callers know them only as objects: closures and the engine.
//!
//! The arguments descriptor is an array (`ArgumentsDescriptor`, runtime/vm/dart_entry.h): number of type arguments, of
//! arguments, their size, number of positional arguments, then name and position of each named argument, sorted by name,
//! then null. The arguments are words: the type arguments if there are any, then those that the positions count from 0.
//!
//! A function's named parameters are sorted like the descriptor's names, so one walk over both finds all of them. What the
//! walk leaves behind are names that the function does not have.

use snapcrane_ir::{ArrayKind, BinaryOp, Block, CompareOp, Inst, Slot, Type, UnaryOp, Value, Variable};
use snapcrane_program::Param;
use snapcrane_program::ids::{FunctionKey, ObjectKey};
use snapcrane_program::types::DartType;

use super::target::{Callee, Frame};
use super::{Synth, Values};
use crate::error::Result;

const TYPE_ARGS_LEN: u32 = 0;
const COUNT: u32 = 1;
const POSITIONAL_COUNT: u32 = 3;
const FIRST_NAMED: i64 = 4;
const NAMED_ENTRY_SIZE: i64 = 2;

/// Name of parameters that errors do not tell: the engine keeps names of named parameters only.
const UNKNOWN_NAME: &str = "<optimized out>";

/// The two parameters of an entry, and what is known from them.
struct Passed {
    descriptor: Value,
    args: Value,
    /// Whether type arguments were passed (`Bool`), and how many words of them are before the arguments; none for
    /// functions without type parameters.
    type_args: Option<(Value, Value)>,
}

impl Synth<'_> {
    fn descriptor_int(&mut self, descriptor: Value, index: u32) -> Value {
        let value = self.load(descriptor, Slot::ArrayElement(index));
        self.unary(UnaryOp::UnboxInt64, value)
    }

    fn passed(&mut self, callee: &Callee<'_>) -> Result<Passed> {
        let &[descriptor, args] = &self.params()[..] else {
            return Err(self.dangling("arguments of an entry"));
        };
        let type_args = callee.is_generic().then(|| {
            let len = self.descriptor_int(descriptor, TYPE_ARGS_LEN);
            let any = self.compare_int(CompareOp::GtInt64, len, 0);
            let (one, zero) = (self.b.int64(1), self.b.int64(0));
            let offset = self.b.ins(Inst::Select { cond: any, then: one, other: zero });
            (any, offset)
        });
        Ok(Passed { descriptor, args, type_args })
    }

    /// The argument at a position.
    fn argument(&mut self, passed: &Passed, position: Value) -> Value {
        let index = match passed.type_args {
            Some((_, offset)) => self.b.ins(Inst::Binary(BinaryOp::AddInt64, position, offset)),
            None => position,
        };
        self.load_indexed(ArrayKind::RawTagged, passed.args, index)
    }

    fn argument_at(&mut self, passed: &Passed, position: usize) -> Value {
        let position = self.b.int64(position as i64);
        self.argument(passed, position)
    }

    /// Type arguments as passed; null if there are none. The first word must not be read then: it may not be an object.
    fn read_type_args(&mut self, passed: &Passed) -> Result<Option<Value>> {
        let Some((any, _)) = passed.type_args else { return Ok(None) };
        let args = passed.args;
        self.choose(
            any,
            |synth| {
                let zero = synth.b.int64(0);
                Ok(synth.load_indexed(ArrayKind::RawTagged, args, zero))
            },
            |synth| Ok(synth.b.null()),
        )
        .map(Some)
    }

    /// Receiver and positional arguments, omitted ones as their defaults.
    fn read_positional(
        &mut self,
        callee: &Callee<'_>,
        passed: &Passed,
        count: Option<Value>,
    ) -> Result<Values> {
        let required = callee.receivers() + usize::from(callee.params.required);
        let mut values = Values::new();
        for position in 0..required {
            values.push(self.argument_at(passed, position));
        }
        for (index, param) in
            callee.params.positional.iter().enumerate().skip(usize::from(callee.params.required))
        {
            let position = callee.receivers() + index;
            let Some(count) = count else { return Err(self.dangling("count of positional arguments")) };
            let is_passed = self.compare_int(CompareOp::GtInt64, count, position as i64);
            values.push(self.choose(
                is_passed,
                |synth| Ok(synth.argument_at(passed, position)),
                |synth| Ok(synth.b.object(param.default.clone())),
            )?);
        }
        Ok(values)
    }

    /// Named arguments, omitted ones as their defaults. With a `mismatch`, goes there if a required one is missing.
    /// The second result is the variable that holds the first entry of the descriptor that was not used.
    fn read_named(
        &mut self,
        callee: &Callee<'_>,
        passed: &Passed,
        mismatch: Option<Block>,
    ) -> (Values, Variable) {
        let entry = self.b.declare_var(Type::Int64);
        let first = self.b.int64(FIRST_NAMED);
        self.b.def_var(entry, first);
        let named: &[Param] = &callee.params.named;
        let values =
            named.iter().map(|param| self.read_named_argument(param, passed, mismatch, entry)).collect();
        (values, entry)
    }

    fn read_named_argument(
        &mut self,
        param: &Param,
        passed: &Passed,
        mismatch: Option<Block>,
        entry: Variable,
    ) -> Value {
        let at = self.b.use_var(entry);
        let name = self.load_indexed(ArrayKind::Array, passed.descriptor, at);
        let is_passed = self.same_object(name, ObjectKey::String(param.name));
        let (found, omitted, done) = (self.b.create_block(), self.b.create_block(), self.b.create_block());
        let result = self.b.append_param(done, Type::Tagged);
        self.b.branch(is_passed, found, omitted);

        self.join(found);
        let one = self.b.int64(1);
        let position_index = self.b.ins(Inst::Binary(BinaryOp::AddInt64, at, one));
        let position = self.load_indexed(ArrayKind::Array, passed.descriptor, position_index);
        let position = self.unary(UnaryOp::UnboxInt64, position);
        let value = self.argument(passed, position);
        let size = self.b.int64(NAMED_ENTRY_SIZE);
        let next = self.b.ins(Inst::Binary(BinaryOp::AddInt64, at, size));
        self.b.def_var(entry, next);
        self.b.jump_args(done, &[value]);

        self.join(omitted);
        match mismatch {
            Some(mismatch) if param.is_required => self.b.jump(mismatch),
            _ => {
                let default = self.b.object(param.default.clone());
                self.b.jump_args(done, &[default]);
            }
        }
        self.join(done);
        result
    }

    /// Own type arguments of a call: those that were passed, those of a partial instantiation of the closure, or the
    /// defaults. May be a safepoint.
    fn resolve_type_args(
        &mut self,
        callee: &Callee<'_>,
        passed: &Passed,
        given: Option<Value>,
        receiver: Option<Value>,
    ) -> Result<Option<Value>> {
        let (Some((any, _)), Some(given)) = (passed.type_args, given) else { return Ok(None) };
        self.choose(
            any,
            |_| Ok(given),
            |synth| match (callee.closure, receiver) {
                (Some(_), Some(closure)) => {
                    let delayed = synth.load(closure, Slot::ClosureElement(0));
                    let is_empty = synth.same_object(delayed, ObjectKey::Root("empty_type_arguments"));
                    synth.choose(
                        is_empty,
                        |synth| Ok(synth.default_type_args(callee, Some(closure))),
                        |_| Ok(delayed),
                    )
                }
                _ => Ok(synth.default_type_args(callee, receiver)),
            },
        )
        .map(Some)
    }

    fn call_and_return(&mut self, callee: &Callee<'_>, type_args: Option<Value>, values: &[Value]) {
        let mut args: Values = type_args.into_iter().collect();
        args.extend_from_slice(values);
        let result = self.b.call(callee.key.clone(), &args);
        self.b.ret(result);
    }

    /// The entry of a function for calls that fit.
    pub(super) fn generic_entry(&mut self, function: &FunctionKey) -> Result<()> {
        let callee = self.callee(function)?;
        let passed = self.passed(&callee)?;
        let has_optional = usize::from(callee.params.required) < callee.params.positional.len();
        let count = has_optional.then(|| self.descriptor_int(passed.descriptor, POSITIONAL_COUNT));
        let given = self.read_type_args(&passed)?;
        let mut values = self.read_positional(&callee, &passed, count)?;
        values.extend(self.read_named(&callee, &passed, None).0);
        let receiver = values.first().copied().filter(|_| callee.params.has_receiver);
        let type_args = self.resolve_type_args(&callee, &passed, given, receiver)?;
        self.call_and_return(&callee, type_args, &values);
        Ok(())
    }

    /// The entry of a closure's function for calls that nobody checked (`FlowGraphBuilder::BuildDynamicClosureCallChecks`,
    /// runtime/vm/compiler/frontend/kernel_to_il.cc).
    pub(super) fn dynamic_entry(&mut self, function: &FunctionKey) -> Result<()> {
        let callee = self.callee(function)?;
        let passed = self.passed(&callee)?;
        let mismatch = self.b.create_block();
        let (descriptor, params) = (passed.descriptor, callee.params.clone());

        // Counts: type arguments, positional and named arguments.
        let len = self.descriptor_int(descriptor, TYPE_ARGS_LEN);
        if callee.is_generic() {
            let none = self.compare_int(CompareOp::EqInt64, len, 0);
            let all = self.compare_int(CompareOp::EqInt64, len, callee.num_type_params() as i64);
            let fits = self.b.ins(Inst::Binary(BinaryOp::OrBool, none, all));
            self.leave_unless(fits, mismatch);
        } else {
            let none = self.compare_int(CompareOp::EqInt64, len, 0);
            self.leave_unless(none, mismatch);
        }
        let positional = self.descriptor_int(descriptor, POSITIONAL_COUNT);
        let min = callee.receivers() + usize::from(params.required);
        let max = callee.receivers() + params.positional.len();
        if min == max {
            let fits = self.compare_int(CompareOp::EqInt64, positional, min as i64);
            self.leave_unless(fits, mismatch);
        } else {
            let enough = self.compare_int(CompareOp::GeInt64, positional, min as i64);
            self.leave_unless(enough, mismatch);
            let fits = self.compare_int(CompareOp::LeInt64, positional, max as i64);
            self.leave_unless(fits, mismatch);
        }
        let count = self.descriptor_int(descriptor, COUNT);
        let num_named = self.b.ins(Inst::Binary(BinaryOp::SubInt64, count, positional));
        if params.named.is_empty() {
            let none = self.compare_int(CompareOp::EqInt64, num_named, 0);
            self.leave_unless(none, mismatch);
        }

        let given = self.read_type_args(&passed)?;
        let mut values = self.read_positional(&callee, &passed, Some(positional))?;
        if !params.named.is_empty() {
            let (named, entry) = self.read_named(&callee, &passed, Some(mismatch));
            values.extend(named);
            let size = self.b.int64(NAMED_ENTRY_SIZE);
            let words = self.b.ins(Inst::Binary(BinaryOp::MulInt64, num_named, size));
            let first = self.b.int64(FIRST_NAMED);
            let end = self.b.ins(Inst::Binary(BinaryOp::AddInt64, words, first));
            let reached = self.b.use_var(entry);
            let all_used = self.compare(CompareOp::EqInt64, reached, end);
            self.leave_unless(all_used, mismatch);
        }
        let receiver = values.first().copied().filter(|_| params.has_receiver);
        let is_bound_already = match (passed.type_args, callee.closure, receiver) {
            (Some((any, _)), Some(_), Some(closure)) => {
                // Type arguments cannot be passed to a closure that has got its own.
                let delayed = self.load(closure, Slot::ClosureElement(0));
                let is_empty = self.same_object(delayed, ObjectKey::Root("empty_type_arguments"));
                let is_bound = self.unary(UnaryOp::Not, is_empty);
                let twice = self.b.ins(Inst::Binary(BinaryOp::AndBool, any, is_bound));
                self.leave_if(twice, mismatch);
                Some(is_bound)
            }
            _ => None,
        };

        // Here begin safepoints.
        let type_args = self.resolve_type_args(&callee, &passed, given, receiver)?;
        let frame = Frame { type_args, receiver };
        self.check_entry_bounds(&callee, frame, is_bound_already)?;
        let checked: Vec<(usize, &Param, bool)> = params
            .all()
            .enumerate()
            .filter(|(_, param)| !self.ctx.program.is_top_type(&param.ty))
            .map(|(index, param)| (index + callee.receivers(), param, index >= params.positional.len()))
            .collect();
        let environment = self.environment(&callee, frame, checked.iter().map(|(_, param, _)| &param.ty))?;
        for (index, param, is_named) in checked {
            let name = if is_named { ObjectKey::String(param.name) } else { self.text(UNKNOWN_NAME) };
            values[index] = self.assert_assignable(values[index], &param.ty, environment, name);
        }
        self.call_and_return(&callee, type_args, &values);

        self.join(mismatch);
        let sentinel = self.b.object(ObjectKey::Sentinel);
        self.b.ret(sentinel);
        Ok(())
    }

    /// Bounds of type arguments that were not checked when the closure was instantiated, nor will be by the callee.
    fn check_entry_bounds(
        &mut self,
        callee: &Callee<'_>,
        frame: Frame,
        is_bound_already: Option<Value>,
    ) -> Result<()> {
        let type_params = &callee.params.type_params;
        let is_checked = |index: usize| !type_params[index].covariant;
        let has_bounds = type_params.iter().any(|param| !param.covariant && !self.is_top(&param.bound));
        if !has_bounds {
            return Ok(());
        }
        let Some(is_bound) = is_bound_already else { return self.check_bounds(callee, frame, is_checked) };
        let (check, done) = (self.b.create_block(), self.b.create_block());
        self.b.branch(is_bound, done, check);
        self.join(check);
        self.check_bounds(callee, frame, is_checked)?;
        self.b.jump(done);
        self.join(done);
        Ok(())
    }

    fn is_top(&self, ty: &DartType) -> bool {
        self.ctx.program.is_top_type(ty)
    }
}
