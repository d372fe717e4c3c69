//! Helpers: sequences too long to repeat at every use, as CLIF functions of their own.
//!
//! All use Cranelift's `Tail` convention and may collect and throw, unless said otherwise. Their Code objects have no owner, so they do
//! not appear in stack traces.

use std::fmt;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, AbiParam, InstBuilder, Signature, Value, types};
use cranelift_codegen::isa::CallConv;
use snapcrane_engines::{HEAP_OBJECT_TAG, Immutability, SMI_TAG_SIZE, TargetSpec};

use crate::alloc::NewObject;
use crate::emit::{EmitBuffers, Emitter, Region};
use crate::isa::IsaFacts;

/// A helper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HelperId {
    /// `(class, type arguments) → object`: an instance, all fields null, that needs no barriers until the next safepoint.
    AllocateObject,
    /// `(type arguments, length: tagged) → array`: filled with null; throws for a bad length. Short arrays need no barriers until the
    /// next safepoint.
    AllocateArray,
    /// `(number of variables: Smi, parent) → context`: variables null; small ones need no barriers until the next safepoint.
    AllocateContext,
    /// `(function, length and flags: Smi, context) → closure`: other elements null; needs no barriers until the next safepoint.
    AllocateClosure,
    /// `(shape: Smi) → record`: fields null; needs no barriers until the next safepoint.
    AllocateRecord,
    /// `(class id: Smi, length: i64) → typed data` with elements of `1 << log2` bytes: zeroed.
    AllocateTypedData {
        /// Binary logarithm of the size of an element.
        log2: u8,
    },
    /// `(length: i64) → string`: contents undefined.
    AllocateOneByteString,
    /// `(length: i64) → string`: contents undefined.
    AllocateTwoByteString,
    /// `(i64) → Mint`.
    AllocateMint,
    /// `(f64) → double`.
    AllocateDouble,
    /// `(a, b) → i8`: whether two different references are numbers of equal value. Neither collects nor throws.
    IdenticalNumbers,
    /// `(instance, type, instantiator, function type arguments, cache) → bool object`.
    InstanceOf {
        /// Number of inputs of the cache.
        inputs: u8,
    },
    /// `(instance, type, instantiator, function type arguments, name, cache) → instance`; throws a `TypeError`.
    AssertAssignable {
        /// Number of inputs of the cache.
        inputs: u8,
    },
    /// `(uninstantiated vector, instantiator, function type arguments) → vector`.
    InstantiateTypeArguments,
}

/// Numbers of inputs that a subtype-test cache can have: the parent function's type arguments never come without the delayed ones
/// (`GenerateSubtypeNTestCacheStub`, runtime/vm/compiler/stub_code_compiler_x64.cc).
pub(crate) const CACHE_INPUTS: [u8; 6] = [1, 2, 3, 4, 6, 7];

impl HelperId {
    /// All helpers, in the order in which they are listed.
    pub fn all() -> impl Iterator<Item = HelperId> {
        use HelperId::*;
        [
            AllocateObject,
            AllocateArray,
            AllocateContext,
            AllocateClosure,
            AllocateRecord,
            AllocateOneByteString,
            AllocateTwoByteString,
            AllocateMint,
            AllocateDouble,
            IdenticalNumbers,
            InstantiateTypeArguments,
        ]
        .into_iter()
        .chain((0..=4).map(|log2| AllocateTypedData { log2 }))
        .chain(CACHE_INPUTS.into_iter().map(|inputs| InstanceOf { inputs }))
        .chain(CACHE_INPUTS.into_iter().map(|inputs| AssertAssignable { inputs }))
    }
}

impl fmt::Display for HelperId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HelperId::AllocateTypedData { log2 } => write!(f, "AllocateTypedData{}", 1 << log2),
            HelperId::InstanceOf { inputs } => write!(f, "InstanceOf{inputs}"),
            HelperId::AssertAssignable { inputs } => write!(f, "AssertAssignable{inputs}"),
            other => write!(f, "{other:?}"),
        }
    }
}

/// The hash of a type argument vector that is null (`TypeArguments::kAllDynamicHash`, runtime/vm/object.h).
const ALL_DYNAMIC_HASH: i64 = 1;

/// Occupied entries of a subtype-test cache that is searched from front to back
/// (`SubtypeTestCache::kMaxLinearCacheEntries`, runtime/vm/object.h); larger ones are hash tables.
const MAX_LINEAR_TEST_ENTRIES: i64 = 30;

/// The same for instantiations (`TypeArguments::Cache`, runtime/vm/object.h).
const MAX_LINEAR_INSTANTIATIONS: i64 = 10;

/// Words before the entries of an instantiations cache: one, with the number of entries (`TypeArguments::Cache::Header`).
const INSTANTIATIONS_HEADER: i64 = 1;

/// Words of an entry: instantiator, function type arguments, result (`TypeArguments::Cache::Entry`).
const INSTANTIATION_ENTRY: i64 = 3;

/// Builds a helper in an empty CLIF function.
pub(crate) fn build(
    func: &mut ir::Function,
    target: &TargetSpec,
    isa: IsaFacts,
    buffers: &mut EmitBuffers,
    helper: HelperId,
) {
    let word = isa.word;
    let (raw, tagged, result): (&[ir::Type], usize, ir::Type) = match helper {
        HelperId::AllocateObject | HelperId::AllocateArray | HelperId::AllocateContext => (&[], 2, word),
        HelperId::AllocateClosure | HelperId::InstantiateTypeArguments => (&[], 3, word),
        HelperId::AllocateRecord => (&[], 1, word),
        HelperId::AllocateTypedData { .. } => (&[types::I64], 1, word),
        HelperId::AllocateOneByteString | HelperId::AllocateTwoByteString | HelperId::AllocateMint => {
            (&[types::I64], 0, word)
        }
        HelperId::AllocateDouble => (&[types::F64], 0, word),
        HelperId::IdenticalNumbers => (&[], 2, types::I8),
        HelperId::InstanceOf { .. } => (&[], 5, word),
        HelperId::AssertAssignable { .. } => (&[], 6, word),
    };
    let mut signature = Signature::new(CallConv::Tail);
    signature.params.extend(std::iter::repeat_n(AbiParam::new(word), tagged));
    signature.params.extend(raw.iter().map(|&ty| AbiParam::new(ty)));
    signature.returns.push(AbiParam::new(result));
    func.signature = signature;

    let mut e = Emitter::new(func, target, isa, buffers);
    let entry = e.block();
    e.switch_to(entry);
    let mut params: Vec<Value> = (0..tagged).map(|_| e.tagged_param(entry)).collect();
    params.extend(raw.iter().map(|&ty| e.param(entry, ty)));
    let result = match helper {
        HelperId::AllocateObject => allocate_object(&mut e, &params),
        HelperId::AllocateArray => allocate_array(&mut e, params[0], params[1]),
        HelperId::AllocateContext => allocate_context(&mut e, params[0], params[1]),
        HelperId::AllocateClosure => {
            let entry = target.engine.rt.allocate_closure;
            let closure = e.call_runtime(entry, &params, &mut []);
            remember(&mut e, closure)
        }
        HelperId::AllocateRecord => {
            let record = e.call_runtime(target.engine.rt.allocate_record, &params, &mut []);
            remember(&mut e, record)
        }
        HelperId::AllocateTypedData { log2 } => {
            allocate_typed_data(&mut e, params[0], params[1], u32::from(log2))
        }
        HelperId::AllocateOneByteString => allocate_string(&mut e, params[0], 0),
        HelperId::AllocateTwoByteString => allocate_string(&mut e, params[0], 1),
        HelperId::AllocateMint => allocate_mint(&mut e, params[0]),
        HelperId::AllocateDouble => allocate_double(&mut e, params[0]),
        HelperId::IdenticalNumbers => identical_numbers(&mut e, params[0], params[1]),
        HelperId::InstanceOf { inputs } => instance_of(&mut e, &params, inputs),
        HelperId::AssertAssignable { inputs } => assert_assignable(&mut e, &params, inputs),
        HelperId::InstantiateTypeArguments => {
            instantiate_type_arguments(&mut e, params[0], params[1], params[2])
        }
    };
    e.cur.ins().return_(&[result]);
}

/// Makes barriers unnecessary for an object that the runtime allocated, which may be old or marked already.
fn remember(e: &mut Emitter<'_>, object: Value) -> Value {
    e.ensure_remembered(object, e.target.engine.leaf.ensure_remembered_and_marking_deferred)
}

fn allocate_object(e: &mut Emitter<'_>, params: &[Value]) -> Value {
    let object = e.call_runtime(e.target.engine.rt.allocate_object, params, &mut []);
    remember(e, object)
}

fn allocate_context(e: &mut Emitter<'_>, count: Value, parent: Value) -> Value {
    let mut keep = [parent];
    let context = e.call_runtime(e.target.engine.rt.allocate_context, &[count], &mut keep);
    let context = remember(e, context);
    // Large contexts are not remembered, so the parent's store needs a barrier if it can be younger: it cannot, but it can be unmarked.
    let offset = e.layout.context.parent;
    e.store_field(keep[0], context, offset, Region::Field);
    e.write_barrier_call(context, keep[0]);
    context
}

/// The part of an array's allocation that all paths need: goes on where the object has been made, or in `slow`.
fn allocate_array(e: &mut Emitter<'_>, type_args: Value, length: Value) -> Value {
    let layout = e.layout;
    let word = e.word;
    let (smi, small, slow, done) = (e.block(), e.block(), e.cold_block(), e.block());
    let result = e.tagged_param(done);
    let heap_bit = e.heap_bit(length);
    e.branch(heap_bit, slow, smi);
    e.switch_to(smi);
    let max = layout.array.max_new_space_elements << SMI_TAG_SIZE;
    let fits = e.cmp_imm(IntCC::UnsignedLessThanOrEqual, length, max);
    e.branch(fits, small, slow);

    e.switch_to(small);
    let scale = word.bytes().trailing_zeros() - SMI_TAG_SIZE;
    let bytes = e.shl_imm(length, scale);
    let size = e.add_imm(bytes, i64::from(layout.array.data));
    let size = e.round_size(size);
    let array = e.bump(size, slow);
    let tags = e.new_tags(e.target.engine.cids.array, Immutability::Mutable, size);
    e.store_field(tags, array, layout.object.tags, Region::Header);
    e.store_field(type_args, array, layout.array.type_arguments, Region::Field);
    e.store_field(length, array, layout.array.length, Region::Immutable);
    let from = e.add_imm(array, i64::from(layout.array.data - HEAP_OBJECT_TAG));
    let start = e.add_imm(array, -i64::from(HEAP_OBJECT_TAG));
    let to = e.cur.ins().iadd(start, size);
    let null = e.null();
    e.fill_loop(null, from, to, Region::Element);
    e.publish_fence();
    e.jump(done, &[array]);

    e.switch_to_cold(slow);
    let array = e.call_runtime(e.target.engine.rt.allocate_array, &[length, type_args], &mut []);
    let array = remember(e, array);
    e.jump(done, &[array]);
    e.switch_to(done);
    result
}

/// Header (except the size), size, and fields of a variable-sized object with raw contents.
fn allocate_typed_data(e: &mut Emitter<'_>, cid: Value, length: Value, log2: u32) -> Value {
    let layout = &e.layout.typed_data;
    let word = e.word;
    let (small, slow, done) = (e.block(), e.cold_block(), e.block());
    let result = e.tagged_param(done);
    let max = e.layout.heap.new_allocatable_size >> log2;
    let fits = e.cmp_imm(IntCC::UnsignedLessThan, length, max - i64::from(layout.payload));
    e.branch(fits, small, slow);

    e.switch_to(small);
    let count = e.i64_to_word(length);
    let bytes = e.shl_imm(count, log2);
    let size = e.add_imm(bytes, i64::from(layout.payload));
    let size = e.round_size(size);
    let data = e.bump(size, slow);
    let base = e.new_tags(0, Immutability::Mutable, size);
    let cid_untagged = e.shr_imm(cid, SMI_TAG_SIZE);
    let cid_field = e.shl_imm(cid_untagged, e.layout.untagged_object.class_id_tag_pos as u32);
    let tags = e.cur.ins().bor(base, cid_field);
    e.store_field(tags, data, e.layout.object.tags, Region::Header);
    let length_smi = e.tag_smi(length);
    e.store_field(length_smi, data, layout.length, Region::Immutable);
    let payload = e.add_imm(data, i64::from(layout.payload - HEAP_OBJECT_TAG));
    e.store_field(payload, data, layout.data_field, Region::Field);
    let start = e.add_imm(data, -i64::from(HEAP_OBJECT_TAG));
    let end = e.cur.ins().iadd(start, size);
    let zero = e.const_of(word, 0);
    e.fill_loop(zero, payload, end, Region::Raw);
    e.publish_fence();
    e.jump(done, &[data]);

    // Lengths are in range, so they are Smis.
    e.switch_to_cold(slow);
    let length_smi = e.tag_smi(length);
    let data = e.call_runtime(e.target.engine.rt.allocate_typed_data, &[cid, length_smi], &mut []);
    e.jump(done, &[data]);
    e.switch_to(done);
    result
}

/// A string of `length` code units of `1 << log2` bytes.
///
/// The runtime has an entry that allocates typed data but none that allocates strings. The slow path asks it for bytes of the same
/// total size and makes a string of them: nobody else knows the object yet, and what the collector and the sweeper read of it, the size,
/// stays the same.
fn allocate_string(e: &mut Emitter<'_>, length: Value, log2: u32) -> Value {
    let engine = e.target.engine;
    let layout = e.layout;
    let data = if log2 == 0 { layout.one_byte_string.data } else { layout.two_byte_string.data };
    let cid = if log2 == 0 { engine.cids.one_byte_string } else { engine.cids.two_byte_string };
    let immutability = engine.immutability(cid);
    let (small, slow, done) = (e.block(), e.cold_block(), e.block());
    let result = e.tagged_param(done);
    let count = e.i64_to_word(length);
    let bytes = e.shl_imm(count, log2);
    let size = e.add_imm(bytes, i64::from(data));
    let size = e.round_size(size);
    // The length decides, not the size: that of a very long string may not fit in a word.
    let max = layout.heap.new_allocatable_size - i64::from(data) - i64::from(layout.object_alignment());
    let fits = e.cmp_imm(IntCC::UnsignedLessThan, length, max >> log2);
    e.branch(fits, small, slow);

    let init = |e: &mut Emitter<'_>, string: Value, tags: Value| {
        e.store_field(tags, string, layout.object.tags, Region::Header);
        let length = e.tag_smi(length);
        e.store_field(length, string, layout.string.length, Region::Immutable);
        if layout.word_size() == 4 {
            let zero = e.smi(0);
            e.store_field(zero, string, layout.string.hash, Region::Field);
        }
        e.publish_fence();
    };
    e.switch_to(small);
    let string = e.bump(size, slow);
    let tags = e.new_tags(cid, immutability, size);
    init(e, string, tags);
    e.jump(done, &[string]);

    e.switch_to_cold(slow);
    let (possible, too_long) = (e.block(), e.cold_block());
    let most = (e.target.smi_max() - i64::from(layout.typed_data.payload)) >> log2;
    let is_possible = e.cmp_imm(IntCC::UnsignedLessThanOrEqual, length, most);
    e.branch(is_possible, possible, too_long);
    // The runtime throws for an array of that length, what is to be thrown here: there is not so much memory.
    e.switch_to_cold(too_long);
    let (most, null) = (e.smi(e.target.smi_max()), e.null());
    e.throw_runtime(engine.rt.allocate_array, &[most, null]);

    e.switch_to_cold(possible);
    // Typed data has the longer header, so the shortest strings are smaller than any typed data: then they get a word too much,
    // which the size in the header accounts for.
    let bytes_cid = engine.cids.typed_data_uint8_array;
    let payload = e.add_imm(size, -i64::from(layout.typed_data.payload));
    let negative = e.cmp_imm(IntCC::SignedLessThan, payload, 0);
    let zero = e.iconst(0);
    let payload = e.cur.ins().select(negative, zero, payload);
    let payload = e.shl_imm(payload, SMI_TAG_SIZE);
    let bytes_cid_smi = e.smi(i64::from(bytes_cid));
    let raw = e.call_runtime(engine.rt.allocate_typed_data, &[bytes_cid_smi, payload], &mut []);
    let word = e.word;
    let tags = e.load_field(word, raw, layout.object.tags, Region::Header);
    let change = layout.new_object_tags(bytes_cid, 0, engine.immutability(bytes_cid))
        ^ layout.new_object_tags(cid, 0, immutability);
    let change = e.iconst(change as i64);
    let tags = e.cur.ins().bxor(tags, change);
    init(e, raw, tags);
    e.jump(done, &[raw]);
    e.switch_to(done);
    result
}

fn allocate_mint(e: &mut Emitter<'_>, value: Value) -> Value {
    let engine = e.target.engine;
    let cid = engine.cids.mint;
    let size = e.layout.rounded_allocation_size(e.layout.mint.instance_size as u32);
    let object = NewObject { cid, size, immutability: engine.immutability(cid) };
    let slow = |e: &mut Emitter<'_>, keep: &mut [Value]| e.call_runtime(engine.rt.allocate_mint, &[], keep);
    let mint = e.allocate(object, &mut [], |_, _| {}, slow);
    let offset = e.layout.mint.value;
    e.init_box(mint, offset, value);
    e.publish_fence();
    mint
}

fn allocate_double(e: &mut Emitter<'_>, value: Value) -> Value {
    let object = e.call_runtime(e.target.engine.rt.allocate_double, &[], &mut []);
    let offset = e.layout.double.value;
    e.init_box(object, offset, value);
    e.publish_fence();
    object
}

/// Both Mints of the same value, or both doubles of the same bits.
fn identical_numbers(e: &mut Emitter<'_>, a: Value, b: Value) -> Value {
    let cids = &e.target.engine.cids;
    let (numbers, done) = (e.block(), e.block());
    let result = e.param(done, types::I8);
    let no = e.const_of(types::I8, 0);
    let (cid_a, cid_b) = (e.load_class_id(a), e.load_class_id(b));
    let same = e.cur.ins().icmp(IntCC::Equal, cid_a, cid_b);
    let is_mint = e.cmp_imm(IntCC::Equal, cid_a, i64::from(cids.mint));
    let is_double = e.cmp_imm(IntCC::Equal, cid_a, i64::from(cids.double));
    let is_number = e.cur.ins().bor(is_mint, is_double);
    let comparable = e.cur.ins().band(same, is_number);
    e.branch_with(comparable, (numbers, &[]), (done, &[no]));
    e.switch_to(numbers);
    debug_assert_eq!(e.layout.mint.value, e.layout.double.value);
    let offset = e.layout.mint.value;
    let value_a = e.load_field(types::I64, a, offset, Region::Immutable);
    let value_b = e.load_field(types::I64, b, offset, Region::Immutable);
    let equal = e.cur.ins().icmp(IntCC::Equal, value_a, value_b);
    e.jump(done, &[equal]);
    e.switch_to(done);
    result
}

// Caches.

/// Adds a hash to another one (`CombineHashes`, runtime/vm/hash.h). Hashes are 32-bit integers.
fn combine_hashes(e: &mut Emitter<'_>, hash: Value, other: Value) -> Value {
    let hash = e.cur.ins().iadd(hash, other);
    let shifted = e.shl_imm(hash, 10);
    let hash = e.cur.ins().iadd(hash, shifted);
    let shifted = e.shr_imm(hash, 6);
    e.cur.ins().bxor(hash, shifted)
}

/// Finishes a hash, of 32 bits and never 0 (`FinalizeHash`, runtime/vm/hash.h).
fn finalize_hash(e: &mut Emitter<'_>, hash: Value) -> Value {
    let shifted = e.shl_imm(hash, 3);
    let hash = e.cur.ins().iadd(hash, shifted);
    let shifted = e.shr_imm(hash, 11);
    let hash = e.cur.ins().bxor(hash, shifted);
    let shifted = e.shl_imm(hash, 15);
    let hash = e.cur.ins().iadd(hash, shifted);
    let is_zero = e.cmp_imm(IntCC::Equal, hash, 0);
    let one = e.const_of(types::I32, 1);
    e.cur.ins().select(is_zero, one, hash)
}

fn smi_to_hash(e: &mut Emitter<'_>, smi: Value) -> Value {
    let value = e.sar_imm(smi, SMI_TAG_SIZE);
    if e.word == types::I32 { value } else { e.cur.ins().ireduce(types::I32, value) }
}

/// The hash in a field of an object; goes to `unknown` if it has not been computed.
fn stored_hash(e: &mut Emitter<'_>, object: Value, offset: i32, unknown: ir::Block) -> Value {
    let word = e.word;
    let next = e.block();
    let smi = e.load_field(word, object, offset, Region::Field);
    let hash = smi_to_hash(e, smi);
    e.branch(hash, next, unknown);
    e.switch_to(next);
    hash
}

/// Hash of a type argument vector, which may be null.
fn type_arguments_hash(e: &mut Emitter<'_>, vector: Value, unknown: ir::Block) -> Value {
    let (load, done) = (e.block(), e.block());
    let result = e.param(done, types::I32);
    let null = e.null();
    let is_null = e.cur.ins().icmp(IntCC::Equal, vector, null);
    let all_dynamic = e.const_of(types::I32, ALL_DYNAMIC_HASH);
    e.branch_with(is_null, (done, &[all_dynamic]), (load, &[]));
    e.switch_to(load);
    let offset = e.layout.type_arguments.hash;
    let hash = stored_hash(e, vector, offset, unknown);
    e.jump(done, &[hash]);
    e.switch_to(done);
    result
}

/// Elements of an array found in a field: its first element's address and the length.
fn cache_array(e: &mut Emitter<'_>, holder: Value, offset: i32) -> (Value, Value) {
    let address = e.add_imm(holder, i64::from(offset - HEAP_OBJECT_TAG));
    let array = e.load_acquire(address, Region::Field);
    let length = e.load_smi(array, e.layout.array.length, Region::Immutable);
    let data = e.add_imm(array, i64::from(e.layout.array.data - HEAP_OBJECT_TAG));
    (data, length)
}

/// What identifies a test in a subtype-test cache, by position in the entry; `None` for inputs that the cache does not have.
type TestKey = [Option<Value>; 7];

/// The inputs of a test that belong to the instance: class id (Smi) or signature, type arguments, and those of closures.
fn instance_key(e: &mut Emitter<'_>, instance: Value, inputs: u8) -> [Value; 4] {
    let layout = e.layout;
    let word = e.word;
    let (closure, other, typed, done) = (e.block(), e.block(), e.block(), e.block());
    let key: [Value; 4] = std::array::from_fn(|_| e.tagged_param(done));
    let null = e.null();
    let cid = e.class_id_of(instance);
    let is_closure = e.cmp_imm(IntCC::Equal, cid, i64::from(e.target.engine.cids.closure));
    e.branch(is_closure, closure, other);

    e.switch_to(closure);
    let function = e.load_tagged(instance, layout.closure.function, Region::Field);
    let signature = e.load_tagged(function, layout.function.signature, Region::Field);
    let flags = e.load_smi(instance, layout.closure.length_and_flags, Region::Immutable);
    let flags = e.i64_to_word(flags);
    let bits = &e.target.engine.bits.closure_flags;
    let elements = i64::from(layout.closure.elements_start - HEAP_OBJECT_TAG);
    let null = if inputs >= 2 { e.null() } else { null };
    // Elements are there only if the flag is set, but every closure has at least one: load index 0 and ignore it otherwise.
    let element = |e: &mut Emitter<'_>, flag: u8, index: Option<Value>| {
        let mask = e.and_imm(flags, 1 << flag);
        let present = e.cmp_imm(IntCC::NotEqual, mask, 0);
        let zero = e.iconst(0);
        let index = index.map_or(zero, |index| e.cur.ins().select(present, index, zero));
        let offset = e.shl_imm(index, word.bytes().trailing_zeros());
        let address = e.cur.ins().iadd(instance, offset);
        let region = e.flags(Region::Field);
        let loaded = e.cur.ins().load(word, region, address, elements as i32);
        let loaded = e.mark_tagged(loaded);
        let value = e.cur.ins().select(present, loaded, null);
        e.mark_tagged(value)
    };
    let has_delayed = e.and_imm(flags, 1 << bits.has_delayed_type_arguments.shift);
    let instantiator = element(e, bits.has_instantiator_type_arguments.shift, Some(has_delayed));
    let function_index = e.shr_imm(flags, u32::from(bits.function_type_arguments_index.shift));
    let function_index = e.and_imm(function_index, bits.function_type_arguments_index.max() as i64);
    let parent = element(e, bits.has_function_type_arguments.shift, Some(function_index));
    let delayed = element(e, bits.has_delayed_type_arguments.shift, None);
    e.jump(done, &[signature, instantiator, parent, delayed]);

    e.switch_to(other);
    let cid_word = if word == types::I32 { cid } else { e.cur.ins().uextend(word, cid) };
    let cid_smi = e.shl_imm(cid_word, SMI_TAG_SIZE);
    let null = e.null();
    if inputs < 2 {
        e.jump(done, &[cid_smi, null, null, null]);
    } else {
        // Where type arguments are is a matter of the class: `Class.host_type_arguments_field_offset_in_words`.
        let group = e.load_thread(word, layout.thread.isolate_group);
        let flags = e.flags(Region::Static);
        let table = e.cur.ins().load(word, flags, group, layout.isolate_group.cached_class_table_table);
        let scaled = e.shl_imm(cid_word, word.bytes().trailing_zeros());
        let entry = e.cur.ins().iadd(table, scaled);
        let class = e.cur.ins().load(word, flags, entry, 0);
        let class = e.mark_tagged(class);
        let offset = layout.class.host_type_arguments_field_offset_in_words;
        let words = e.load_field(types::I32, class, offset, Region::Immutable);
        // -1 stands for classes without type arguments (`Class::kNoTypeArguments`).
        let none = e.cmp_imm(IntCC::Equal, words, -1);
        e.branch_with(none, (done, &[cid_smi, null, null, null]), (typed, &[]));
        e.switch_to(typed);
        let words = if word == types::I32 { words } else { e.cur.ins().sextend(word, words) };
        let offset = e.shl_imm(words, word.bytes().trailing_zeros());
        let address = e.cur.ins().iadd(instance, offset);
        let flags = e.flags(Region::Field);
        let type_args = e.cur.ins().load(word, flags, address, -HEAP_OBJECT_TAG);
        let type_args = e.mark_tagged(type_args);
        let null = e.null();
        e.jump(done, &[cid_smi, type_args, null, null]);
    }
    e.switch_to(done);
    key
}

/// Looks a test up in a subtype-test cache; the result is what the cache says, or null. Mirrors
/// `GenerateSubtypeTestCacheSearch` (runtime/vm/compiler/stub_code_compiler.cc).
fn search_test_cache(e: &mut Emitter<'_>, params: &[Value], cache: Value, inputs: u8) -> Value {
    let layout = &e.layout.subtype_test_cache;
    let word = e.word;
    let word_log2 = word.bytes().trailing_zeros();
    let [instance, ty, instantiator, function] = [params[0], params[1], params[2], params[3]];
    let [class, type_args, parent, delayed] = instance_key(e, instance, inputs);
    let mut key: TestKey = [None; 7];
    let positions = [
        (layout.instance_cid_or_signature, class),
        (layout.instance_type_arguments, type_args),
        (layout.instantiator_type_arguments, instantiator),
        (layout.function_type_arguments, function),
        (layout.instance_parent_function_type_arguments, parent),
        (layout.instance_delayed_function_type_arguments, delayed),
        (layout.destination_type, ty),
    ];
    for (position, value) in positions {
        if position < i32::from(inputs) {
            key[position as usize] = Some(value);
        }
    }
    let entry_words = i64::from(layout.test_entry_length);
    let entry_bytes = entry_words << word_log2;

    let (linear, hash, probe, found, missing, done) =
        (e.block(), e.block(), e.block(), e.block(), e.block(), e.block());
    // A probe: entry to look at, where to go from there, and by how much more the next time. A linear search steps by one entry and
    // ends at a free one; a hash table is left at its end for its start.
    let entry = e.param(probe, word);
    let step = e.param(probe, word);
    let step_growth = e.param(probe, word);
    let start = e.param(probe, word);
    let end = e.param(probe, word);
    let hit = e.param(found, word);
    let result = e.tagged_param(done);

    let (data, length) = cache_array(e, cache, layout.cache);
    let length = e.i64_to_word(length);
    let size = e.shl_imm(length, word_log2);
    let data_end = e.cur.ins().iadd(data, size);
    let max_linear = (MAX_LINEAR_TEST_ENTRIES + 1) * entry_words;
    let is_hash = e.cmp_imm(IntCC::SignedGreaterThan, length, max_linear);
    e.branch(is_hash, hash, linear);

    e.switch_to(linear);
    let (one_entry, zero) = (e.iconst(entry_bytes), e.iconst(0));
    e.jump(probe, &[data, one_entry, zero, data, data_end]);

    e.switch_to(hash);
    let index = test_hash(e, &key, missing);
    let entries = e.shr_imm(length, entry_words.trailing_zeros());
    let mask = e.add_imm(entries, -1);
    let index = if word == types::I32 { index } else { e.cur.ins().uextend(word, index) };
    let index = e.cur.ins().band(index, mask);
    let offset = e.shl_imm(index, entry_words.trailing_zeros() + word_log2);
    let first = e.cur.ins().iadd(data, offset);
    let one_entry = e.iconst(entry_bytes);
    e.jump(probe, &[first, one_entry, one_entry, data, data_end]);

    e.switch_to(probe);
    let occupied = e.block();
    let next = e.block();
    let class_in_entry = e.load_acquire(entry, Region::Element);
    let null = e.null();
    let free = e.cur.ins().icmp(IntCC::Equal, class_in_entry, null);
    e.branch(free, missing, occupied);
    e.switch_to(occupied);
    let flags = e.flags(Region::Element);
    for (position, value) in key.iter().enumerate() {
        let Some(value) = value else { continue };
        let following = e.block();
        let cached = if position as i32 == layout.instance_cid_or_signature {
            class_in_entry
        } else {
            e.cur.ins().load(word, flags, entry, (position as i32) << word_log2)
        };
        let equal = e.cur.ins().icmp(IntCC::Equal, cached, *value);
        e.branch(equal, following, next);
        e.switch_to(following);
    }
    e.jump(found, &[entry]);

    e.switch_to(next);
    let after = e.cur.ins().iadd(entry, step);
    let next_step = e.cur.ins().iadd(step, step_growth);
    let inside = e.cur.ins().icmp(IntCC::UnsignedLessThan, after, end);
    let size = e.cur.ins().isub(end, start);
    let wrapped = e.cur.ins().isub(after, size);
    let after = e.cur.ins().select(inside, after, wrapped);
    e.jump(probe, &[after, next_step, step_growth, start, end]);

    e.switch_to(found);
    let answer = e.cur.ins().load(word, flags, hit, layout.test_result << word_log2);
    e.jump(done, &[answer]);
    e.switch_to(missing);
    let null = e.null();
    e.jump(done, &[null]);
    e.switch_to(done);
    result
}

/// Hash of a test's key. Goes to `unknown` if a part has no hash yet.
fn test_hash(e: &mut Emitter<'_>, key: &TestKey, unknown: ir::Block) -> Value {
    let layout = &e.layout.subtype_test_cache;
    let type_hash = e.layout.abstract_type.hash;
    let part = |position: i32| key[position as usize];
    let class = part(layout.instance_cid_or_signature).expect("every test has a class");
    let (signature, hashed) = (e.block(), e.block());
    let class_hash = e.param(hashed, types::I32);
    let untagged = smi_to_hash(e, class);
    let heap_bit = e.heap_bit(class);
    e.branch_with(heap_bit, (signature, &[]), (hashed, &[untagged]));
    e.switch_to(signature);
    let hash = stored_hash(e, class, type_hash, unknown);
    e.jump(hashed, &[hash]);
    e.switch_to(hashed);
    let mut hash = class_hash;
    if let Some(ty) = part(layout.destination_type) {
        let other = stored_hash(e, ty, type_hash, unknown);
        hash = combine_hashes(e, hash, other);
    }
    for position in [
        layout.instance_delayed_function_type_arguments,
        layout.instance_parent_function_type_arguments,
        layout.function_type_arguments,
        layout.instantiator_type_arguments,
        layout.instance_type_arguments,
    ] {
        if let Some(vector) = part(position) {
            let other = type_arguments_hash(e, vector, unknown);
            hash = combine_hashes(e, hash, other);
        }
    }
    finalize_hash(e, hash)
}

/// Continues with a cached answer, or in a cold block; returns the answer, the block to leave to, and its parameter.
fn cached_answer(e: &mut Emitter<'_>, params: &[Value], cache: Value, inputs: u8) -> (Value, Value) {
    let answer = search_test_cache(e, params, cache, inputs);
    let null = e.null();
    let missing = e.cur.ins().icmp(IntCC::Equal, answer, null);
    (answer, missing)
}

fn instance_of(e: &mut Emitter<'_>, params: &[Value], inputs: u8) -> Value {
    let (slow, done) = (e.cold_block(), e.block());
    let result = e.tagged_param(done);
    let (answer, missing) = cached_answer(e, params, params[4], inputs);
    e.branch_with(missing, (slow, &[]), (done, &[answer]));
    e.switch_to_cold(slow);
    let answer = e.call_runtime(e.target.engine.rt.instanceof, params, &mut []);
    e.jump(done, &[answer]);
    e.switch_to(done);
    result
}

fn assert_assignable(e: &mut Emitter<'_>, params: &[Value], inputs: u8) -> Value {
    let (slow, done) = (e.cold_block(), e.block());
    let result = e.tagged_param(done);
    let (answer, _) = cached_answer(e, params, params[5], inputs);
    // Anything but `true` is for the runtime: a miss, or an error to throw.
    let yes = e.bool_object(true);
    let assignable = e.cur.ins().icmp(IntCC::Equal, answer, yes);
    e.branch_with(assignable, (done, &[params[0]]), (slow, &[]));
    e.switch_to_cold(slow);
    let mode = e.smi(i64::from(e.target.engine.enums.type_check_mode.type_check_from_inline));
    let mut args = params.to_vec();
    args.push(mode);
    let instance = e.call_runtime(e.target.engine.rt.type_check, &args, &mut []);
    e.jump(done, &[instance]);
    e.switch_to(done);
    result
}

/// Looks an instantiation up in the vector's cache and asks the runtime on a miss. Mirrors
/// `GenerateInstantiateTypeArgumentsStub` (runtime/vm/compiler/stub_code_compiler.cc).
fn instantiate_type_arguments(
    e: &mut Emitter<'_>,
    vector: Value,
    instantiator: Value,
    function: Value,
) -> Value {
    let word = e.word;
    let word_log2 = word.bytes().trailing_zeros();
    let (linear, hash, probe, missing, done) = (e.block(), e.block(), e.block(), e.cold_block(), e.block());
    // A linear search has mask -1 and looks at one entry after the other; a hash table at entries in growing distance.
    let index = e.param(probe, word);
    let distance = e.param(probe, word);
    let growth = e.param(probe, word);
    let mask = e.param(probe, word);
    let result = e.tagged_param(done);

    let (data, length) = cache_array(e, vector, e.layout.type_arguments.instantiations);
    let length = e.i64_to_word(length);
    let entries = e.add_imm(data, INSTANTIATIONS_HEADER << word_log2);
    let max_linear = INSTANTIATIONS_HEADER + (MAX_LINEAR_INSTANTIATIONS + 1) * INSTANTIATION_ENTRY;
    let is_hash = e.cmp_imm(IntCC::SignedGreaterThan, length, max_linear);
    e.branch(is_hash, hash, linear);

    e.switch_to(linear);
    let (zero, one, all) = (e.iconst(0), e.iconst(1), e.iconst(-1));
    e.jump(probe, &[zero, one, zero, all]);

    e.switch_to(hash);
    let first = type_arguments_hash(e, instantiator, missing);
    let second = type_arguments_hash(e, function, missing);
    let hash = combine_hashes(e, first, second);
    let hash = finalize_hash(e, hash);
    let hash = if word == types::I32 { hash } else { e.cur.ins().uextend(word, hash) };
    // The table is full of entries but for the header, and their number is a power of two.
    let words = e.add_imm(length, -INSTANTIATIONS_HEADER);
    let divisor = e.iconst(INSTANTIATION_ENTRY);
    let count = e.cur.ins().udiv(words, divisor);
    let mask_value = e.add_imm(count, -1);
    let start = e.cur.ins().band(hash, mask_value);
    let one = e.iconst(1);
    e.jump(probe, &[start, one, one, mask_value]);

    e.switch_to(probe);
    let (occupied, same, found, next) = (e.block(), e.block(), e.block(), e.block());
    let entry_words = e.iconst(INSTANTIATION_ENTRY);
    let offset = e.cur.ins().imul(index, entry_words);
    let offset = e.shl_imm(offset, word_log2);
    let entry = e.cur.ins().iadd(entries, offset);
    // Free entries start with a Smi.
    let cached = e.load_acquire(entry, Region::Element);
    let heap_bit = e.heap_bit(cached);
    e.branch(heap_bit, occupied, missing);
    e.switch_to(occupied);
    let equal = e.cur.ins().icmp(IntCC::Equal, cached, instantiator);
    e.branch(equal, same, next);
    e.switch_to(same);
    let flags = e.flags(Region::Element);
    let cached = e.cur.ins().load(word, flags, entry, 1 << word_log2);
    let equal = e.cur.ins().icmp(IntCC::Equal, cached, function);
    e.branch(equal, found, next);
    e.switch_to(found);
    let instantiated = e.cur.ins().load(word, flags, entry, 2 << word_log2);
    e.jump(done, &[instantiated]);
    e.switch_to(next);
    let after = e.cur.ins().iadd(index, distance);
    let after = e.cur.ins().band(after, mask);
    let next_distance = e.cur.ins().iadd(distance, growth);
    e.jump(probe, &[after, next_distance, growth, mask]);

    e.switch_to_cold(missing);
    let entry = e.target.engine.rt.instantiate_type_arguments;
    let instantiated = e.call_runtime(entry, &[vector, instantiator, function], &mut []);
    e.jump(done, &[instantiated]);
    e.switch_to(done);
    result
}
