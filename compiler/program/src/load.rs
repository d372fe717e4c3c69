//! Making the model: numbers classes, then types, constants, members and layouts, each from what came before.

use cranelift_entity::{EntityRef, PrimaryMap};
use dart_kernel::ast::{DartType as KernelType, Nullability, TypeParameterOwner};
use dart_kernel::{Bump, ClassIdx, Component, LibIdx, Reference};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use snapcrane_engines::{Engine, Immutability};

use crate::classes::{self, Numbering};
use crate::convert::{ClassTypes, CoreClasses, TypeScope, Types};
use crate::error::{Error, Result};
use crate::ids::{ClassId, FieldId, MemberId, ObjectKey};
use crate::layout;
use crate::lookup::Index;
use crate::members::{constructor_id, procedure_id, type_params};
use crate::model::{Class, ClassFlags, Field, InstanceLayout, Program, SlotKind};
use crate::names;
use crate::pragmas;
use crate::types::DartType;

/// A program under construction.
pub(crate) struct Loader<'k> {
    pub(crate) component: &'k Component<'k>,
    pub(crate) engine: &'static Engine,
    pub(crate) types: Types,
    pub(crate) private_keys: Vec<String>,
    /// `ClassID` of `dart:_internal`.
    pub(crate) class_id_class: Option<ClassId>,
    /// `Symbol._name` of `dart:_internal`.
    pub(crate) symbol_name: Option<FieldId>,
    /// Keys of the constants' objects, once they are known.
    pub(crate) constant_objects: Vec<ObjectKey>,
}

impl<'k> Program<'k> {
    /// Models the program of a kernel file for an engine.
    ///
    /// # Errors
    /// If the file is malformed: cyclic class hierarchies, types that are not closed, broken metadata.
    pub fn load(component: &'k Component<'k>, engine: &'static Engine) -> Result<Program<'k>> {
        let mut libraries: FxHashMap<&[u8], LibIdx> = FxHashMap::default();
        for (index, library) in &component.libraries {
            libraries.insert(component.string(component.canonical_name(library.canonical_name).name), index);
        }
        let numbering = classes::number(component, engine, &libraries)?;
        let core = core_classes(component, engine, &libraries, &numbering);
        let types = class_types(component, engine, core, &numbering)?;
        let find_class = |library: &str, name: &str| {
            let library = libraries.get(library.as_bytes())?;
            component.libraries[*library]
                .classes
                .iter()
                .find(|&class| component.string(component.classes[class].name) == name.as_bytes())
        };
        let symbol_name = find_class("dart:_internal", "Symbol").and_then(|class| {
            let mut fields = component.classes[class].fields.iter();
            let name =
                fields.find(|&field| component.string(component.fields[field].name.text) == b"_name")?;
            Some(FieldId::new(name.index()))
        });
        let class_id_class =
            find_class("dart:_internal", "ClassID").map(|class| numbering.class_of[class.index()]);
        let private_keys = names::private_keys(component, &numbering.library_sequence);
        let mut loader = Loader {
            component,
            engine,
            types,
            private_keys,
            class_id_class,
            symbol_name,
            constant_objects: Vec::new(),
        };
        let constants = loader.constants()?;
        loader.constant_objects = constants.objects;

        let mut arena = Bump::new();
        let mut fields = PrimaryMap::with_capacity(component.fields.len());
        for index in component.fields.keys() {
            let field = loader.field(index, &mut arena);
            fields.push(field.map_err(|error| error.at(component.fields[index].node))?);
        }
        let mut members =
            PrimaryMap::with_capacity(component.procedures.len() + component.constructors.len());
        for index in component.procedures.keys() {
            let procedure = loader.procedure(index);
            members.push(procedure.map_err(|error| error.at(component.procedures[index].node))?);
        }
        for index in component.constructors.keys() {
            let constructor = loader.constructor(index);
            members.push(constructor.map_err(|error| error.at(component.constructors[index].node))?);
        }
        let classes = loader.classes(&numbering, &mut fields)?;
        let index = Index::new(component, libraries, &classes, &fields, &members);
        Ok(Program {
            component,
            engine,
            classes,
            fields,
            members,
            core,
            types: loader.types,
            index,
            constants: constants.values,
            constant_objects: loader.constant_objects,
            private_keys: loader.private_keys,
        })
    }
}

fn core_classes(
    component: &Component<'_>,
    engine: &Engine,
    libraries: &FxHashMap<&[u8], LibIdx>,
    numbering: &Numbering,
) -> CoreClasses {
    let cids = &engine.cids;
    let cid = |cid: u32| ClassId::new(cid as usize);
    let mut named: FxHashMap<(LibIdx, &[u8]), ClassId> = FxHashMap::default();
    for uri in ["dart:core", "dart:async", "dart:_internal"] {
        let Some(&library) = libraries.get(uri.as_bytes()) else { continue };
        for class in component.libraries[library].classes.iter() {
            named.insert(
                (library, component.string(component.classes[class].name)),
                numbering.class_of[class.index()],
            );
        }
    }
    let find = |library: &str, class: &str| {
        let library = libraries.get(library.as_bytes());
        library.and_then(|library| named.get(&(*library, class.as_bytes()))).copied().unwrap_or(cid(0))
    };
    CoreClasses {
        object: cid(cids.instance),
        null: cid(cids.null),
        never: cid(cids.never),
        dynamic: cid(cids.dynamic),
        void: cid(cids.void),
        future_or: cid(cids.future_or),
        future: find("dart:async", "Future"),
        function: find("dart:core", "Function"),
        closure: cid(cids.closure),
        record: find("dart:core", "Record"),
        record_impl: cid(cids.record),
        bool: cid(cids.bool),
        num: cid(cids.number),
        int: find("dart:core", "int"),
        smi: cid(cids.smi),
        mint: cid(cids.mint),
        double: find("dart:core", "double"),
        double_impl: cid(cids.double),
        string: find("dart:core", "String"),
        one_byte_string: cid(cids.one_byte_string),
        two_byte_string: cid(cids.two_byte_string),
        type_: find("dart:core", "Type"),
        symbol: find("dart:_internal", "Symbol"),
        array: cid(cids.array),
        immutable_array: cid(cids.immutable_array),
        growable_array: cid(cids.growable_object_array),
        const_map: cid(cids.const_map),
        const_set: cid(cids.const_set),
    }
}

/// Type parameters, flattened vectors and supertypes of all classes.
fn class_types(
    component: &Component<'_>,
    engine: &Engine,
    core: CoreClasses,
    numbering: &Numbering,
) -> Result<Types> {
    let mut infos = vec![ClassTypes::default(); numbering.num_ids];
    for predefined in &engine.classes {
        let count = predefined.num_type_arguments as u16;
        let info = &mut infos[predefined.cid as usize];
        (info.num_params, info.num_args) = (count, count);
    }
    for &class in &numbering.order {
        let declaration = &component.classes[class];
        let id = numbering.class_of[class.index()];
        let too_many = || {
            let owner = component.qualified_name(declaration.canonical_name);
            Error::TooMany { what: "type parameters", owner }.at(declaration.node)
        };
        let num_params = u16::try_from(declaration.type_parameters.len()).map_err(|_| too_many())?;
        let (super_args, overlap) = match declaration.supertype {
            Some(KernelType::Interface { class: superclass, arguments, .. }) => (
                infos[numbering.class_of[superclass.index()].index()].num_args,
                overlap(class, declaration.type_parameters.len(), arguments),
            ),
            _ => (0, 0),
        };
        let info = &mut infos[id.index()];
        info.num_params = num_params;
        info.num_args = super_args.checked_add(num_params - overlap).ok_or_else(too_many)?;
        info.unbounded = declaration
            .type_parameters
            .iter()
            .map(|param| is_nullable_object(&param.bound, core.object, &numbering.class_of))
            .collect();
    }
    let mut types = Types {
        class_of: numbering.class_of.clone(),
        classes: infos,
        core,
        implementers: vec![Vec::new(); numbering.num_ids],
    };
    let mut supers: Vec<Vec<ClassId>> = vec![Vec::new(); numbering.num_ids];
    for &class in &numbering.order {
        let declaration = &component.classes[class];
        let id = numbering.class_of[class.index()];
        let supertypes = declaration
            .supertype
            .iter()
            .chain(declaration.implements)
            .map(|supertype| types.convert(&TypeScope::default(), supertype))
            .collect::<Result<SmallVec<[DartType; 2]>>>()
            .map_err(|error| error.at(declaration.node))?;
        let mut all = vec![id];
        for supertype in &supertypes {
            let supertype = supertype.class().ok_or_else(|| {
                let class = component.qualified_name(declaration.canonical_name);
                Error::BadClass { class, problem: "a supertype is not a class" }.at(declaration.node)
            })?;
            all.extend_from_slice(&supers[supertype.index()]);
        }
        all.sort_unstable();
        all.dedup();
        for interface in &all {
            types.implementers[interface.index()].push(id);
        }
        supers[id.index()] = all;
        let declaration_args = {
            let info = &types.classes[id.index()];
            let (num_params, num_args) = (usize::from(info.num_params), usize::from(info.num_args));
            let own = (0..num_params).map(|i| types.class_parameter(id, i, false));
            if num_args == num_params {
                types.vector(own.collect())
            } else {
                let inherited = match (&declaration.supertype, supertypes.first()) {
                    (Some(_), Some(DartType::Interface { class, args, .. })) => {
                        types.instance_type_args(*class, args)
                    }
                    _ => None,
                };
                let inherited = (0..num_args - num_params).map(|i| {
                    inherited
                        .as_ref()
                        .and_then(|args| args.get(i))
                        .cloned()
                        .unwrap_or_else(|| types.dynamic())
                });
                types.vector(inherited.chain(own).collect())
            }
        };
        let info = &mut types.classes[id.index()];
        info.declaration = declaration_args;
        info.supertypes = supertypes;
    }
    for implementers in &mut types.implementers {
        implementers.sort_unstable();
    }
    Ok(types)
}

/// How many of the first type parameters of a class are the last type arguments of its supertype, in order
/// (`Class::ComputeNumTypeArguments`).
fn overlap(class: ClassIdx, num_params: usize, super_args: &[KernelType<'_>]) -> u16 {
    if super_args.iter().all(|arg| matches!(arg, KernelType::Dynamic)) {
        return 0;
    }
    let is_parameter = |arg: &KernelType<'_>, wanted: usize| {
        let mut arg = arg;
        loop {
            match arg {
                KernelType::Intersection { left, .. } => arg = left,
                KernelType::Extension(extension) => arg = &extension.erasure,
                KernelType::TypeParameter { owner: TypeParameterOwner::Class(owner), index, nullability } => {
                    return *owner == class
                        && *index as usize == wanted
                        && *nullability != Nullability::Nullable;
                }
                _ => return false,
            }
        }
    };
    let longest = num_params.min(super_args.len());
    let overlap = (1..=longest).rev().find(|&count| {
        let last = &super_args[super_args.len() - count..];
        last.iter().enumerate().all(|(i, arg)| is_parameter(arg, i))
    });
    overlap.unwrap_or(0) as u16
}

fn is_nullable_object(bound: &KernelType<'_>, object: ClassId, class_of: &[ClassId]) -> bool {
    match bound {
        KernelType::Interface { class, nullability: Nullability::Nullable, .. } => {
            class_of[class.index()] == object
        }
        KernelType::Extension(extension) => is_nullable_object(&extension.erasure, object, class_of),
        _ => false,
    }
}

impl<'k> Loader<'k> {
    pub(crate) fn reference_name(&self, reference: Reference) -> String {
        match reference {
            Reference::Unresolved(name) => self.component.qualified_name(name),
            other => format!("{other:?}"),
        }
    }

    fn classes(
        &self,
        numbering: &Numbering,
        fields: &mut PrimaryMap<FieldId, Field>,
    ) -> Result<Vec<Option<Class>>> {
        let component = self.component;
        let mut classes: Vec<Option<Class>> = Vec::new();
        classes.resize_with(numbering.num_ids, || None);
        for &index in &numbering.order {
            let node = component.classes[index].node;
            let class = self.class(index, numbering, &classes, fields).map_err(|error| error.at(node))?;
            let id = class.id;
            if let Some(superclass) = class.superclass {
                if let Some(superclass) = &mut classes[superclass.index()] {
                    superclass.subclasses.push(id);
                }
            } else if id != self.types.core.object {
                let class = component.qualified_name(component.classes[index].canonical_name);
                return Err(Error::BadClass { class, problem: "it has no superclass" }.at(node));
            }
            classes[id.index()] = Some(class);
        }
        // Concrete subtypes of `Future` make all their supertypes possible static types of futures
        // (`ClassFinalizer::MarkClassCanBeFuture`).
        let mut can_be_future = vec![false; classes.len()];
        for (interface, implementers) in self.types.implementers.iter().enumerate() {
            can_be_future[interface] = implementers.iter().any(|class| {
                classes[class.index()]
                    .as_ref()
                    .is_some_and(|class| class.flags.is_future_subtype && !class.is_abstract)
            });
        }
        // An interface and its superclasses are implemented, up to but not including `Object`
        // (`ClassHiearchyUpdater::MarkImplemented`).
        let object = self.types.core.object;
        let interfaces =
            classes.iter().flatten().flat_map(|class| &class.interfaces).filter_map(DartType::class);
        for interface in interfaces.collect::<Vec<_>>() {
            let mut next = Some(interface);
            while let Some(class) = next.and_then(|id| classes[id.index()].as_mut()) {
                if std::mem::replace(&mut class.flags.is_implemented, true) {
                    break;
                }
                next = class.superclass.filter(|&superclass| superclass != object);
            }
        }
        for (class, can_be_future) in classes.iter_mut().zip(can_be_future) {
            if let Some(class) = class {
                class.flags.can_be_future = can_be_future;
                class.subclasses.sort_unstable();
            }
        }
        Ok(classes)
    }

    fn class(
        &self,
        index: ClassIdx,
        numbering: &Numbering,
        classes: &[Option<Class>],
        fields: &mut PrimaryMap<FieldId, Field>,
    ) -> Result<Class> {
        let component = self.component;
        let declaration = &component.classes[index];
        let id = numbering.class_of[index.index()];
        let info = &self.types.classes[id.index()];
        let pragmas = pragmas::read(component, declaration.annotations);
        let flags = declaration.flags;
        let has_superclass = declaration.supertype.is_some();
        let supertype = has_superclass.then(|| info.supertypes[0].clone());
        let superclass = supertype.as_ref().and_then(DartType::class);
        let interfaces = info.supertypes[usize::from(has_superclass)..].to_vec();
        let super_data = superclass.and_then(|superclass| classes[superclass.index()].as_ref());

        let own_fields = declaration.fields.iter().map(|field| FieldId::new(field.index()));
        let (static_fields, instance_fields): (Vec<_>, Vec<_>) =
            own_fields.partition(|&field| fields[field].is_static);
        let representations: Vec<SlotKind> =
            instance_fields.iter().map(|&field| fields[field].repr).collect();
        let is_predefined = layout::is_predefined(self.engine, id);
        let extensible = is_predefined.then(|| layout::extensible(self.engine, id)).flatten();
        let own = layout::Own {
            predefined: is_predefined.then_some(extensible.as_ref()),
            has_type_args: info.num_args > 0,
            is_generic: info.num_params > 0,
            native_fields: numbering.native_fields.get(&index).copied().unwrap_or(0),
            fields: &representations,
        };
        let (layout, first_field): (InstanceLayout, u32) =
            layout::compute(super_data.map(|class| &class.layout), own);
        for (i, &field) in instance_fields.iter().enumerate() {
            fields[field].slot = first_field + i as u32;
        }

        let num_procedures = component.procedures.len();
        let constructors = declaration.constructors.iter().map(|index| constructor_id(num_procedures, index));
        let members: Vec<MemberId> =
            constructors.chain(declaration.procedures.iter().map(procedure_id)).collect();

        let inherits = |flag: fn(&ClassFlags) -> bool| {
            let supers = info.supertypes.iter().filter_map(DartType::class);
            supers.filter_map(|class| classes[class.index()].as_ref()).any(|class| flag(&class.flags))
        };
        let unsendable_due_to_pragma =
            pragmas.is_isolate_unsendable || inherits(|flags| flags.is_isolate_unsendable_due_to_pragma);
        let has_native_fields = layout.num_native_fields > 0;
        let is_future = id == self.types.core.future && id.index() != 0;
        Ok(Class {
            id,
            name: declaration.name,
            library: Some(declaration.library),
            kernel: Some(index),
            superclass,
            supertype,
            interfaces,
            type_params: type_params(&self.types, &TypeScope::default(), declaration.type_parameters)?,
            type_param_names: declaration.type_parameters.iter().map(|param| param.name).collect(),
            num_type_args: info.num_args,
            layout,
            is_abstract: flags.is_abstract(),
            instance_fields,
            static_fields,
            members,
            subclasses: Vec::new(),
            depth: super_data.map_or(0, |class| class.depth + 1),
            flags: ClassFlags {
                is_enum: flags.is_enum(),
                is_const: flags.has_const_constructor(),
                has_pragma: pragmas.any,
                is_entry_point: pragmas.entry_point.any(),
                is_sealed: flags.is_sealed(),
                is_mixin_class: flags.is_mixin_class(),
                is_base: flags.is_base(),
                is_interface: flags.is_interface(),
                is_final: flags.is_final(),
                is_transformed_mixin: flags.is_eliminated_mixin(),
                is_isolate_unsendable: has_native_fields || unsendable_due_to_pragma,
                is_isolate_unsendable_due_to_pragma: unsendable_due_to_pragma,
                is_deeply_immutable: pragmas.is_deeply_immutable
                    || own.native_fields > 0
                    || self.engine.immutability(id.as_u32()) == Immutability::Deep,
                is_future_subtype: is_future || inherits(|flags| flags.is_future_subtype),
                can_be_future: false,
                is_implemented: false,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlap_of_type_parameters() {
        let class = ClassIdx::new(7);
        let param = |index, nullability| KernelType::TypeParameter {
            owner: TypeParameterOwner::Class(class),
            index,
            nullability,
        };
        let t = param(0, Nullability::Undetermined);
        let u = param(1, Nullability::NonNullable);
        // B<T> extends A<T>; B<T> extends A<int, T>; B<T, U> extends A<T, U>; B<T, U> extends A<T>.
        assert_eq!(overlap(class, 1, &[t]), 1);
        assert_eq!(overlap(class, 1, &[KernelType::Void, t]), 1);
        assert_eq!(overlap(class, 2, &[t, u]), 2);
        assert_eq!(overlap(class, 2, &[t]), 1);
        // Not first, not in order, nullable, not of this class.
        assert_eq!(overlap(class, 2, &[u]), 0);
        assert_eq!(overlap(class, 2, &[u, t]), 1);
        assert_eq!(overlap(class, 1, &[param(0, Nullability::Nullable)]), 0);
        assert_eq!(overlap(ClassIdx::new(8), 1, &[t]), 0);
        assert_eq!(overlap(class, 1, &[]), 0);
    }
}
