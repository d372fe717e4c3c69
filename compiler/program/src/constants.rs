//! Constants, as the objects that they become.
//!
//! The kernel constant table has no duplicates, but types that differ there can be the same type at run time (extension
//! types, for one), so constants are compared again after conversion. [`Program::constant_object`] gives the one key of
//! a constant's object: equal keys, identical objects.

use std::sync::Arc;

use cranelift_entity::{EntityRef, PrimaryMap};
use dart_kernel::ast::DartType as KernelType;
use dart_kernel::{ConstIdx, Constant, Reference, StrIdx};
use rustc_hash::FxHashMap;

use crate::convert::TypeScope;
use crate::error::{Error, Result};
use crate::ids::{ClassId, FieldId, FunctionKey, ObjectKey};
use crate::load::Loader;
use crate::lookup::missing;
use crate::members;
use crate::model::Program;
use crate::types::{RecordShape, TypeArgs};

/// What a constant consists of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ConstantValue {
    /// An object that has a key of its own: null, booleans, numbers, strings, types, tear-offs.
    Object(ObjectKey),
    /// A list: `_ImmutableList`.
    List {
        /// Flattened type arguments of the list object.
        type_args: TypeArgs,
        /// Elements.
        elements: Arc<[ObjectKey]>,
    },
    /// A map: `_ConstMap`.
    Map {
        /// Flattened type arguments of the map object.
        type_args: TypeArgs,
        /// Entries in order.
        entries: Arc<[(ObjectKey, ObjectKey)]>,
    },
    /// A set: `_ConstSet`.
    Set {
        /// Flattened type arguments of the set object.
        type_args: TypeArgs,
        /// Elements in order.
        elements: Arc<[ObjectKey]>,
    },
    /// An instance.
    Instance {
        /// Class.
        class: ClassId,
        /// Flattened type arguments.
        type_args: TypeArgs,
        /// Fields that are not null, in the order of their ids.
        fields: Arc<[(FieldId, ObjectKey)]>,
    },
    /// A closure that instantiates a generic one: a copy with delayed type arguments.
    Instantiation {
        /// The generic closure.
        function: ObjectKey,
        /// Type arguments.
        type_args: TypeArgs,
    },
    /// A record.
    Record {
        /// Shape.
        shape: RecordShape,
        /// Fields: positional ones, then named ones in the shape's order.
        fields: Arc<[ObjectKey]>,
    },
    /// A constant that refers to something the program no longer has; it can only be in code that never runs.
    Unresolved(Arc<str>),
    /// A symbol in a program whose class of symbols has no field for the name; as [`ConstantValue::Unresolved`].
    NamelessSymbol,
}

/// All constants in table order, and the key of each one's object.
pub(crate) struct Constants {
    pub(crate) values: PrimaryMap<ConstIdx, ConstantValue>,
    pub(crate) objects: Vec<ObjectKey>,
}

impl<'k> Loader<'k> {
    /// Converts the constant table.
    pub(crate) fn constants(&self) -> Result<Constants> {
        let count = self.component.constants().len();
        let mut values = PrimaryMap::with_capacity(count);
        let mut objects: Vec<ObjectKey> = Vec::with_capacity(count);
        let mut known: FxHashMap<ConstantValue, ConstIdx> = FxHashMap::default();
        for (index, constant) in self.component.constants() {
            let value = self.constant_value(constant, &objects)?;
            objects.push(match &value {
                ConstantValue::Object(key) => key.clone(),
                value => match known.get(value) {
                    Some(same) => ObjectKey::Constant(*same),
                    None => {
                        known.insert(value.clone(), index);
                        ObjectKey::Constant(index)
                    }
                },
            });
            values.push(value);
        }
        Ok(Constants { values, objects })
    }

    fn constant_value(&self, constant: &Constant<'_>, objects: &[ObjectKey]) -> Result<ConstantValue> {
        let object = |index: ConstIdx| objects[index.index()].clone();
        let list = |elements: &[ConstIdx]| elements.iter().map(|&element| object(element)).collect();
        let scope = TypeScope::default();
        let type_args = |class: ClassId, own: &[KernelType<'_>]| -> Result<TypeArgs> {
            let own = self.types.convert_args(&scope, own)?;
            Ok(self.types.instance_type_args(class, &own))
        };
        let core = &self.types.core;
        Ok(match *constant {
            Constant::Null => ConstantValue::Object(ObjectKey::Null),
            Constant::Bool(value) => ConstantValue::Object(ObjectKey::Bool(value)),
            Constant::Int(value) => ConstantValue::Object(ObjectKey::Int(value)),
            Constant::Double(value) => ConstantValue::Object(ObjectKey::Double(value.to_bits())),
            Constant::String(text) => ConstantValue::Object(ObjectKey::String(text)),
            Constant::TypeLiteral(ty) => {
                ConstantValue::Object(ObjectKey::Type(self.types.convert(&scope, &ty)?))
            }
            Constant::Symbol { library, name } => {
                let library = library.expand().map(|library| self.component.reference(library));
                let text = match library {
                    Some(Reference::Library(library)) => {
                        let text = self.component.string_lossy(name);
                        ObjectKey::Text(format!("{text}{}", self.private_keys[library.index()]).into())
                    }
                    _ => ObjectKey::String(name),
                };
                match self.symbol_name {
                    Some(field) => ConstantValue::Instance {
                        class: core.symbol,
                        type_args: None,
                        fields: [(field, text)].into(),
                    },
                    None => ConstantValue::NamelessSymbol,
                }
            }
            Constant::List { element_type, elements } => ConstantValue::List {
                type_args: type_args(core.immutable_array, &[element_type])?,
                elements: list(elements),
            },
            Constant::Set { element_type, elements } => ConstantValue::Set {
                type_args: type_args(core.const_set, &[element_type])?,
                elements: list(elements),
            },
            Constant::Map { key_type, value_type, entries } => ConstantValue::Map {
                type_args: type_args(core.const_map, &[key_type, value_type])?,
                entries: entries.iter().map(|&(key, value)| (object(key), object(value))).collect(),
            },
            Constant::Instance { class, type_arguments, fields } => {
                let class = self.types.class_of[class.index()];
                let mut fields: Vec<(FieldId, ObjectKey)> = fields
                    .iter()
                    .map(|&(field, value)| (FieldId::new(field.index()), object(value)))
                    .filter(|(_, value)| *value != ObjectKey::Null)
                    .collect();
                fields.sort_by_key(|field| field.0);
                let type_args = type_args(class, type_arguments)?;
                ConstantValue::Instance { class, type_args, fields: fields.into() }
            }
            Constant::Instantiation { function, type_arguments } => ConstantValue::Instantiation {
                function: object(function),
                type_args: self.types.convert_args(&scope, type_arguments)?,
            },
            Constant::Record { positional, named, .. } => ConstantValue::Record {
                shape: RecordShape {
                    positional: u16::try_from(positional.len())
                        .map_err(|_| Error::TooMany { what: "record fields", owner: "a constant".into() })?,
                    names: named.iter().map(|field| field.0).collect::<Vec<StrIdx>>(),
                },
                fields: positional
                    .iter()
                    .chain(named.iter().map(|(_, value)| value))
                    .map(|&i| object(i))
                    .collect(),
            },
            Constant::StaticTearOff(reference)
            | Constant::ConstructorTearOff(reference)
            | Constant::RedirectingFactoryTearOff(reference) => {
                let member = match reference {
                    Reference::Procedure(procedure) => members::procedure_id(procedure),
                    Reference::Constructor(constructor) => {
                        members::constructor_id(self.component.procedures.len(), constructor)
                    }
                    _ => return Ok(ConstantValue::Unresolved(self.reference_name(reference).into())),
                };
                ConstantValue::Object(ObjectKey::StaticClosure(FunctionKey::TearOff(member)))
            }
        })
    }
}

impl Program<'_> {
    /// The key of a constant's object. Constants that are the same object at run time have the same key.
    pub fn constant_object(&self, constant: ConstIdx) -> &ObjectKey {
        &self.constant_objects[constant.index()]
    }

    /// What a constant consists of.
    ///
    /// # Errors
    /// If it refers to something that the program does not have.
    pub fn constant(&self, constant: ConstIdx) -> Result<&ConstantValue> {
        match &self.constants[constant] {
            ConstantValue::Unresolved(reference) => {
                Err(Error::BadReference { reference: reference.to_string(), expected: "member" })
            }
            ConstantValue::NamelessSymbol => Err(missing("dart:_internal", "Symbol", "field", "_name")),
            value => Ok(value),
        }
    }

    /// Number of constants in the kernel table.
    pub fn num_constants(&self) -> usize {
        self.constants.len()
    }
}
