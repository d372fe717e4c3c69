//! A machine for generated code: a thread, a heap with a moving collector, and a runtime.
//!
//! The thread is a block of memory with the fields at the engine's offsets. Stubs are small thunks that hand over to Rust: they
//! build a frame, so that a walk can start, and pass all argument registers. Every call of the runtime first moves *all* objects
//! to another place and overwrites the old one, so code that keeps an address across a call fails at once. Roots come from the
//! compiled functions' stack maps alone.

#![allow(unsafe_code, reason = "runs generated machine code")]

use std::cell::Cell;
use std::collections::HashMap;

use memmap2::{Mmap, MmapMut};
use snapcrane_arch::{ExtraStub, StubRef};
use snapcrane_engines::{Engine, Layout, TargetSpec};
use snapcrane_ir::Function;
use snapcrane_lower::{
    CodeKind, CompiledFunction, CompilerOptions, HelperId, RelocTarget, StackMap, compile_helpers,
};
use snapcrane_program::ids::{FunctionKey, ObjectKey};

use super::{BOX, NODE, TestProgram, compile};

/// Where rows start in the dispatch table.
pub const ROW_BIAS: i32 = 7;

/// Objects in the pool, by kind of key: classes first.
pub fn class_pool_index(class: u32) -> i32 {
    match class {
        NODE => 0,
        BOX => 1,
        other if other == Engine::latest().cids.growable_object_array => 2,
        other => panic!("class {other} is not in the pool"),
    }
}

/// See [`class_pool_index`].
pub fn pool_index(key: &ObjectKey) -> i32 {
    match key {
        ObjectKey::Type(_) => 3,
        ObjectKey::SubtypeTestCache { .. } => 4,
        ObjectKey::String(_) => 5,
        ObjectKey::Function(_) => 6,
        ObjectKey::ArgumentsDescriptor(_) => 7,
        ObjectKey::TypeArgs(_) => 8,
        ObjectKey::Double(_) => 9,
        ObjectKey::Int(_) => 10,
        other => panic!("{other:?} is not in the pool"),
    }
}

const POOL_WORDS: usize = 16;
const SPACE_WORDS: usize = 1 << 16;

/// Pseudo entries of the runtime for stubs that call it without naming an entry.
const THROW: u64 = u64::MAX;
const RETHROW: u64 = u64::MAX - 1;
const POLL: u64 = u64::MAX - 2;

/// What the runtime says to its thunk: a result, or where to go on instead.
#[repr(C)]
struct Outcome {
    value: u64,
    resume: *const Resume,
}

#[repr(C)]
#[derive(Default)]
struct Resume {
    sp: u64,
    fp: u64,
    pc: u64,
}

thread_local! {
    static CURRENT: Cell<*mut Machine> = const { Cell::new(std::ptr::null_mut()) };
}

/// Code in memory.
struct Placed {
    start: u64,
    compiled: CompiledFunction,
}

pub struct Machine {
    target: TargetSpec,
    pub thread: Vec<u64>,
    spaces: [Vec<u64>; 2],
    current: usize,
    /// Objects that never move.
    old: Vec<u64>,
    old_top: usize,
    code: Option<Mmap>,
    placed: Vec<Placed>,
    functions: HashMap<FunctionKey, u64>,
    enter: u64,
    resume: Resume,
    pub collections: usize,
    pub barriers: Box<u64>,
    /// Names of the runtime entries that were called.
    pub calls: Vec<String>,
    /// What `Instanceof` answers.
    pub instance_of_answer: bool,
    pub statics: Vec<u64>,
    pub dispatch: Vec<u64>,
    class_table: Vec<u64>,
    group: Vec<u64>,
    /// Bytes of the allocation buffer after each collection.
    buffer_size: u64,
}

fn layout() -> &'static Layout {
    TargetSpec::from_name("linux-x64").unwrap().layout()
}

extern "sysv64" fn runtime(args: *mut u64, fp: *const u64) -> Outcome {
    // SAFETY: the machine outlives the generated code that it runs, and only one call is active at a time.
    let machine = unsafe { &mut *CURRENT.with(Cell::get) };
    machine.runtime(args, fp)
}

extern "sysv64" fn ensure_remembered(object: u64, _thread: u64) -> u64 {
    object
}

extern "sysv64" fn memory_move(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    // SAFETY: the generated code passes regions of objects that it made.
    unsafe { std::ptr::copy(from, to, count) };
    to
}

extern "sysv64" fn c_floor(value: f64) -> f64 {
    value.floor()
}

impl Machine {
    /// Compiles and links functions with all helpers.
    pub fn new(program: &TestProgram, functions: &[Function]) -> Box<Machine> {
        let target = *program.target();
        let mut machine = Box::new(Machine {
            target,
            thread: vec![0; 1024],
            spaces: [vec![0; SPACE_WORDS], vec![0; SPACE_WORDS]],
            current: 0,
            old: vec![0; 8192],
            old_top: 1,
            code: None,
            placed: Vec::new(),
            functions: HashMap::new(),
            enter: 0,
            resume: Resume::default(),
            collections: 0,
            barriers: Box::new(0),
            calls: Vec::new(),
            instance_of_answer: false,
            statics: vec![0; 8],
            dispatch: vec![0; 4096],
            class_table: vec![0; 4096],
            group: vec![0; 256],
            buffer_size: 96,
        });
        machine.set_up_thread();
        machine.link(program, functions);
        machine
    }

    fn thread_field(&mut self, offset: i32) -> &mut u64 {
        &mut self.thread[offset as usize / 8]
    }

    fn set_up_thread(&mut self) {
        let l = layout();
        let engine = self.target.engine;
        let cids = &engine.cids;
        // Old objects are at even words, new ones at odd words, as in the engine.
        self.old_top += (self.old.as_ptr() as usize / 8 + self.old_top) % 2;
        let null = self.old_object(cids.null, 2);
        let (yes, no) = (self.old_object(cids.bool, 2), self.old_object(cids.bool, 2));
        let dynamic = self.old_object(cids.type_, 6);
        let pool = self.old_object(cids.object_pool, 2 + POOL_WORDS);
        for (offset, value) in [
            (l.thread.object_null, null),
            (l.thread.bool_true, yes),
            (l.thread.bool_false, no),
            (l.thread.dynamic_type, dynamic),
            (l.thread.global_object_pool, pool),
            (l.thread.active_exception, null),
            (l.thread.active_stacktrace, null),
            (l.thread.write_barrier_mask, 8),
        ] {
            *self.thread_field(offset) = value;
        }
        for index in 0..POOL_WORDS {
            let object = self.old_object(cids.instance, 8);
            self.set_pool(index as i32, object);
        }
        *self.thread_field(l.thread.field_table_values) = self.statics.as_ptr() as u64;
        self.statics.fill(null);
        *self.thread_field(l.thread.dispatch_table_array) = self.dispatch.as_ptr() as u64;
        *self.thread_field(l.thread.isolate_group) = self.group.as_ptr() as u64;
        self.group[l.isolate_group.cached_class_table_table as usize / 8] = self.class_table.as_ptr() as u64;
        for (entry, address) in [
            (engine.leaf.ensure_remembered_and_marking_deferred, ensure_remembered as *const () as u64),
            (engine.leaf.memory_move, memory_move as *const () as u64),
            (engine.leaf.libc_floor, c_floor as *const () as u64),
        ] {
            *self.thread_field(l.leaf_entry(entry)) = address;
        }
        // The machine is called in place of a runtime entry and knows it by this "address".
        let engine = self.target.engine;
        for entry in engine.runtime_entries.iter().filter_map(|info| engine.runtime_entry(info.name)) {
            let offset = l.runtime_entry(entry);
            *self.thread_field(offset) = offset as u64;
        }
        self.reset_buffer(self.space_start());
        let class = self.old_object(cids.class, 30);
        let words = l.class.host_type_arguments_field_offset_in_words;
        self.write32(class, words, -1);
        self.class_table.fill(class);
        let generic = self.old_object(cids.class, 30);
        self.write32(generic, words, 1);
        self.class_table[BOX as usize] = generic;
    }

    pub fn set_pool(&mut self, index: i32, object: u64) {
        let pool = *self.thread_field(layout().thread.global_object_pool);
        self.write(pool, 16 + 8 * index, object);
    }

    pub fn pool(&mut self, index: i32) -> u64 {
        let pool = *self.thread_field(layout().thread.global_object_pool);
        self.read(pool, 16 + 8 * index)
    }

    pub fn null(&self) -> u64 {
        self.thread[layout().thread.object_null as usize / 8]
    }

    pub fn bool_object(&self, value: bool) -> u64 {
        let thread = &layout().thread;
        self.thread[if value { thread.bool_true } else { thread.bool_false } as usize / 8]
    }

    /// Makes an object that does not move.
    pub fn old_object(&mut self, cid: u32, words: usize) -> u64 {
        let words = words.next_multiple_of(2);
        let at = self.old_top;
        self.old_top += words;
        let object = &raw const self.old[at] as u64 + 1;
        let l = layout();
        let tags = l.image_object_tags(cid, 8 * words as u32, snapcrane_engines::Immutability::Mutable, true);
        self.old[at] = tags;
        object
    }

    /// A word of an object.
    pub fn read(&self, object: u64, offset: i32) -> u64 {
        assert_eq!(object & 1, 1, "{object:#x} is no object");
        // SAFETY: offsets are those of fields that the object has.
        unsafe { *((object - 1).wrapping_add(offset as u64) as *const u64) }
    }

    pub fn write(&mut self, object: u64, offset: i32, value: u64) {
        // SAFETY: as in `read`.
        unsafe { *((object - 1).wrapping_add(offset as u64) as *mut u64) = value }
    }

    fn write32(&mut self, object: u64, offset: i32, value: i32) {
        // SAFETY: as in `read`.
        unsafe { *((object - 1).wrapping_add(offset as u64) as *mut i32) = value }
    }

    pub fn class_id(&self, object: u64) -> u32 {
        (self.read(object, 0) >> 12 & 0xf_ffff) as u32
    }

    /// Integer of a Smi or Mint.
    pub fn int(&self, value: u64) -> i64 {
        if value & 1 == 0 {
            return value as i64 >> 1;
        }
        assert_eq!(self.class_id(value), self.target.engine.cids.mint);
        self.read(value, layout().mint.value) as i64
    }

    // Heap.

    fn space_start(&self) -> u64 {
        let start = self.spaces[self.current].as_ptr() as u64;
        if start % 16 == 8 { start } else { start + 8 }
    }

    fn reset_buffer(&mut self, top: u64) {
        let l = layout();
        *self.thread_field(l.thread.top) = top;
        *self.thread_field(l.thread.end) = top + self.buffer_size;
    }

    fn allocate(&mut self, cid: u32, bytes: u64) -> u64 {
        let l = layout();
        let size = bytes.next_multiple_of(16);
        let top = *self.thread_field(l.thread.top);
        self.reset_buffer(top + size);
        let tags = l.new_object_tags(cid, size as u32, self.target.engine.immutability(cid));
        let object = top + 1;
        self.write(object, 0, tags);
        for offset in (8..size as i32).step_by(8) {
            let null = self.null();
            self.write(object, offset, null);
        }
        object
    }

    fn is_new(&self, value: u64) -> bool {
        let space = &self.spaces[self.current];
        let start = space.as_ptr() as u64;
        value & 1 == 1 && (start..start + 8 * space.len() as u64).contains(&value)
    }

    /// Whether an object's words after the header are references (others are raw or of mixed kind and scanned as if they were: raw
    /// words of tests are no addresses).
    fn is_raw(&self, object: u64) -> bool {
        let cids = &self.target.engine.cids;
        let cid = self.class_id(object);
        [cids.mint, cids.double, cids.one_byte_string, cids.two_byte_string].contains(&cid)
            || self.target.engine.typed_data_classes(cid).is_some()
    }

    /// Moves everything that the roots reach.
    fn collect(&mut self, roots: Vec<*mut u64>) {
        self.collections += 1;
        let l = layout();
        let mut roots = roots;
        for offset in [l.thread.active_exception, l.thread.active_stacktrace] {
            roots.push(self.thread_field(offset));
        }
        roots.extend(self.statics.iter_mut().map(|word| word as *mut u64));
        let from = self.current;
        let to_start = {
            self.current ^= 1;
            let start = self.space_start();
            self.current ^= 1;
            start
        };
        let mut top = to_start;
        let mut forwarded: HashMap<u64, u64> = HashMap::new();
        let mut work = roots;
        while let Some(root) = work.pop() {
            // SAFETY: roots are words of frames, of the thread, or of objects.
            let value = unsafe { *root };
            if !self.is_new(value) {
                continue;
            }
            let moved = match forwarded.get(&value) {
                Some(&moved) => moved,
                None => {
                    let bytes = (self.read(value, 0) >> 8 & 15) * 16;
                    let bytes = if bytes == 0 { self.large_size(value) } else { bytes };
                    let moved = top + 1;
                    top += bytes;
                    for offset in (0..bytes as i32).step_by(8) {
                        let word = self.read(value, offset);
                        self.write(moved, offset, word);
                    }
                    if !self.is_raw(value) {
                        work.extend((8..bytes).step_by(8).map(|offset| (moved - 1 + offset) as *mut u64));
                    } else if self.target.engine.typed_data_classes(self.class_id(value)).is_some() {
                        let data = l.typed_data.data_field;
                        self.write(moved, data, moved - 1 + l.typed_data.payload as u64);
                    }
                    forwarded.insert(value, moved);
                    moved
                }
            };
            // SAFETY: as above.
            unsafe { *root = moved };
        }
        self.spaces[from].fill(0xdead_dead_dead_dead);
        self.current ^= 1;
        self.reset_buffer(top);
    }

    fn large_size(&self, object: u64) -> u64 {
        let l = layout();
        let cids = &self.target.engine.cids;
        let length = |offset: i32| self.read(object, offset) >> 1;
        let bytes = match self.class_id(object) {
            cid if cid == cids.array => l.array.data as u64 + 8 * length(l.array.length),
            cid if cid == cids.one_byte_string => l.one_byte_string.data as u64 + length(l.string.length),
            cid if cid == cids.two_byte_string => l.two_byte_string.data as u64 + 2 * length(l.string.length),
            cid => {
                let classes = self.target.engine.typed_data_classes(cid).expect("object of unknown size");
                l.typed_data.payload as u64 + u64::from(classes.element_size) * length(l.typed_data.length)
            }
        };
        bytes.next_multiple_of(16)
    }

    // Frames.

    fn find_code(&self, pc: u64) -> Option<&Placed> {
        self.placed.iter().find(|placed| {
            (placed.start + 1..=placed.start + placed.compiled.code.len() as u64).contains(&pc)
        })
    }

    /// Visits the frames above a thunk's frame: code, stack pointer, frame pointer, return offset.
    fn walk(&self, mut fp: *const u64, mut visit: impl FnMut(&Placed, &StackMap, u64, u64)) {
        loop {
            // SAFETY: generated code keeps frame pointers.
            let (caller_fp, pc) = unsafe { (*fp, *fp.add(1)) };
            let sp = fp as u64 + 16;
            let Some(placed) = self.find_code(pc) else { return };
            let offset = (pc - placed.start) as u32;
            let map = placed.compiled.stack_maps.iter().find(|map| map.return_offset == offset);
            let map = map.unwrap_or_else(|| panic!("no map at {offset:#x} of {:?}", placed.compiled.kind));
            assert_eq!(
                caller_fp - sp,
                8 * u64::from(placed.compiled.frame_words),
                "frame size at {offset:#x} of {:?}",
                placed.compiled.kind
            );
            visit(placed, map, sp, caller_fp);
            fp = caller_fp as *const u64;
        }
    }

    fn runtime(&mut self, args: *mut u64, fp: *const u64) -> Outcome {
        // SAFETY: thunks pass seven words.
        let args = unsafe { std::slice::from_raw_parts_mut(args, 8) };
        let l = layout();
        let engine = self.target.engine;
        let entry = args[0];
        let name = match entry {
            THROW => "Throw",
            RETHROW => "ReThrow",
            POLL => "InterruptOrStackOverflow",
            offset => {
                let found = engine.runtime_entries.iter().find(|info| {
                    engine.runtime_entry(info.name).is_some_and(|e| l.runtime_entry(e) as u64 == offset)
                });
                found.unwrap_or_else(|| panic!("runtime entry at {offset:#x}")).name
            }
        };
        self.calls.push(name.to_string());
        let arity = match name {
            "Throw" => 1,
            "ReThrow" => 2,
            "InterruptOrStackOverflow" => 0,
            name => {
                engine.runtime_entry(name).and_then(|e| engine.runtime_entry_info(e).argument_count).unwrap()
                    as usize
            }
        };
        let mut roots: Vec<*mut u64> = args[1..=arity].iter_mut().map(|word| word as *mut u64).collect();
        self.walk(fp, |_, map, _, frame| {
            roots.extend(map.tagged.iter().map(|&word| (frame - 8 * (u64::from(word) + 1)) as *mut u64));
        });
        self.collect(roots);
        let value = match name {
            "AllocateObject" => {
                let class = args[1];
                let (cid, bytes) = if class == self.pool(class_pool_index(NODE)) {
                    (NODE, 32)
                } else if class == self.pool(class_pool_index(BOX)) {
                    (BOX, 24)
                } else {
                    (engine.cids.growable_object_array, 32)
                };
                let object = self.allocate(cid, bytes);
                if cid == BOX {
                    self.write(object, 8, args[2]);
                }
                object
            }
            "AllocateMint" => self.allocate(engine.cids.mint, 16),
            "AllocateDouble" => self.allocate(engine.cids.double, 16),
            "AllocateContext" => {
                let count = args[1] >> 1;
                let context =
                    self.allocate(engine.cids.context, l.context.element_offset(count as u32) as u64);
                self.write(context, l.context.num_variables, count);
                context
            }
            "AllocateClosure" => {
                let length = args[2] >> 1 >> l.untagged_closure.length_bits_pos;
                let closure =
                    self.allocate(engine.cids.closure, l.closure.element_offset(length as u32) as u64);
                let entry = self.read(args[1], l.function.entry_point);
                self.write(closure, l.closure.entry_point, entry);
                self.write(closure, l.closure.function, args[1]);
                self.write(closure, l.closure.hash, 0);
                self.write(closure, l.closure.length_and_flags, args[2]);
                self.write(closure, l.closure.element_offset(length as u32 - 1) as i32, args[3]);
                closure
            }
            "AllocateRecord" => {
                let count = args[1] >> 1;
                let record = self.allocate(engine.cids.record, l.record.element_offset(count as u32) as u64);
                self.write(record, l.record.shape, args[1]);
                record
            }
            "AllocateArray" => {
                let length = args[1] >> 1;
                let array = self.allocate(engine.cids.array, l.array.data as u64 + 8 * length);
                self.write(array, l.array.length, args[1]);
                self.write(array, l.array.type_arguments, args[2]);
                array
            }
            "AllocateTypedData" => {
                let cid = (args[1] >> 1) as u32;
                let size = u64::from(engine.typed_data_classes(cid).unwrap().element_size);
                let data = self.allocate(cid, l.typed_data.payload as u64 + size * (args[2] >> 1));
                let end = (self.read(data, 0) >> 8 & 15) as i32 * 16;
                for offset in (l.typed_data.payload..end).step_by(8) {
                    self.write(data, offset, 0);
                }
                self.write(data, l.typed_data.length, args[2]);
                self.write(data, l.typed_data.data_field, data - 1 + l.typed_data.payload as u64);
                data
            }
            "Instanceof" => self.bool_object(self.instance_of_answer),
            "TypeCheck" if self.instance_of_answer => args[1],
            "InstantiateTypeArguments" | "InstantiateType" => args[2],
            "InterruptOrStackOverflow" => {
                *self.thread_field(l.thread.stack_limit) = 0;
                0
            }
            "Throw" | "ReThrow" => {
                *self.thread_field(l.thread.active_exception) = args[1];
                if name == "ReThrow" {
                    *self.thread_field(l.thread.active_stacktrace) = args[2];
                }
                return self.unwind(fp);
            }
            // Errors: the exception is the number of the entry's first letter, as a Smi.
            _ => {
                *self.thread_field(l.thread.active_exception) = u64::from(name.as_bytes()[0]) << 1;
                return self.unwind(fp);
            }
        };
        Outcome { value, resume: std::ptr::null() }
    }

    /// Goes to the nearest handler, or returns the exception from the machine.
    fn unwind(&mut self, fp: *const u64) -> Outcome {
        let mut found = None;
        let mut outermost = 0;
        self.walk(fp, |placed, map, sp, frame| {
            outermost = frame;
            let handler = placed.compiled.handlers.iter().find(|h| h.return_offset == map.return_offset);
            if let (None, Some(handler)) = (&found, handler) {
                found = Some(Resume { sp, fp: frame, pc: placed.start + u64::from(handler.handler_offset) });
            }
        });
        let (resume, value) = match found {
            Some(resume) => (resume, 0),
            None => {
                // Leave the outermost frame as its epilogue would.
                // SAFETY: the frame is that of generated code called by `enter`.
                let (fp, pc) = unsafe { (*(outermost as *const u64), *(outermost as *const u64).add(1)) };
                let exception = *self.thread_field(layout().thread.active_exception);
                (Resume { sp: outermost + 16, fp, pc }, exception)
            }
        };
        self.resume = resume;
        Outcome { value, resume: &raw const self.resume }
    }

    // Code.

    fn link(&mut self, program: &TestProgram, functions: &[Function]) {
        let target = self.target;
        let mut pieces: Vec<(Piece, Vec<u8>, Option<CompiledFunction>)> = Vec::new();
        let options = CompilerOptions::checked();
        for (helper, compiled) in compile_helpers(&[&target], options).unwrap().remove(0) {
            pieces.push((Piece::Helper(helper), compiled.code.clone(), Some(compiled)));
        }
        for function in functions {
            let (compiled, _) = compile(program, function);
            pieces.push((Piece::Function(function.key.clone()), compiled.code.clone(), Some(compiled)));
        }
        for arity in 0..=7 {
            let code = runtime_thunk(arity, None);
            pieces.push((Piece::Stub(StubRef::Extra(ExtraStub::RuntimeCall(arity))), code, None));
        }
        let stubs = &target.engine.stub;
        pieces.push((Piece::Stub(StubRef::Listed(stubs.throw)), runtime_thunk(1, Some(THROW)), None));
        pieces.push((Piece::Stub(StubRef::Listed(stubs.re_throw)), runtime_thunk(2, Some(RETHROW)), None));
        let poll = runtime_thunk(0, Some(POLL));
        pieces.push((Piece::Stub(StubRef::Listed(stubs.stack_overflow_shared_without_fpu_regs)), poll, None));
        for stub in [stubs.write_barrier, stubs.array_write_barrier] {
            let counter = &raw const *self.barriers as u64;
            pieces.push((Piece::Stub(StubRef::Listed(stub)), barrier_thunk(counter), None));
        }
        pieces.push((Piece::Enter, enter_thunk(), None));

        let mut offsets = Vec::new();
        let mut size = 0usize;
        for (_, code, _) in &pieces {
            size = size.next_multiple_of(16);
            offsets.push(size);
            size += code.len();
        }
        let mut memory = MmapMut::map_anon(size).unwrap();
        let base = memory.as_ptr() as u64;
        let address_of = |wanted: &Piece| {
            let at = pieces.iter().position(|(piece, ..)| piece == wanted);
            offsets[at.unwrap_or_else(|| panic!("{wanted:?} is not linked"))]
        };
        for ((piece, code, compiled), &offset) in pieces.iter().zip(&offsets) {
            memory[offset..offset + code.len()].copy_from_slice(code);
            let Some(compiled) = compiled else { continue };
            for reloc in &compiled.relocs {
                let target = match reloc.target {
                    RelocTarget::Helper(helper) => address_of(&Piece::Helper(helper)),
                    RelocTarget::Stub(stub) => address_of(&Piece::Stub(stub)),
                    RelocTarget::Routine(routine) => panic!("{routine:?} on a processor that needs none"),
                    RelocTarget::Callee(callee) => {
                        let Piece::Function(key) = piece else { panic!("helper calls a function") };
                        let function = functions.iter().find(|f| f.key == *key).unwrap();
                        address_of(&Piece::Function(function.callees[callee].clone()))
                    }
                };
                let field = offset + reloc.offset as usize;
                let value = (target as i64 + reloc.addend - field as i64) as i32;
                memory[field..field + 4].copy_from_slice(&value.to_le_bytes());
            }
        }
        for ((piece, _, compiled), &offset) in pieces.into_iter().zip(&offsets) {
            let start = base + offset as u64;
            match piece {
                Piece::Function(key) => {
                    self.functions.insert(key, start);
                }
                Piece::Enter => self.enter = start,
                Piece::Helper(_) | Piece::Stub(_) => {}
            }
            if let Some(compiled) = compiled {
                assert!(matches!(compiled.kind, CodeKind::Function | CodeKind::Helper(_)));
                self.placed.push(Placed { start, compiled });
            }
        }
        self.code = Some(memory.make_exec().unwrap());
    }

    /// Sets the size of the allocation buffer, now and after collections.
    pub fn set_buffer_size(&mut self, bytes: u64) {
        self.buffer_size = bytes;
        let top = *self.thread_field(layout().thread.top);
        self.reset_buffer(top);
    }

    /// Index of `stack_limit` in [`Machine::thread`].
    pub fn target_thread_offset(&self) -> usize {
        layout().thread.stack_limit as usize / 8
    }

    pub fn address(&self, key: u32) -> u64 {
        self.functions[&FunctionKey::Local(key)]
    }

    /// Calls a function with up to four words.
    pub fn run(&mut self, key: u32, args: &[u64]) -> u64 {
        let mut words = [0u64; 4];
        words[..args.len()].copy_from_slice(args);
        CURRENT.with(|current| current.set(self));
        // SAFETY: `enter` follows the C convention and the code was compiled for this machine.
        let enter: extern "sysv64" fn(u64, u64, u64, u64, u64, u64) -> u64 =
            unsafe { std::mem::transmute(self.enter) };
        let address = self.address(key);
        enter(self.thread.as_ptr() as u64, address, words[0], words[1], words[2], words[3])
    }

    /// The same with integers.
    pub fn run_ints(&mut self, key: u32, args: &[i64]) -> i64 {
        let args: Vec<u64> = args.iter().map(|&arg| arg as u64).collect();
        self.run(key, &args) as i64
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Helper(HelperId),
    Function(FunctionKey),
    Stub(StubRef),
    Enter,
}

/// Passes all arguments to [`runtime`], with the frame that the walk starts from.
fn runtime_thunk(arity: u8, entry: Option<u64>) -> Vec<u8> {
    let mut params = u32::from(arity) + 1;
    // push rbp; mov rbp, rsp
    let mut code = vec![0x55, 0x48, 0x89, 0xe5];
    if let Some(entry) = entry {
        // These stubs take no entry: make room for it. mov rdx, rsi; mov rsi, rdi; mov rdi, entry
        params -= 1;
        code.extend([0x48, 0x89, 0xf2, 0x48, 0x89, 0xfe, 0x48, 0xbf]);
        code.extend(entry.to_le_bytes());
    }
    for stack_arg in [1u8, 0] {
        if params > 6 + u32::from(stack_arg) {
            // push [rbp + 16 + 8 * stack_arg]
            code.extend([0xff, 0x75, 16 + 8 * stack_arg]);
        } else {
            // push 0
            code.extend([0x6a, 0]);
        }
    }
    // push r9; push r8; push rcx; push rdx; push rsi; push rdi; mov rdi, rsp; mov rsi, rbp; mov rax, runtime
    code.extend([
        0x41, 0x51, 0x41, 0x50, 0x51, 0x52, 0x56, 0x57, 0x48, 0x89, 0xe7, 0x48, 0x89, 0xee, 0x48, 0xb8,
    ]);
    code.extend((runtime as *const () as u64).to_le_bytes());
    // call rax; test rdx, rdx; jz over the next three: mov rsp, [rdx]; mov rbp, [rdx + 8]; jmp [rdx + 16]
    code.extend([0xff, 0xd0, 0x48, 0x85, 0xd2, 0x74, 10]);
    code.extend([0x48, 0x8b, 0x22, 0x48, 0x8b, 0x6a, 8, 0xff, 0x62, 16]);
    // mov rsp, rbp; pop rbp; ret stack_bytes
    code.extend([0x48, 0x89, 0xec, 0x5d, 0xc2]);
    let stack_bytes = (params.saturating_sub(6) * 8).next_multiple_of(16) as u16;
    code.extend(stack_bytes.to_le_bytes());
    code
}

/// Counts its calls and preserves all registers.
fn barrier_thunk(counter: u64) -> Vec<u8> {
    // push rax; mov rax, counter; add qword [rax], 1; pop rax; ret
    let mut code = vec![0x50, 0x48, 0xb8];
    code.extend(counter.to_le_bytes());
    code.extend([0x48, 0x83, 0, 1, 0x58, 0xc3]);
    code
}

/// `(thread, code, four arguments)` in the C convention.
fn enter_thunk() -> Vec<u8> {
    let mut code = Vec::new();
    // push rbp; mov rbp, rsp; push rbx, r12, r13, r14, r15, and r15 again for alignment
    code.extend([0x55, 0x48, 0x89, 0xe5, 0x53, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57, 0x41, 0x57]);
    // mov r15, rdi; mov rax, rsi; mov rdi, rdx; mov rsi, rcx; mov rdx, r8; mov rcx, r9; call rax
    code.extend([0x49, 0x89, 0xff, 0x48, 0x89, 0xf0, 0x48, 0x89, 0xd7, 0x48, 0x89, 0xce, 0x4c, 0x89, 0xc2]);
    code.extend([0x4c, 0x89, 0xc9, 0xff, 0xd0]);
    // lea rsp, [rbp - 48]; pop r15, r15, r14, r13, r12, rbx, rbp; ret
    code.extend([
        0x48, 0x8d, 0x65, 0xd0, 0x41, 0x5f, 0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d, 0x41, 0x5c, 0x5b, 0x5d, 0xc3,
    ]);
    code
}
