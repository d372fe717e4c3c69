//! Types, and what is known about values.

use super::*;
use crate::metadata::InferredType;

impl<'a: 'b, 'b> Printer<'_, 'a, 'b> {
    pub(super) fn ty(&mut self, ty: DartType<'b>) {
        match ty {
            DartType::Invalid => self.put("invalid"),
            DartType::Dynamic => self.put("dynamic"),
            DartType::Void => self.put("void"),
            DartType::Null => self.put("Null"),
            DartType::Never(nullability) => {
                self.put("Never");
                self.nullability(nullability);
            }
            DartType::Interface { class, nullability, arguments } => {
                self.string(self.component.classes[class].name);
                self.type_arguments(arguments);
                self.nullability(nullability);
            }
            DartType::Function(function) => self.function_type(function),
            DartType::Record(record) => self.record_type(record),
            DartType::TypeParameter { owner, index, nullability } => {
                self.type_parameter(owner, index);
                self.nullability(nullability);
            }
            DartType::Intersection { left, right } => {
                self.put("(");
                self.ty(*left);
                self.put(" & ");
                self.ty(*right);
                self.put(")");
            }
            DartType::Extension(extension) => {
                self.put("(");
                self.put(&reference_name(self.component, extension.declaration));
                self.type_arguments(extension.arguments);
                self.nullability(extension.nullability);
                self.put(" = ");
                self.ty(extension.erasure);
                self.put(")");
            }
            DartType::FutureOr { argument, nullability } => {
                self.put("FutureOr<");
                self.ty(*argument);
                self.put(">");
                self.nullability(nullability);
            }
        }
    }

    fn nullability(&mut self, nullability: Nullability) {
        if nullability == Nullability::Nullable {
            self.put("?");
        }
    }

    /// `<A, B>`, or nothing.
    pub(super) fn type_arguments(&mut self, arguments: &'b [DartType<'b>]) {
        if !arguments.is_empty() {
            self.put("<");
            self.list(arguments, |printer, argument| printer.ty(*argument));
            self.put(">");
        }
    }

    fn function_type(&mut self, function: &'b FunctionType<'b>) {
        let is_generic = !function.type_parameters.is_empty();
        if is_generic {
            self.function_types.push(function.type_parameters);
        }
        self.ty(function.return_type);
        self.put(" Function");
        self.type_parameters(function.type_parameters);
        self.put("(");
        let required = (function.required_positional as usize).min(function.positional.len());
        let (required, optional) = function.positional.split_at(required);
        self.list(required, |printer, ty| printer.ty(*ty));
        if !optional.is_empty() {
            self.put(if required.is_empty() { "[" } else { ", [" });
            self.list(optional, |printer, ty| printer.ty(*ty));
            self.put("]");
        }
        self.named_types(function.named, function.positional.is_empty());
        self.put(")");
        self.nullability(function.nullability);
        if is_generic {
            self.function_types.pop();
        }
    }

    fn record_type(&mut self, record: &'b RecordType<'b>) {
        self.put("(");
        self.list(record.positional, |printer, ty| printer.ty(*ty));
        self.named_types(record.named, record.positional.is_empty());
        // What tells a record of one field from parentheses.
        self.put(if record.positional.len() == 1 && record.named.is_empty() { ",)" } else { ")" });
        self.nullability(record.nullability);
    }

    fn named_types(&mut self, named: &'b [NamedType<'b>], is_first: bool) {
        if named.is_empty() {
            return;
        }
        self.put(if is_first { "{" } else { ", {" });
        self.list(named, |printer, named| {
            if named.required {
                printer.put("required ");
            }
            printer.ty(named.ty);
            printer.put(" ");
            printer.string(named.name);
        });
        self.put("}");
    }

    /// `<T extends B = D>`, without bounds and default types that go without saying.
    pub(super) fn type_parameters(&mut self, parameters: &'b [TypeParameter<'b>]) {
        if parameters.is_empty() {
            return;
        }
        self.put("<");
        self.list(parameters.iter().enumerate(), |printer, (index, parameter)| {
            if parameter.is_covariant_by_class {
                printer.put("generic-covariant ");
            }
            printer.put(match parameter.variance {
                Variance::Unrelated | Variance::LegacyCovariant => "",
                Variance::Covariant => "out ",
                Variance::Contravariant => "in ",
                Variance::Invariant => "inout ",
            });
            let name = printer.declared_name(parameters, index);
            printer.put(&name);
            let bound = printer.captured(|printer| printer.ty(parameter.bound));
            let mut default = "dynamic";
            if bound != "Object?" {
                printer.put(&format!(" extends {bound}"));
                default = &bound;
            }
            let written = printer.captured(|printer| printer.ty(parameter.default_type));
            if written != default {
                printer.put(&format!(" = {written}"));
            }
        });
        self.put(">");
    }

    /// The type parameters that something declares, if it is known.
    fn declared(&self, owner: TypeParameterOwner) -> Option<&'b [TypeParameter<'b>]> {
        let component = self.component;
        match owner {
            TypeParameterOwner::Class(class) => Some(component.classes[class].type_parameters),
            TypeParameterOwner::ExtensionType(extension) => {
                Some(component.extension_types[extension].type_parameters)
            }
            TypeParameterOwner::Member(Member::Procedure(procedure)) => {
                Some(component.procedures[procedure].function.type_parameters)
            }
            TypeParameterOwner::LocalFunction(node) => {
                self.names.functions.get(&node).map(|local| local.function.header.type_parameters)
            }
            TypeParameterOwner::FunctionType { depth } => {
                self.function_types.iter().rev().nth(depth as usize).copied()
            }
            TypeParameterOwner::Typedef(_)
            | TypeParameterOwner::Extension(_)
            | TypeParameterOwner::Member(_) => None,
        }
    }

    fn declared_name(&self, parameters: &[TypeParameter<'_>], index: usize) -> String {
        parameters
            .get(index)
            .map(|parameter| self.component.string_lossy(parameter.name).into_owned())
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| format!("T{index}"))
    }

    fn type_parameter(&mut self, owner: TypeParameterOwner, index: u32) {
        let name = self.declared_name(self.declared(owner).unwrap_or_default(), index as usize);
        if self.meant(&name).is_some_and(|meant| meant != owner) {
            let qualifier = match owner {
                TypeParameterOwner::Class(class) => reference_name(self.component, Reference::Class(class)),
                TypeParameterOwner::Typedef(typedef) => {
                    reference_name(self.component, Reference::Typedef(typedef))
                }
                TypeParameterOwner::Extension(extension) => {
                    reference_name(self.component, Reference::Extension(extension))
                }
                TypeParameterOwner::ExtensionType(extension) => {
                    reference_name(self.component, Reference::ExtensionType(extension))
                }
                TypeParameterOwner::Member(member) => member_name(self.component, member),
                TypeParameterOwner::LocalFunction(_) => "closure".into(),
                TypeParameterOwner::FunctionType { depth } => format!("^{depth}"),
            };
            self.put(&qualifier);
            self.put(".");
        }
        self.put(&name);
    }

    /// Whose type parameter a reader takes a name for: the nearest one's in scope.
    fn meant(&self, name: &str) -> Option<TypeParameterOwner> {
        let has = |parameters: &[TypeParameter<'_>]| {
            (0..parameters.len()).any(|index| self.declared_name(parameters, index) == name)
        };
        let depth = self.function_types.iter().rev().position(|parameters| has(parameters));
        if let Some(depth) = depth {
            return Some(TypeParameterOwner::FunctionType { depth: depth as u32 });
        }
        let scopes = std::iter::successors(Some(self.scope), |scope| scope.parent);
        scopes.map(|scope| scope.owner).find(|&owner| self.declared(owner).is_some_and(has))
    }

    /// A type and what `vm.inferred-type` and its siblings know beyond it.
    pub(super) fn typed(&mut self, ty: DartType<'b>, inferred: Option<InferredType>) {
        let text = self.captured(|printer| printer.ty(ty));
        self.put(&text);
        let inferred = self.inferred(inferred);
        if !inferred.is_empty() && inferred != text {
            self.put(&format!("{{~ {inferred}}}"));
        }
    }

    /// What is between braces after an expression: `head`, the direct target, the static type, what was inferred.
    pub(super) fn facts(&mut self, node: NodeOffset, head: &str, ty: Option<DartType<'b>>) {
        let mut text = head.to_string();
        if let Some(direct) = self.noted(self.component.direct_call(node)) {
            text.push_str(if head.is_empty() { "=> " } else { " => " });
            if let Some(closure) = direct.closure {
                text.push_str(&format!("closure {closure} of "));
            }
            text.push_str(&reference_name(self.component, direct.target));
            if direct.check_receiver_for_null {
                text.push_str(" or null");
            }
        }
        let ty = ty.map(|ty| self.captured(|printer| printer.ty(ty)));
        if let Some(ty) = &ty {
            text.push_str(if text.is_empty() { "" } else { ": " });
            text.push_str(ty);
        }
        let inferred = self.noted(self.component.inferred_type(node));
        let inferred = self.inferred(inferred);
        if !inferred.is_empty() && Some(&inferred) != ty.as_ref() {
            text.push_str(if text.is_empty() { "~ " } else { " ~ " });
            text.push_str(&inferred);
        }
        if !text.is_empty() {
            self.put(&format!("{{{text}}}"));
        }
    }

    fn inferred(&mut self, inferred: Option<InferredType>) -> String {
        let Some(inferred) = inferred else { return String::new() };
        let mut text = if let Some(constant) = inferred.constant {
            format!("const {}", self.captured(|printer| printer.constant(constant)))
        } else if let Some((member, closure)) = inferred.closure {
            format!("closure {closure} of {}", reference_name(self.component, member))
        } else if let Some(exact) = inferred.exact_type {
            let decoded = self.component.decode_type(exact, self.scope, self.arena).map(Some);
            self.noted(decoded).map_or_else(String::new, |ty| self.captured(|printer| printer.ty(ty)))
        } else if let Some(class) = inferred.class {
            self.component.string_lossy(self.component.classes[class].name).into_owned()
        } else if inferred.flags.is_int() {
            "int".into()
        } else if inferred.flags.is_nullable() {
            String::new()
        } else {
            "not null".into()
        };
        if inferred.flags.is_nullable() && inferred.constant.is_none() && !text.is_empty() {
            text.push('?');
        }
        if inferred.flags.skip_check() {
            text.push_str(if text.is_empty() { "unchecked" } else { " unchecked" });
        }
        text
    }
}
