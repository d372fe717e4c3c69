//! Names as the engine spells them.
//!
//! Private names carry a key of their library; accessors, constructors and synthetic functions have prefixes
//! (`TranslationHelper::DartProcedureName`, `Field::GetterName`, `Library::AllocatePrivateKey`).

use cranelift_entity::EntityRef;
use dart_kernel::{Component, LibIdx};

use crate::calls::LocalFunctions;
use crate::ids::{FunctionKey, MemberId, Name};
use crate::model::{MemberKind, Program};

/// Private keys of all libraries: `@`, how many libraries the engine knew before, and six digits of a hash of the URI.
pub(crate) fn private_keys(component: &Component<'_>, library_sequence: &[usize]) -> Vec<String> {
    let key = |(library, sequence): (LibIdx, usize)| {
        let uri = component.canonical_name(component.libraries[library].canonical_name).name;
        let hash = string_hash(String::from_utf8_lossy(component.string(uri)).encode_utf16());
        format!("@{sequence}{:06}", hash & 0x7FFFF)
    };
    component.libraries.keys().zip(library_sequence.iter().copied()).map(key).collect()
}

/// The engine's hash of a string, of 30 bits (`StringHasher`, runtime/vm/object.h; runtime/vm/hash.h).
pub fn string_hash(code_units: impl Iterator<Item = u16>) -> u32 {
    let mut hash = 0_u32;
    for unit in code_units {
        hash = hash.wrapping_add(u32::from(unit));
        hash = hash.wrapping_add(hash << 10);
        hash ^= hash >> 6;
    }
    hash = hash.wrapping_add(hash << 3);
    hash ^= hash >> 11;
    hash = hash.wrapping_add(hash << 15);
    match hash & ((1 << 30) - 1) {
        0 => 1,
        hash => hash,
    }
}

impl Program<'_> {
    /// The key that the private names of a library end with, `@` included.
    pub fn private_key(&self, library: LibIdx) -> &str {
        &self.private_keys[library.index()]
    }

    /// A name with the private key of its library, if it is private.
    pub fn vm_name(&self, name: Name) -> String {
        let text = self.text(name.text);
        match name.library {
            Some(library) => format!("{text}{}", self.private_key(library)),
            None => text.into_owned(),
        }
    }

    /// The name of a class with the private key of its library, if it is private.
    pub fn vm_class_name(&self, class: crate::ids::ClassId) -> String {
        match self.try_class(class) {
            None => self.engine.classes.get(class.index()).map_or("", |class| class.name).to_string(),
            Some(class) => {
                let library = class.library.filter(|_| self.component.string(class.name).starts_with(b"_"));
                self.vm_name(Name { text: class.name, library })
            }
        }
    }

    /// The name of a member's `Function`: `get:x`, `set:x`, `Class.constructor` (`Class.` if unnamed), or the plain one.
    pub fn member_name(&self, member: MemberId) -> String {
        let data = &self.members[member];
        let name = self.vm_name(data.name);
        match (data.kind, data.class) {
            (MemberKind::Getter, _) => format!("get:{name}"),
            (MemberKind::Setter, _) => format!("set:{name}"),
            (MemberKind::Factory | MemberKind::Constructor, Some(class)) => {
                format!("{}.{name}", self.vm_class_name(class))
            }
            _ => name,
        }
    }

    /// The name of the `Function` that a key stands for. Local functions are looked up in `locals`.
    pub fn function_name(&self, key: &FunctionKey, locals: &impl LocalFunctions) -> String {
        match key {
            FunctionKey::Member(member) | FunctionKey::TearOff(member) => self.member_name(*member),
            FunctionKey::MethodExtractor(member) => {
                format!("get:{}", self.vm_name(self.members[*member].name))
            }
            FunctionKey::Local(node) => match locals.local(*node).and_then(|local| local.name) {
                Some(name) => self.text(name).into_owned(),
                None => "<anonymous closure>".into(),
            },
            FunctionKey::FieldInit(field) => format!("init:{}", self.vm_name(self.fields[*field].name)),
            FunctionKey::ImplicitGetter(field) => format!("get:{}", self.vm_name(self.fields[*field].name)),
            FunctionKey::ImplicitSetter(field) => format!("set:{}", self.vm_name(self.fields[*field].name)),
            FunctionKey::Adapter(function, _)
            | FunctionKey::Resume(function)
            | FunctionKey::GenericEntry(function) => self.function_name(function, locals),
            FunctionKey::DynForwarder(function, _) | FunctionKey::DynEntry(function) => {
                format!("dyn:{}", self.function_name(function, locals))
            }
            FunctionKey::DynGetterCall(getter, _) => {
                let name = self.function_name(getter, locals);
                format!("dyn:{}", name.strip_prefix("get:").unwrap_or(&name))
            }
            FunctionKey::NoSuchMethod(row) => {
                let name = self.vm_name(row.selector.name);
                let prefix = if row.dynamic { "dyn:" } else { "" };
                match row.selector.kind {
                    crate::ids::SelectorKind::Method => format!("{prefix}{name}"),
                    crate::ids::SelectorKind::Getter => format!("{prefix}get:{name}"),
                    crate::ids::SelectorKind::Setter => format!("{prefix}set:{name}"),
                }
            }
            FunctionKey::RecordFieldGetter(name) => format!("get:{}", self.vm_name(*name)),
            FunctionKey::DynClosureCall(_) => "dyn:call".into(),
        }
    }

    /// The name of a function as stack traces show it: qualified by class and enclosing functions, without private keys
    /// and accessor prefixes.
    pub fn qualified_name(&self, key: &FunctionKey, locals: &impl LocalFunctions) -> String {
        match key {
            FunctionKey::Local(node) => {
                let name = self.function_name(key, locals);
                match locals.local(*node).map(|local| &local.parent) {
                    Some(parent) => format!("{}.{name}", self.qualified_name(parent, locals)),
                    None => name,
                }
            }
            FunctionKey::Member(member)
            | FunctionKey::TearOff(member)
            | FunctionKey::MethodExtractor(member) => {
                let data = &self.members[*member];
                let name = self.text(data.name.text);
                let suffix = if data.kind == MemberKind::Setter { "=" } else { "" };
                let is_constructor = matches!(data.kind, MemberKind::Factory | MemberKind::Constructor);
                match data.class.map(|class| self.shown_class_name(class)) {
                    Some(class) if is_constructor && name.is_empty() => format!("new {class}"),
                    Some(class) if is_constructor => format!("new {class}.{name}"),
                    Some(class) => format!("{class}.{name}{suffix}"),
                    None => format!("{name}{suffix}"),
                }
            }
            FunctionKey::FieldInit(field)
            | FunctionKey::ImplicitGetter(field)
            | FunctionKey::ImplicitSetter(field) => {
                let data = &self.fields[*field];
                let name = self.text(data.name.text);
                let suffix = if matches!(key, FunctionKey::ImplicitSetter(_)) { "=" } else { "" };
                match data.class.map(|class| self.shown_class_name(class)) {
                    Some(class) => format!("{class}.{name}{suffix}"),
                    None => format!("{name}{suffix}"),
                }
            }
            FunctionKey::Adapter(function, _)
            | FunctionKey::DynForwarder(function, _)
            | FunctionKey::DynGetterCall(function, _)
            | FunctionKey::Resume(function)
            | FunctionKey::GenericEntry(function)
            | FunctionKey::DynEntry(function) => self.qualified_name(function, locals),
            FunctionKey::NoSuchMethod(row) => self.text(row.selector.name.text).into_owned(),
            FunctionKey::RecordFieldGetter(name) => self.text(name.text).into_owned(),
            FunctionKey::DynClosureCall(_) => "call".into(),
        }
    }

    /// Members of a mixin application are shown as the mixin's (`Class::Mixin`).
    fn shown_class_name(&self, class: crate::ids::ClassId) -> String {
        let data = self.try_class(class);
        let shown = match data {
            Some(data) if data.flags.is_transformed_mixin => {
                data.interfaces.last().and_then(|mixin| mixin.class()).and_then(|mixin| self.try_class(mixin))
            }
            _ => data,
        };
        shown.map_or_else(|| self.vm_class_name(class), |class| self.text(class.name).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn string_hashes() {
        assert_eq!(string_hash("".encode_utf16()), 1);
        // Keys of core libraries as they appear in snapshots: `_Smi@0150898` and the like.
        let key = |uri: &str| string_hash(uri.encode_utf16()) & 0x7FFFF;
        assert_eq!(key("dart:core"), 150_898);
        assert_eq!(key("dart:async"), 48_458);
    }
}
