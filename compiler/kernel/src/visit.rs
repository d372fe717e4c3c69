//! A walk over bodies.
//!
//! Every method of [`Visitor`] defaults to the `walk_` function of the same name, which visits the children in the
//! order of evaluation. Methods get the type parameters in scope, which metadata of the node needs. Nesting is
//! bounded by [`MAX_DEPTH`](crate::MAX_DEPTH), and so is the recursion.

use crate::ast::*;

/// What to do at each node.
pub trait Visitor<'b> {
    /// An expression.
    fn expr(&mut self, expr: &'b Expr<'b>, scope: &'b TypeScope<'b>) {
        walk_expr(self, expr, scope);
    }

    /// A statement.
    fn stmt(&mut self, stmt: &'b Stmt<'b>, scope: &'b TypeScope<'b>) {
        walk_stmt(self, stmt, scope);
    }

    /// A variable declaration, or parameter.
    fn variable(&mut self, variable: &'b Variable<'b>, scope: &'b TypeScope<'b>) {
        walk_variable(self, variable, scope);
    }

    /// Arguments of a call.
    fn arguments(&mut self, arguments: &'b Arguments<'b>, scope: &'b TypeScope<'b>) {
        walk_arguments(self, arguments, scope);
    }

    /// A catch clause.
    fn catch(&mut self, catch: &'b Catch<'b>, scope: &'b TypeScope<'b>) {
        walk_catch(self, catch, scope);
    }

    /// A local function.
    fn local_function(&mut self, function: &'b LocalFunction<'b>) {
        walk_function(self, &function.function);
    }
}

/// Visits parameters and body.
pub fn walk_function<'b, V: Visitor<'b> + ?Sized>(visitor: &mut V, function: &FunctionNode<'b>) {
    let header = function.header;
    for variable in header.positional.iter().chain(header.named) {
        visitor.variable(variable, header.scope);
    }
    if let Some(body) = function.body {
        visitor.stmt(body, header.scope);
    }
}

/// Visits parameters, initialisers and body.
pub fn walk_constructor<'b, V: Visitor<'b> + ?Sized>(visitor: &mut V, constructor: &ConstructorNode<'b>) {
    let header = constructor.function.header;
    let scope = header.scope;
    for variable in header.positional.iter().chain(header.named) {
        visitor.variable(variable, scope);
    }
    for initializer in constructor.initializers {
        match initializer.kind {
            InitializerKind::Invalid { .. } => {}
            InitializerKind::Field { value, .. } => visitor.expr(value, scope),
            InitializerKind::Super { arguments, .. } | InitializerKind::Redirecting { arguments, .. } => {
                visitor.arguments(arguments, scope);
            }
            InitializerKind::Local(variable) => visitor.variable(variable, scope),
            InitializerKind::Assert(assert) => walk_assert(visitor, assert, scope),
        }
    }
    if let Some(body) = constructor.function.body {
        visitor.stmt(body, scope);
    }
}

/// Visits the initialiser.
pub fn walk_variable<'b, V: Visitor<'b> + ?Sized>(
    visitor: &mut V,
    variable: &'b Variable<'b>,
    scope: &'b TypeScope<'b>,
) {
    if let Some(initializer) = variable.initializer {
        visitor.expr(initializer, scope);
    }
}

/// Visits positional, then named arguments.
pub fn walk_arguments<'b, V: Visitor<'b> + ?Sized>(
    visitor: &mut V,
    arguments: &'b Arguments<'b>,
    scope: &'b TypeScope<'b>,
) {
    walk_exprs(visitor, arguments.positional, scope);
    for named in arguments.named {
        visitor.expr(named.value, scope);
    }
}

/// Visits variables and body.
pub fn walk_catch<'b, V: Visitor<'b> + ?Sized>(
    visitor: &mut V,
    catch: &'b Catch<'b>,
    scope: &'b TypeScope<'b>,
) {
    for variable in catch.exception.iter().chain(&catch.stack_trace) {
        visitor.variable(variable, scope);
    }
    visitor.stmt(catch.body, scope);
}

fn walk_exprs<'b, V: Visitor<'b> + ?Sized>(
    visitor: &mut V,
    exprs: &'b [&'b Expr<'b>],
    scope: &'b TypeScope<'b>,
) {
    for expr in exprs {
        visitor.expr(expr, scope);
    }
}

fn walk_assert<'b, V: Visitor<'b> + ?Sized>(
    visitor: &mut V,
    assert: &'b AssertStmt<'b>,
    scope: &'b TypeScope<'b>,
) {
    visitor.expr(assert.condition, scope);
    if let Some(message) = assert.message {
        visitor.expr(message, scope);
    }
}

/// Visits the children of an expression.
pub fn walk_expr<'b, V: Visitor<'b> + ?Sized>(visitor: &mut V, expr: &'b Expr<'b>, scope: &'b TypeScope<'b>) {
    match expr.kind {
        ExprKind::VariableGet { .. }
        | ExprKind::This
        | ExprKind::Int(_)
        | ExprKind::Double(_)
        | ExprKind::Bool(_)
        | ExprKind::Null
        | ExprKind::String(_)
        | ExprKind::TypeLiteral(_)
        | ExprKind::Constant { .. }
        | ExprKind::FileUriConstant { .. }
        | ExprKind::StaticGet(_)
        | ExprKind::Rethrow
        | ExprKind::CheckLibraryIsLoaded { .. }
        | ExprKind::LoadLibrary { .. } => {}
        ExprKind::Invalid { expression, .. } => {
            if let Some(expression) = expression {
                visitor.expr(expression, scope);
            }
        }
        ExprKind::VariableSet { value: operand, .. }
        | ExprKind::FileUri { expression: operand, .. }
        | ExprKind::DynamicGet { receiver: operand, .. }
        | ExprKind::EqualsNull(operand)
        | ExprKind::SuperPropertyGet { receiver: operand, .. }
        | ExprKind::StaticSet { value: operand, .. }
        | ExprKind::Not(operand)
        | ExprKind::NullCheck(operand)
        | ExprKind::Is { operand, .. }
        | ExprKind::As { operand, .. }
        | ExprKind::Throw { value: operand, .. }
        | ExprKind::RecordIndexGet { receiver: operand, .. }
        | ExprKind::RecordNameGet { receiver: operand, .. }
        | ExprKind::Await { operand, .. }
        | ExprKind::Instantiation { operand, .. } => visitor.expr(operand, scope),
        ExprKind::InstanceGet(get) | ExprKind::InstanceTearOff(get) => visitor.expr(get.receiver, scope),
        ExprKind::InstanceSet(set) => {
            visitor.expr(set.receiver, scope);
            visitor.expr(set.value, scope);
        }
        ExprKind::DynamicSet(set) => {
            visitor.expr(set.receiver, scope);
            visitor.expr(set.value, scope);
        }
        ExprKind::SuperPropertySet(set) => {
            visitor.expr(set.receiver, scope);
            visitor.expr(set.value, scope);
        }
        ExprKind::InstanceInvocation(call) => {
            visitor.expr(call.receiver, scope);
            visitor.arguments(call.arguments, scope);
        }
        ExprKind::DynamicInvocation(call) => {
            visitor.expr(call.receiver, scope);
            visitor.arguments(call.arguments, scope);
        }
        ExprKind::FunctionInvocation(call) => {
            visitor.expr(call.receiver, scope);
            visitor.arguments(call.arguments, scope);
        }
        ExprKind::SuperMethodInvocation(call) => {
            visitor.expr(call.receiver, scope);
            visitor.arguments(call.arguments, scope);
        }
        ExprKind::LocalFunctionInvocation { arguments, .. }
        | ExprKind::StaticInvocation { arguments, .. }
        | ExprKind::ConstructorInvocation { arguments, .. } => visitor.arguments(arguments, scope),
        ExprKind::EqualsCall(call) => {
            visitor.expr(call.left, scope);
            visitor.expr(call.right, scope);
        }
        ExprKind::Logical { left, right, .. } => {
            visitor.expr(left, scope);
            visitor.expr(right, scope);
        }
        ExprKind::Conditional { condition, then, otherwise, .. } => {
            visitor.expr(condition, scope);
            visitor.expr(then, scope);
            visitor.expr(otherwise, scope);
        }
        ExprKind::StringConcatenation(parts) => walk_exprs(visitor, parts, scope),
        ExprKind::ListLiteral { elements, .. } => walk_exprs(visitor, elements, scope),
        ExprKind::MapLiteral { entries, .. } => {
            for (key, value) in entries {
                visitor.expr(key, scope);
                visitor.expr(value, scope);
            }
        }
        ExprKind::RecordLiteral { positional, named, .. } => {
            walk_exprs(visitor, positional, scope);
            for named in named {
                visitor.expr(named.value, scope);
            }
        }
        ExprKind::Function(function) => visitor.local_function(function),
        ExprKind::Let { variable, body } => {
            visitor.variable(variable, scope);
            visitor.expr(body, scope);
        }
        ExprKind::Block { statements, value } => {
            for stmt in statements {
                visitor.stmt(stmt, scope);
            }
            visitor.expr(value, scope);
        }
    }
}

/// Visits the children of a statement.
pub fn walk_stmt<'b, V: Visitor<'b> + ?Sized>(visitor: &mut V, stmt: &'b Stmt<'b>, scope: &'b TypeScope<'b>) {
    match stmt.kind {
        StmtKind::Empty | StmtKind::Break { .. } | StmtKind::ContinueSwitch { .. } => {}
        StmtKind::Expression(expr) => visitor.expr(expr, scope),
        StmtKind::Block { statements, .. } | StmtKind::AssertBlock(statements) => {
            for stmt in statements {
                visitor.stmt(stmt, scope);
            }
        }
        StmtKind::Assert(assert) => walk_assert(visitor, assert, scope),
        StmtKind::Labeled(body) => visitor.stmt(body, scope),
        StmtKind::While { condition, body } => {
            visitor.expr(condition, scope);
            visitor.stmt(body, scope);
        }
        StmtKind::Do { body, condition } => {
            visitor.stmt(body, scope);
            visitor.expr(condition, scope);
        }
        StmtKind::For(for_) => {
            for variable in for_.variables {
                visitor.variable(variable, scope);
            }
            if let Some(condition) = for_.condition {
                visitor.expr(condition, scope);
            }
            visitor.stmt(for_.body, scope);
            walk_exprs(visitor, for_.updates, scope);
        }
        StmtKind::ForIn(for_in) => {
            visitor.expr(for_in.iterable, scope);
            visitor.variable(for_in.variable, scope);
            visitor.stmt(for_in.body, scope);
        }
        StmtKind::Switch(switch) => {
            visitor.expr(switch.expression, scope);
            for case in switch.cases {
                for (_, expr) in case.expressions {
                    visitor.expr(expr, scope);
                }
                visitor.stmt(case.body, scope);
            }
        }
        StmtKind::If { condition, then, otherwise } => {
            visitor.expr(condition, scope);
            visitor.stmt(then, scope);
            visitor.stmt(otherwise, scope);
        }
        StmtKind::Return(value) => {
            if let Some(value) = value {
                visitor.expr(value, scope);
            }
        }
        StmtKind::TryCatch(try_catch) => {
            visitor.stmt(try_catch.body, scope);
            for catch in try_catch.catches {
                visitor.catch(catch, scope);
            }
        }
        StmtKind::TryFinally { body, finalizer } => {
            visitor.stmt(body, scope);
            visitor.stmt(finalizer, scope);
        }
        StmtKind::Yield { value, .. } => visitor.expr(value, scope),
        StmtKind::Variable(variable) => visitor.variable(variable, scope),
        StmtKind::FunctionDeclaration { variable, function } => {
            visitor.variable(variable, scope);
            visitor.local_function(function);
        }
    }
}
