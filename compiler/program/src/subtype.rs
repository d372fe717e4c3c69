//! Questions about types that the compiler can answer itself: subtyping, nullability, top types.
//!
//! The answers are the engine's (`AbstractType::IsSubtypeOf`, runtime/vm/object.cc), so that a check removed here is one
//! that always succeeds at run time.

use cranelift_entity::EntityRef;

use crate::convert::{Substitution, Types};
use crate::ids::{BodyId, ClassId};
use crate::types::{DartType, FunctionType, TypeArgs, TypeParamOwner, TypeParameter};

/// Whether `null` belongs to a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NullTest {
    /// It does, whatever the type parameters stand for.
    Yes,
    /// It does not.
    No,
    /// That depends on what the type parameters stand for.
    Depends,
}

/// Bounds of type parameters of functions.
pub(crate) trait Bounds {
    /// Upper bound of a type parameter that a function declares.
    fn function_bound(&self, body: BodyId, own_index: usize) -> Option<DartType>;
    /// Upper bound of a type parameter that a class declares.
    fn class_bound(&self, class: ClassId, own_index: usize) -> Option<DartType>;
}

/// Where bounds come from, and how many were followed to get here. Bounds can lead in circles (`T extends FutureOr<T>`).
pub(crate) struct At<'a, B> {
    bounds: &'a B,
    followed: u8,
}

impl<B> Clone for At<'_, B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B> Copy for At<'_, B> {}

impl<'a, B: Bounds> At<'a, B> {
    /// How many bounds may lead to one another before an answer is given up: `false`, or "depends".
    const MAX_FOLLOWED: u8 = 32;

    pub(crate) fn new(bounds: &'a B) -> Self {
        At { bounds, followed: 0 }
    }

    fn next(self) -> Self {
        At { followed: self.followed + 1, ..self }
    }
}

impl Types {
    pub(crate) fn is_top_type(&self, ty: &DartType) -> bool {
        match ty {
            DartType::Interface { class, nullable, .. } => {
                let core = &self.core;
                *class == core.dynamic
                    || *class == core.void
                    || (*class == core.object && *nullable)
                    || self.future_or_arg(ty).is_some_and(|arg| self.is_top_type(&arg))
            }
            _ => false,
        }
    }

    pub(crate) fn null_test(&self, ty: &DartType, bounds: At<'_, impl Bounds>) -> NullTest {
        if ty.is_declared_nullable() {
            return NullTest::Yes;
        }
        if let Some(arg) = self.future_or_arg(ty) {
            return self.null_test(&arg, bounds);
        }
        match ty {
            DartType::Parameter(parameter) => match self.bound(parameter, bounds) {
                Some(bound) if self.null_test(&bound, bounds.next()) == NullTest::No => NullTest::No,
                _ => NullTest::Depends,
            },
            _ => NullTest::No,
        }
    }

    /// Upper bound of a type parameter; `None` where it is not known here (local functions, function types).
    pub(crate) fn bound<B: Bounds>(&self, parameter: &TypeParameter, bounds: At<'_, B>) -> Option<DartType> {
        if bounds.followed >= At::<B>::MAX_FOLLOWED {
            return None;
        }
        let own = usize::from(parameter.index - parameter.base);
        match parameter.owner {
            TypeParamOwner::Class(class) if class.index() == 0 => Some(self.nullable_object()),
            TypeParamOwner::Class(class) => bounds.bounds.class_bound(class, own),
            TypeParamOwner::Function(body) => bounds.bounds.function_bound(body, own),
            TypeParamOwner::Structural(_) => None,
        }
    }

    /// The arguments of `superclass` (own parameters) in a supertype of `class` with the given own arguments.
    /// `None` if `class` is no subclass.
    pub(crate) fn super_type_args(
        &self,
        class: ClassId,
        own: &TypeArgs,
        superclass: ClassId,
    ) -> Option<TypeArgs> {
        if class == superclass {
            return Some(own.clone());
        }
        if !self.implements(class, superclass) {
            return None;
        }
        if self.classes[superclass.index()].num_params == 0 {
            return Some(None);
        }
        let instance = self.instance_type_args(class, own);
        let substitution = Substitution { class: Some(&instance), function: None };
        self.classes[class.index()].supertypes.iter().find_map(|supertype| {
            let next = supertype.class().filter(|&next| self.implements(next, superclass))?;
            let DartType::Interface { args, .. } = self.substitute(supertype, substitution) else {
                return None;
            };
            self.super_type_args(next, &args, superclass)
        })
    }

    /// Whether `class` is `interface` or extends or implements it.
    pub(crate) fn implements(&self, class: ClassId, interface: ClassId) -> bool {
        class == interface || self.implementers[interface.index()].binary_search(&class).is_ok()
    }

    pub(crate) fn is_subtype(&self, sub: &DartType, sup: &DartType, bounds: At<'_, impl Bounds>) -> bool {
        if self.is_top_type(sup) || self.same_type(sub, sup) {
            return true;
        }
        let core = &self.core;
        match sub.class() {
            Some(class) if class == core.never => return true,
            Some(class) if class == core.dynamic || class == core.void => return false,
            Some(class) if class == core.null => return self.null_test(sup, bounds) == NullTest::Yes,
            _ => {}
        }
        // `S?` is the union of `S` and `Null`; so is `FutureOr<S>` of `S` and `Future<S>`.
        if sub.is_declared_nullable() {
            return self.null_test(sup, bounds) == NullTest::Yes
                && self.is_subtype(&self.with_nullability(sub, false), sup, bounds);
        }
        if let Some(arg) = self.future_or_arg(sub) {
            return self.is_subtype(&arg, sup, bounds) && self.is_subtype(&self.future_of(&arg), sup, bounds);
        }
        // From here on `sub` has no null of its own, so neither need `sup`.
        if sup.is_declared_nullable() && !matches!(sub, DartType::Parameter(_)) {
            let sup = self.with_nullability(sup, false);
            if sup.class() != Some(core.null) {
                return self.is_subtype(sub, &sup, bounds);
            }
            return false;
        }
        if let DartType::Parameter(parameter) = sub {
            let same = self.same_type(sub, &self.with_nullability(sup, false));
            let by_bound = || {
                self.bound(parameter, bounds).is_some_and(|bound| self.is_subtype(&bound, sup, bounds.next()))
            };
            let by_future_or =
                || self.future_or_arg(sup).is_some_and(|arg| self.is_subtype(sub, &arg, bounds));
            return same || by_bound() || by_future_or();
        }
        if let Some(arg) = self.future_or_arg(sup) {
            return self.is_subtype(sub, &arg, bounds) || self.is_subtype(sub, &self.future_of(&arg), bounds);
        }
        if sup.class() == Some(core.object) {
            return true;
        }
        match (sub, sup) {
            (DartType::Function(sub), DartType::Function(sup)) => self.is_function_subtype(sub, sup, bounds),
            (DartType::Function(_), _) => sup.class() == Some(core.function),
            (DartType::Record(sub), DartType::Record(sup)) => {
                sub.shape == sup.shape
                    && sub.fields.iter().zip(&sup.fields).all(|(sub, sup)| self.is_subtype(sub, sup, bounds))
            }
            (DartType::Record(_), _) => sup.class() == Some(core.record),
            (
                DartType::Interface { class, args, .. },
                DartType::Interface { class: super_class, args: super_args, .. },
            ) => {
                let Some(found) = self.super_type_args(*class, args, *super_class) else { return false };
                let Some(wanted) = super_args else { return true };
                match &found {
                    Some(found) => {
                        found.len() == wanted.len()
                            && found
                                .iter()
                                .zip(wanted.iter())
                                .all(|(sub, sup)| self.is_subtype(sub, sup, bounds))
                    }
                    None => wanted.iter().all(|wanted| self.is_top_type(wanted)),
                }
            }
            _ => false,
        }
    }

    fn future_of(&self, arg: &DartType) -> DartType {
        DartType::Interface { class: self.core.future, args: self.vector(vec![arg.clone()]), nullable: false }
    }

    /// `FunctionType::IsSubtypeOf`: parameters contravariantly, equal bounds, no new required names.
    fn is_function_subtype(
        &self,
        sub: &FunctionType,
        sup: &FunctionType,
        bounds: At<'_, impl Bounds>,
    ) -> bool {
        let is_subtype = |sub: &DartType, sup: &DartType| self.is_subtype(sub, sup, bounds);
        sub.type_params.len() == sup.type_params.len()
            && sub
                .type_params
                .iter()
                .zip(&sup.type_params)
                .all(|(sub, sup)| is_subtype(&sub.bound, &sup.bound) && is_subtype(&sup.bound, &sub.bound))
            && sub.required - sub.implicit_params <= sup.required - sup.implicit_params
            && sub.positional.len() - usize::from(sub.implicit_params)
                >= sup.positional.len() - usize::from(sup.implicit_params)
            && sup
                .positional
                .iter()
                .skip(usize::from(sup.implicit_params))
                .zip(sub.positional.iter().skip(usize::from(sub.implicit_params)))
                .all(|(sup, sub)| is_subtype(sup, sub))
            && sup.named.iter().all(|wanted| {
                sub.named
                    .iter()
                    .find(|param| param.name == wanted.name)
                    .is_some_and(|param| is_subtype(&wanted.ty, &param.ty))
            })
            && sub
                .named
                .iter()
                .filter(|param| param.required)
                .all(|param| sup.named.iter().any(|wanted| wanted.name == param.name && wanted.required))
            && is_subtype(&sub.result, &sup.result)
    }

    /// Equality that ignores how parameters of function types are numbered, and names nobody can see.
    fn same_type(&self, a: &DartType, b: &DartType) -> bool {
        match (a, b) {
            (
                DartType::Interface { class: a, args: a_args, nullable: a_null },
                DartType::Interface { class: b, args: b_args, nullable: b_null },
            ) => {
                a == b
                    && a_null == b_null
                    && match (a_args, b_args) {
                        (None, None) => true,
                        (Some(a), Some(b)) => {
                            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| self.same_type(a, b))
                        }
                        _ => false,
                    }
            }
            (DartType::Record(a), DartType::Record(b)) => {
                a.shape == b.shape
                    && a.nullable == b.nullable
                    && a.fields.iter().zip(&b.fields).all(|(a, b)| self.same_type(a, b))
            }
            (DartType::Function(a), DartType::Function(b)) => {
                a.type_params.len() == b.type_params.len()
                    && a.nullable == b.nullable
                    && a.required == b.required
                    && a.positional.len() == b.positional.len()
                    && a.named.len() == b.named.len()
                    && a.named.iter().zip(&b.named).all(|(a, b)| a.name == b.name && a.required == b.required)
                    && a.parts().zip(b.parts()).all(|(a, b)| self.same_type(a, b))
            }
            (DartType::Parameter(a), DartType::Parameter(b)) => {
                a.owner == b.owner && a.nullable == b.nullable && a.index - a.base == b.index - b.base
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    fn check(sub: &DartType, sup: &DartType) -> bool {
        types().is_subtype(sub, sup, At::new(&TestBounds))
    }

    fn nullable(ty: &DartType) -> DartType {
        types().with_nullability(ty, true)
    }

    #[track_caller]
    fn strict(sub: &DartType, sup: &DartType) {
        assert!(check(sub, sup), "{sub:?} should be a subtype of {sup:?}");
        assert!(!check(sup, sub), "{sup:?} should be no subtype of {sub:?}");
    }

    #[test]
    fn top_and_bottom() {
        for top in [simple(DYNAMIC), simple(VOID), nullable(&simple(OBJECT))] {
            for ty in [simple(INT), nullable(&simple(INT)), simple(NULL), simple(NEVER), simple(DYNAMIC)] {
                assert!(check(&ty, &top));
            }
            strict(&simple(INT), &top);
        }
        for ty in [simple(INT), simple(NULL), simple(OBJECT), function_param(0)] {
            strict(&simple(NEVER), &ty);
        }
        strict(&simple(OBJECT), &nullable(&simple(OBJECT)));
    }

    #[test]
    fn null_belongs_to_nullable_types() {
        strict(&simple(NULL), &nullable(&simple(INT)));
        strict(&simple(INT), &nullable(&simple(INT)));
        strict(&nullable(&simple(INT)), &nullable(&simple(NUM)));
        assert!(!check(&simple(NULL), &simple(INT)));
        assert!(!check(&nullable(&simple(INT)), &simple(OBJECT)));
        assert!(!check(&simple(INT), &simple(NULL)));
        assert!(check(&simple(NULL), &class(FUTURE_OR, vec![nullable(&simple(INT))])));
        assert!(!check(&simple(NULL), &class(FUTURE_OR, vec![simple(INT)])));
    }

    #[test]
    fn arguments_are_covariant() {
        let list = |arg| class(LIST, vec![arg]);
        strict(&list(simple(INT)), &list(simple(NUM)));
        strict(&list(simple(INT)), &class(ITERABLE, vec![simple(INT)]));
        strict(&simple(STRINGS), &class(BASE, vec![simple(STRING)]));
        strict(&simple(STRINGS), &class(ITERABLE, vec![simple(NUM)]));
        strict(&list(simple(INT)), &class(LIST, vec![]));
        assert!(!check(&simple(STRINGS), &class(BASE, vec![simple(INT)])));
    }

    #[test]
    fn future_or_is_a_union() {
        let future_or = |arg| class(FUTURE_OR, vec![arg]);
        let future = |arg| class(FUTURE, vec![arg]);
        strict(&simple(INT), &future_or(simple(INT)));
        strict(&future(simple(INT)), &future_or(simple(NUM)));
        strict(&future_or(simple(INT)), &future_or(simple(NUM)));
        strict(&future_or(simple(INT)), &simple(OBJECT));
        strict(&nullable(&simple(INT)), &nullable(&future_or(simple(INT))));
        assert!(!check(&future_or(simple(INT)), &simple(INT)));
        assert!(!check(&future(simple(STRING)), &future_or(simple(INT))));
    }

    #[test]
    fn type_parameters_are_below_their_bounds() {
        strict(&function_param(0), &simple(NUM));
        strict(&class_param(BASE, 0, 0), &nullable(&simple(NUM)));
        assert!(check(&function_param(0), &function_param(0)));
        assert!(check(&function_param(0), &nullable(&function_param(0))));
        assert!(!check(&nullable(&function_param(0)), &function_param(0)));
        assert!(!check(&function_param(0), &class_param(BASE, 0, 0)));
        assert!(!check(&simple(INT), &function_param(0)));
        strict(&function_param(0), &class(FUTURE_OR, vec![function_param(0)]));
        // A bound that leads to itself proves nothing, and comes to an end.
        assert!(!check(&function_param(1), &simple(INT)));
    }

    #[test]
    fn functions_take_more_and_give_less() {
        let fun = |params, result| of(function(params, result));
        strict(&fun(vec![simple(NUM)], simple(INT)), &fun(vec![simple(INT)], simple(NUM)));
        strict(&fun(vec![], simple(VOID)), &simple(FUNCTION));
        strict(&fun(vec![], simple(VOID)), &simple(OBJECT));
        assert!(!check(&fun(vec![], simple(VOID)), &fun(vec![simple(INT)], simple(VOID))));
        let optional = FunctionType { required: 1, ..function(vec![simple(INT)], simple(VOID)) };
        strict(&of(optional.clone()), &fun(vec![], simple(VOID)));
        strict(&of(optional), &fun(vec![simple(INT)], simple(VOID)));
        let plain = || function(vec![], simple(VOID));
        let with_name = |required| of(named(plain(), &[(1, simple(INT), required)]));
        strict(&with_name(false), &of(plain()));
        strict(&with_name(false), &with_name(true));
        assert!(!check(&with_name(true), &of(plain())));
    }

    #[test]
    fn generic_functions_need_equal_bounds() {
        let fun =
            |bound: DartType| of(generic(vec![bound], function(vec![structural(0, 0)], structural(0, 0))));
        assert!(check(&fun(simple(NUM)), &fun(simple(NUM))));
        assert!(!check(&fun(simple(NUM)), &fun(simple(INT))));
        assert!(!check(&fun(simple(NUM)), &of(function(vec![simple(INT)], simple(INT)))));
        // How parameters are numbered does not matter.
        let types = types();
        let shifted = types.renumber_signature(&fun(simple(NUM)), 2);
        assert!(check(&shifted, &fun(simple(NUM))) && check(&fun(simple(NUM)), &shifted));
    }

    #[test]
    fn records_compare_by_field() {
        strict(&record(vec![simple(INT), simple(INT)]), &record(vec![simple(NUM), simple(INT)]));
        strict(&record(vec![simple(INT)]), &simple(RECORD));
        assert!(!check(&record(vec![simple(INT)]), &record(vec![simple(INT), simple(INT)])));
    }

    #[test]
    fn null_tests() {
        let test = |ty: &DartType| types().null_test(ty, At::new(&TestBounds));
        assert_eq!(test(&simple(INT)), NullTest::No);
        assert_eq!(test(&nullable(&simple(INT))), NullTest::Yes);
        assert_eq!(test(&simple(DYNAMIC)), NullTest::Yes);
        assert_eq!(test(&class(FUTURE_OR, vec![simple(NULL)])), NullTest::Yes);
        assert_eq!(test(&function_param(0)), NullTest::No);
        assert_eq!(test(&function_param(1)), NullTest::Depends);
        assert_eq!(test(&class_param(LIST, 0, 0)), NullTest::Depends);
        assert_eq!(test(&class(FUTURE_OR, vec![class_param(LIST, 0, 0)])), NullTest::Depends);
    }
}
