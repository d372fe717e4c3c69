//! A small hierarchy for tests of operations on types.

use std::sync::Arc;

use cranelift_entity::EntityRef;

use crate::convert::{ClassTypes, CoreClasses, Types};
use crate::ids::{BodyId, ClassId, MemberId};
use crate::subtype::Bounds;
use crate::types::{
    DartType, FunctionType, NamedParam, RecordShape, RecordType, TypeParamDecl, TypeParamOwner, TypeParameter,
};

pub(crate) const OBJECT: usize = 1;
pub(crate) const NULL: usize = 2;
pub(crate) const NEVER: usize = 3;
pub(crate) const DYNAMIC: usize = 4;
pub(crate) const VOID: usize = 5;
pub(crate) const FUTURE_OR: usize = 6;
pub(crate) const FUTURE: usize = 7;
pub(crate) const FUNCTION: usize = 8;
pub(crate) const RECORD: usize = 9;
pub(crate) const NUM: usize = 10;
pub(crate) const INT: usize = 11;
pub(crate) const STRING: usize = 12;
pub(crate) const ITERABLE: usize = 13;
/// `List<E> implements Iterable<E>`.
pub(crate) const LIST: usize = 14;
/// `Base<T>`.
pub(crate) const BASE: usize = 15;
/// `Same<T> extends Base<T>`: shares the place of `T`.
pub(crate) const SAME: usize = 16;
/// `Pair<K, V> extends Base<V> implements List<K>`: vector `[V, K, V]`.
pub(crate) const PAIR: usize = 17;
/// `Strings extends Pair<int, String>`.
pub(crate) const STRINGS: usize = 18;
/// `Callback<X> extends Base<void Function(X)>`: vector `[void Function(X), X]`.
pub(crate) const CALLBACK: usize = 19;
const COUNT: usize = 20;

pub(crate) fn class(id: usize, args: Vec<DartType>) -> DartType {
    let args = if args.is_empty() { None } else { Some(args.into()) };
    DartType::Interface { class: ClassId::new(id), args, nullable: false }
}

pub(crate) fn simple(id: usize) -> DartType {
    let nullable = [DYNAMIC, VOID, NULL].contains(&id);
    DartType::Interface { class: ClassId::new(id), args: None, nullable }
}

pub(crate) fn class_param(owner: usize, index: u16, base: u16) -> DartType {
    let owner = TypeParamOwner::Class(ClassId::new(owner));
    DartType::Parameter(TypeParameter { owner, index, base, nullable: false })
}

/// Type parameter of member 0.
pub(crate) fn function_param(index: u16) -> DartType {
    let owner = TypeParamOwner::Function(BodyId::Member(MemberId::new(0)));
    DartType::Parameter(TypeParameter { owner, index, base: 0, nullable: false })
}

pub(crate) fn structural(depth: u16, index: u16) -> DartType {
    let owner = TypeParamOwner::Structural(depth);
    DartType::Parameter(TypeParameter { owner, index, base: 0, nullable: false })
}

pub(crate) fn function(params: Vec<DartType>, result: DartType) -> FunctionType {
    FunctionType {
        parent_type_args: 0,
        type_params: Vec::new(),
        implicit_params: 1,
        required: params.len() as u16 + 1,
        positional: std::iter::once(simple(DYNAMIC)).chain(params).collect(),
        named: Vec::new(),
        result,
        nullable: false,
    }
}

pub(crate) fn generic(bounds: Vec<DartType>, function: FunctionType) -> FunctionType {
    let decl = |bound| TypeParamDecl { bound, default: simple(DYNAMIC), covariant: false };
    FunctionType { type_params: bounds.into_iter().map(decl).collect(), ..function }
}

pub(crate) fn named(function: FunctionType, names: &[(usize, DartType, bool)]) -> FunctionType {
    let param = |(name, ty, required): &(usize, DartType, bool)| NamedParam {
        name: dart_kernel::StrIdx::new(*name),
        ty: ty.clone(),
        required: *required,
    };
    FunctionType { named: names.iter().map(param).collect(), ..function }
}

pub(crate) fn of(function: FunctionType) -> DartType {
    DartType::Function(Arc::new(function))
}

pub(crate) fn record(fields: Vec<DartType>) -> DartType {
    let shape = RecordShape { positional: fields.len() as u16, names: Vec::new() };
    DartType::Record(Arc::new(RecordType { shape, fields, nullable: false }))
}

pub(crate) fn types() -> Types {
    let id = ClassId::new;
    let none = id(0);
    let core = CoreClasses {
        object: id(OBJECT),
        null: id(NULL),
        never: id(NEVER),
        dynamic: id(DYNAMIC),
        void: id(VOID),
        future_or: id(FUTURE_OR),
        future: id(FUTURE),
        function: id(FUNCTION),
        closure: none,
        record: id(RECORD),
        record_impl: none,
        bool: none,
        num: id(NUM),
        int: id(INT),
        smi: none,
        mint: none,
        double: none,
        double_impl: none,
        string: id(STRING),
        one_byte_string: none,
        two_byte_string: none,
        type_: none,
        symbol: none,
        array: none,
        immutable_array: none,
        growable_array: none,
        const_map: none,
        const_set: none,
    };
    let mut types = Types {
        class_of: (0..COUNT).map(id).collect(),
        classes: vec![ClassTypes::default(); COUNT],
        core,
        implementers: vec![Vec::new(); COUNT],
    };
    let mut add = |id: usize, num_params: u16, declaration: Vec<DartType>, supertypes: Vec<DartType>| {
        types.classes[id] = ClassTypes {
            num_params,
            num_args: declaration.len() as u16,
            unbounded: Default::default(),
            declaration: types.vector(declaration),
            supertypes: supertypes.into(),
        };
    };
    let callback = |owner| of(function(vec![class_param(owner, 1, 1)], simple(VOID)));
    let object = || simple(OBJECT);
    for id in [FUTURE_OR, FUTURE, ITERABLE, BASE] {
        add(id, 1, vec![class_param(id, 0, 0)], vec![object()]);
    }
    add(INT, 0, vec![], vec![simple(NUM)]);
    add(NUM, 0, vec![], vec![object()]);
    let element = class_param(LIST, 0, 0);
    add(LIST, 1, vec![element.clone()], vec![object(), class(ITERABLE, vec![element])]);
    let same = class_param(SAME, 0, 0);
    add(SAME, 1, vec![same.clone()], vec![class(BASE, vec![same])]);
    let (k, v) = (class_param(PAIR, 1, 1), class_param(PAIR, 2, 1));
    let supertypes = vec![class(BASE, vec![v.clone()]), class(LIST, vec![k.clone()])];
    add(PAIR, 2, vec![v.clone(), k, v], supertypes);
    let (int, string) = (simple(INT), simple(STRING));
    let pair = class(PAIR, vec![int.clone(), string.clone()]);
    add(STRINGS, 0, vec![string.clone(), int, string], vec![pair]);
    let supertypes = vec![class(BASE, vec![callback(CALLBACK)])];
    add(CALLBACK, 1, vec![callback(CALLBACK), class_param(CALLBACK, 1, 1)], supertypes);

    for class in 1..COUNT {
        let mut supers = vec![class];
        while let Some(superclass) = supers.pop() {
            if !types.implementers[superclass].contains(&id(class)) {
                types.implementers[superclass].push(id(class));
            }
            supers.extend(
                types.classes[superclass].supertypes.iter().filter_map(DartType::class).map(EntityRef::index),
            );
        }
    }
    types
}

/// `Base<T extends num>`; function parameters: 0 extends `num`, 1 extends `FutureOr<itself>`.
pub(crate) struct TestBounds;

impl Bounds for TestBounds {
    fn function_bound(&self, _: BodyId, own_index: usize) -> Option<DartType> {
        Some(if own_index == 0 { simple(NUM) } else { class(FUTURE_OR, vec![function_param(1)]) })
    }

    fn class_bound(&self, id: ClassId, _: usize) -> Option<DartType> {
        Some(if id == ClassId::new(BASE) {
            simple(NUM)
        } else {
            DartType::Interface { class: ClassId::new(OBJECT), args: None, nullable: true }
        })
    }
}
