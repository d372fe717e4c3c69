//! Names of program entities in dumps, as Dart would write them.

use cranelift_entity::EntityRef;
use dart_kernel::text as kernel;
use snapcrane_ir::text::Names;
use snapcrane_program::ids::{
    BodyId, CallShape, ClassId, FieldId, FunctionKey, Name, ObjectKey, RowKey, SelectorKind,
};
use snapcrane_program::types::{
    DartType, FunctionType, RecordShape, RecordType, TypeArgs, TypeParamOwner, TypeParameter,
};
use snapcrane_program::{LocalFunctions, Program};

use crate::reach::Reach;

/// Names of what one function refers to. Neither private keys nor libraries are part of them.
pub(super) struct ProgramNames<'a> {
    program: &'a Program<'a>,
    reach: &'a Reach,
    /// Class around the function: the types in its body mention this class's type parameters.
    class: Option<ClassId>,
}

impl<'a> ProgramNames<'a> {
    pub(super) fn new(program: &'a Program<'a>, reach: &'a Reach, function: &FunctionKey) -> Self {
        let mut names = ProgramNames { program, reach, class: None };
        names.class = names.class_of(function);
        names
    }

    fn class_of(&self, function: &FunctionKey) -> Option<ClassId> {
        match function {
            FunctionKey::Member(member)
            | FunctionKey::TearOff(member)
            | FunctionKey::MethodExtractor(member) => self.program.members[*member].class,
            FunctionKey::FieldInit(field)
            | FunctionKey::ImplicitGetter(field)
            | FunctionKey::ImplicitSetter(field) => self.program.fields[*field].class,
            FunctionKey::Local(node) => self.class_of(&self.reach.locals.local(*node)?.parent),
            FunctionKey::Adapter(function, _)
            | FunctionKey::DynForwarder(function, _)
            | FunctionKey::DynGetterCall(function, _)
            | FunctionKey::Resume(function)
            | FunctionKey::GenericEntry(function)
            | FunctionKey::DynEntry(function) => self.class_of(function),
            FunctionKey::NoSuchMethod(_)
            | FunctionKey::RecordFieldGetter(_)
            | FunctionKey::DynClosureCall(_) => None,
        }
    }

    fn text(&self, text: dart_kernel::StrIdx) -> String {
        self.program.text(text).into_owned()
    }

    fn name(&self, name: Name) -> String {
        self.text(name.text)
    }

    /// The qualified name of a function, and what kind of function it is unless it is the body of a member or closure.
    fn title(&self, key: &FunctionKey) -> String {
        match key {
            FunctionKey::Member(_) | FunctionKey::Local(_) => {
                self.program.qualified_name(key, &self.reach.locals)
            }
            FunctionKey::FieldInit(_) => self.kind(key, "initialiser"),
            FunctionKey::ImplicitGetter(_) => self.kind(key, "implicit getter"),
            FunctionKey::ImplicitSetter(_) => self.kind(key, "implicit setter"),
            FunctionKey::TearOff(_) => self.kind(key, "tear-off"),
            FunctionKey::MethodExtractor(_) => self.kind(key, "tear-off getter"),
            FunctionKey::RecordFieldGetter(_) => self.kind(key, "getter of records"),
            FunctionKey::DynClosureCall(shape) => {
                self.kind(key, &format!("call of closures with {}", self.shape(shape)))
            }
            FunctionKey::NoSuchMethod(row) => {
                self.kind(key, &format!("noSuchMethod for {}", self.row_with_count(row)))
            }
            FunctionKey::Adapter(function, shape) => {
                format!("{} (adapter to {})", self.title(function), self.shape(shape))
            }
            FunctionKey::DynForwarder(function, shape) => {
                format!("{} (forwarder of dynamic calls with {})", self.title(function), self.shape(shape))
            }
            FunctionKey::DynGetterCall(function, shape) => {
                format!("{} (call of its result with {})", self.title(function), self.shape(shape))
            }
            FunctionKey::Resume(function) => format!("{} (resumption)", self.title(function)),
            FunctionKey::GenericEntry(function) => format!("{} (generic entry)", self.title(function)),
            FunctionKey::DynEntry(function) => format!("{} (checking entry)", self.title(function)),
        }
    }

    fn kind(&self, key: &FunctionKey, kind: &str) -> String {
        format!("{} ({kind})", self.program.qualified_name(key, &self.reach.locals))
    }

    /// `2 positional, named`.
    fn shape(&self, shape: &CallShape) -> String {
        let mut parts = Vec::new();
        match shape.type_args {
            0 => {}
            1 => parts.push("1 type argument".into()),
            count => parts.push(format!("{count} type arguments")),
        }
        parts.push(format!("{} positional", shape.positional));
        parts.extend(shape.names.iter().map(|&name| self.text(name)));
        parts.join(", ")
    }

    fn row_with_count(&self, row: &RowKey) -> String {
        format!("{} with {}", self.selector(row), self.shape(&row.shape))
    }

    fn selector(&self, row: &RowKey) -> String {
        let dynamic = if row.dynamic { "dynamic " } else { "" };
        let kind = match row.selector.kind {
            SelectorKind::Method => "",
            SelectorKind::Getter => "get ",
            SelectorKind::Setter => "set ",
        };
        format!("{dynamic}{kind}{}", self.name(row.selector.name))
    }

    fn types(&self, types: &[DartType]) -> String {
        types.iter().map(|ty| self.ty(ty)).collect::<Vec<_>>().join(", ")
    }

    fn type_args(&self, args: &TypeArgs) -> String {
        args.as_ref().map_or_else(|| "null".into(), |args| format!("<{}>", self.types(args)))
    }

    fn ty(&self, ty: &DartType) -> String {
        match ty {
            DartType::Interface { class, args, nullable } => {
                let always_nullable =
                    [self.program.dynamic_type(), self.program.void_type(), self.program.null_type()];
                let shows = *nullable && !always_nullable.iter().any(|ty| ty.class() == Some(*class));
                let args = args.as_ref().map(|args| format!("<{}>", self.types(args)));
                format!("{}{}{}", self.class(*class), args.unwrap_or_default(), if shows { "?" } else { "" })
            }
            DartType::Function(function) => self.function_type(function),
            DartType::Record(record) => self.record_type(record),
            DartType::Parameter(parameter) => {
                format!("{}{}", self.parameter(parameter), if parameter.nullable { "?" } else { "" })
            }
        }
    }

    /// Type parameters of function types have no names; they are `X` and their number in the vector of type arguments.
    fn function_type(&self, function: &FunctionType) -> String {
        let mut text = format!("{} Function", self.ty(&function.result));
        if !function.type_params.is_empty() {
            let params = (function.parent_type_args..).zip(&function.type_params).map(|(index, param)| {
                match self.ty(&param.bound).as_str() {
                    "Object?" => format!("X{index}"),
                    bound => format!("X{index} extends {bound}"),
                }
            });
            text.push_str(&format!("<{}>", params.collect::<Vec<_>>().join(", ")));
        }
        let implicit = usize::from(function.implicit_params).min(function.positional.len());
        let required = usize::from(function.required).clamp(implicit, function.positional.len());
        let mut params: Vec<String> =
            function.positional[implicit..required].iter().map(|ty| self.ty(ty)).collect();
        if required < function.positional.len() {
            params.push(format!("[{}]", self.types(&function.positional[required..])));
        }
        if !function.named.is_empty() {
            let named = function.named.iter().map(|param| {
                let required = if param.required { "required " } else { "" };
                format!("{required}{} {}", self.ty(&param.ty), self.text(param.name))
            });
            params.push(format!("{{{}}}", named.collect::<Vec<_>>().join(", ")));
        }
        format!("{text}({}){}", params.join(", "), if function.nullable { "?" } else { "" })
    }

    fn record_type(&self, record: &RecordType) -> String {
        let positional = usize::from(record.shape.positional).min(record.fields.len());
        let (positional, named) = record.fields.split_at(positional);
        let mut fields: Vec<String> = positional.iter().map(|ty| self.ty(ty)).collect();
        if !named.is_empty() {
            let named = named.iter().zip(&record.shape.names);
            let named = named.map(|(ty, &name)| format!("{} {}", self.ty(ty), self.text(name)));
            fields.push(format!("{{{}}}", named.collect::<Vec<_>>().join(", ")));
        }
        let comma = if fields.len() == 1 && named.is_empty() { "," } else { "" };
        format!("({}{comma}){}", fields.join(", "), if record.nullable { "?" } else { "" })
    }

    fn parameter(&self, parameter: &TypeParameter) -> String {
        let index = usize::from(parameter.index);
        let own_index = index.checked_sub(usize::from(parameter.base));
        let name = match parameter.owner {
            TypeParamOwner::Class(class) => self.class_parameter(class, index),
            TypeParamOwner::Function(BodyId::Member(member)) => {
                let names = &self.program.members[member].params.type_param_names;
                own_index.and_then(|index| names.get(index)).copied()
            }
            TypeParamOwner::Function(BodyId::Local(node)) => self
                .reach
                .locals
                .local(node)
                .and_then(|local| local.params.type_param_names.get(own_index?))
                .copied(),
            TypeParamOwner::Function(BodyId::FieldInit(_)) | TypeParamOwner::Structural(_) => None,
        };
        let prefix = if matches!(parameter.owner, TypeParamOwner::Class(_)) { "T" } else { "X" };
        name.map_or_else(|| format!("{prefix}{index}"), |name| self.text(name))
    }

    /// The parameters that a class declares are the last ones of its flattened vector. Class 0 stands for any class,
    /// so for the one around the function.
    fn class_parameter(&self, class: ClassId, index: usize) -> Option<dart_kernel::StrIdx> {
        let class = if class.index() == 0 { self.class? } else { class };
        let class = self.program.try_class(class)?;
        let first = usize::from(class.num_type_args).checked_sub(class.type_param_names.len())?;
        class.type_param_names.get(index.checked_sub(first)?).copied()
    }
}

impl Names for ProgramNames<'_> {
    fn class(&self, class: ClassId) -> String {
        match self.program.try_class(class) {
            Some(class) => self.text(class.name),
            // Kernel has no classes for these; the engine's list of class ids spells them in its own way.
            None if self.program.dynamic_type().class() == Some(class) => "dynamic".into(),
            None if self.program.void_type().class() == Some(class) => "void".into(),
            None => self.program.vm_class_name(class),
        }
    }

    fn field(&self, field: FieldId) -> String {
        self.name(self.program.fields[field].name)
    }

    fn function(&self, key: &FunctionKey) -> String {
        self.title(key)
    }

    fn object(&self, key: &ObjectKey) -> String {
        let component = self.program.component;
        match key {
            ObjectKey::Null => "null".into(),
            ObjectKey::Bool(value) => value.to_string(),
            ObjectKey::Sentinel => "sentinel".into(),
            ObjectKey::Int(value) => value.to_string(),
            ObjectKey::Double(bits) => format!("{:?}", f64::from_bits(*bits)),
            ObjectKey::String(text) => kernel::string_literal(component.string(*text)),
            ObjectKey::Text(text) => kernel::string_literal(text.as_bytes()),
            ObjectKey::Constant(constant) => format!("const {}", kernel::constant(component, *constant)),
            ObjectKey::Type(ty) => format!("type {}", self.ty(ty)),
            ObjectKey::TypeArgs(args) => format!("type arguments {}", self.type_args(args)),
            ObjectKey::ArgumentsDescriptor(shape) => format!("descriptor ({})", self.shape(shape)),
            ObjectKey::Function(key) => format!("function {}", self.title(key)),
            ObjectKey::StaticClosure(key) => format!("closure {}", self.title(key)),
            ObjectKey::Field(field) => format!("field {}", self.field(*field)),
            ObjectKey::Class(class) => format!("class {}", self.class(*class)),
            ObjectKey::SubtypeTestCache { inputs, site } => {
                format!("subtype test cache {site} of {inputs} inputs")
            }
            ObjectKey::LibraryPrefix { library, dependency } => {
                let imports = component.libraries[*library].dependencies;
                let prefix = imports.get(*dependency as usize).map(|import| self.text(import.prefix));
                format!("prefix {}", prefix.unwrap_or_else(|| dependency.to_string()))
            }
            ObjectKey::Root(name) => format!("root {name}"),
            ObjectKey::ImmutableArray(elements) => {
                let elements: Vec<String> = elements.iter().map(|element| self.object(element)).collect();
                format!("array [{}]", elements.join(", "))
            }
        }
    }

    /// The number of positional arguments is that of the operands.
    fn row(&self, key: &RowKey) -> String {
        let mut text = self.selector(key);
        if key.shape.type_args > 0 {
            text.push_str(&format!("<{}>", key.shape.type_args));
        }
        if !key.shape.names.is_empty() {
            let names: Vec<String> = key.shape.names.iter().map(|&name| self.text(name)).collect();
            text.push_str(&format!("{{{}}}", names.join(", ")));
        }
        text
    }

    fn record(&self, shape: &RecordShape) -> String {
        let positional = (0..shape.positional).map(|index| format!("${}", index + 1));
        let named = shape.names.iter().map(|&name| self.text(name));
        format!("({})", positional.chain(named).collect::<Vec<_>>().join(", "))
    }
}
