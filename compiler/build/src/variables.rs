//! Local variables and contexts.
//!
//! A variable that is never assigned after its initialisation is simply the value it was initialised with. Other variables
//! are SSA variables of the function builder, unboxed if their static type allows. Captured variables live in the context of
//! their scope; one that is never assigned is read from the context by other functions only.
//!
//! The contexts that can be reached at some place are known statically: [`BodyBuilder::levels`] lists those of enclosing
//! scopes, outermost first, those of enclosing functions included. No instruction ever walks from a context of the
//! own function to its parents.

use dart_kernel::ast;
use dart_kernel::{NodeOffset, Position, VarId};
use snapcrane_ir::{AllocKind, Inst, Slot, StoreBarrier, Type, Value, Variable};
use snapcrane_program::ids::ObjectKey;

use crate::body::BodyBuilder;
use crate::error::Result;

/// Where a variable is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// It has this value for good.
    Value(Value),
    /// A variable of the function builder.
    Local(Variable, Type),
}

/// The context of an enclosing scope.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Level {
    /// The scope.
    pub(crate) scope: NodeOffset,
    /// The context.
    pub(crate) context: LevelContext,
}

/// Where a context is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LevelContext {
    /// Allocated here.
    Value(Value),
    /// Replaced by a copy in each iteration of a loop.
    Local(Variable),
    /// This many parents above the closure's context.
    Inherited(u32),
}

impl<'b> BodyBuilder<'_, 'b> {
    /// Enters a scope: allocates its context if it needs one.
    pub(crate) fn enter_scope(&mut self, scope: NodeOffset) -> Result<()> {
        self.enter(scope, false)
    }

    /// Enters the scope of loop variables, whose context is copied for each iteration.
    pub(crate) fn enter_loop_scope(&mut self, scope: NodeOffset) -> Result<()> {
        self.enter(scope, true)
    }

    fn enter(&mut self, scope: NodeOffset, is_loop: bool) -> Result<()> {
        let Some(info) = self.unit.scopes.context(scope) else { return Ok(()) };
        let context = self.allocate_context(info.num_slots());
        if info.has_this {
            let this = self.this()?;
            self.store_slot(context, Slot::ContextVariable(0), this, StoreBarrier::None);
        }
        let context = if is_loop {
            let variable = self.b.declare_var(Type::Tagged);
            self.b.def_var(variable, context);
            LevelContext::Local(variable)
        } else {
            LevelContext::Value(context)
        };
        self.levels.push(Level { scope, context });
        Ok(())
    }

    /// Leaves a scope.
    pub(crate) fn leave_scope(&mut self, scope: NodeOffset) {
        if self.levels.last().is_some_and(|level| level.scope == scope) {
            self.levels.pop();
        }
    }

    fn allocate_context(&mut self, slots: u32) -> Value {
        let parent = self.current_context(self.levels.len());
        self.ins(Inst::Allocate { kind: AllocKind::Context(slots), args: [parent].into_iter().collect() })
    }

    /// The innermost of the outermost `depth` contexts, or null.
    pub(crate) fn current_context(&mut self, depth: usize) -> Value {
        match depth.checked_sub(1) {
            Some(index) => self.level_context(index),
            None => self.b.null(),
        }
    }

    fn level_context(&mut self, index: usize) -> Value {
        match self.levels[index].context {
            LevelContext::Value(value) => value,
            LevelContext::Local(variable) => self.b.use_var(variable),
            LevelContext::Inherited(hops) => {
                let mut context = self.closure_context();
                for _ in 0..hops {
                    context = self.load(context, Slot::ContextParent, Type::Tagged);
                }
                context
            }
        }
    }

    /// Replaces the context of the current loop scope by a copy, if it has one.
    pub(crate) fn copy_loop_context(&mut self, scope: NodeOffset) {
        let Some(&Level { scope: innermost, context: LevelContext::Local(variable) }) = self.levels.last()
        else {
            return;
        };
        if innermost != scope {
            return;
        }
        let new = self.copied_context();
        self.b.def_var(variable, new);
    }

    /// Replaces the innermost context, which was allocated here, by a copy.
    pub(crate) fn copy_context(&mut self) {
        let new = self.copied_context();
        if let Some(level) = self.levels.last_mut() {
            level.context = LevelContext::Value(new);
        }
    }

    /// A copy of the innermost context, which must exist.
    fn copied_context(&mut self) -> Value {
        let index = self.levels.len() - 1;
        let slots = self.unit.scopes.context(self.levels[index].scope).map_or(0, |info| info.num_slots());
        let old = self.level_context(index);
        let parent = self.current_context(index);
        let new = self
            .ins(Inst::Allocate { kind: AllocKind::Context(slots), args: [parent].into_iter().collect() });
        for slot in 0..slots {
            let value = self.load(old, Slot::ContextVariable(slot), Type::Tagged);
            self.store_slot(new, Slot::ContextVariable(slot), value, StoreBarrier::None);
        }
        new
    }

    pub(crate) fn load(&mut self, object: Value, slot: Slot, ty: Type) -> Value {
        self.ins(Inst::Load { object, slot, ty })
    }

    pub(crate) fn store_slot(&mut self, object: Value, slot: Slot, value: Value, barrier: StoreBarrier) {
        self.ins(Inst::Store { object, slot, value, barrier });
    }

    /// `this` of the outermost function, from a context.
    pub(crate) fn captured_this(&mut self) -> Result<Value> {
        let holds_this =
            |level: &Level| self.unit.scopes.context(level.scope).is_some_and(|info| info.has_this);
        match self.levels.iter().rposition(holds_this) {
            Some(index) => {
                let context = self.level_context(index);
                Ok(self.load(context, Slot::ContextVariable(0), Type::Tagged))
            }
            None => Err(self.dangling("captured this")),
        }
    }

    fn context_of(&mut self, scope: NodeOffset) -> Result<Value> {
        match self.levels.iter().rposition(|level| level.scope == scope) {
            Some(index) => Ok(self.level_context(index)),
            None => Err(self.dangling("variable of a scope that is not entered")),
        }
    }

    /// Initialises a variable.
    pub(crate) fn bind(&mut self, id: VarId, value: Value) -> Result<()> {
        let Some(&info) = self.unit.scopes.variable(id) else { return Err(self.dangling("variable")) };
        let is_mutable = info.is_assigned || info.is_late();
        if info.is_captured {
            let object = self.tagged(value);
            let context = self.context_of(info.scope)?;
            self.store_slot(context, Slot::ContextVariable(info.slot), object, StoreBarrier::Full);
            if !is_mutable {
                self.places.insert(id, Place::Value(value));
            }
        } else if is_mutable {
            let ty =
                if info.is_late() { Type::Tagged } else { self.ctx().numbers.of_type(&info.decl.ty).repr() };
            let value = self.convert(value, ty);
            let variable = match self.places.get(&id) {
                Some(&Place::Local(variable, _)) => variable,
                _ => self.b.declare_var(ty),
            };
            self.places.insert(id, Place::Local(variable, ty));
            self.b.def_var(variable, value);
        } else {
            self.places.insert(id, Place::Value(value));
        }
        Ok(())
    }

    /// Declares a variable and evaluates its initialiser.
    pub(crate) fn declare(&mut self, variable: &'b ast::Variable<'b>) -> Result<()> {
        let value = if variable.flags.is_late() {
            self.b.object(ObjectKey::Sentinel)
        } else if let Some(initializer) = variable.initializer {
            self.expression(initializer)?
        } else {
            // What is not initialised is assigned before it is read.
            match self.ctx().numbers.of_type(&variable.ty).repr() {
                Type::Int64 => self.b.int64(0),
                Type::Double => self.ins(Inst::Double(0)),
                Type::Bool => self.bool(false),
                _ => self.b.null(),
            }
        };
        self.at(variable.position);
        self.bind(variable.id, value)
    }

    /// Reads a variable as it is, late or not.
    pub(crate) fn read_variable(&mut self, id: VarId) -> Result<Value> {
        match self.places.get(&id) {
            Some(&Place::Value(value)) => return Ok(value),
            Some(&Place::Local(variable, _)) => return Ok(self.b.use_var(variable)),
            None => {}
        }
        let Some(&info) = self.unit.scopes.variable(id) else { return Err(self.dangling("variable")) };
        if !info.is_captured {
            return Err(
                self.dangling(format!("variable {} before its declaration", self.text(info.decl.name)))
            );
        }
        let context = self.context_of(info.scope)?;
        Ok(self.load(context, Slot::ContextVariable(info.slot), Type::Tagged))
    }

    /// Writes a variable as it is, late or not.
    pub(crate) fn write_variable(&mut self, id: VarId, value: Value) -> Result<()> {
        if let Some(&Place::Local(variable, ty)) = self.places.get(&id) {
            let value = self.convert(value, ty);
            self.b.def_var(variable, value);
            return Ok(());
        }
        let Some(&info) = self.unit.scopes.variable(id) else { return Err(self.dangling("variable")) };
        if !info.is_captured {
            return Err(
                self.dangling(format!("variable {} before its declaration", self.text(info.decl.name)))
            );
        }
        let object = self.tagged(value);
        let context = self.context_of(info.scope)?;
        self.store_slot(context, Slot::ContextVariable(info.slot), object, StoreBarrier::Full);
        Ok(())
    }

    /// `VariableGet`.
    pub(crate) fn variable_get(&mut self, id: VarId, position: Position) -> Result<Value> {
        match self.unit.scopes.variable(id) {
            Some(info) if info.is_late() => {
                let decl = info.decl;
                self.late_get(decl, position)
            }
            _ => self.read_variable(id),
        }
    }

    /// `VariableSet`.
    pub(crate) fn variable_set(&mut self, id: VarId, value: Value, position: Position) -> Result<()> {
        match self.unit.scopes.variable(id) {
            Some(info) if info.is_late() && info.decl.flags.is_final() => {
                let decl = info.decl;
                self.late_final_set(decl, value, position)
            }
            _ => self.write_variable(id, value),
        }
    }
}
