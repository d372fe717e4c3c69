//! Class, field, library and script objects.

use dart_kernel::{LibIdx, SourceIdx};
use dart_snapshot::bits::{ClassFinalization, ClassLoading, ClassState, FieldKindBits};
use dart_snapshot::objects::{self, Array};
use dart_snapshot::{ObjId, hash_tables};
use rustc_hash::FxHashMap;
use snapcrane_program::ids::{ClassId, FieldId, FunctionKey, MemberId};
use snapcrane_program::types::DartType;
use snapcrane_program::{FieldInit, SlotKind};

use super::{Image, ROOT_UNIT};
use crate::error::Error;

/// Library has been loaded completely (`UntaggedLibrary::kLoaded`).
pub(super) const LIBRARY_LOADED: u8 = 3;
/// `Library.flags`: a `dart:` library.
pub(super) const LIBRARY_DART_SCHEME: u8 = 1;
/// `Library.flags`: may be debugged.
const LIBRARY_DEBUGGABLE: u8 = 2;

impl Image<'_> {
    /// The class object, empty until [`Image::finish_classes`].
    pub(super) fn class(&mut self, class: ClassId) -> ObjId {
        if let Some(&id) = self.classes.get(&class) {
            return id;
        }
        let id = self.graph.add(objects::Class::default());
        self.classes.insert(class, id);
        self.unfinished_classes.push(class);
        id
    }

    /// Makes sure that a class that a type or instance names by number is written.
    pub(super) fn retain_class(&mut self, class: ClassId) {
        self.class(class);
    }

    /// Fills in all classes that were asked for, and those that this asks for.
    pub(super) fn finish_classes(&mut self) {
        while let Some(class) = self.unfinished_classes.pop() {
            let object = match self.program.try_class(class) {
                Some(_) => self.class_object(class),
                None => self.bare_class_object(class),
            };
            let id = self.classes[&class];
            *self.graph.object_mut(id) = object.into();
        }
    }

    /// A predefined class that the program has no declaration of.
    fn bare_class_object(&mut self, class: ClassId) -> objects::Class {
        let engine = self.target.engine;
        let predefined = engine.classes.iter().find(|predefined| predefined.cid == class.as_u32());
        let name = predefined.map_or("", |predefined| predefined.dart_name.unwrap_or(predefined.name));
        let shape = predefined.map(|predefined| self.target.class_shape(predefined));
        objects::Class {
            name: self.graph.symbol(name),
            functions: self.empty_array,
            fields: self.empty_array,
            interfaces: self.empty_array,
            constants: ObjId::NULL,
            library: ObjId::NULL,
            id: class.as_u32() as i32,
            instance_size_in_words: shape.map_or(0, |shape| shape.instance_size),
            next_field_offset_in_words: shape.map_or(0, |shape| shape.next_field_offset),
            type_arguments_field_offset_in_words: shape.map_or(-1, |shape| shape.type_arguments_field_offset),
            num_type_arguments: predefined.map_or(0, |predefined| predefined.num_type_arguments as i16),
            num_native_fields: 0,
            state_bits: finished_state().bits(),
            ..objects::Class::default()
        }
    }

    fn class_object(&mut self, class: ClassId) -> objects::Class {
        let program = self.program;
        let declaration = program.class(class);
        let layout = self.class_layout(class);
        let library = match declaration.library {
            Some(library) => self.library(library),
            None => ObjId::NULL,
        };
        let source = declaration.kernel.map(|kernel| program.component.classes[kernel].source);
        let script = source.map_or(ObjId::NULL, |source| self.script(source));
        let interfaces: Vec<ObjId> = declaration.interfaces.iter().map(|ty| self.dart_type(ty)).collect();
        let interfaces = self.array_or_empty(interfaces);
        let type_parameters = self.class_type_parameters(class);
        let super_type = match &declaration.supertype {
            Some(ty) => self.dart_type(ty),
            None => ObjId::NULL,
        };
        let functions = self.class_functions(class);
        let fields = self.class_fields(class);
        let flags = declaration.flags;
        let state = ClassState {
            is_const: flags.is_const,
            is_implemented: true,
            is_abstract: declaration.is_abstract,
            is_enum_class: flags.is_enum,
            is_transformed_mixin_application: flags.is_transformed_mixin,
            is_allocated: self.reach.allocated.contains(&class),
            has_pragma: flags.has_pragma,
            is_sealed: flags.is_sealed,
            is_mixin_class: flags.is_mixin_class,
            is_base_class: flags.is_base,
            is_interface_class: flags.is_interface,
            is_final: flags.is_final,
            is_isolate_unsendable: flags.is_isolate_unsendable,
            is_isolate_unsendable_due_to_pragma: flags.is_isolate_unsendable_due_to_pragma,
            is_deeply_immutable: flags.is_deeply_immutable,
            is_future_subtype: flags.is_future_subtype,
            can_be_future: flags.can_be_future,
            ..finished_state()
        };
        // The engine finds the type of a class without type parameters through the class, and makes one if there is none.
        let declaration_type = match declaration.type_params.is_empty() {
            true => {
                let ty = self.program.declaration_type(class);
                self.dart_type(&ty)
            }
            false => ObjId::NULL,
        };
        let name = self.class_name(class);
        objects::Class {
            name,
            functions,
            fields,
            interfaces,
            script,
            library,
            type_parameters,
            super_type,
            declaration_type,
            id: class.as_u32() as i32,
            instance_size_in_words: layout.instance_size,
            next_field_offset_in_words: layout.next_field,
            type_arguments_field_offset_in_words: layout.type_arguments,
            num_type_arguments: declaration.num_type_args as i16,
            num_native_fields: declaration.layout.num_native_fields,
            state_bits: state.bits(),
            unboxed_fields_bitmap: layout.unboxed,
            ..objects::Class::default()
        }
    }

    fn class_name(&mut self, class: ClassId) -> ObjId {
        let name = self.program.vm_class_name(class);
        self.graph.symbol(&name)
    }

    fn class_type_parameters(&mut self, class: ClassId) -> ObjId {
        let declaration = self.program.class(class);
        if declaration.type_params.is_empty() {
            return ObjId::NULL;
        }
        let bounds: Vec<DartType> = declaration.type_params.iter().map(|param| param.bound.clone()).collect();
        let defaults: Vec<DartType> =
            declaration.type_params.iter().map(|param| param.default.clone()).collect();
        let names: Vec<ObjId> = declaration.type_param_names.iter().map(|&name| self.symbol(name)).collect();
        let names = self.graph.add(Array::new(names));
        let bounds = self.type_vector(&bounds);
        let defaults = if defaults.iter().all(|ty| self.program.is_dynamic(ty)) {
            ObjId::NULL
        } else {
            self.type_vector(&defaults)
        };
        self.graph.add(objects::TypeParameters { names, flags: ObjId::NULL, bounds, defaults })
    }

    /// Functions that the engine looks up by name in the class: members, and accessors of fields.
    fn class_functions(&mut self, class: ClassId) -> ObjId {
        let declaration = self.program.class(class);
        let members = declaration
            .members
            .iter()
            .filter(|&&member| self.is_looked_up(member))
            .map(|&member| FunctionKey::Member(member));
        let accessors = declaration
            .instance_fields
            .iter()
            .filter(|&&field| self.program.fields[field].entry_point.any())
            .flat_map(|&field| [FunctionKey::ImplicitGetter(field), FunctionKey::ImplicitSetter(field)])
            .filter(|key| self.reach.function(key).is_some());
        let keys: Vec<FunctionKey> = members.chain(accessors).collect();
        let functions = keys.iter().map(|key| self.function(key)).collect();
        self.array_or_empty(functions)
    }

    /// Fields that the engine looks up by name in the class.
    fn class_fields(&mut self, class: ClassId) -> ObjId {
        let declaration = self.program.class(class);
        let fields: Vec<FieldId> = declaration
            .static_fields
            .iter()
            .chain(&declaration.instance_fields)
            .copied()
            .filter(|&field| self.program.fields[field].entry_point.any() && self.field_is_written(field))
            .collect();
        let fields = fields.into_iter().map(|field| self.field(field)).collect();
        self.array_or_empty(fields)
    }

    /// Static fields exist in the field table only if something reaches them.
    fn field_is_written(&self, field: FieldId) -> bool {
        !self.program.fields[field].is_static || self.link.static_ids.contains_key(&field)
    }

    /// The `Field` object.
    pub(super) fn field(&mut self, field: FieldId) -> ObjId {
        if let Some(&id) = self.fields.get(&field) {
            return id;
        }
        let id = self.graph.add(objects::Field::default());
        self.fields.insert(field, id);
        let declaration = &self.program.fields[field];
        let source = self.program.component.fields[declaration.kernel].source;
        let owner = self.owner_in_source(declaration.class, declaration.library, Some(source));
        let name = self.program.vm_name(declaration.name);
        let name = self.graph.symbol(&name);
        let field_type = self.dart_type(&declaration.ty);
        let has_code = declaration.init == FieldInit::Code;
        let initializer_function =
            if has_code && self.reach.function(&FunctionKey::FieldInit(field)).is_some() {
                self.function(&FunctionKey::FieldInit(field))
            } else {
                ObjId::NULL
            };
        let kind_bits = FieldKindBits {
            is_const: declaration.is_const,
            is_static: declaration.is_static,
            is_final: declaration.is_final,
            has_nontrivial_initializer: has_code,
            is_unboxed: declaration.repr != SlotKind::Tagged,
            is_reflectable: true,
            has_pragma: declaration.entry_point.any(),
            is_covariant: declaration.is_covariant,
            is_generic_covariant_impl: declaration.is_generic_covariant,
            // Static fields with initialisers are implicitly late (`KernelLoader`, runtime/vm/kernel_loader.cc).
            is_late: declaration.is_late || (declaration.is_static && declaration.init != FieldInit::None),
            has_initializer: declaration.init != FieldInit::None,
            is_shared: declaration.is_shared,
            ..FieldKindBits::default()
        };
        let host_offset_or_field_id = if declaration.is_static {
            i64::from(self.link.static_ids.get(&field).copied().unwrap_or(0))
        } else {
            i64::from(self.field_offset_in_words(field))
        };
        *self.graph.object_mut(id) = objects::Field {
            name,
            owner,
            field_type,
            initializer_function,
            kind_bits: kind_bits.bits(),
            host_offset_or_field_id,
        }
        .into();
        id
    }

    fn field_offset_in_words(&self, field: FieldId) -> i32 {
        let declaration = &self.program.fields[field];
        match declaration.class {
            Some(class) => {
                self.class_layout(class).slots.get(declaration.slot as usize).copied().unwrap_or(0)
            }
            None => 0,
        }
    }

    /// Class that owns a member; the top-level class of the library for library members.
    pub(super) fn owner(&mut self, class: Option<ClassId>, library: LibIdx) -> ObjId {
        match class {
            Some(class) => self.class(class),
            None => {
                self.library(library);
                self.toplevel_classes[&library]
            }
        }
    }

    /// The library object with its top-level class; its dictionary is filled by [`Image::finish_libraries`].
    pub(super) fn library(&mut self, library: LibIdx) -> ObjId {
        self.libraries[&library]
    }

    fn library_members(&self, library: LibIdx) -> Vec<MemberId> {
        let procedures = self.program.component.libraries[library].procedures;
        procedures.iter().map(|procedure| self.program.procedure(procedure)).collect()
    }

    fn library_fields(&self, library: LibIdx) -> Vec<FieldId> {
        let fields = self.program.component.libraries[library].fields;
        fields.iter().map(|field| self.program.field(field)).collect()
    }

    fn library_classes(&self, library: LibIdx) -> Vec<ClassId> {
        let classes = self.program.component.libraries[library].classes;
        classes.iter().map(|class| self.program.class_of(class)).collect()
    }

    /// Makes objects of all libraries, so that their order is that of the kernel file.
    pub(super) fn make_libraries(&mut self) {
        for library in self.program.component.libraries.keys() {
            let id = self.graph.add(objects::Library::default());
            self.libraries.insert(library, id);
            let toplevel = self.graph.add(objects::Class::default());
            self.toplevel_classes.insert(library, toplevel);
        }
    }

    /// Fills in libraries and top-level classes. Dictionaries hold what the engine and the embedder look up by name.
    pub(super) fn finish_libraries(&mut self) -> Result<(), Error> {
        let program = self.program;
        let libraries: Vec<LibIdx> = program.component.libraries.keys().collect();
        for (index, &library) in libraries.iter().enumerate() {
            let mut entries = Vec::new();
            let mut functions = Vec::new();
            let mut fields = Vec::new();
            for member in self.library_members(library) {
                if self.is_looked_up(member) {
                    let function = self.function(&FunctionKey::Member(member));
                    entries.push(function);
                    functions.push(function);
                }
            }
            for field in self.library_fields(library) {
                if program.fields[field].entry_point.any() && self.field_is_written(field) {
                    let id = self.field(field);
                    entries.push(id);
                    fields.push(id);
                }
            }
            for class in self.library_classes(library) {
                if self.classes.contains_key(&class) || program.class(class).flags.is_entry_point {
                    entries.push(self.class(class));
                }
            }
            self.finish_classes();
            let declaration = &program.component.libraries[library];
            let source = declaration.source;
            let url = self.library_url(library);
            let functions = self.array_or_empty(functions);
            let fields = self.array_or_empty(fields);
            let script = self.script(source);
            let id = self.libraries[&library];
            let toplevel = self.toplevel_object(id, index, script, functions, fields);
            let toplevel_id = self.toplevel_classes[&library];
            *self.graph.object_mut(toplevel_id) = toplevel.into();
            let dictionary = hash_tables::library_dictionary(&mut self.graph, &entries)?;
            let name = self.symbol(declaration.name);
            let is_dart = self.graph.text(url).is_some_and(|url| url.starts_with("dart:"));
            let private_key = program.private_key(library);
            let private_key = self.graph.symbol(private_key);
            let object = objects::Library {
                name,
                url,
                private_key,
                dictionary,
                metadata: ObjId::NULL,
                toplevel_class: toplevel_id,
                used_scripts: ObjId::NULL,
                loading_unit: self.loading_units.get(&library).copied().unwrap_or(self.root_unit),
                imports: self.empty_array,
                exports: self.empty_array,
                index: index as i32,
                num_imports: 0,
                load_state: LIBRARY_LOADED,
                flags: if is_dart { LIBRARY_DART_SCHEME } else { LIBRARY_DEBUGGABLE },
            };
            *self.graph.object_mut(id) = object.into();
        }
        Ok(())
    }

    /// Makes the loading units of deferred libraries. All code is in the root unit, but loading takes the same steps as if they
    /// were not: the engine reports a unit as loaded at once if it has no table of units.
    pub(super) fn make_loading_units(&mut self) -> Result<(), Error> {
        let component = self.program.component;
        let units = component.loading_units()?;
        if units.len() <= 1 {
            return Ok(());
        }
        let libraries: FxHashMap<&[u8], LibIdx> = component
            .libraries
            .iter()
            .map(|(id, library)| {
                (component.string(component.canonical_name(library.canonical_name).name), id)
            })
            .collect();
        let mut made = FxHashMap::default();
        for unit in units {
            let id = if unit.id == ROOT_UNIT {
                self.root_unit
            } else {
                let parent = made.get(&unit.parent).copied().unwrap_or(self.root_unit);
                self.graph.add(objects::LoadingUnit { parent, id: i64::from(unit.id) })
            };
            made.insert(unit.id, id);
            for uri in unit.libraries {
                if let Some(&library) = libraries.get(component.string(uri)) {
                    self.loading_units.insert(library, id);
                }
            }
        }
        Ok(())
    }

    /// The class that holds the members of a library.
    fn toplevel_object(
        &mut self,
        library: ObjId,
        index: usize,
        script: ObjId,
        functions: ObjId,
        fields: ObjId,
    ) -> objects::Class {
        objects::Class {
            name: self.graph.symbol("::"),
            functions,
            fields,
            interfaces: self.empty_array,
            script,
            library,
            id: (self.target.engine.top_level_cid_offset + index as u32) as i32,
            instance_size_in_words: (self.target.object_alignment() / self.target.compressed_word_size())
                as i32,
            next_field_offset_in_words: (self.target.word_size() / self.target.compressed_word_size()) as i32,
            type_arguments_field_offset_in_words: -1,
            state_bits: finished_state().bits(),
            ..objects::Class::default()
        }
    }

    /// The top-level class of a library without members.
    pub(super) fn toplevel_class(&mut self, library: ObjId, index: usize, script: ObjId) -> ObjId {
        let object = self.toplevel_object(library, index, script, self.empty_array, self.empty_array);
        self.graph.add(object)
    }

    /// URL of a library as the engine looks it up.
    pub(super) fn library_url(&mut self, library: LibIdx) -> ObjId {
        // The canonical name of a library is its URI.
        let component = self.program.component;
        let name = component.libraries[library].canonical_name;
        self.symbol(component.canonical_name(name).name)
    }

    /// The script of a source file.
    pub(super) fn script(&mut self, source: SourceIdx) -> ObjId {
        if let Some(&id) = self.scripts.get(&source) {
            return id;
        }
        let declaration = &self.program.component.sources[source];
        let uri = if declaration.import_uri.is_empty() { declaration.uri } else { declaration.import_uri };
        let uri = String::from_utf8_lossy(uri).into_owned();
        let url = self.graph.symbol(&uri);
        let id = self.graph.add(objects::Script { url, kernel_script_index: source.as_u32() as i32 });
        self.scripts.insert(source, id);
        id
    }
}

/// State of a class that is ready for use.
fn finished_state() -> ClassState {
    ClassState {
        finalization: ClassFinalization::AllocateFinalized,
        loading: ClassLoading::TypeFinalized,
        is_loaded: true,
        ..ClassState::default()
    }
}
