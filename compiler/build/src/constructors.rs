//! Constructors and field initialisers.
//!
//! A constructor gets the new object, whose fields are null, as its receiver. Unless it redirects, it first evaluates the
//! initialisers of the class's fields in order, then its own list, then its body (`StreamingFlowGraphBuilder::BuildInitializers`,
//! runtime/vm/compiler/frontend/kernel_binary_flowgraph.cc).
//!
//! Initialisers of fields are evaluated by every constructor of the class. Their local functions must not depend on which
//! constructor that is, so an initialiser is built as if it were a function of its own: with the contexts of its own scopes only.

use dart_kernel::ast::{ConstructorNode, Expr, ExprKind, Initializer, InitializerKind};
use dart_kernel::{FieldIdx, NodeOffset};
use snapcrane_ir::{Function, Inst, Value};
use snapcrane_program::ids::{BodyId, FieldId, FunctionKey, MemberId, ObjectKey};
use snapcrane_program::{MemberKind, Params};

use crate::body::{BodyBuilder, Receiver};
use crate::error::Result;

impl<'b> BodyBuilder<'_, 'b> {
    /// Initialisers and body of a constructor.
    pub(crate) fn constructor_body(&mut self, node: &ConstructorNode<'b>) -> Result<()> {
        let this = self.this()?;
        let redirects =
            node.initializers.iter().any(|i| matches!(i.kind, InitializerKind::Redirecting { .. }));
        if !redirects {
            self.initialize_fields(this, node.initializers)?;
        }
        for initializer in node.initializers {
            self.initializer(this, initializer)?;
        }
        self.body_statement(node.function.body)
    }

    fn initialize_fields(&mut self, this: Value, initializers: &[Initializer<'b>]) -> Result<()> {
        let component = self.component();
        let Some(class) = self.unit.class.and_then(|class| self.ctx().program.class(class).kernel) else {
            return Ok(());
        };
        let is_initialized = |field: FieldIdx| {
            initializers
                .iter()
                .any(|i| matches!(i.kind, InitializerKind::Field { field: f, .. } if f == field))
        };
        for index in component.classes[class].fields.iter() {
            let field = &component.fields[index];
            if field.flags.is_static() {
                continue;
            }
            let id = self.ctx().program.field(index);
            let initializer = self.unit.field_initializers.get(&index).copied();
            let is_null = initializer.is_some_and(|expr| matches!(expr.kind, ExprKind::Null));
            if field.flags.is_late() {
                if !is_initialized(index) && !is_null {
                    let sentinel = self.b.object(ObjectKey::Sentinel);
                    self.initialize_field(this, id, sentinel);
                }
            } else if let Some(initializer) = initializer
                && !is_null
            {
                let value = self.detached(id, field.node, initializer)?;
                if !is_initialized(index) {
                    self.at(field.position);
                    self.initialize_field(this, id, value);
                }
            }
        }
        Ok(())
    }

    /// Evaluates the initialiser of a field as if in a function of its own.
    fn detached(&mut self, field: FieldId, node: NodeOffset, initializer: &'b Expr<'b>) -> Result<Value> {
        let levels = std::mem::take(&mut self.levels);
        let body = std::mem::replace(&mut self.body, BodyId::FieldInit(field));
        self.enter_scope(node)?;
        let value = self.expression(initializer)?;
        self.body = body;
        self.levels = levels;
        Ok(value)
    }

    fn initializer(&mut self, this: Value, initializer: &Initializer<'b>) -> Result<()> {
        if !self.b.is_reachable() {
            return Ok(());
        }
        match initializer.kind {
            InitializerKind::Invalid { message } => {
                let message = self.b.object(ObjectKey::String(message));
                self.throw(message, initializer.position);
                Ok(())
            }
            InitializerKind::Field { field, value, .. } => {
                let value = self.expression(value)?;
                self.at(initializer.position);
                self.initialize_field(this, self.ctx().program.field(field), value);
                Ok(())
            }
            InitializerKind::Super { target, arguments, .. } => {
                let arguments = self.arguments(arguments)?;
                self.at(initializer.position);
                let target = self.super_constructor(self.ctx().program.constructor(target))?;
                self.call_constructor(target, this, &arguments)
            }
            InitializerKind::Redirecting { target, arguments } => {
                let arguments = self.arguments(arguments)?;
                self.at(initializer.position);
                self.call_constructor(self.ctx().program.constructor(target), this, &arguments)
            }
            InitializerKind::Local(variable) => self.declare(variable),
            InitializerKind::Assert(assert) => self.assert(assert),
        }
    }

    /// The constructor of the actual superclass with the name of a target.
    fn super_constructor(&self, target: MemberId) -> Result<MemberId> {
        let program = self.ctx().program;
        let superclass = self.unit.class.and_then(|class| program.class(class).superclass);
        if program.members[target].class == superclass {
            return Ok(target);
        }
        let Some(superclass) = superclass else { return Err(self.dangling("superclass")) };
        let name = program.members[target].name;
        let found = program.class(superclass).members.iter().copied().find(|&member| {
            let member = &program.members[member];
            member.kind == MemberKind::Constructor && member.name.text == name.text
        });
        found.ok_or_else(|| self.dangling("constructor of the superclass"))
    }
}

impl<'b> BodyBuilder<'_, 'b> {
    /// Builds the function that evaluates the initialiser of a static or late instance field.
    pub(crate) fn field_initializer(
        mut self,
        field: FieldId,
        params: &Params,
        initializer: &'b Expr<'b>,
    ) -> Result<Function> {
        let component = self.component();
        let kernel = &component.fields[self.ctx().program.fields[field].kernel];
        debug_assert_eq!(self.b.func.key, FunctionKey::FieldInit(field));
        self.at(kernel.position);
        self.ins(Inst::CheckStack);
        if params.has_receiver
            && let Some(&this) = self.b.func.params().first()
        {
            self.receiver = Receiver::Param(this);
        }
        self.enter_scope(kernel.node)?;
        let value = self.object_expression(initializer)?;
        self.b.ret(value);
        self.finish()
    }
}
