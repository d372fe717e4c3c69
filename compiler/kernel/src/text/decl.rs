//! Members, local functions and their parameters.

use super::stmt::is_block;
use super::*;

impl<'a: 'b, 'b> Printer<'_, 'a, 'b> {
    /// Takes the scope that the parts of a member are in.
    pub(super) fn enter_member(&mut self, member: Member) {
        let component = self.component;
        let (library, scope): (LibIdx, &'b TypeScope<'b>) = match member {
            Member::Field(field) => (component.fields[field].library, component.fields[field].scope),
            Member::Procedure(procedure) => {
                let procedure = &component.procedures[procedure];
                (procedure.library, procedure.function.scope)
            }
            Member::Constructor(constructor) => {
                let constructor = &component.constructors[constructor];
                (constructor.library, constructor.function.scope)
            }
        };
        self.library = Some(library);
        self.scope = scope;
    }

    /// One line for each annotation.
    fn annotations(&mut self, annotations: &'b [&'b Expr<'b>]) {
        for annotation in annotations {
            self.put("@");
            self.expr(annotation);
            self.line();
        }
    }

    fn words(&mut self, words: &[(bool, &str)]) {
        for (_, word) in words.iter().filter(|(holds, _)| *holds) {
            self.put(word);
            self.put(" ");
        }
    }

    /// ` [a, b]`, or nothing.
    fn flags(&mut self, flags: &[(bool, &str)]) {
        let mut names = flags.iter().filter(|(holds, _)| *holds).map(|(_, name)| *name).peekable();
        if names.peek().is_some() {
            self.put(" [");
            self.list(names, |printer, name| printer.put(name));
            self.put("]");
        }
    }

    pub(super) fn field(&mut self, id: FieldIdx, initializer: Option<&'b Expr<'b>>) {
        self.enter_member(Member::Field(id));
        self.annotations(self.component.fields[id].annotations);
        self.field_declaration(id);
        if let Some(initializer) = initializer {
            self.put(" = ");
            self.expr(initializer);
        }
        self.put(";");
    }

    pub(super) fn field_declaration(&mut self, id: FieldIdx) {
        self.enter_member(Member::Field(id));
        let field = self.component.fields[id];
        let flags = field.flags;
        self.words(&[
            (flags.is_static(), "static"),
            (flags.is_covariant_by_declaration(), "covariant"),
            (flags.is_covariant_by_class(), "generic-covariant"),
            (flags.is_late(), "late"),
            (flags.is_final() && !flags.is_const(), "final"),
            (flags.is_const(), "const"),
        ]);
        let inferred = self.noted(self.component.inferred_type(field.node));
        self.typed(field.ty, inferred);
        self.put(" ");
        self.put(&member_name(self.component, Member::Field(id)));
        self.position(field.position);
        self.flags(&[
            (flags.is_extension_member(), "extension member"),
            (flags.is_extension_type_member(), "extension type member"),
            (flags.is_internal_implementation(), "internal"),
            (flags.is_enum_element(), "enum element"),
            (flags.is_erroneous(), "erroneous"),
        ]);
    }

    pub(super) fn procedure(&mut self, id: ProcIdx, function: &FunctionNode<'b>) {
        self.enter_member(Member::Procedure(id));
        self.annotations(self.component.procedures[id].annotations);
        self.procedure_declaration(id);
        self.function_body(function.body);
    }

    pub(super) fn procedure_declaration(&mut self, id: ProcIdx) {
        self.enter_member(Member::Procedure(id));
        let procedure = self.component.procedures[id];
        let flags = procedure.flags;
        self.words(&[
            (flags.is_external(), "external"),
            (flags.is_abstract(), "abstract"),
            (flags.is_static() && procedure.kind != ProcedureKind::Factory, "static"),
            (flags.is_const(), "const"),
        ]);
        let inferred = self.noted(self.component.inferred_return_type(procedure.node));
        self.typed(procedure.function.return_type, inferred);
        self.put(match procedure.kind {
            ProcedureKind::Method => " ",
            ProcedureKind::Getter => " get ",
            ProcedureKind::Setter => " set ",
            ProcedureKind::Operator => " operator ",
            ProcedureKind::Factory => " factory ",
        });
        self.put(&member_name(self.component, Member::Procedure(id)));
        self.position(procedure.position);
        self.parameters(procedure.function, procedure.kind != ProcedureKind::Getter);
        if let Some(target) = procedure.function.redirecting_target {
            self.put(" = ");
            self.put(&reference_name(self.component, target.target));
            self.type_arguments(target.type_arguments);
        }
        let stub_target = reference_name(self.component, procedure.stub_target);
        let stub = match procedure.stub_kind {
            ProcedureStubKind::Regular => String::new(),
            ProcedureStubKind::AbstractForwardingStub => format!("abstract forwarding stub of {stub_target}"),
            ProcedureStubKind::ConcreteForwardingStub => format!("forwarding stub of {stub_target}"),
            ProcedureStubKind::NoSuchMethodForwarder => "noSuchMethod forwarder".into(),
            ProcedureStubKind::MemberSignature => format!("member signature of {stub_target}"),
            ProcedureStubKind::AbstractMixinStub => format!("abstract mixin stub of {stub_target}"),
            ProcedureStubKind::ConcreteMixinStub => format!("mixin stub of {stub_target}"),
            ProcedureStubKind::RepresentationField => "representation field".into(),
        };
        let signature = procedure
            .signature_type
            .map_or_else(String::new, |ty| format!("signature {}", self.captured(|printer| printer.ty(ty))));
        self.flags(&[
            (flags.is_synthetic(), "synthetic"),
            (flags.is_extension_member(), "extension member"),
            (flags.is_extension_type_member(), "extension type member"),
            (flags.is_internal_implementation(), "internal"),
            (flags.is_erroneous(), "erroneous"),
            (!stub.is_empty(), &stub),
            (!signature.is_empty(), &signature),
        ]);
    }

    pub(super) fn constructor(&mut self, id: CtorIdx, node: &ConstructorNode<'b>) {
        self.enter_member(Member::Constructor(id));
        self.annotations(self.component.constructors[id].annotations);
        self.constructor_declaration(id);
        self.indent += 1;
        for initializer in node.initializers {
            self.line();
            self.put(": ");
            self.initializer(initializer);
        }
        self.indent -= 1;
        match node.function.body {
            // Not in the line of the last initialiser.
            Some(body) if is_block(body) && !node.initializers.is_empty() => {
                self.line();
                self.stmt(body);
            }
            body => self.function_body(body),
        }
    }

    pub(super) fn constructor_declaration(&mut self, id: CtorIdx) {
        self.enter_member(Member::Constructor(id));
        let constructor = self.component.constructors[id];
        let flags = constructor.flags;
        self.words(&[(flags.is_external(), "external"), (flags.is_const(), "const")]);
        self.put("new ");
        self.put(&member_name(self.component, Member::Constructor(id)));
        self.position(constructor.position);
        self.parameters(constructor.function, true);
        self.flags(&[(flags.is_synthetic(), "synthetic"), (flags.is_erroneous(), "erroneous")]);
    }

    fn initializer(&mut self, initializer: &Initializer<'b>) {
        match initializer.kind {
            InitializerKind::Invalid { message } => {
                self.put("invalid(");
                self.put(&string_literal(self.component.string(message)));
                self.put(")");
            }
            InitializerKind::Field { field, value, .. } => {
                self.put(&member_name(self.component, Member::Field(field)));
                self.position(initializer.position);
                self.put(" = ");
                self.expr(value);
            }
            InitializerKind::Super { target, arguments, .. } => {
                self.put("super ");
                self.put(&member_name(self.component, Member::Constructor(target)));
                self.position(initializer.position);
                self.arguments(arguments);
            }
            InitializerKind::Redirecting { target, arguments } => {
                self.put("this ");
                self.put(&member_name(self.component, Member::Constructor(target)));
                self.position(initializer.position);
                self.arguments(arguments);
            }
            InitializerKind::Local(variable) => self.variable(variable),
            InitializerKind::Assert(assert) => {
                self.put("assert");
                self.position(initializer.position);
                self.assertion(assert);
            }
        }
    }

    /// A local function with its name, or `closure`.
    pub(super) fn local_function(&mut self, local: &'b LocalFunction<'b>) {
        self.named_function("closure", local);
    }

    pub(super) fn named_function(&mut self, name: &str, local: &'b LocalFunction<'b>) {
        let function = &local.function;
        let outer = (self.scope, self.labels, self.cases);
        (self.scope, self.labels, self.cases) = (function.header.scope, 0, 0);
        self.ty(function.header.return_type);
        self.put(" ");
        self.put(name);
        self.position(function.header.position);
        self.parameters(function.header, true);
        self.function_body(function.body);
        (self.scope, self.labels, self.cases) = outer;
    }

    /// Type parameters, parameters, and how the body executes.
    fn parameters(&mut self, header: &'b FunctionHeader<'b>, parentheses: bool) {
        self.type_parameters(header.type_parameters);
        if parentheses {
            self.put("(");
            let required = (header.required_positional as usize).min(header.positional.len());
            let (required, optional) = header.positional.split_at(required);
            self.list(required, |printer, variable| printer.variable(variable));
            if !optional.is_empty() {
                self.put(if required.is_empty() { "[" } else { ", [" });
                self.list(optional, |printer, variable| printer.variable(variable));
                self.put("]");
            }
            if !header.named.is_empty() {
                self.put(if header.positional.is_empty() { "{" } else { ", {" });
                self.list(header.named, |printer, variable| printer.variable(variable));
                self.put("}");
            }
            self.put(")");
        }
        let marker = match header.async_marker {
            AsyncMarker::Sync => return,
            AsyncMarker::SyncStar => " sync*",
            AsyncMarker::Async => " async",
            AsyncMarker::AsyncStar => " async*",
        };
        self.put(marker);
        if let Some(ty) = header.emitted_value_type {
            self.put(" of ");
            self.ty(ty);
        }
    }

    /// A variable with its initial value.
    pub(super) fn variable(&mut self, variable: &'b Variable<'b>) {
        let flags = variable.flags;
        self.words(&[
            (flags.is_required(), "required"),
            (flags.is_covariant_by_declaration(), "covariant"),
            (flags.is_covariant_by_class(), "generic-covariant"),
            (flags.is_late(), "late"),
            (flags.is_final() && !flags.is_const(), "final"),
            (flags.is_const(), "const"),
        ]);
        let is_parameter = matches!(variable.kind, VariableKind::Positional | VariableKind::Named);
        let inferred = if is_parameter {
            self.component.inferred_arg_type(variable.id.node())
        } else {
            self.component.inferred_type(variable.id.node())
        };
        let inferred = self.noted(inferred);
        self.typed(variable.ty, inferred);
        self.put(" ");
        self.variable_name(variable.id);
        self.position(variable.position);
        if let Some(initializer) = variable.initializer {
            self.put(" = ");
            self.expr(initializer);
        }
    }

    pub(super) fn variable_name(&mut self, variable: VarId) {
        match self.names.variables.get(&variable) {
            Some(name) => self.out.push_str(name),
            // Only a damaged file uses variables of other members.
            None => self.put(&format!("#byte{}", variable.0)),
        }
    }
}
