//! The entities of a program: what later phases read.

use std::sync::Arc;

use cranelift_entity::{EntityRef, PrimaryMap};
use dart_kernel::{Component, ConstIdx, LibIdx, StrIdx};
use snapcrane_engines::Engine;

use crate::constants::ConstantValue;
use crate::convert::{CoreClasses, Types};
use crate::ids::{BodyId, ClassId, FieldId, FunctionKey, MemberId, MemberSource, Name, ObjectKey, RowKey};
use crate::lookup::Index;
use crate::types::{DartType, TypeArgs, TypeParamDecl};

/// A closed Dart program. Made by [`Program::load`]; immutable.
pub struct Program<'k> {
    /// The kernel component it was made from.
    pub component: &'k Component<'k>,
    /// The engine it is made for.
    pub engine: &'static Engine,
    /// Classes by class id; ids that the program does not use are `None`. Predefined ids without a kernel class are too.
    pub classes: Vec<Option<Class>>,
    /// Fields of all classes and libraries, in file order: the id is the kernel field's number.
    pub fields: PrimaryMap<FieldId, Field>,
    /// Procedures of all classes and libraries in file order, then constructors.
    pub members: PrimaryMap<MemberId, Member>,
    /// Classes that the compiler refers to often.
    pub core: CoreClasses,
    pub(crate) types: Types,
    pub(crate) index: Index<'k>,
    pub(crate) constants: PrimaryMap<ConstIdx, ConstantValue>,
    pub(crate) constant_objects: Vec<ObjectKey>,
    pub(crate) private_keys: Vec<String>,
}

/// A class.
#[derive(Clone, Debug)]
pub struct Class {
    /// Its id.
    pub id: ClassId,
    /// Name as in the source.
    pub name: StrIdx,
    /// Library.
    pub library: Option<LibIdx>,
    /// Kernel class, if it has one (some predefined classes have none).
    pub kernel: Option<dart_kernel::ClassIdx>,
    /// Superclass; none for `Object` only.
    pub superclass: Option<ClassId>,
    /// The supertype with its type arguments in terms of this class's parameters.
    pub supertype: Option<DartType>,
    /// Implemented interfaces, declared ones only.
    pub interfaces: Vec<DartType>,
    /// Own type parameters.
    pub type_params: Vec<TypeParamDecl>,
    /// Names of own type parameters.
    pub type_param_names: Vec<StrIdx>,
    /// Length of the flattened type argument vector of instances (`Class::NumTypeArguments`).
    pub num_type_args: u16,
    /// Instance layout.
    pub layout: InstanceLayout,
    /// Whether no instance can be allocated of it by Dart code.
    pub is_abstract: bool,
    /// Own instance fields in layout order.
    pub instance_fields: Vec<FieldId>,
    /// Own static fields.
    pub static_fields: Vec<FieldId>,
    /// Own members (procedures and constructors).
    pub members: Vec<MemberId>,
    /// Direct subclasses (`extends`), in id order.
    pub subclasses: Vec<ClassId>,
    /// Number of superclasses.
    pub depth: u32,
    /// Remaining flags.
    pub flags: ClassFlags,
}

/// Flags of a class that the engine wants to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassFlags {
    /// Declared `enum`.
    pub is_enum: bool,
    /// Has a constant constructor.
    pub is_const: bool,
    /// Has an entry-point pragma or a member with one.
    pub has_pragma: bool,
    /// Has the entry-point pragma itself: the engine may allocate instances.
    pub is_entry_point: bool,
    /// `sealed`.
    pub is_sealed: bool,
    /// `mixin class` or `mixin`.
    pub is_mixin_class: bool,
    /// `base`.
    pub is_base: bool,
    /// `interface`.
    pub is_interface: bool,
    /// `final`.
    pub is_final: bool,
    /// It, or a class that extends it, is among the interfaces of some class.
    pub is_implemented: bool,
    /// Application of a mixin whose members were copied.
    pub is_transformed_mixin: bool,
    /// Instances can't be sent to other isolates.
    pub is_isolate_unsendable: bool,
    /// The same because of its pragma.
    pub is_isolate_unsendable_due_to_pragma: bool,
    /// Instances are deeply immutable.
    pub is_deeply_immutable: bool,
    /// Subtype of `Future`.
    pub is_future_subtype: bool,
    /// A value of this static type can be a `Future` at run time.
    pub can_be_future: bool,
}

/// Layout of instances, in units that do not depend on the word size.
///
/// An instance is a header, then *slots* in order; a slot is one tagged word or one unboxed 8-byte value. `lower` and the snapshot turn
/// slots into offsets per target. For predefined classes that C++ lays out (`is_predefined_layout`) the engine data say more.
#[derive(Clone, Debug, Default)]
pub struct InstanceLayout {
    /// All slots, inherited ones first.
    pub slots: Vec<SlotKind>,
    /// Which slot holds the type arguments, if instances have them. With a predefined layout only the engine knows.
    pub type_arguments: Option<u32>,
    /// Number of native fields (`NativeFieldWrapperClassN`). They live in an array of their own, in slot 0.
    pub num_native_fields: u16,
    /// C++ declares the layout (strings, arrays, types, ...). `slots` is empty, unless Dart classes can extend the class
    /// (`_LinkedHashBase`): then it is what they inherit.
    pub is_predefined_layout: bool,
}

/// What a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SlotKind {
    /// A tagged word.
    Tagged,
    /// An unboxed 64-bit integer.
    Int64,
    /// An unboxed double.
    Double,
}

/// A field.
#[derive(Clone, Debug)]
pub struct Field {
    /// Name.
    pub name: Name,
    /// Kernel field.
    pub kernel: dart_kernel::FieldIdx,
    /// Class, `None` for library fields.
    pub class: Option<ClassId>,
    /// Library.
    pub library: LibIdx,
    /// Static or library field.
    pub is_static: bool,
    /// `final` (or `const`).
    pub is_final: bool,
    /// `const`.
    pub is_const: bool,
    /// Declared `late` (static fields with an initialiser that runs code are treated as lazily initialised anyway).
    pub is_late: bool,
    /// Whether there is an implicit setter.
    pub has_setter: bool,
    /// Stores check the value against the declared type (covariant by declaration).
    pub is_covariant: bool,
    /// Stores check the value against the declared type (a class type parameter in a covariant position).
    pub is_generic_covariant: bool,
    /// Erased type.
    pub ty: DartType,
    /// How it starts.
    pub init: FieldInit,
    /// Instance fields: index in [`InstanceLayout::slots`].
    pub slot: u32,
    /// How the value is stored.
    pub repr: SlotKind,
    /// Member attributes of whole-program analysis.
    pub attributes: Attributes,
    /// Entry-point pragmas.
    pub entry_point: EntryPoint,
    /// Has a pragma.
    pub has_pragma: bool,
    /// `vm:shared`.
    pub is_shared: bool,
}

/// How a field starts.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldInit {
    /// No initialiser: null (late ones: the sentinel).
    None,
    /// A literal or constant: the object itself.
    Value(ObjectKey),
    /// Code has to run ([`FunctionKey::FieldInit`]).
    Code,
}

/// Kinds of members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MemberKind {
    /// Method or operator, static function.
    Method,
    /// Getter.
    Getter,
    /// Setter.
    Setter,
    /// Factory constructor (static; takes the class's type arguments as function type arguments).
    Factory,
    /// Generative constructor (the new object is parameter 0).
    Constructor,
}

/// A procedure or constructor.
#[derive(Clone, Debug)]
pub struct Member {
    /// Name (setters without `=`).
    pub name: Name,
    /// Where kernel has it.
    pub source: MemberSource,
    /// Kind.
    pub kind: MemberKind,
    /// Class, `None` for library members.
    pub class: Option<ClassId>,
    /// Library.
    pub library: LibIdx,
    /// Static function, factory.
    pub is_static: bool,
    /// No body, never called.
    pub is_abstract: bool,
    /// No Dart body: engine or compiler implements it.
    pub is_external: bool,
    /// `const`.
    pub is_const: bool,
    /// Members of extensions and extension types.
    pub is_extension_member: bool,
    /// Synthetic.
    pub is_synthetic: bool,
    /// Parameters.
    pub params: Params,
    /// `sync`, `sync*`, `async`, `async*`.
    pub async_marker: dart_kernel::ast::AsyncMarker,
    /// Member attributes of whole-program analysis.
    pub attributes: Attributes,
    /// Entry-point pragmas.
    pub entry_point: EntryPoint,
    /// What a concrete forwarding stub calls: argument checks use the parameter types of that member.
    pub forwarding_target: Option<Target>,
    /// Has a pragma.
    pub has_pragma: bool,
    /// `vm:external-name`.
    pub native_name: Option<Arc<str>>,
    /// `vm:ffi:native`.
    pub is_ffi_native: bool,
    /// `vm:recognized`.
    pub is_recognized: bool,
    /// `vm:prefer-inline`.
    pub prefer_inline: bool,
    /// `vm:never-inline`.
    pub never_inline: bool,
    /// `vm:invisible`: not shown in stack traces.
    pub is_invisible: bool,
    /// `vm:unsafe:no-interrupts`: no stack checks.
    pub no_interrupts: bool,
    /// `external-effect`: calls count for analyses of the program only; neither they nor their arguments are compiled.
    pub is_external_effect: bool,
}

/// Parameters of a function, in the order that calls pass them.
#[derive(Clone, Debug, Default)]
pub struct Params {
    /// Own type parameters (of a factory: those of its class).
    pub type_params: Vec<TypeParamDecl>,
    /// Names of the type parameters.
    pub type_param_names: Vec<StrIdx>,
    /// Whether parameter 0 is a receiver, new object or closure.
    pub has_receiver: bool,
    /// Required positional parameters, without the receiver.
    pub required: u16,
    /// Positional parameters, without the receiver.
    pub positional: Vec<Param>,
    /// Named parameters sorted by name; in order of declaration if the function's code is a C function of the engine.
    pub named: Vec<Param>,
    /// Result type.
    pub result: Option<DartType>,
}

impl Params {
    /// Number of machine-level arguments: type arguments, receiver, positional, named.
    pub fn num_args(&self) -> usize {
        usize::from(!self.type_params.is_empty())
            + usize::from(self.has_receiver)
            + self.positional.len()
            + self.named.len()
    }
}

/// A parameter.
#[derive(Clone, Debug)]
pub struct Param {
    /// Name.
    pub name: StrIdx,
    /// Byte offset of its variable node in the kernel file: the identity of the variable in the body.
    pub variable: u32,
    /// Erased type.
    pub ty: DartType,
    /// Default value of optional parameters (null object when none is written).
    pub default: ObjectKey,
    /// Named parameters: callers must pass it.
    pub is_required: bool,
    /// Checked at entry: covariant by declaration.
    pub is_covariant: bool,
    /// Checked at entry if called from outside: covariant because of a class type parameter.
    pub is_generic_covariant: bool,
}

/// Attributes that whole-program analysis found (`vm.procedure-attributes`); everything true if it said nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// Method or setter is called dynamically.
    pub called_dynamically: bool,
    /// Getter is called dynamically.
    pub getter_called_dynamically: bool,
    /// Called with receivers other than `this`.
    pub has_non_this_uses: bool,
    /// Torn off.
    pub has_tear_off_uses: bool,
    /// Called on `this`.
    pub has_this_uses: bool,
}

/// What `vm:entry-point` allows the engine to do with a member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EntryPoint {
    /// Call it (functions), allocate it (classes), read and write it (fields).
    pub call: bool,
    /// Read it, tear it off.
    pub get: bool,
    /// Write it.
    pub set: bool,
}

impl EntryPoint {
    /// Whether the engine may use it at all.
    pub fn any(self) -> bool {
        self.call || self.get || self.set
    }
}

/// What an instance call finds in a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Implementation {
    /// A method, getter or setter.
    Member(MemberId),
    /// Reads a field.
    FieldGetter(FieldId),
    /// Writes a field.
    FieldSetter(FieldId),
    /// A getter call that finds a method: tears it off.
    TearOff(MemberId),
}

/// What a kernel member reference means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A procedure or constructor.
    Member(MemberId),
    /// A field, read or written (the use says which).
    Field(FieldId),
}

/// The machine-level parameters of the code behind a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeParams {
    /// Whether type arguments come first.
    pub has_type_args: bool,
    /// Number of arguments after them.
    pub num_args: u16,
}

impl<'k> Program<'k> {
    /// A class that exists.
    ///
    /// # Panics
    /// If the program has no class with this id.
    pub fn class(&self, id: ClassId) -> &Class {
        self.classes[id.index()].as_ref().expect("class of the program")
    }

    /// A class, if the id is in use.
    pub fn try_class(&self, id: ClassId) -> Option<&Class> {
        self.classes.get(id.index()).and_then(Option::as_ref)
    }

    /// The body that a type parameter or closure belongs to, for a member.
    pub fn body(&self, member: MemberId) -> BodyId {
        BodyId::Member(member)
    }

    /// All classes of the program, in id order.
    pub fn all_classes(&self) -> impl Iterator<Item = &Class> {
        self.classes.iter().flatten()
    }
}

/// Types used in signatures of functions that later phases define; kept here so that all phases agree.
pub type CellTargets = Vec<(ClassId, FunctionKey)>;

/// A row with the classes it must answer for.
#[derive(Clone, Debug)]
pub struct Row {
    /// The row.
    pub key: RowKey,
    /// Cells in class id order.
    pub cells: CellTargets,
}

/// A flattened vector of type arguments for allocating or calling.
pub type Flattened = TypeArgs;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_can_share_a_program() {
        fn shared<T: Send + Sync>() {}
        shared::<Program<'static>>();
    }
}
