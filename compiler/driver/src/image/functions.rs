//! Function and Code objects.

use dart_kernel::{LibIdx, SourceIdx};
use dart_snapshot::bits::{
    AsyncModifier, ClosureDataFields, ClosureLengthAndFlags, CodeState, FunctionKind, FunctionKindTag,
};
use dart_snapshot::objects::{self, Array};
use dart_snapshot::{CodeRef, ObjId};
use snapcrane_program::MemberKind;
use snapcrane_program::ids::{ClassId, FunctionKey, MemberId};
use snapcrane_program::types::DartType;

use super::Image;
use crate::reach::Body;
use crate::text::PieceKind;

/// No awaiter link (`ClosureData`, `runtime/vm/object.h`).
const NO_AWAITER_LINK: u8 = 255;

impl Image<'_> {
    /// Whether the engine may look a member up by name, and code for it exists.
    pub(super) fn is_looked_up(&self, member: MemberId) -> bool {
        let declaration = &self.program.members[member];
        (declaration.entry_point.any() || declaration.native_name.is_some() || self.is_main(member))
            && self.reach.function(&FunctionKey::Member(member)).is_some()
    }

    pub(super) fn function_name_symbol(&mut self, key: &FunctionKey) -> ObjId {
        let name = self.program.function_name(key, &self.reach.locals);
        self.graph.symbol(&name)
    }

    /// The `Function` object of a function.
    pub(super) fn function(&mut self, key: &FunctionKey) -> ObjId {
        if let Some(&id) = self.functions.get(key) {
            return id;
        }
        let id = self.graph.add(objects::Function::default());
        self.functions.insert(key.clone(), id);
        let name = self.function_name_symbol(key);
        let owner = self.key_owner(key);
        let code = self.function_code(key);
        let (tag, signature, data) = self.function_details(key, id);
        *self.graph.object_mut(id) =
            objects::Function { name, owner, signature, data, code, kind_tag: tag.bits() }.into();
        id
    }

    /// Code that `Function.entry_point` comes from: the generic entry, if the engine can call the function.
    fn function_code(&self, key: &FunctionKey) -> CodeRef {
        let entry = FunctionKey::GenericEntry(Box::new(key.clone()));
        [&entry, key]
            .into_iter()
            .filter_map(|key| self.reach.function(key))
            .find_map(|id| self.codes.get(&PieceKind::Function(id)))
            .map_or(CodeRef::LazyCompile, |&code| CodeRef::Code(code))
    }

    fn function_details(&mut self, key: &FunctionKey, id: ObjId) -> (FunctionKindTag, ObjId, ObjId) {
        match key {
            FunctionKey::Member(member) => self.member_details(*member),
            FunctionKey::Local(node) => {
                let Some(local) = self.reach.locals.0.get(node) else {
                    return (FunctionKindTag::of(FunctionKind::ClosureFunction), ObjId::NULL, ObjId::NULL);
                };
                let parent = local.function.parent.clone();
                let tag = FunctionKindTag {
                    is_static: self.is_static(&parent),
                    is_visible: self.is_visible(&parent),
                    ..FunctionKindTag::of(FunctionKind::ClosureFunction)
                };
                let signature = self.signature(key);
                let parent = self.function(&parent);
                (tag, signature, self.closure_data(key, parent))
            }
            FunctionKey::TearOff(member) => {
                let is_static = self.program.members[*member].is_static
                    || self.program.members[*member].kind == MemberKind::Constructor;
                let tag = FunctionKindTag {
                    is_static,
                    is_visible: false,
                    is_debuggable: false,
                    ..FunctionKindTag::of(FunctionKind::ImplicitClosureFunction)
                };
                let signature = self.signature(key);
                let parent = self.function(&FunctionKey::Member(*member));
                let data = self.closure_data(key, parent);
                if is_static {
                    let closure = self.static_closure_of(id, *member);
                    if let Ok(data) = self.graph.get_mut::<objects::ClosureData>(data) {
                        data.closure = closure;
                    }
                }
                (tag, signature, data)
            }
            FunctionKey::FieldInit(field) => {
                let tag = FunctionKindTag {
                    is_static: self.program.fields[*field].is_static,
                    is_visible: false,
                    is_debuggable: false,
                    ..FunctionKindTag::of(FunctionKind::FieldInitializer)
                };
                (tag, ObjId::NULL, self.field(*field))
            }
            FunctionKey::ImplicitGetter(field) | FunctionKey::ImplicitSetter(field) => {
                let is_static = self.program.fields[*field].is_static;
                let kind = match key {
                    FunctionKey::ImplicitSetter(_) => FunctionKind::ImplicitSetter,
                    _ if is_static => FunctionKind::ImplicitStaticGetter,
                    _ => FunctionKind::ImplicitGetter,
                };
                // The engine checks the arguments of what it calls against the signature.
                let has_pragma = self.program.fields[*field].entry_point.any();
                let signature = if has_pragma { self.signature(key) } else { ObjId::NULL };
                (
                    FunctionKindTag { is_static, has_pragma, ..FunctionKindTag::of(kind) },
                    signature,
                    self.field(*field),
                )
            }
            FunctionKey::MethodExtractor(_) => {
                (FunctionKindTag::of(FunctionKind::MethodExtractor), ObjId::NULL, ObjId::NULL)
            }
            _ => (FunctionKindTag::of(FunctionKind::DynamicInvocationForwarder), ObjId::NULL, ObjId::NULL),
        }
    }

    fn member_details(&mut self, member: MemberId) -> (FunctionKindTag, ObjId, ObjId) {
        let declaration = &self.program.members[member];
        let kind = match declaration.kind {
            MemberKind::Method => FunctionKind::RegularFunction,
            MemberKind::Getter => FunctionKind::GetterFunction,
            MemberKind::Setter => FunctionKind::SetterFunction,
            MemberKind::Factory | MemberKind::Constructor => FunctionKind::Constructor,
        };
        let native_name = declaration.native_name.clone();
        let is_native = native_name.is_some()
            && self
                .reach
                .function(&FunctionKey::Member(member))
                .and_then(|id| self.reach.bodies[id].as_ref())
                .is_some_and(|reached| matches!(reached.body, Body::Native(_)));
        let tag = FunctionKindTag {
            is_static: declaration.is_static,
            is_const: declaration.is_const,
            is_abstract: declaration.is_abstract,
            is_visible: !declaration.is_invisible,
            is_native,
            is_external: declaration.is_external && !is_native,
            has_pragma: declaration.entry_point.any() || declaration.is_recognized || is_native,
            is_extension_member: declaration.is_extension_member,
            // Suspended functions keep their state elsewhere than the engine's unwinder looks, so it must not look.
            modifier: AsyncModifier::None,
            ..FunctionKindTag::of(kind)
        };
        let wants_signature = declaration.entry_point.any() || is_native || self.is_main(member);
        let signature =
            if wants_signature { self.signature(&FunctionKey::Member(member)) } else { ObjId::NULL };
        let tear_off = FunctionKey::TearOff(member);
        let tear_off =
            if self.reach.function(&tear_off).is_some() { self.function(&tear_off) } else { ObjId::NULL };
        let data = match native_name {
            Some(name) if is_native => {
                let name = self.graph.symbol(&name);
                self.graph.add(Array::new(vec![name, tear_off]))
            }
            _ => tear_off,
        };
        (tag, signature, data)
    }

    fn closure_data(&mut self, key: &FunctionKey, parent_function: ObjId) -> ObjId {
        // The engine makes default type arguments itself for calls that it makes (`Function.apply`). It cannot instantiate
        // a vector that is null.
        let modes = &self.program.engine.enums.instantiation_mode;
        let mode = match self.program.signature(key, &self.reach.locals) {
            Ok(Some(DartType::Function(signature)))
                if signature.type_params.iter().any(|param| !param.default.is_instantiated()) =>
            {
                modes.needs_instantiation
            }
            _ => modes.is_instantiated,
        };
        let packed_fields = ClosureDataFields {
            default_type_arguments_instantiation_mode: mode as u8,
            awaiter_link_depth: NO_AWAITER_LINK,
            awaiter_link_index: 0,
            captures_only_shared_fields: false,
        };
        let packed_fields = packed_fields.bits();
        self.graph.add(objects::ClosureData { parent_function, closure: ObjId::NULL, packed_fields })
    }

    /// The only closure of a static function, as an object.
    pub(super) fn static_closure(&mut self, key: &FunctionKey) -> ObjId {
        let FunctionKey::TearOff(member) = key else { return ObjId::NULL };
        let function = self.function(key);
        self.static_closure_of(function, *member)
    }

    fn static_closure_of(&mut self, function: ObjId, member: MemberId) -> ObjId {
        if let Some(&closure) = self.static_closures.get(&member) {
            return closure;
        }
        let is_generic = self
            .program
            .code_signature(&FunctionKey::TearOff(member), &self.reach.locals)
            .is_ok_and(|signature| signature.has_type_args);
        let mut elements = vec![ObjId::NULL];
        if is_generic {
            elements.insert(0, self.empty_type_arguments);
        }
        let length_and_flags =
            ClosureLengthAndFlags::new(is_generic, false, false, elements.len() as u32).bits();
        let closure =
            self.graph.add_canonical(objects::Closure { length_and_flags, hash: 0, function, elements });
        self.static_closures.insert(member, closure);
        closure
    }

    /// The signature of a function as a type object.
    pub(super) fn signature(&mut self, key: &FunctionKey) -> ObjId {
        match self.program.signature(key, &self.reach.locals) {
            Ok(Some(ty)) => self.dart_type(&ty),
            _ => ObjId::NULL,
        }
    }

    fn is_main(&self, member: MemberId) -> bool {
        self.program.main().is_ok_and(|main| main == member)
    }

    /// The member or field that a function belongs to: itself, or what its closures stand in.
    pub(super) fn outermost<'k>(&'k self, mut key: &'k FunctionKey) -> &'k FunctionKey {
        loop {
            match key {
                FunctionKey::Resume(function) => key = function,
                FunctionKey::Local(node) => match self.reach.locals.0.get(node) {
                    Some(local) => key = &local.function.parent,
                    None => return key,
                },
                _ => return key,
            }
        }
    }

    /// The class of a function. Members that stand in another file than their class (parts, patches, copies of mixin members) belong to
    /// a `PatchClass` that names that file.
    fn key_owner(&mut self, key: &FunctionKey) -> ObjId {
        let (class, library) = match self.outermost(key) {
            FunctionKey::Member(member)
            | FunctionKey::TearOff(member)
            | FunctionKey::MethodExtractor(member) => {
                let declaration = &self.program.members[*member];
                (declaration.class, declaration.library)
            }
            FunctionKey::FieldInit(field)
            | FunctionKey::ImplicitGetter(field)
            | FunctionKey::ImplicitSetter(field) => {
                let declaration = &self.program.fields[*field];
                (declaration.class, declaration.library)
            }
            _ => return self.class(self.program.core.object),
        };
        let source = self.key_source(key);
        self.owner_in_source(class, library, source)
    }

    /// What owns a member that stands in a source file: its class, or a `PatchClass` if that stands in another one.
    pub(super) fn owner_in_source(
        &mut self,
        class: Option<ClassId>,
        library: LibIdx,
        source: Option<SourceIdx>,
    ) -> ObjId {
        let wrapped_class = self.owner(class, library);
        let component = self.program.component;
        let class_source = match class {
            Some(class) => self.program.class(class).kernel.map(|kernel| component.classes[kernel].source),
            None => Some(component.libraries[library].source),
        };
        match source {
            Some(source) if class_source != Some(source) => {
                if let Some(&id) = self.patch_classes.get(&(wrapped_class, source)) {
                    return id;
                }
                let script = self.script(source);
                let id = self.graph.add(objects::PatchClass { wrapped_class, script });
                self.patch_classes.insert((wrapped_class, source), id);
                id
            }
            _ => wrapped_class,
        }
    }

    fn is_static(&self, key: &FunctionKey) -> bool {
        match self.outermost(key) {
            FunctionKey::Member(member) => self.program.members[*member].is_static,
            FunctionKey::FieldInit(field) => self.program.fields[*field].is_static,
            _ => false,
        }
    }

    fn is_visible(&self, key: &FunctionKey) -> bool {
        match self.outermost(key) {
            FunctionKey::Member(member) => !self.program.members[*member].is_invisible,
            _ => true,
        }
    }

    /// Makes Code objects of all pieces, in their order; owners and tables are filled in by [`Image::finish_codes`].
    pub(super) fn make_codes(&mut self) {
        for piece in self.pieces {
            let id = self.graph.add(objects::Code::default());
            self.codes.insert(piece.kind, id);
            self.code_order.push(id);
        }
    }

    /// The function that owns the code of a piece: whose frames they are in stack traces. Null for stubs, entries and adapters.
    fn code_owner(&mut self, kind: PieceKind) -> ObjId {
        let PieceKind::Function(id) = kind else { return ObjId::NULL };
        match self.reach.functions.key(id).clone() {
            key @ (FunctionKey::Member(_)
            | FunctionKey::Local(_)
            | FunctionKey::FieldInit(_)
            | FunctionKey::ImplicitGetter(_)
            | FunctionKey::ImplicitSetter(_)
            | FunctionKey::TearOff(_)
            | FunctionKey::MethodExtractor(_)) => self.function(&key),
            FunctionKey::Resume(function) => self.function(&function),
            _ => ObjId::NULL,
        }
    }

    /// Fills in Code objects.
    pub(super) fn finish_codes(&mut self) {
        for index in 0..self.pieces.len() {
            let piece = &self.pieces[index];
            let owner = self.code_owner(piece.kind);
            let tables = super::code_tables::encode(self, index, owner);
            let id = self.code_order[index];
            let is_function = matches!(piece.kind, PieceKind::Function(_));
            let state = if is_function { CodeState::FUNCTION } else { CodeState::STUB };
            *self.graph.object_mut(id) = objects::Code {
                payload_info: objects::PayloadInfo {
                    unchecked_offset: piece.unchecked_offset,
                    has_monomorphic_entry: false,
                }
                .bits(),
                owner,
                exception_handlers: tables.exception_handlers,
                pc_descriptors: tables.pc_descriptors,
                catch_entry: tables.catch_entry,
                inlined_id_to_function: tables.inlined_id_to_function,
                code_source_map: tables.code_source_map,
                state_bits: state.bits(),
            }
            .into();
        }
    }
}
