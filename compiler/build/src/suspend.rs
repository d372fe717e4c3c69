//! `async`, `async*` and `sync*` functions.
//!
//! # Problem
//!
//! The library implements such functions around an object that a suspended one can be resumed with (`_SuspendState`,
//! sdk/lib/_internal/vm/lib/async_patch.dart; runtime/docs/async.md tells how the parts play together). What is
//! left to the compiler is to make that object and to call the library's functions in the right places.
//!
//! # Approach
//!
//! Bodies are built as if a suspension were a call ([`Inst::Suspend`]); [`snapcrane_ir::suspend`] makes state machines of them in the end.
//! The *function data* stands for the running function until it is suspended for the first time: the future, stream
//! controller or iterable that it is the body of. From then on the state stands for it, which also holds the data.
//!
//! | | `async` | `async*` | `sync*` |
//! |---|---|---|---|
//! | first | `_initAsync` makes a future | `_initAsyncStar` makes a controller, then it suspends until somebody listens | `_initSyncStar` makes an iterable, then it suspends; each iterator resumes a clone |
//! | `await e` | suspends by `_await(e)` | the same | |
//! | `yield e` | | `add(e)`, then suspends by `_yieldAsyncStar`; both may say that nobody listens any more, which is a `return` | stores `_current`, suspends |
//! | `return e` | `_returnAsync(e)` completes the future | `_returnAsyncStar` closes the stream | returns false: no more elements |
//! | exceptions | `_handleException` completes the future | the same closes the stream | leave by `moveNext` |
//!
//! Only what follows the first row is guarded by the exception handler: errors in the prologue are errors of the call.

use dart_kernel::ast::{self, AsyncMarker, Expr, FunctionHeader};
use dart_kernel::{NodeOffset, Position};
use snapcrane_ir::{Function, Inst, NativeSlot, Slot, StoreBarrier, Type, Value, suspend};
use snapcrane_program::ids::ObjectKey;
use snapcrane_program::types::{DartType, TypeArgs};

use crate::body::{BodyBuilder, Unit};
use crate::core_calls::CoreCalls;
use crate::error::{Error, Result};
use crate::facts::Kind;

const ASYNC: &str = "dart:async";
const STATE: &str = "_SuspendState";
const CONTROLLER: &str = "_AsyncStarStreamController";
const ITERATOR: &str = "_SyncStarIterator";

/// A function that suspends, while its body is being built.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Suspendable {
    /// What it is; not [`AsyncMarker::Sync`].
    pub(crate) marker: AsyncMarker,
    /// The function data.
    data: Value,
}

impl<'b> BodyBuilder<'_, 'b> {
    /// Builds the body of a function that suspends, after its parameters have been bound.
    pub(crate) fn suspendable_body(
        &mut self,
        header: &'b FunctionHeader<'b>,
        content: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<()> {
        let marker = header.async_marker;
        let init = match marker {
            AsyncMarker::Sync => return content(self),
            AsyncMarker::Async => "_initAsync",
            AsyncMarker::AsyncStar => "_initAsyncStar",
            AsyncMarker::SyncStar => "_initSyncStar",
        };
        let Some(emitted) = &header.emitted_value_type else {
            return Err(self.dangling("the type of the values that it emits"));
        };
        self.at(header.position);
        let types = self.type_args(std::slice::from_ref(emitted))?;
        let types = self.type_args_value(&types);
        let data = self.call_core(ASYNC, STATE, init, &[types])?;
        self.suspendable = Some(Suspendable { marker, data });

        if marker == AsyncMarker::SyncStar {
            self.suspend_by("_suspendSyncStarAtStart", data)?;
            self.copy_parameter_context(header.node);
            content(self)?;
            return self.fall_off(header.end_position);
        }
        let (handler, outer) = self.protect();
        if marker == AsyncMarker::AsyncStar {
            self.suspend_by("_yieldAsyncStar", data)?;
        }
        content(self)?;
        self.fall_off(header.end_position)?;
        self.b.set_handler(outer);
        if let Some((exception, stack_trace)) = self.enter_handler(handler) {
            let state = self.ins(Inst::CurrentState(data));
            let result =
                self.call_core(ASYNC, STATE, "_handleException", &[state, exception, stack_trace])?;
            self.b.ret(result);
        }
        Ok(())
    }

    /// The end of the body is a `return`.
    fn fall_off(&mut self, position: Position) -> Result<()> {
        if !self.b.is_reachable() {
            return Ok(());
        }
        self.at(position);
        let null = self.b.null();
        self.leave_function(null, true)
    }

    /// The function that suspends, for constructs that only such functions contain.
    fn suspendable(&self, construct: &str) -> Result<Suspendable> {
        self.suspendable.ok_or_else(|| self.dangling(format!("the asynchronous function around {construct}")))
    }

    /// Suspends by a method of the state that takes nothing of interest; yields the value that the function is resumed with.
    fn suspend_by(&mut self, method: &'static str, data: Value) -> Result<Value> {
        let state = self.ins(Inst::SaveState(data));
        let null = self.b.null();
        let result = self.call_core(ASYNC, STATE, method, &[state, null])?;
        Ok(self.ins(Inst::Suspend { state, result }))
    }

    /// `await`.
    pub(crate) fn await_(
        &mut self,
        expr: &Expr<'b>,
        operand: &'b Expr<'b>,
        runtime_check_type: Option<&'b ast::DartType<'b>>,
    ) -> Result<Value> {
        let Suspendable { data, .. } = self.suspendable("await")?;
        let value = self.object_expression(operand)?;
        let checked = match runtime_check_type {
            Some(ty) => self.awaited_type(ty)?,
            None => None,
        };
        self.at(expr.position);
        let types = checked.map(|types| self.type_args_value(&types));
        let state = self.ins(Inst::SaveState(data));
        let result = match types {
            Some(types) => self.call_core(ASYNC, STATE, "_awaitWithTypeCheck", &[types, state, value])?,
            None => self.call_core(ASYNC, STATE, "_await", &[state, value])?,
        };
        Ok(self.ins(Inst::Suspend { state, result }))
    }

    /// The type argument of the `Future` type that an awaited value is checked against, unless every future has that type.
    fn awaited_type(&self, ty: &'b ast::DartType<'b>) -> Result<Option<TypeArgs>> {
        Ok(match self.dart_type(ty)? {
            DartType::Interface { args: Some(args), .. }
                if args.iter().any(|arg| !self.ctx().is_top_type(arg)) =>
            {
                Some(Some(args))
            }
            _ => None,
        })
    }

    /// `yield` and `yield*`.
    pub(crate) fn yield_(&mut self, position: Position, value: &'b Expr<'b>, is_star: bool) -> Result<()> {
        let Suspendable { marker, data } = self.suspendable("yield")?;
        let value = self.object_expression(value)?;
        if !self.b.is_reachable() {
            return Ok(());
        }
        self.at(position);
        let state = self.ins(Inst::CurrentState(data));
        let data_slot = Slot::Native(NativeSlot::SuspendStateFunctionData);
        let owner = self.load(state, data_slot, Type::Tagged);
        if marker == AsyncMarker::SyncStar {
            let field = if is_star { "_yieldStarIterable" } else { "_current" };
            let field = self.ctx().program.find_field(ASYNC, ITERATOR, field)?;
            self.store_slot(owner, Slot::Field(field), value, StoreBarrier::Full);
            let state = self.ins(Inst::SaveState(data));
            let result = self.b.object(ObjectKey::Bool(true));
            self.ins(Inst::Suspend { state, result });
            return Ok(());
        }
        let stop = self.b.create_block();
        let add = if is_star { "addStream" } else { "add" };
        let is_over = self.call_core(ASYNC, CONTROLLER, add, &[owner, value])?;
        self.go_if(is_over, stop);
        let is_over = self.suspend_by("_yieldAsyncStar", data)?;
        self.go_if(is_over, stop);
        let proceed = self.b.create_block();
        self.b.jump(proceed);
        self.join(stop);
        let null = self.b.null();
        self.run_finalizers(0)?;
        self.leave_function(null, true)?;
        self.join(proceed);
        Ok(())
    }

    /// Goes to the block if the object is `true`, otherwise on.
    fn go_if(&mut self, object: Value, target: snapcrane_ir::Block) {
        let cond = self.convert(object, Type::Bool);
        let proceed = self.b.create_block();
        self.b.branch(cond, target, proceed);
        self.join(proceed);
    }

    /// Whether the value of an expression is no `Future` for sure.
    pub(crate) fn is_no_future(&self, expr: &Expr<'b>) -> bool {
        self.fact(expr).kind != Kind::Other || matches!(expr.kind, ast::ExprKind::String(_))
    }

    /// Returns from the function, after its finalizers have run. `value` is an object.
    pub(crate) fn leave_function(&mut self, value: Value, is_no_future: bool) -> Result<()> {
        let Some(Suspendable { marker, data }) = self.suspendable else {
            self.b.ret(value);
            return Ok(());
        };
        let method = match marker {
            AsyncMarker::Async if is_no_future => "_returnAsyncNotFuture",
            AsyncMarker::Async => "_returnAsync",
            AsyncMarker::AsyncStar => "_returnAsyncStar",
            AsyncMarker::SyncStar | AsyncMarker::Sync => {
                let no_more = self.b.object(ObjectKey::Bool(false));
                self.b.ret(no_more);
                return Ok(());
            }
        };
        // The body is over: no handler of it guards what the library does now.
        let handler = self.b.set_handler(None);
        let state = self.ins(Inst::CurrentState(data));
        let result = self.call_core(ASYNC, STATE, method, &[state, value])?;
        self.b.ret(result);
        self.b.set_handler(handler);
        Ok(())
    }

    /// Gives a resumed `sync*` function captured parameters of its own: the iterable is shared by its iterators.
    fn copy_parameter_context(&mut self, scope: NodeOffset) {
        if self.levels.last().is_some_and(|level| level.scope == scope) {
            self.copy_context();
        }
    }
}

impl Unit<'_, '_> {
    /// Splits a finished function that suspends; the part that is resumed is kept for later.
    pub(crate) fn split(&self, function: Function) -> Result<Function> {
        let (start, resumption) = suspend::split(function)
            .map_err(|error| Error::Suspension { member: self.name.clone(), source: error })?;
        self.resumptions.borrow_mut().extend(resumption);
        Ok(start)
    }
}
