//! What things are called.
//!
//! Names in a snapshot are mangled: `_List@0150898`, `get:length`, `Foo.` for the unnamed constructor of `Foo`.
//! The number after `@` is a key of the library, and differs between compilers; names here are without it. They
//! are for people, and for matching two snapshots; they need not be unique.

use crate::{Code, CodeKind, Snapshot};
use dart_snapshot::bits::{AbstractTypeFlags, FunctionKind, FunctionKindTag, ParameterCounts, TypeFlags};
use dart_snapshot::objects::{Array, Class, ClosureData, Function, Library, Script, TypeArguments};
use dart_snapshot::{ObjId, Object};
use std::cell::Cell;

/// A name without the keys of private names.
pub fn without_keys(name: &str) -> String {
    let mut result = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(at) = rest.find('@') {
        let digits = rest[at + 1..].bytes().take_while(u8::is_ascii_digit).count();
        let end = if digits == 0 { at + 1 } else { at };
        result.push_str(&rest[..end]);
        rest = &rest[at + 1 + digits..];
    }
    result + rest
}

/// A text as a line that no terminal acts upon: a damaged file may have control characters in any name.
pub fn printable(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { line.extend(c.escape_default()) } else { line.push(c) }
    }
    line
}

/// Name of the class that holds the top-level members of a library.
const TOP_LEVEL: &str = "::";
/// Enclosing functions that are named.
const MAX_DEPTH: u32 = 8;
/// Types within a type that are spelled out, and how deep; damaged snapshots may nest without end.
const MAX_TYPES: u32 = 100;
const MAX_TYPE_DEPTH: u32 = 12;

/// What is left to spend on the name of a type.
#[derive(Clone, Copy)]
struct Budget<'a> {
    types: &'a Cell<u32>,
    depth: u32,
}

impl Budget<'_> {
    /// What is left for the parts of one more type.
    fn inner(self) -> Option<Self> {
        let (types, depth) = (self.types.get().checked_sub(1)?, self.depth.checked_sub(1)?);
        self.types.set(types);
        Some(Budget { depth, ..self })
    }
}

impl Snapshot<'_> {
    /// The text of a string object, or an empty text.
    fn text_of(&self, id: ObjId) -> String {
        self.graph.text(id).unwrap_or_default()
    }

    /// The name of the class with an id.
    pub fn class_name(&self, cid: u32) -> String {
        match self.class(cid) {
            Some((_, class)) => without_keys(&self.text_of(class.name)),
            None => format!("class {cid}"),
        }
    }

    /// The class that owns a function or field; `None` if the owner is neither a class nor a patch of one.
    pub fn owner_class(&self, owner: ObjId) -> Option<(ObjId, &Class)> {
        match self.graph.object(owner) {
            Object::Class(class) => Some((owner, class)),
            Object::PatchClass(patch) => {
                Some((patch.wrapped_class, self.graph.get(patch.wrapped_class).ok()?))
            }
            _ => None,
        }
    }

    /// The library that declares a class, function or field.
    pub fn library_of(&self, id: ObjId) -> Option<(ObjId, &Library)> {
        let class = match self.graph.object(id) {
            Object::Function(function) => self.owner_class(function.owner)?.1,
            Object::Field(field) => self.owner_class(field.owner)?.1,
            _ => self.owner_class(id)?.1,
        };
        Some((class.library, self.graph.get(class.library).ok()?))
    }

    /// The URL of the script that declares a class, function or field; the library's if there is no script.
    pub fn url_of(&self, id: ObjId) -> Option<String> {
        let owner = match self.graph.object(id) {
            Object::Function(function) => function.owner,
            Object::Field(field) => field.owner,
            _ => id,
        };
        let script = match self.graph.object(owner) {
            Object::PatchClass(patch) => patch.script,
            Object::Class(class) => class.script,
            _ => return None,
        };
        let url = self.graph.get::<Script>(script).map(|script| script.url);
        let url = url.or_else(|_| self.library_of(id).map(|(_, library)| library.url).ok_or(()));
        self.graph.text(url.ok()?)
    }

    /// A function's name with its class or enclosing function: `_List.[]`, `main`, `new Foo.named`,
    /// `main.<anonymous closure>`, `tear-off of Foo.bar`.
    pub fn function_name(&self, id: ObjId) -> String {
        self.function_name_within(id, MAX_DEPTH)
    }

    fn function_name_within(&self, id: ObjId, depth: u32) -> String {
        let Ok(function) = self.graph.get::<Function>(id) else { return self.graph.describe(id) };
        let name = without_keys(&self.text_of(function.name));
        let kind = FunctionKindTag::from_bits(function.kind_tag).kind;
        if let Ok(closure) = self.graph.get::<ClosureData>(function.data)
            && depth > 0
            && self.graph.get::<Function>(closure.parent_function).is_ok()
        {
            let parent = self.function_name_within(closure.parent_function, depth - 1);
            return match kind {
                FunctionKind::ImplicitClosureFunction => format!("tear-off of {parent}"),
                _ => format!("{parent}.{name}"),
            };
        }
        let class =
            self.owner_class(function.owner).map(|(_, class)| without_keys(&self.text_of(class.name)));
        let qualified = match class.as_deref() {
            // The class comes first in the names of constructors already.
            _ if kind == FunctionKind::Constructor => format!("new {}", name.trim_end_matches('.')),
            None | Some(TOP_LEVEL | "") => name,
            Some(class) => format!("{class}.{name}"),
        };
        match kind {
            FunctionKind::ImplicitClosureFunction => format!("tear-off of {qualified}"),
            _ => qualified,
        }
    }

    /// A field's name with its class.
    pub fn field_name(&self, id: ObjId) -> String {
        let Object::Field(field) = self.graph.object(id) else { return self.graph.describe(id) };
        let name = without_keys(&self.text_of(field.name));
        match self
            .owner_class(field.owner)
            .map(|(_, class)| without_keys(&self.text_of(class.name)))
            .as_deref()
        {
            None | Some(TOP_LEVEL | "") => name,
            Some(class) => format!("{class}.{name}"),
        }
    }

    /// A type as in Dart: `Map<String, int?>`, `void Function(int, [String])`.
    pub fn type_name(&self, id: ObjId) -> String {
        self.type_name_within(id, Budget { types: &Cell::new(MAX_TYPES), depth: MAX_TYPE_DEPTH })
    }

    fn type_name_within(&self, id: ObjId, budget: Budget<'_>) -> String {
        let Some(budget) = budget.inner() else { return "…".into() };
        let mark = |non_nullable: bool| if non_nullable { "" } else { "?" };
        match self.graph.object(id) {
            Object::Null => "null".into(),
            Object::Type(t) => {
                let flags = TypeFlags::from_bits(t.flags);
                let mut name = self.class_name(flags.class_id);
                if let Ok(arguments) = self.graph.get::<TypeArguments>(t.arguments) {
                    name += &format!("<{}>", self.type_names(&arguments.types, budget));
                }
                let ids = &self.spec.class_ids;
                let is_always_nullable = [ids.dynamic, ids.void, ids.null].contains(&flags.class_id);
                name + mark(flags.is_non_nullable || is_always_nullable)
            }
            Object::FunctionType(t) => {
                let counts = ParameterCounts::from_bits(t.packed_parameter_counts);
                let elements = |id| self.graph.get::<Array>(id).map_or(&[][..], |array| &array.elements);
                let types = elements(t.parameter_types);
                let (fixed, optional) = types.split_at(types.len().min(counts.num_fixed.into()));
                let fixed = fixed.get(usize::from(counts.num_implicit)..).unwrap_or_default();
                let mut parts: Vec<String> =
                    fixed.iter().map(|&t| self.type_name_within(t, budget)).collect();
                if counts.has_named_optional {
                    let named = optional.iter().zip(elements(t.named_parameter_names));
                    let named = named.map(|(&t, &name)| {
                        format!("{} {}", self.type_name_within(t, budget), self.text_of(name))
                    });
                    parts.push(format!("{{{}}}", named.collect::<Vec<_>>().join(", ")));
                } else if !optional.is_empty() {
                    parts.push(format!("[{}]", self.type_names(optional, budget)));
                }
                let flags = AbstractTypeFlags::from_bits(t.flags);
                let result = self.type_name_within(t.result_type, budget);
                format!("{result} Function({}){}", parts.join(", "), mark(flags.is_non_nullable))
            }
            Object::RecordType(t) => {
                let fields = self.graph.get::<Array>(t.field_types).map_or(&[][..], |array| &array.elements);
                let flags = AbstractTypeFlags::from_bits(t.flags);
                format!("({}){}", self.type_names(fields, budget), mark(flags.is_non_nullable))
            }
            Object::TypeParameter(t) => {
                let flags = AbstractTypeFlags::from_bits(t.flags);
                let letter = if flags.is_function_type_parameter { 'F' } else { 'X' };
                format!("{letter}{}{}", t.index, mark(flags.is_non_nullable))
            }
            Object::TypeArguments(arguments) => format!("<{}>", self.type_names(&arguments.types, budget)),
            _ => self.graph.describe(id),
        }
    }

    fn type_names(&self, types: &[ObjId], budget: Budget<'_>) -> String {
        let shown = types.len().min(MAX_TYPES as usize);
        types[..shown].iter().map(|&t| self.type_name_within(t, budget)).collect::<Vec<_>>().join(", ")
    }

    /// What a piece of code is called: a function's name, `stub AllocateArray`, `allocate Foo`, `test of int?`.
    pub fn code_name(&self, code: &Code) -> String {
        match code.kind {
            CodeKind::Function(function) => self.function_name(function),
            CodeKind::Allocation(class) => {
                let name = self.graph.get::<Class>(class).map(|class| self.text_of(class.name));
                format!("allocate {}", without_keys(&name.unwrap_or_default()))
            }
            CodeKind::TypeTest(t) => format!("test of {}", self.type_name(t)),
            CodeKind::Stub(index) => format!("stub {}", self.spec.stubs[index]),
            CodeKind::Discarded | CodeKind::Helper => {
                let what = if code.kind == CodeKind::Helper { "helper" } else { "discarded code" };
                self.symbol_of(code).map_or_else(|| format!("{what} {}", code.entry), str::to_owned)
            }
        }
    }

    /// The name of a piece of code in the file's symbol table.
    pub fn symbol_of(&self, code: &Code) -> Option<&str> {
        Some(self.container.symbols[*self.symbols.get(&code.start)? as usize].name)
    }

    /// What an object is, in one line: its kind and its name, text or value.
    pub fn describe(&self, id: ObjId) -> String {
        if !self.graph.contains(id) {
            return self.graph.describe(id);
        }
        match self.graph.object(id) {
            Object::Function(_) => format!("Function {}", self.function_name(id)),
            Object::Field(_) => format!("Field {}", self.field_name(id)),
            Object::Class(class) => format!("Class {}", without_keys(&self.text_of(class.name))),
            Object::Library(library) => format!("Library {}", self.text_of(library.url)),
            Object::Script(script) => format!("Script {}", self.text_of(script.url)),
            Object::Type(_) | Object::FunctionType(_) | Object::RecordType(_) | Object::TypeParameter(_) => {
                format!("{} {}", self.graph.object(id).kind().name(), self.type_name(id))
            }
            Object::TypeArguments(_) => format!("TypeArguments {}", self.type_name(id)),
            Object::Code(_) => match self.code_of_object(id) {
                Some(code) => format!("Code {}", self.code_name(code)),
                None => "Code".into(),
            },
            Object::Closure(closure) => format!("Closure {}", self.function_name(closure.function)),
            Object::Instance(instance) => format!("Instance of {}", self.class_name(instance.class_id)),
            Object::String(text) => format!("String {:?}", text.to_string_lossy()),
            Object::Mint(integer) => format!("int {}", integer.value),
            Object::Double(double) => format!("double {:?}", f64::from_bits(double.bits)),
            Object::Bool(value) => value.to_string(),
            Object::Null => "null".into(),
            Object::Array(array) => {
                let name = if array.immutable { "ImmutableArray" } else { "Array" };
                format!("{name} of {}", array.elements.len())
            }
            Object::UnlinkedCall(call) => format!("UnlinkedCall {}", self.text_of(call.target_name)),
            object => object.kind().name().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::without_keys;

    #[test]
    fn keys_of_private_names_go() {
        assert_eq!(without_keys("_List@0150898"), "_List");
        assert_eq!(without_keys("_Foo@1._bar@22"), "_Foo._bar");
        assert_eq!(without_keys("a@b"), "a@b");
        assert_eq!(without_keys("@"), "@");
    }
}
