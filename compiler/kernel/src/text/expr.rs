//! Expressions.

use super::*;

/// Whether an expression can be a receiver or operand without parentheses around it.
fn is_primary(kind: &ExprKind<'_>) -> bool {
    match kind {
        ExprKind::Invalid { .. }
        | ExprKind::VariableGet { .. }
        | ExprKind::This
        | ExprKind::Int(_)
        | ExprKind::Double(_)
        | ExprKind::Bool(_)
        | ExprKind::Null
        | ExprKind::String(_)
        | ExprKind::TypeLiteral(_)
        | ExprKind::FileUri { .. }
        | ExprKind::InstanceGet(_)
        | ExprKind::InstanceTearOff(_)
        | ExprKind::InstanceInvocation(_)
        | ExprKind::DynamicGet { .. }
        | ExprKind::DynamicInvocation(_)
        | ExprKind::FunctionInvocation(_)
        | ExprKind::LocalFunctionInvocation { .. }
        | ExprKind::SuperPropertyGet { .. }
        | ExprKind::SuperMethodInvocation(_)
        | ExprKind::StaticGet(_)
        | ExprKind::StaticInvocation { .. }
        | ExprKind::NullCheck(_)
        | ExprKind::StringConcatenation(_)
        | ExprKind::ListLiteral { .. }
        | ExprKind::MapLiteral { .. }
        | ExprKind::RecordLiteral { .. }
        | ExprKind::RecordIndexGet { .. }
        | ExprKind::RecordNameGet { .. }
        | ExprKind::Instantiation { .. }
        | ExprKind::CheckLibraryIsLoaded { .. }
        | ExprKind::LoadLibrary { .. } => true,
        ExprKind::VariableSet { .. }
        | ExprKind::Constant { .. }
        | ExprKind::FileUriConstant { .. }
        | ExprKind::InstanceSet(_)
        | ExprKind::DynamicSet(_)
        | ExprKind::EqualsNull(_)
        | ExprKind::EqualsCall(_)
        | ExprKind::SuperPropertySet(_)
        | ExprKind::StaticSet { .. }
        | ExprKind::ConstructorInvocation { .. }
        | ExprKind::Not(_)
        | ExprKind::Logical { .. }
        | ExprKind::Conditional { .. }
        | ExprKind::Is { .. }
        | ExprKind::As { .. }
        | ExprKind::Rethrow
        | ExprKind::Throw { .. }
        | ExprKind::Await { .. }
        | ExprKind::Function(_)
        | ExprKind::Let { .. }
        | ExprKind::Block { .. } => false,
    }
}

fn dynamic_head(kind: DynamicAccessKind) -> &'static str {
    match kind {
        DynamicAccessKind::Dynamic => "dynamic ",
        DynamicAccessKind::Never => "never ",
        DynamicAccessKind::Invalid => "invalid ",
        DynamicAccessKind::Unresolved => "unresolved ",
    }
}

impl<'a: 'b, 'b> Printer<'_, 'a, 'b> {
    pub(super) fn operand(&mut self, expr: &'b Expr<'b>) {
        if is_primary(&expr.kind) {
            self.expr(expr);
        } else {
            self.put("(");
            self.expr(expr);
            self.put(")");
        }
    }

    pub(super) fn expr(&mut self, expr: &'b Expr<'b>) {
        match expr.kind {
            ExprKind::Invalid { message, expression } => {
                self.put("invalid(");
                self.put(&string_literal(self.component.string(message)));
                if let Some(expression) = expression {
                    self.put(", ");
                    self.expr(expression);
                }
                self.put(")");
            }
            ExprKind::VariableGet { variable, promoted } => {
                self.variable_name(variable);
                self.facts(expr.node, "", promoted.copied());
            }
            ExprKind::VariableSet { variable, value } => {
                self.variable_name(variable);
                self.assign(expr, value);
            }
            ExprKind::This => self.put("this"),
            ExprKind::Int(value) => self.put(&value.to_string()),
            ExprKind::Double(value) => self.put(&format!("{value:?}")),
            ExprKind::Bool(value) => self.put(if value { "true" } else { "false" }),
            ExprKind::Null => self.put("null"),
            ExprKind::String(text) => self.put(&string_literal(self.component.string(text))),
            ExprKind::TypeLiteral(ty) => {
                self.put("type");
                self.position(expr.position);
                self.put("(");
                self.ty(*ty);
                self.put(")");
            }
            ExprKind::Constant { constant, .. } => self.constant_expr(constant),
            ExprKind::FileUriConstant { source, constant, .. } => {
                self.source(source);
                self.constant_expr(constant);
            }
            ExprKind::FileUri { source, expression } => {
                self.source(source);
                self.put("(");
                self.expr(expression);
                self.put(")");
            }
            ExprKind::InstanceGet(get) => self.instance_get(expr, "", get),
            ExprKind::InstanceTearOff(get) => self.instance_get(expr, "tear-off ", get),
            ExprKind::InstanceSet(set) => {
                self.operand(set.receiver);
                let head = self.target("", set.target, set.name, set.access, &[]);
                self.member_access(expr, &head, None);
                self.put(" = ");
                self.expr(set.value);
            }
            ExprKind::InstanceInvocation(call) => {
                self.operand(call.receiver);
                let flags =
                    [(call.flags.is_invariant(), "invariant"), (call.flags.is_bounds_safe(), "in bounds")];
                let head = self.target("", call.target, call.name, call.access, &flags);
                self.member_access(expr, &head, Some(call.result_type));
                self.arguments(call.arguments);
            }
            ExprKind::DynamicGet { kind, receiver, name } => {
                self.operand(receiver);
                self.dynamic_access(expr, kind, name, "");
            }
            ExprKind::DynamicSet(set) => {
                self.operand(set.receiver);
                self.dynamic_access(expr, set.kind, set.name, "");
                self.put(" = ");
                self.expr(set.value);
            }
            ExprKind::DynamicInvocation(call) => {
                self.operand(call.receiver);
                let implicit = if call.is_implicit_call { ", implicit" } else { "" };
                self.dynamic_access(expr, call.kind, call.name, implicit);
                self.arguments(call.arguments);
            }
            ExprKind::FunctionInvocation(call) => {
                self.operand(call.receiver);
                let head = match call.kind {
                    FunctionAccessKind::Function => "Function call",
                    FunctionAccessKind::FunctionType => "call",
                };
                self.member_access(expr, head, result_type(&call.function_type));
                self.arguments(call.arguments);
            }
            ExprKind::LocalFunctionInvocation { variable, arguments, function_type } => {
                self.variable_name(variable);
                self.facts(expr.node, "", result_type(function_type));
                self.position(expr.position);
                self.arguments(arguments);
            }
            ExprKind::EqualsNull(operand) => {
                self.operand(operand);
                self.put(" ==");
                self.facts(expr.node, "", None);
                self.position(expr.position);
                self.put(" null");
            }
            ExprKind::EqualsCall(call) => {
                self.operand(call.left);
                self.put(" ==");
                self.facts(expr.node, &reference_name(self.component, call.target), None);
                self.position(expr.position);
                self.put(" ");
                self.operand(call.right);
            }
            ExprKind::SuperPropertyGet { receiver, target, .. } => {
                self.super_access(expr, receiver, target);
            }
            ExprKind::SuperPropertySet(set) => {
                self.super_access(expr, set.receiver, set.target);
                self.put(" = ");
                self.expr(set.value);
            }
            ExprKind::SuperMethodInvocation(call) => {
                self.super_access(expr, call.receiver, call.target);
                self.arguments(call.arguments);
            }
            ExprKind::StaticGet(target) => self.static_access(expr, target),
            ExprKind::StaticSet { target, value } => {
                self.static_access(expr, target);
                self.put(" = ");
                self.expr(value);
            }
            ExprKind::StaticInvocation { target, arguments } => {
                self.static_access(expr, Reference::Procedure(target));
                self.arguments(arguments);
            }
            ExprKind::ConstructorInvocation { target, arguments } => {
                self.put("new ");
                self.static_access(expr, Reference::Constructor(target));
                self.arguments(arguments);
            }
            ExprKind::Not(operand) => {
                self.put("!");
                self.operand(operand);
            }
            ExprKind::NullCheck(operand) => {
                self.operand(operand);
                self.put("!");
                self.facts(expr.node, "", None);
                self.position(expr.position);
            }
            ExprKind::Logical { left, operator, right } => {
                self.operand(left);
                self.put(match operator {
                    LogicalOperator::And => " && ",
                    LogicalOperator::Or => " || ",
                });
                self.operand(right);
            }
            ExprKind::Conditional { condition, then, otherwise, .. } => {
                self.operand(condition);
                self.put(" ? ");
                self.operand(then);
                self.put(" : ");
                self.operand(otherwise);
            }
            ExprKind::StringConcatenation(parts) => self
                .call(expr, "interpolate", |printer| printer.list(parts, |printer, part| printer.expr(part))),
            ExprKind::Is { operand, ty } => {
                self.operand(operand);
                self.put(" is");
                self.position(expr.position);
                self.put(" ");
                self.ty(*ty);
            }
            ExprKind::As { operand, flags, ty } => {
                self.operand(operand);
                self.put(" as");
                self.facts(expr.node, &as_flags(flags), None);
                self.position(expr.position);
                self.put(" ");
                self.ty(*ty);
            }
            ExprKind::Rethrow => {
                self.put("rethrow");
                self.position(expr.position);
            }
            ExprKind::Throw { value, for_error_handling } => {
                self.put(if for_error_handling { "throw{error}" } else { "throw" });
                self.position(expr.position);
                self.put(" ");
                self.expr(value);
            }
            ExprKind::ListLiteral { ty, elements } => {
                self.put("<");
                self.ty(*ty);
                self.put(">");
                self.position(expr.position);
                self.put("[");
                self.list(elements, |printer, element| printer.expr(element));
                self.put("]");
            }
            ExprKind::MapLiteral { types, entries } => {
                self.type_arguments(types);
                self.position(expr.position);
                self.put("{");
                self.list(entries, |printer, (key, value)| {
                    printer.expr(key);
                    printer.put(": ");
                    printer.expr(value);
                });
                self.put("}");
            }
            ExprKind::RecordLiteral { positional, named, .. } => {
                self.call(expr, "", |printer| printer.values(positional, named));
            }
            ExprKind::RecordIndexGet { receiver, index, .. } => {
                self.operand(receiver);
                self.put(&format!(".${}", u64::from(index) + 1));
                self.facts(expr.node, "", None);
                self.position(expr.position);
            }
            ExprKind::RecordNameGet { receiver, name, .. } => {
                self.operand(receiver);
                self.put(".");
                self.string(name);
                self.facts(expr.node, "", None);
                self.position(expr.position);
            }
            ExprKind::Await { operand, runtime_check_type } => {
                self.put("await");
                let check = runtime_check_type
                    .map(|ty| format!("check {}", self.captured(|printer| printer.ty(*ty))))
                    .unwrap_or_default();
                self.facts(expr.node, &check, None);
                self.position(expr.position);
                self.put(" ");
                self.operand(operand);
            }
            ExprKind::Function(function) => self.local_function(function),
            ExprKind::Let { variable, body } => {
                self.put("let ");
                self.variable(variable);
                self.put(" in ");
                self.expr(body);
            }
            ExprKind::Block { statements, value } => {
                self.put("block {");
                self.lines(statements);
                self.indent += 1;
                self.line();
                self.put("=> ");
                self.expr(value);
                self.indent -= 1;
                self.line();
                self.put("}");
            }
            ExprKind::Instantiation { operand, type_arguments } => {
                self.put("instantiate");
                self.position(expr.position);
                self.type_arguments(type_arguments);
                self.put("(");
                self.expr(operand);
                self.put(")");
            }
            ExprKind::CheckLibraryIsLoaded { dependency } => {
                self.call(expr, "check_loaded", |printer| printer.prefix(dependency));
            }
            ExprKind::LoadLibrary { dependency } => {
                self.call(expr, "load_library", |printer| printer.prefix(dependency));
            }
        }
    }

    /// `name@12(...)`.
    fn call(&mut self, expr: &'b Expr<'b>, name: &str, arguments: impl FnOnce(&mut Self)) {
        self.put(name);
        self.facts(expr.node, "", None);
        self.position(expr.position);
        self.put("(");
        arguments(self);
        self.put(")");
    }

    fn assign(&mut self, expr: &'b Expr<'b>, value: &'b Expr<'b>) {
        self.put(" =");
        self.position(expr.position);
        self.put(" ");
        self.expr(value);
    }

    fn constant_expr(&mut self, constant: ConstIdx) {
        self.put("const ");
        self.constant(constant);
    }

    /// The file that the following is written in.
    fn source(&mut self, source: SourceIdx) {
        let source = &self.component.sources[source];
        let uri = if source.import_uri.is_empty() { source.uri } else { source.import_uri };
        let uri = String::from_utf8_lossy(uri);
        self.put(&format!("in {} ", uri.rsplit('/').next().unwrap_or_default()));
    }

    /// What is between the braces of an access to an instance member, up to its types.
    fn target(
        &self,
        kind: &str,
        target: Reference,
        name: Name,
        access: InstanceAccessKind,
        flags: &[(bool, &str)],
    ) -> String {
        let mut text = kind.to_string();
        match target {
            Reference::None => text.push_str(&self.component.string_lossy(name.text)),
            _ => text.push_str(&reference_name(self.component, target)),
        }
        let object = (access == InstanceAccessKind::Object, "of any object");
        for (_, flag) in flags.iter().chain([&object]).filter(|(holds, _)| *holds) {
            text.push_str(", ");
            text.push_str(flag);
        }
        text
    }

    /// `.{...}@12` after the receiver.
    fn member_access(&mut self, expr: &'b Expr<'b>, head: &str, ty: Option<DartType<'b>>) {
        self.put(".");
        self.facts(expr.node, head, ty);
        self.position(expr.position);
    }

    fn instance_get(&mut self, expr: &'b Expr<'b>, kind: &str, get: &'b InstanceGet<'b>) {
        self.operand(get.receiver);
        let head = self.target(kind, get.target, get.name, get.access, &[]);
        self.member_access(expr, &head, Some(get.result_type));
    }

    fn dynamic_access(&mut self, expr: &'b Expr<'b>, kind: DynamicAccessKind, name: Name, flag: &str) {
        let head = format!("{}{}{flag}", dynamic_head(kind), self.component.string_lossy(name.text));
        self.member_access(expr, &head, None);
    }

    fn super_access(&mut self, expr: &'b Expr<'b>, receiver: &'b Expr<'b>, target: Reference) {
        self.put("super");
        if !matches!(receiver.kind, ExprKind::This) {
            self.put("(");
            self.expr(receiver);
            self.put(")");
        }
        self.member_access(expr, &reference_name(self.component, target), None);
    }

    fn static_access(&mut self, expr: &'b Expr<'b>, target: Reference) {
        self.put(&reference_name(self.component, target));
        self.facts(expr.node, "", None);
        self.position(expr.position);
    }

    pub(super) fn arguments(&mut self, arguments: &'b Arguments<'b>) {
        self.type_arguments(arguments.types);
        self.put("(");
        self.values(arguments.positional, arguments.named);
        self.put(")");
    }

    /// Values, then values with names.
    fn values(&mut self, positional: &'b [&'b Expr<'b>], named: &'b [NamedExpr<'b>]) {
        self.list(positional, |printer, value| printer.expr(value));
        if !positional.is_empty() && !named.is_empty() {
            self.put(", ");
        }
        self.list(named, |printer, named| {
            printer.string(named.name);
            printer.put(": ");
            printer.expr(named.value);
        });
    }

    /// The prefix of an import of the member's library.
    fn prefix(&mut self, dependency: u32) {
        let dependencies = self.library.map(|library| self.component.libraries[library].dependencies);
        match dependencies.and_then(|imports| imports.get(dependency as usize)) {
            Some(import) => self.string(import.prefix),
            None => self.put(&format!("import {dependency}")),
        }
    }
}

/// The result of calling a function of a type.
fn result_type<'b>(function: &DartType<'b>) -> Option<DartType<'b>> {
    match function {
        DartType::Function(function) => Some(function.return_type),
        _ => None,
    }
}

fn as_flags(flags: AsFlags) -> String {
    let names = [
        (flags.is_type_error(), "implied"),
        (flags.is_covariance_check(), "covariance"),
        (flags.is_for_dynamic(), "from dynamic"),
        (flags.is_unchecked(), "unchecked"),
    ];
    names.iter().filter(|(holds, _)| *holds).map(|(_, name)| *name).collect::<Vec<_>>().join(", ")
}
