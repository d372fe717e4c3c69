//! The smallest complete program: predefined classes, the libraries that the runtime asks for, all stubs as
//! traps, and one object of most kinds.

use super::{format_spec, target};
use dart_snapshot::bits::{
    AbstractTypeFlags, ClassFinalization, ClassLoading, ClassState, ClosureLengthAndFlags, CodeState,
    FieldKindBits, FunctionKind, FunctionKindTag, ParameterCounts, TypeFlags, TypeState,
};
use dart_snapshot::descriptors::{
    CodeSourceMapBuilder, InlineFrame, PcDescriptor, PcDescriptorKind, PcDescriptorsBuilder,
};
use dart_snapshot::objects::{
    Array, Class, Closure, ClosureData, Code, ConstMap, ExceptionHandler, ExceptionHandlers, Field, Function,
    FunctionType, GrowableObjectArray, Instance, InstanceWord, Library, LoadingUnit, ObjectPool, PoolEntry,
    PoolValue, Record, Script, Str, Type, TypeArguments,
};
use dart_snapshot::stack_maps::{Bitmap, StackMapEntry};
use dart_snapshot::{
    BodyShape, CodeRef, CommonObjects, FormatSpec, Graph, InstructionsTable, ObjId, Result, Roots,
    RootsBuilder, Target, TextEntry, TextImage, hash_tables, text,
};
use snapcrane_container::FunctionSymbol;
use snapcrane_engines::{Engine, TargetSpec};

/// Everything a snapshot is written from.
pub struct Minimal {
    pub target_spec: TargetSpec,
    pub spec: FormatSpec,
    pub target: Target,
    pub graph: Graph,
    pub roots: Roots,
    pub table: InstructionsTable,
    pub text: TextImage,
    pub symbols: Vec<FunctionSymbol>,
}

/// Builds the program for a target such as `linux-x64`.
pub fn build(target_name: &str) -> Result<Minimal> {
    let target_spec = TargetSpec::from_name(target_name).unwrap_or_else(|e| panic!("{e}"));
    let spec = format_spec(Engine::dart_3_13_4());
    let target = target(&target_spec);
    let mut program = Program::new(&spec, &target);
    program.build(&target_spec)?;
    let Program { mut graph, roots, bodies, codes, .. } = program;

    let trap = target.arch.break_filler;
    let shapes = bodies.iter().map(|b| BodyShape { size: b.size, has_aligned_loops: b.has_aligned_loops });
    let layout = text::layout(&target, shapes)?;
    let bytes: Vec<Vec<u8>> =
        bodies.iter().map(|b| trap.iter().copied().cycle().take(b.size as usize).collect()).collect();
    let text = layout.build(&target, &spec.class_ids, bytes.iter().map(|b| &b[..]))?;
    let entry = |((&code, body), &pc_offset): ((&ObjId, &Body), &u32)| TextEntry {
        code: Some(code),
        pc_offset,
        stack_maps: body.stack_maps.clone(),
    };
    let table =
        InstructionsTable { entries: codes.iter().zip(&bodies).zip(&layout.offsets).map(entry).collect() };
    let roots = roots.finish(&mut graph)?;
    let symbols = bodies
        .iter()
        .zip(&layout.offsets)
        .map(|(b, &offset)| FunctionSymbol { name: b.name.clone(), offset, size: b.size })
        .collect();
    Ok(Minimal {
        target_spec,
        graph,
        roots,
        table,
        text,
        symbols,
        spec: spec.clone(),
        target: target.clone(),
    })
}

/// Object-store spelling of a class name: OneByteString is one_byte_string.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

struct Body {
    name: String,
    size: u32,
    has_aligned_loops: bool,
    stack_maps: Vec<StackMapEntry>,
}

struct Program<'a> {
    spec: &'a FormatSpec,
    target: &'a Target,
    graph: Graph,
    roots: RootsBuilder<'a>,
    common: CommonObjects,
    bodies: Vec<Body>,
    codes: Vec<ObjId>,
    default_type_test: ObjId,
}

impl<'a> Program<'a> {
    fn new(spec: &'a FormatSpec, target: &'a Target) -> Program<'a> {
        let mut graph = Graph::new();
        let roots = RootsBuilder::new(spec, &mut graph);
        let common = roots.common;
        let (bodies, codes) = (Vec::new(), Vec::new());
        Program { spec, target, graph, roots, common, bodies, codes, default_type_test: ObjId::NULL }
    }

    fn code(&mut self, body: Body, code: Code) -> ObjId {
        let id = self.graph.add(code);
        self.bodies.push(body);
        self.codes.push(id);
        id
    }

    fn stub_code(&self) -> Code {
        Code {
            exception_handlers: self.common.empty_exception_handlers,
            pc_descriptors: self.common.empty_descriptors,
            state_bits: CodeState::STUB.bits(),
            ..Code::default()
        }
    }

    fn type_of(&mut self, class_id: u32, is_non_nullable: bool, arguments: ObjId) -> ObjId {
        let flags = TypeFlags { is_non_nullable, state: TypeState::FinalizedInstantiated, class_id }.bits();
        self.graph.intern(Type { type_test_stub: self.default_type_test, hash: 0, arguments, flags })
    }

    fn type_arguments(&mut self, types: Vec<ObjId>) -> ObjId {
        let instantiations = self.common.empty_instantiations_cache_array;
        self.graph.intern(TypeArguments { types, instantiations, ..TypeArguments::default() })
    }

    fn build(&mut self, target_spec: &TargetSpec) -> Result<()> {
        for name in &self.spec.stubs {
            let body = Body {
                name: format!("stub {name}"),
                size: 4,
                has_aligned_loops: false,
                stack_maps: Vec::new(),
            };
            let code = self.code(body, self.stub_code());
            self.roots.set_stub(name, code)?;
            if name == "DefaultTypeTest" {
                self.default_type_test = code;
            }
        }
        let classes = self.classes(target_spec)?;
        let ids = &self.spec.class_ids;
        let class_of =
            |cid: u32| classes.iter().find(|&&(c, _)| c == cid).map(|&(_, id)| id).expect("predefined");

        let dynamic_type = self.type_of(ids.dynamic, false, ObjId::NULL);
        let void_type = self.type_of(ids.void, false, ObjId::NULL);
        let object_type = self.type_of(ids.instance, true, ObjId::NULL);
        let nullable_object_type = self.type_of(ids.instance, false, ObjId::NULL);
        self.roots.set_handle("dynamic_type", dynamic_type)?;
        self.roots.set_handle("void_type", void_type)?;
        let object_class = class_of(ids.instance);
        // The runtime finds this type through its class, not through the table of canonical types.
        self.graph.get_mut::<Class>(object_class)?.declaration_type = object_type;
        self.roots.set_store("object_class", object_class)?;
        self.roots.set_store("object_type", object_type)?;
        self.roots.set_store("nullable_object_type", nullable_object_type)?;
        self.roots.set_store("null_class", class_of(ids.null))?;

        let main = self.main_library(object_class, dynamic_type, void_type)?;
        self.instances(target_spec, main, nullable_object_type)
    }

    fn classes(&mut self, target_spec: &TargetSpec) -> Result<Vec<(u32, ObjId)>> {
        let mut classes = Vec::new();
        for class in target_spec.engine.classes.iter().filter(|c| c.in_class_table) {
            let shape = target_spec.class_shape(class);
            let name = self.graph.symbol(class.dart_name.unwrap_or(class.name));
            let state = ClassState {
                finalization: ClassFinalization::AllocateFinalized,
                loading: ClassLoading::TypeFinalized,
                is_allocated: true,
                is_loaded: true,
                ..ClassState::default()
            };
            let id = self.graph.add(Class {
                name,
                functions: self.common.empty_array,
                fields: self.common.empty_array,
                interfaces: self.common.empty_array,
                id: class.cid as i32,
                instance_size_in_words: shape.instance_size,
                next_field_offset_in_words: shape.next_field_offset,
                type_arguments_field_offset_in_words: shape.type_arguments_field_offset,
                num_type_arguments: class.num_type_arguments as i16,
                state_bits: state.bits(),
                ..Class::default()
            });
            self.roots.set_class(class.cid, id)?;
            let slot = format!("{}_class", snake_case(class.name));
            if self.spec.store_index(&slot).is_ok() {
                self.roots.set_store(&slot, id)?;
            }
            classes.push((class.cid, id));
        }
        Ok(classes)
    }

    /// The libraries of the object store, and a function in the last one.
    fn main_library(&mut self, object_class: ObjId, dynamic_type: ObjId, void_type: ObjId) -> Result<ObjId> {
        let loading_unit = self.graph.add(LoadingUnit { parent: ObjId::NULL, id: 1 });
        let (mut libraries, mut main) = (Vec::new(), ObjId::NULL);
        for slot in self
            .spec
            .object_store
            .iter()
            .filter(|s| s.class == "Library" && s.name != "native_assets_library")
        {
            let name = slot.name.trim_end_matches("_library");
            let is_root = name == "root";
            let url = match name {
                "root" => "file:///minimal.dart".to_owned(),
                name => format!("dart:{}", name.replace("native_wrappers", "nativewrappers")),
            };
            let url = self.graph.symbol(&url);
            let index = libraries.len() as i32;
            let private_key = self.graph.symbol(&format!("@{index}"));
            let script = self.graph.add(Script { url, kernel_script_index: index });
            let library = self.graph.add(Library::default());
            let class_name = self.graph.symbol("::");
            let toplevel_class = self.graph.add(Class {
                name: class_name,
                functions: self.common.empty_array,
                fields: self.common.empty_array,
                interfaces: self.common.empty_array,
                script,
                library,
                id: (self.spec.top_level_cid_offset as i32) + index,
                state_bits: ClassState {
                    finalization: ClassFinalization::Finalized,
                    ..ClassState::default()
                }
                .bits(),
                ..Class::default()
            });
            let mut members = if slot.name == "core_library" { vec![object_class] } else { Vec::new() };
            if is_root {
                main = self.main_function(toplevel_class, void_type)?;
                members.extend([main, self.static_field(toplevel_class, dynamic_type)]);
            }
            let dictionary = hash_tables::library_dictionary(&mut self.graph, &members)?;
            *self.graph.get_mut::<Library>(library)? = Library {
                name: url,
                url,
                private_key,
                dictionary,
                toplevel_class,
                loading_unit,
                imports: self.common.empty_array,
                exports: self.common.empty_array,
                index,
                load_state: 3,
                flags: if is_root { 2 } else { 1 },
                ..Library::default()
            };
            self.roots.set_store(&slot.name, library)?;
            libraries.push(library);
        }
        let map = hash_tables::libraries_map(&mut self.graph, &libraries)?;
        self.roots.set_store("libraries_map", map)?;
        let length = libraries.len() as i64;
        let data = self.graph.add(Array::new(libraries));
        let list = self.graph.add(GrowableObjectArray { type_arguments: ObjId::NULL, length, data });
        self.roots.set_store("libraries", list)?;
        Ok(main)
    }

    fn static_field(&mut self, owner: ObjId, field_type: ObjId) -> ObjId {
        let name = self.graph.symbol("lateField");
        let kind_bits =
            FieldKindBits { is_static: true, is_reflectable: true, ..FieldKindBits::default() }.bits();
        self.roots.set_field_tables(vec![ObjId::SENTINEL], Vec::new());
        let host_offset_or_field_id = 0;
        let initializer_function = ObjId::NULL;
        self.graph.add(Field {
            name,
            owner,
            field_type,
            initializer_function,
            kind_bits,
            host_offset_or_field_id,
        })
    }

    /// A function whose code has one of everything: a frame, a handler, lines.
    fn main_function(&mut self, owner: ObjId, void_type: ObjId) -> Result<ObjId> {
        let flags = AbstractTypeFlags {
            is_non_nullable: true,
            state: TypeState::FinalizedInstantiated,
            ..Default::default()
        };
        let signature = self.graph.intern(FunctionType {
            type_test_stub: self.default_type_test,
            result_type: void_type,
            parameter_types: self.common.empty_array,
            named_parameter_names: self.common.empty_array,
            flags: flags.bits(),
            packed_parameter_counts: ParameterCounts::default().bits(),
            ..FunctionType::default()
        });
        let name = self.graph.symbol("main");
        let kind = FunctionKindTag { is_static: true, ..FunctionKindTag::of(FunctionKind::RegularFunction) };
        let main =
            self.graph.add(Function { name, owner, signature, kind_tag: kind.bits(), ..Function::default() });

        const RETURN_ADDRESS: u32 = 8;
        const SIZE: u32 = 30;
        let frame: Bitmap = [true, false, false, true].into_iter().collect();
        let mut descriptors = PcDescriptorsBuilder::new();
        let kind = PcDescriptorKind::Other;
        descriptors.add(PcDescriptor {
            pc_offset: RETURN_ADDRESS,
            kind,
            try_index: Some(0),
            yield_index: None,
        })?;
        let pc_descriptors = self.graph.add(descriptors.finish().expect("one descriptor"));
        let handled_types = self.graph.add(Array::immutable(vec![void_type]));
        let handled_types_data = self.graph.add(Array::immutable(vec![handled_types]));
        let exception_handlers = self.graph.add(ExceptionHandlers {
            handled_types_data,
            handlers: vec![ExceptionHandler {
                handler_pc_offset: 12,
                outer_try_index: -1,
                needs_stacktrace: true,
                has_catch_all: true,
                is_generated: false,
            }],
            has_async_handler: false,
        });
        let inlined_id_to_function = self.graph.add(Array::immutable(vec![main]));
        let mut lines = CodeSourceMapBuilder::new();
        let at = |line| InlineFrame { function_index: 0, line: Some(line) };
        lines.range(RETURN_ADDRESS, &[at(1)])?;
        lines.range(20, &[at(2), at(1)])?;
        lines.range(SIZE, &[at(3)])?;
        let code_source_map = self.graph.add(lines.finish());
        let body = Body {
            name: "main".into(),
            size: SIZE,
            has_aligned_loops: true,
            stack_maps: vec![StackMapEntry::frame(RETURN_ADDRESS, frame)],
        };
        let code = Code {
            owner: main,
            exception_handlers,
            pc_descriptors,
            inlined_id_to_function,
            code_source_map,
            state_bits: CodeState::FUNCTION.bits(),
            ..Code::default()
        };
        let code = self.code(body, code);
        self.graph.get_mut::<Function>(main)?.code = CodeRef::Code(code);
        self.roots.set_dispatch_table(vec![Some(CodeRef::Code(code)), None, None, Some(CodeRef::Code(code))]);
        Ok(main)
    }

    /// A user class with a tagged and an unboxed field, constants, and the pool that holds them.
    fn instances(&mut self, target_spec: &TargetSpec, main: ObjId, element_type: ObjId) -> Result<()> {
        let first = self.target.first_field_word();
        let unboxed_words = 8 / self.target.compressed_word_bytes();
        let next_field = first + 1 + unboxed_words;
        let size = (next_field * target_spec.compressed_word_size())
            .next_multiple_of(target_spec.object_alignment());
        let object_class = self.roots_class(self.spec.class_ids.instance)?;
        let object_type = self.graph.get::<Class>(object_class)?.declaration_type;
        let class_id = self.spec.num_predefined_cids;
        let name = self.graph.symbol("Constant");
        let unboxed_fields_bitmap = (0..unboxed_words).fold(0, |bits, i| bits | 1 << (first + 1 + i));
        let state = ClassState {
            finalization: ClassFinalization::AllocateFinalized,
            loading: ClassLoading::TypeFinalized,
            is_const: true,
            is_allocated: true,
            ..ClassState::default()
        };
        self.graph.add(Class {
            name,
            functions: self.common.empty_array,
            fields: self.common.empty_array,
            interfaces: self.common.empty_array,
            super_type: object_type,
            id: class_id as i32,
            instance_size_in_words: (size / target_spec.compressed_word_size()) as i32,
            next_field_offset_in_words: next_field as i32,
            type_arguments_field_offset_in_words: -1,
            state_bits: state.bits(),
            unboxed_fields_bitmap,
            ..Class::default()
        });
        let text = self.graph.intern(Str::from_utf16(&[0xd83d, 0x41, 0x416]));
        let bits = 2.5f64.to_bits();
        let raw_words: Vec<InstanceWord> = match unboxed_words {
            1 => vec![InstanceWord::Raw(bits)],
            _ => vec![InstanceWord::Raw(bits & 0xffff_ffff), InstanceWord::Raw(bits >> 32)],
        };
        let words = [vec![InstanceWord::Ref(text)], raw_words].concat();
        let constant = self.graph.intern(Instance { class_id, words });

        let (one, big) = (self.graph.integer(1), self.graph.integer(i64::MIN));
        let half = self.graph.double(0.5);
        let record = self.graph.intern(Record { field_names_index: 0, fields: vec![one, half] });
        let type_arguments = self.type_arguments(vec![element_type]);
        let list = self.graph.intern(Array {
            immutable: true,
            type_arguments,
            elements: vec![constant, record, big],
        });
        let map_arguments = self.type_arguments(vec![element_type, element_type]);
        let data = self.graph.intern(Array::immutable(vec![text, list]));
        let (hash_mask, used_data, zero) =
            (self.graph.integer(7), self.graph.integer(2), self.graph.integer(0));
        let map = ConstMap { type_arguments: map_arguments, hash_mask, data, used_data, deleted_keys: zero };
        let map = self.graph.intern(map);

        let name = self.graph.symbol("main");
        let owner = self.graph.get::<Function>(main)?.clone();
        let data = self.graph.add(ClosureData { parent_function: main, ..ClosureData::default() });
        let kind =
            FunctionKindTag { is_static: true, ..FunctionKindTag::of(FunctionKind::ImplicitClosureFunction) };
        let function = self.graph.add(Function { name, data, kind_tag: kind.bits(), ..owner });
        let elements = vec![ObjId::NULL];
        let length_and_flags = ClosureLengthAndFlags::new(false, false, false, elements.len() as u32).bits();
        let closure = self.graph.intern(Closure { length_and_flags, hash: 0, function, elements });
        self.graph.get_mut::<ClosureData>(data)?.closure = closure;

        let entries = vec![
            PoolEntry::constant(PoolValue::Object(map)),
            PoolEntry::patchable(PoolValue::Object(closure)),
            PoolEntry::constant(PoolValue::Immediate(-5)),
            PoolEntry::patchable(PoolValue::NativeFunction),
            PoolEntry::patchable(PoolValue::ResetToBootstrapNative),
            PoolEntry::patchable(PoolValue::ResetToSwitchableCallMiss),
            PoolEntry::patchable(PoolValue::SetToZero),
        ];
        let pool = self.graph.add(ObjectPool { entries });
        self.roots.set_store("global_object_pool", pool)
    }

    fn roots_class(&self, class_id: u32) -> Result<ObjId> {
        let is_it = |object: &dart_snapshot::Object| matches!(object, dart_snapshot::Object::Class(c) if c.id as u32 == class_id);
        let found = self.graph.iter().find(|(_, object)| is_it(object));
        Ok(found.map(|(id, _)| id).expect("predefined class"))
    }
}
