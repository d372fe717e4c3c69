//! Capture analysis: which variables outlive the frame of the function that declares them.
//!
//! # Problem
//!
//! A local function may read and write variables of the functions around it, after those have returned. Such variables
//! live in heap objects, *contexts*; all others become SSA values. Before a body is built it must be known which
//! variables are captured, because the first read of a variable may precede the function that captures it.
//!
//! # Approach
//!
//! One walk over the tree. Variables are named by byte offsets, so nothing needs to be resolved: a use in a function other
//! than the declaring one is a capture. Every scope that declares captured variables gets one context with one slot per
//! captured variable, in the order of declaration; a context's parent is the context of the nearest enclosing scope that has
//! one. `this` counts as a variable of the outermost function. It is also captured by local functions that
//! mention type parameters of the class, because these are found in `this`. Type arguments of enclosing functions need no
//! slot: closures carry them.
//!
//! # Invariants
//!
//! A local function whose [`LocalFn::needs_context`] is false mentions no variable of the functions around it, and neither
//! do the functions inside it; its closure has null for a context.

use dart_kernel::ast::*;
use dart_kernel::{NodeOffset, VarId};
use rustc_hash::{FxHashMap, FxHashSet};

/// A variable of a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VarInfo<'b> {
    /// Its declaration.
    pub(crate) decl: &'b Variable<'b>,
    /// The scope that declares it.
    pub(crate) scope: NodeOffset,
    /// The function that declares it.
    pub(crate) function: NodeOffset,
    /// Whether a local function uses it.
    pub(crate) is_captured: bool,
    /// Whether it is assigned after its initialisation.
    pub(crate) is_assigned: bool,
    /// Slot in the scope's context, if captured.
    pub(crate) slot: u32,
}

impl VarInfo<'_> {
    /// Declared `late`.
    pub(crate) fn is_late(&self) -> bool {
        self.decl.flags.is_late()
    }
}

/// What a context holds for a scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ScopeInfo {
    /// Whether slot 0 holds `this`.
    pub(crate) has_this: bool,
    /// Captured variables in slot order (after `this`).
    pub(crate) variables: Vec<VarId>,
}

impl ScopeInfo {
    /// Number of slots.
    pub(crate) fn num_slots(&self) -> u32 {
        u32::from(self.has_this) + self.variables.len() as u32
    }
}

/// A local function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalFn<'b> {
    /// The function.
    pub(crate) function: &'b LocalFunction<'b>,
    /// The variable of its declaration, if it is a statement.
    pub(crate) variable: Option<&'b Variable<'b>>,
    /// Whether it, or a function in it, uses something captured from outside.
    pub(crate) needs_context: bool,
}

/// Result of the analysis of all trees of a body.
#[derive(Debug, Default)]
pub(crate) struct Scopes<'b> {
    variables: FxHashMap<VarId, VarInfo<'b>>,
    /// Scopes with a context, by their node.
    contexts: FxHashMap<NodeOffset, ScopeInfo>,
    /// Local functions by their function node.
    functions: FxHashMap<NodeOffset, LocalFn<'b>>,
    /// Function nodes by the variable of the declaration.
    declared_functions: FxHashMap<VarId, NodeOffset>,
    /// Scopes that hold `this` (only outermost ones).
    this_captured: FxHashSet<NodeOffset>,
    /// Variables in the order of declaration.
    order: Vec<VarId>,
}

impl<'b> Scopes<'b> {
    /// Analyses a function with its own frame: a procedure.
    pub(crate) fn add_function(&mut self, function: &FunctionNode<'b>) {
        let mut walker = Walker::new(self, function.node);
        walker.parameters(function.header);
        if let Some(body) = function.body {
            walker.statement(body);
        }
        self.assign_slots();
    }

    /// Analyses a constructor: initialisers and body are one scope.
    pub(crate) fn add_constructor(&mut self, constructor: &ConstructorNode<'b>) {
        let mut walker = Walker::new(self, constructor.function.node);
        walker.parameters(constructor.function.header);
        for initializer in constructor.initializers {
            walker.initializer(initializer);
        }
        if let Some(body) = constructor.function.body {
            walker.statement(body);
        }
        self.assign_slots();
    }

    /// Analyses the initialiser of a field, as a function of its own named by the field's node.
    pub(crate) fn add_field_initializer(&mut self, field: NodeOffset, initializer: &'b Expr<'b>) {
        Walker::new(self, field).expression(initializer);
        self.assign_slots();
    }

    fn assign_slots(&mut self) {
        self.contexts.clear();
        for &root in &self.this_captured {
            self.contexts.entry(root).or_default().has_this = true;
        }
        for var in &self.order {
            let Some(info) = self.variables.get_mut(var) else { continue };
            if info.is_captured {
                let scope = self.contexts.entry(info.scope).or_default();
                info.slot = scope.num_slots();
                scope.variables.push(*var);
            }
        }
    }

    /// A variable.
    pub(crate) fn variable(&self, id: VarId) -> Option<&VarInfo<'b>> {
        self.variables.get(&id)
    }

    /// The context of a scope, if it has one.
    pub(crate) fn context(&self, scope: NodeOffset) -> Option<&ScopeInfo> {
        self.contexts.get(&scope)
    }

    /// A local function by its function node.
    pub(crate) fn function(&self, node: NodeOffset) -> Option<&LocalFn<'b>> {
        self.functions.get(&node)
    }

    /// A local function by the variable of its declaration.
    pub(crate) fn declared_function(&self, variable: VarId) -> Option<&LocalFn<'b>> {
        self.functions.get(self.declared_functions.get(&variable)?)
    }
}

/// Whether a type mentions a type parameter of a class.
pub(crate) fn mentions_class_parameter(ty: &DartType<'_>) -> bool {
    match ty {
        DartType::TypeParameter { owner, .. } => matches!(owner, TypeParameterOwner::Class(_)),
        DartType::Interface { arguments, .. } => arguments.iter().any(mentions_class_parameter),
        DartType::Function(function) => {
            function
                .type_parameters
                .iter()
                .any(|p| mentions_class_parameter(&p.bound) || mentions_class_parameter(&p.default_type))
                || function.positional.iter().any(mentions_class_parameter)
                || function.named.iter().any(|n| mentions_class_parameter(&n.ty))
                || mentions_class_parameter(&function.return_type)
        }
        DartType::Record(record) => {
            record.positional.iter().any(mentions_class_parameter)
                || record.named.iter().any(|n| mentions_class_parameter(&n.ty))
        }
        DartType::Intersection { left, .. } => mentions_class_parameter(left),
        DartType::Extension(ext) => mentions_class_parameter(&ext.erasure),
        DartType::FutureOr { argument, .. } => mentions_class_parameter(argument),
        DartType::Invalid | DartType::Dynamic | DartType::Void | DartType::Null | DartType::Never(_) => false,
    }
}

struct Walker<'s, 'b> {
    scopes: &'s mut Scopes<'b>,
    /// Functions around the current place, outermost first.
    functions: Vec<NodeOffset>,
    /// Scope that variables are declared in now.
    scope: NodeOffset,
}

impl<'s, 'b> Walker<'s, 'b> {
    fn new(scopes: &'s mut Scopes<'b>, root: NodeOffset) -> Self {
        Walker { scopes, functions: vec![root], scope: root }
    }

    fn current(&self) -> NodeOffset {
        self.functions[self.functions.len() - 1]
    }

    fn in_scope(&mut self, scope: NodeOffset, f: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.scope, scope);
        f(self);
        self.scope = outer;
    }

    fn declare(&mut self, variable: &'b Variable<'b>) {
        let (scope, function) = (self.scope, self.current());
        let info =
            VarInfo { decl: variable, scope, function, is_captured: false, is_assigned: false, slot: 0 };
        self.scopes.variables.insert(variable.id, info);
        self.scopes.order.push(variable.id);
    }

    /// Declares a variable and visits its initialiser, which belongs to the variable's own scope.
    fn variable(&mut self, variable: &'b Variable<'b>) {
        self.declare(variable);
        if let Some(initializer) = variable.initializer {
            self.expression(initializer);
        }
    }

    fn uses_context_above(&mut self, depth: usize) {
        for node in &self.functions[depth..] {
            if let Some(function) = self.scopes.functions.get_mut(node) {
                function.needs_context = true;
            }
        }
    }

    fn use_variable(&mut self, id: VarId) {
        let current = self.current();
        let Some(info) = self.scopes.variables.get_mut(&id) else { return };
        if info.function == current {
            return;
        }
        info.is_captured = true;
        let (owner, decl) = (info.function, info.decl);
        let depth = self.functions.iter().position(|&node| node == owner).map_or(0, |at| at + 1);
        self.uses_context_above(depth);
        if decl.flags.is_late()
            && let Some(initializer) = decl.initializer
        {
            // Reading a late variable may run its initialiser, in the reading function.
            self.expression(initializer);
        }
    }

    fn use_this(&mut self) {
        if self.functions.len() > 1 {
            self.scopes.this_captured.insert(self.functions[0]);
            self.uses_context_above(1);
        }
    }

    fn ty(&mut self, ty: &DartType<'b>) {
        if self.functions.len() > 1 && mentions_class_parameter(ty) {
            self.use_this();
        }
    }

    fn types(&mut self, types: &[DartType<'b>]) {
        types.iter().for_each(|ty| self.ty(ty));
    }

    fn parameters(&mut self, header: &'b FunctionHeader<'b>) {
        for parameter in header.positional.iter().chain(header.named) {
            self.declare(parameter);
            // Parameter checks and default type arguments are evaluated inside of the function.
            self.ty(&parameter.ty);
        }
        for parameter in header.type_parameters {
            self.ty(&parameter.bound);
            self.ty(&parameter.default_type);
        }
        self.ty(&header.return_type);
        if let Some(ty) = &header.emitted_value_type {
            self.ty(ty);
        }
    }

    fn local_function(&mut self, variable: Option<&'b Variable<'b>>, function: &'b LocalFunction<'b>) {
        let node = function.function.node;
        self.scopes.functions.insert(node, LocalFn { function, variable, needs_context: false });
        // The closure of a signature that mentions class parameters holds the type arguments of `this`.
        let header = function.function.header;
        let signature_types =
            header.positional.iter().chain(header.named).map(|p| &p.ty).chain([&header.return_type]);
        if self.functions.len() > 1 && signature_types.into_iter().any(mentions_class_parameter) {
            self.use_this();
        }
        self.functions.push(node);
        self.in_scope(node, |walker| {
            walker.parameters(header);
            if let Some(body) = function.function.body {
                walker.statement(body);
            }
        });
        self.functions.pop();
    }

    fn initializer(&mut self, initializer: &Initializer<'b>) {
        match initializer.kind {
            InitializerKind::Invalid { .. } => {}
            InitializerKind::Field { value, .. } => self.expression(value),
            InitializerKind::Super { arguments, .. } | InitializerKind::Redirecting { arguments, .. } => {
                self.arguments(arguments);
            }
            InitializerKind::Local(variable) => self.variable(variable),
            InitializerKind::Assert(assert) => self.assert(assert),
        }
    }

    fn assert(&mut self, assert: &AssertStmt<'b>) {
        self.expression(assert.condition);
        if let Some(message) = assert.message {
            self.expression(message);
        }
    }

    fn statements(&mut self, statements: &[&'b Stmt<'b>]) {
        statements.iter().for_each(|s| self.statement(s));
    }

    fn statement(&mut self, stmt: &'b Stmt<'b>) {
        match stmt.kind {
            StmtKind::Expression(expr) => self.expression(expr),
            StmtKind::Block { statements, .. } | StmtKind::AssertBlock(statements) => {
                self.in_scope(stmt.node, |walker| walker.statements(statements));
            }
            StmtKind::Empty | StmtKind::Break { .. } | StmtKind::ContinueSwitch { .. } => {}
            StmtKind::Assert(assert) => self.assert(assert),
            StmtKind::Labeled(body) => self.statement(body),
            StmtKind::While { condition, body } => {
                self.expression(condition);
                self.statement(body);
            }
            StmtKind::Do { body, condition } => {
                self.statement(body);
                self.expression(condition);
            }
            StmtKind::For(stmt_for) => self.in_scope(stmt.node, |walker| {
                stmt_for.variables.iter().for_each(|v| walker.variable(v));
                if let Some(condition) = stmt_for.condition {
                    walker.expression(condition);
                }
                stmt_for.updates.iter().for_each(|e| walker.expression(e));
                walker.statement(stmt_for.body);
            }),
            StmtKind::ForIn(stmt_for) => {
                self.expression(stmt_for.iterable);
                self.in_scope(stmt.node, |walker| {
                    walker.variable(stmt_for.variable);
                    walker.statement(stmt_for.body);
                });
            }
            StmtKind::Switch(switch) => {
                self.expression(switch.expression);
                for case in switch.cases {
                    case.expressions.iter().for_each(|(_, e)| self.expression(e));
                    self.statement(case.body);
                }
            }
            StmtKind::If { condition, then, otherwise } => {
                self.expression(condition);
                self.statement(then);
                self.statement(otherwise);
            }
            StmtKind::Return(value) => {
                if let Some(value) = value {
                    self.expression(value);
                }
            }
            StmtKind::TryCatch(stmt) => {
                self.statement(stmt.body);
                for catch in stmt.catches {
                    self.ty(&catch.guard);
                    self.in_scope(catch.node, |walker| {
                        catch.exception.into_iter().chain(catch.stack_trace).for_each(|v| walker.declare(v));
                        walker.statement(catch.body);
                    });
                }
            }
            StmtKind::TryFinally { body, finalizer } => {
                self.statement(body);
                self.statement(finalizer);
            }
            StmtKind::Yield { value, .. } => self.expression(value),
            StmtKind::Variable(variable) => self.variable(variable),
            StmtKind::FunctionDeclaration { variable, function } => {
                self.declare(variable);
                self.scopes.declared_functions.insert(variable.id, function.function.node);
                self.local_function(Some(variable), function);
            }
        }
    }

    fn arguments(&mut self, arguments: &Arguments<'b>) {
        self.types(arguments.types);
        arguments.positional.iter().for_each(|e| self.expression(e));
        arguments.named.iter().for_each(|e| self.expression(e.value));
    }

    fn expression(&mut self, expr: &'b Expr<'b>) {
        match expr.kind {
            ExprKind::Invalid { expression, .. } => {
                if let Some(expression) = expression {
                    self.expression(expression);
                }
            }
            ExprKind::VariableGet { variable, .. } => self.use_variable(variable),
            ExprKind::VariableSet { variable, value } => {
                self.use_variable(variable);
                if let Some(info) = self.scopes.variables.get_mut(&variable) {
                    info.is_assigned = true;
                }
                self.expression(value);
            }
            ExprKind::This => self.use_this(),
            ExprKind::Int(_)
            | ExprKind::Double(_)
            | ExprKind::Bool(_)
            | ExprKind::Null
            | ExprKind::String(_)
            | ExprKind::Constant { .. }
            | ExprKind::FileUriConstant { .. }
            | ExprKind::StaticGet(_)
            | ExprKind::Rethrow
            | ExprKind::CheckLibraryIsLoaded { .. }
            | ExprKind::LoadLibrary { .. } => {}
            ExprKind::TypeLiteral(ty) => self.ty(ty),
            ExprKind::FileUri { expression, .. } => self.expression(expression),
            ExprKind::InstanceGet(get) | ExprKind::InstanceTearOff(get) => self.expression(get.receiver),
            ExprKind::InstanceSet(set) => {
                self.expression(set.receiver);
                self.expression(set.value);
            }
            ExprKind::InstanceInvocation(call) => {
                self.expression(call.receiver);
                self.arguments(call.arguments);
            }
            ExprKind::DynamicGet { receiver, .. } => self.expression(receiver),
            ExprKind::DynamicSet(set) => {
                self.expression(set.receiver);
                self.expression(set.value);
            }
            ExprKind::DynamicInvocation(call) => {
                self.expression(call.receiver);
                self.arguments(call.arguments);
            }
            ExprKind::FunctionInvocation(call) => {
                self.expression(call.receiver);
                self.arguments(call.arguments);
            }
            ExprKind::LocalFunctionInvocation { variable, arguments, .. } => {
                self.use_variable(variable);
                self.arguments(arguments);
            }
            ExprKind::EqualsNull(e) | ExprKind::Not(e) | ExprKind::NullCheck(e) => self.expression(e),
            ExprKind::EqualsCall(call) => {
                self.expression(call.left);
                self.expression(call.right);
            }
            ExprKind::SuperPropertyGet { receiver, .. } => {
                self.use_this();
                self.expression(receiver);
            }
            ExprKind::SuperPropertySet(set) => {
                self.use_this();
                self.expression(set.receiver);
                self.expression(set.value);
            }
            ExprKind::SuperMethodInvocation(call) => {
                self.use_this();
                self.expression(call.receiver);
                self.arguments(call.arguments);
            }
            ExprKind::StaticSet { value, .. } => self.expression(value),
            ExprKind::StaticInvocation { arguments, .. }
            | ExprKind::ConstructorInvocation { arguments, .. } => {
                self.arguments(arguments);
            }
            ExprKind::Logical { left, right, .. } => {
                self.expression(left);
                self.expression(right);
            }
            ExprKind::Conditional { condition, then, otherwise, .. } => {
                self.expression(condition);
                self.expression(then);
                self.expression(otherwise);
            }
            ExprKind::StringConcatenation(parts) => parts.iter().for_each(|e| self.expression(e)),
            ExprKind::Is { operand, ty } | ExprKind::As { operand, ty, .. } => {
                self.expression(operand);
                self.ty(ty);
            }
            ExprKind::Throw { value, .. } => self.expression(value),
            ExprKind::ListLiteral { ty, elements } => {
                self.ty(ty);
                elements.iter().for_each(|e| self.expression(e));
            }
            ExprKind::MapLiteral { types, entries } => {
                self.types(types);
                for (key, value) in entries {
                    self.expression(key);
                    self.expression(value);
                }
            }
            ExprKind::RecordLiteral { positional, named, .. } => {
                positional.iter().for_each(|e| self.expression(e));
                named.iter().for_each(|e| self.expression(e.value));
            }
            ExprKind::RecordIndexGet { receiver, .. } | ExprKind::RecordNameGet { receiver, .. } => {
                self.expression(receiver);
            }
            ExprKind::Await { operand, runtime_check_type } => {
                self.expression(operand);
                if let Some(ty) = runtime_check_type {
                    self.ty(ty);
                }
            }
            ExprKind::Function(function) => self.local_function(None, function),
            ExprKind::Let { variable, body } => self.in_scope(expr.node, |walker| {
                walker.variable(variable);
                walker.expression(body);
            }),
            ExprKind::Block { statements, value } => self.in_scope(expr.node, |walker| {
                walker.statements(statements);
                walker.expression(value);
            }),
            ExprKind::Instantiation { operand, type_arguments } => {
                self.expression(operand);
                self.types(type_arguments);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use cranelift_entity::EntityRef;
    use dart_kernel::{Bump, Position, StrIdx};

    use super::*;

    /// Makes trees; node offsets are consecutive numbers.
    struct Maker<'b> {
        arena: &'b Bump,
        next: u32,
    }

    impl<'b> Maker<'b> {
        fn node(&mut self) -> NodeOffset {
            self.next += 1;
            NodeOffset(self.next)
        }

        fn variable(&mut self, initializer: Option<&'b Expr<'b>>) -> &'b Variable<'b> {
            let id = VarId(self.node().0);
            self.arena.alloc(Variable {
                id,
                kind: VariableKind::Local,
                position: Position::NONE,
                equals_position: Position::NONE,
                annotations: &[],
                flags: VariableFlags(0),
                name: StrIdx::new(0),
                ty: DartType::Dynamic,
                initializer,
            })
        }

        fn expr(&mut self, kind: ExprKind<'b>) -> &'b Expr<'b> {
            let node = self.node();
            self.arena.alloc(Expr { node, position: Position::NONE, kind })
        }

        fn get(&mut self, variable: &Variable<'b>) -> &'b Expr<'b> {
            self.expr(ExprKind::VariableGet { variable: variable.id, promoted: None })
        }

        fn stmt(&mut self, kind: StmtKind<'b>) -> &'b Stmt<'b> {
            let node = self.node();
            self.arena.alloc(Stmt { node, position: Position::NONE, kind })
        }

        fn block(&mut self, statements: &[&'b Stmt<'b>]) -> &'b Stmt<'b> {
            let statements = self.arena.alloc_slice_copy(statements);
            self.stmt(StmtKind::Block { statements, end_position: Position::NONE })
        }

        fn function(&mut self, body: &'b Stmt<'b>, positional: &'b [Variable<'b>]) -> FunctionNode<'b> {
            let node = self.node();
            let header = self.arena.alloc(FunctionHeader {
                node,
                position: Position::NONE,
                end_position: Position::NONE,
                async_marker: AsyncMarker::Sync,
                dart_async_marker: AsyncMarker::Sync,
                type_parameters: &[],
                scope: TypeScope::EMPTY,
                this_variable: None,
                required_positional: positional.len() as u32,
                positional,
                named: &[],
                return_type: DartType::Dynamic,
                emitted_value_type: None,
                redirecting_target: None,
                body: None,
            });
            FunctionNode { header, body: Some(body) }
        }

        /// An expression statement of a closure with the expression as its body.
        fn closure(&mut self, value: &'b Expr<'b>) -> (&'b Stmt<'b>, NodeOffset) {
            let body = self.stmt(StmtKind::Expression(value));
            let function = self.function(body, &[]);
            let local = self.arena.alloc(LocalFunction { id: 1, function });
            let closure = self.expr(ExprKind::Function(local));
            (self.stmt(StmtKind::Expression(closure)), function.node)
        }
    }

    #[test]
    fn inner_scopes_have_their_own_contexts() {
        let arena = Bump::new();
        let mut make = Maker { arena: &arena, next: 0 };
        let (outer, inner, free) = (make.variable(None), make.variable(None), make.variable(None));
        let value = make.get(inner);
        let set = make.expr(ExprKind::VariableSet { variable: outer.id, value });
        let (closure, closure_node) = make.closure(set);
        let null = make.expr(ExprKind::Null);
        let (empty, empty_node) = make.closure(null);
        let declare_inner = make.stmt(StmtKind::Variable(inner));
        let block = make.block(&[declare_inner, closure, empty]);
        let (declare_outer, declare_free) =
            (make.stmt(StmtKind::Variable(outer)), make.stmt(StmtKind::Variable(free)));
        let body = make.block(&[declare_outer, declare_free, block]);
        let function = make.function(body, &[]);
        let mut scopes = Scopes::default();
        scopes.add_function(&function);

        let variables = |node| scopes.context(node).map(|info| info.variables.clone());
        assert_eq!(variables(body.node), Some(vec![outer.id]));
        assert_eq!(variables(block.node), Some(vec![inner.id]));
        assert_eq!(variables(function.node), None);
        let info = |variable: &Variable<'_>| *scopes.variable(variable.id).unwrap();
        assert!(info(outer).is_assigned && info(outer).is_captured);
        assert!(!info(inner).is_assigned && info(inner).is_captured);
        assert!(!info(free).is_captured);
        assert!(scopes.function(closure_node).unwrap().needs_context);
        assert!(!scopes.function(empty_node).unwrap().needs_context);
    }

    #[test]
    fn functions_between_need_the_context_too() {
        let arena = Bump::new();
        let mut make = Maker { arena: &arena, next: 0 };
        let parameter = *make.variable(None);
        let parameters = arena.alloc_slice_copy(&[parameter]);
        let value = make.get(&parameter);
        let (inner, inner_node) = make.closure(value);
        let middle = make.function(inner, &[]);
        let local = arena.alloc(LocalFunction { id: 2, function: middle });
        let closure = make.expr(ExprKind::Function(local));
        let body = make.stmt(StmtKind::Expression(closure));
        let function = make.function(body, parameters);
        let mut scopes = Scopes::default();
        scopes.add_function(&function);
        assert_eq!(scopes.context(function.node).unwrap().variables, [parameter.id]);
        assert!(scopes.function(inner_node).unwrap().needs_context);
        assert!(scopes.function(middle.node).unwrap().needs_context);
    }

    #[test]
    fn this_comes_first() {
        let arena = Bump::new();
        let mut make = Maker { arena: &arena, next: 0 };
        let parameter = *make.variable(None);
        let parameters = arena.alloc_slice_copy(&[parameter]);
        let (this, value) = (make.expr(ExprKind::This), make.get(&parameter));
        let parts = arena.alloc_slice_copy(&[value, this]);
        let both = make.expr(ExprKind::StringConcatenation(parts));
        let (closure, _) = make.closure(both);
        let function = make.function(closure, parameters);
        let mut scopes = Scopes::default();
        scopes.add_function(&function);
        let context = scopes.context(function.node).unwrap();
        assert!(context.has_this);
        assert_eq!(context.num_slots(), 2);
        assert_eq!(scopes.variable(parameter.id).unwrap().slot, 1);
    }

    #[test]
    fn own_variables_of_a_closure_are_not_captured() {
        let arena = Bump::new();
        let mut make = Maker { arena: &arena, next: 0 };
        let zero = make.expr(ExprKind::Int(0));
        let variable = make.variable(Some(zero));
        let get = make.get(variable);
        let body = make.expr(ExprKind::Let { variable, body: get });
        let (closure, node) = make.closure(body);
        let function = make.function(closure, &[]);
        let mut scopes = Scopes::default();
        scopes.add_function(&function);
        assert!(!scopes.variable(variable.id).unwrap().is_captured);
        assert!(!scopes.function(node).unwrap().needs_context);
        assert_eq!(scopes.context(body.node), None);
    }
}
