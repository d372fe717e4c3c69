//! Classes, instances, functions, fields and the smaller kinds of objects.

use super::Checker;
use crate::{ObjId, Object, Section};
use dart_snapshot::bits::{
    ClassFinalization, ClassState, ClosureLengthAndFlags, FieldKindBits, FunctionKind, FunctionKindTag,
};
use dart_snapshot::objects::{Array, Class, Function, Mint, TypedDataType};

/// Bits of a function's kind.
const FUNCTION_KIND_MASK: u32 = 31;

impl Checker<'_, '_> {
    /// Symbols are what they are called; predefined classes have their ids.
    pub(super) fn roots(&mut self) {
        let snapshot = self.snapshot;
        let (roots, spec, graph) = (snapshot.roots(), &snapshot.spec, &snapshot.graph);
        let offset = snapshot.map.roots.start;
        for (&id, text) in roots.symbols.iter().zip(&spec.symbols) {
            let found = graph.text(id).unwrap_or_default();
            if found != *text {
                let reason = format!("predefined symbol {text:?} is {found:?}");
                self.named(Section::Roots, "symbols", offset, reason);
            }
        }
        for (&id, unit) in roots.one_char_symbols.iter().zip(0u16..) {
            let is_it = matches!(graph.object(id), Object::String(s) if s.len() == 1 && s.units().next() == Some(unit));
            if !is_it {
                let reason = format!("symbol of code unit {unit:#x} is {}", graph.describe(id));
                self.named(Section::Roots, "symbols", offset, reason);
            }
        }
        for &id in roots.symbols.iter().chain(&roots.one_char_symbols) {
            if !graph.is_canonical(id) {
                self.object(id, "is a predefined symbol, and not canonical");
            }
        }
        for (&id, &cid) in roots.class_table.iter().zip(&spec.class_roots) {
            if let Ok(class) = graph.get::<Class>(id)
                && class.id as u32 != cid
            {
                let reason = format!("has class id {}, is the root of class {cid}", class.id);
                self.object(id, reason);
            }
        }
        for (root, &id) in spec.handle_roots.iter().zip(&roots.handles) {
            let expected = match &*root.name {
                "sentinel" => ObjId::SENTINEL,
                "unknown_constant" => ObjId::UNKNOWN_CONSTANT,
                "non_constant" => ObjId::NON_CONSTANT,
                "optimized_out" => ObjId::OPTIMIZED_OUT,
                "bool_true" => ObjId::TRUE,
                "bool_false" => ObjId::FALSE,
                // The class of null is an object like others.
                "null_class" => continue,
                name if name.starts_with("null_") => ObjId::NULL,
                _ => continue,
            };
            if id != expected {
                let reason = format!("is {} instead of {}", graph.describe(id), graph.describe(expected));
                self.named(Section::Roots, format!("handle {}", root.name), offset, reason);
            }
        }
        for (name, &id) in spec.api_handles.iter().zip(&roots.api_handles) {
            let expected = match name.trim_end_matches("_api_handle") {
                "true" => ObjId::TRUE,
                "false" => ObjId::FALSE,
                "null" => ObjId::NULL,
                _ => continue,
            };
            if id != expected {
                let reason = format!("is {}", graph.describe(id));
                self.named(Section::Roots, format!("handle {name}"), offset, reason);
            }
        }
        // `ReadRoots` in `runtime/vm/app_snapshot.cc` makes room for the last one without looking whether there is one.
        if roots.initial_field_table.is_empty() {
            let reason = "no static fields; the engine needs one at least";
            self.named(Section::Roots, "initial_field_table", snapshot.map.roots.end, reason);
        }
        for name in &spec.required_object_store {
            if roots.store(spec, name).is_ok_and(ObjId::is_null) {
                self.named(
                    Section::Roots,
                    format!("object store slot {name}"),
                    offset,
                    "null, and the engine needs it",
                );
            }
        }
    }

    pub(super) fn classes(&mut self) {
        let snapshot = self.snapshot;
        let spec = &snapshot.spec;
        let first_word = snapshot.format.first_field_word() as i32;
        for (id, class) in snapshot.of_kind::<Class>() {
            let cid = class.id as u32;
            if class.id <= 0 || cid >= 2 * spec.top_level_cid_offset {
                self.object(id, format!("has class id {}", class.id));
            } else if let Some((other, _)) = snapshot.class(cid)
                && other != id
            {
                self.object(id, format!("shares class id {cid} with {}", snapshot.graph.describe(other)));
            }
            let (next, size) = (class.next_field_offset_in_words, class.instance_size_in_words);
            let has_instances = (spec.num_predefined_cids..spec.top_level_cid_offset).contains(&cid);
            if has_instances && class.library.is_null() {
                self.object(id, "is a class of the program without a library");
            }
            if has_instances && size != 0 && !(first_word..=size).contains(&next) {
                self.object(id, format!("fields end at word {next} of {size}"));
            }
            if cid < spec.num_predefined_cids {
                self.predefined_class(id, class);
            }
        }
    }

    /// The collector takes sizes of predefined classes from their Class objects.
    fn predefined_class(&mut self, id: ObjId, class: &Class) {
        let target = &self.snapshot.target;
        let Some(known) = target.engine.classes.get(class.id as usize).filter(|known| known.in_class_table)
        else {
            return;
        };
        let shape = target.class_shape(known);
        if class.instance_size_in_words != shape.instance_size {
            let (found, expected) = (class.instance_size_in_words, shape.instance_size);
            self.object(id, format!("instances of {found} words, the engine's have {expected}"));
        }
    }

    /// Instances are laid out as their class says.
    pub(super) fn instances(&mut self) {
        let snapshot = self.snapshot;
        for (index, cluster) in snapshot.clusters().iter().enumerate() {
            if !cluster.is_instance(&snapshot.spec) {
                continue;
            }
            let Some((id, class)) = snapshot.class(cluster.class_id) else {
                self.cluster(index, format!("class {} is not in the snapshot", cluster.class_id));
                continue;
            };
            let layout = &cluster.instance_layout;
            let name = snapshot.graph.describe(id);
            for (what, found, expected) in [
                ("instance size", layout.instance_size_in_words.into(), class.instance_size_in_words.into()),
                (
                    "end of fields",
                    layout.next_field_offset_in_words.into(),
                    class.next_field_offset_in_words.into(),
                ),
                ("unboxed fields", layout.unboxed_fields_bitmap as i64, class.unboxed_fields_bitmap as i64),
            ] {
                if found != expected {
                    self.cluster(index, format!("{what} {found}, {name} says {expected}"));
                }
            }
            let first = snapshot.format.first_field_word() as i32;
            let (next, size) = (layout.next_field_offset_in_words, layout.instance_size_in_words);
            if !(first..=size).contains(&next) {
                self.cluster(index, format!("fields end at word {next} of {size}"));
            }
            let state = ClassState::from_bits(class.state_bits);
            if matches!(state.finalization, ClassFinalization::Allocated | ClassFinalization::PreFinalized) {
                self.cluster(index, format!("{name} is not finalized"));
            }
            if state.is_deeply_immutable && !cluster.is_deeply_immutable {
                self.cluster_note(index, format!("{name} is deeply immutable, its instances are not"));
            }
        }
    }

    pub(super) fn functions(&mut self) {
        let snapshot = self.snapshot;
        let graph = &snapshot.graph;
        let recognized = snapshot.target.engine.recognized_methods.iter().map(|method| method.kind).max();
        for (id, function) in snapshot.of_kind::<Function>() {
            let tag = FunctionKindTag::from_bits(function.kind_tag);
            let kind = function.kind_tag & FUNCTION_KIND_MASK;
            if kind as usize >= FunctionKind::ALL.len() {
                self.object(id, format!("function kind {kind}"));
                continue;
            }
            if u32::from(tag.recognized) > recognized.map_or(0, u32::from) {
                self.object(id, format!("recognized method {}", tag.recognized));
            }
            if tag.kind == FunctionKind::ClosureFunction
                && !matches!(graph.object(function.data), Object::ClosureData(_))
            {
                self.object(id, "is a closure's, and has no ClosureData");
            }
        }
    }

    pub(super) fn fields(&mut self) {
        let snapshot = self.snapshot;
        let roots = snapshot.roots();
        for (id, object) in snapshot.graph.iter() {
            let Object::Field(field) = object else { continue };
            let kind = FieldKindBits::from_bits(field.kind_bits);
            let place = field.host_offset_or_field_id;
            if !kind.is_static {
                let words =
                    snapshot.owner_class(field.owner).map_or(0, |(_, class)| class.instance_size_in_words);
                if place < 0 || words > 0 && place >= words.into() {
                    self.object(id, format!("is at word {place} of {words}"));
                }
                continue;
            }
            let table =
                if kind.is_shared { &roots.shared_initial_field_table } else { &roots.initial_field_table };
            if usize::try_from(place).map_or(true, |index| index >= table.len()) {
                self.object(id, format!("is static field {place} of {}", table.len()));
            }
        }
    }

    /// What objects of the smaller kinds say about themselves.
    pub(super) fn other_objects(&mut self) {
        let snapshot = self.snapshot;
        let graph = &snapshot.graph;
        let array_length = |id| graph.get::<Array>(id).map_or(0, |array| array.elements.len() as i64);
        let integer = |id| graph.get::<Mint>(id).map(|integer| integer.value).ok();
        for (id, object) in graph.iter() {
            match object {
                Object::Closure(closure) => {
                    let flags = ClosureLengthAndFlags::from_bits(closure.length_and_flags);
                    let vectors = [
                        flags.has_delayed_type_args,
                        flags.has_instantiator_type_args,
                        flags.has_function_type_args,
                    ];
                    let expected = ClosureLengthAndFlags::new(
                        vectors[0],
                        vectors[1],
                        vectors[2],
                        closure.elements.len() as u32,
                    );
                    if flags.bits() != closure.length_and_flags || flags != expected {
                        let reason = format!(
                            "length and flags {:#x}, expected {:#x}",
                            closure.length_and_flags,
                            expected.bits()
                        );
                        self.object(id, reason);
                    }
                    if vectors.into_iter().filter(|&has| has).count() > closure.elements.len() {
                        self.object(
                            id,
                            format!("{} elements, too few for its type arguments", closure.elements.len()),
                        );
                    }
                    let kind = graph
                        .get::<Function>(closure.function)
                        .map(|f| FunctionKindTag::from_bits(f.kind_tag).kind);
                    if let Ok(kind) = kind
                        && !matches!(
                            kind,
                            FunctionKind::ClosureFunction
                                | FunctionKind::ImplicitClosureFunction
                                | FunctionKind::IrregexpFunction
                        )
                    {
                        self.object(id, format!("its function is a {kind:?}"));
                    }
                }
                Object::GrowableObjectArray(list) => {
                    let capacity = array_length(list.data);
                    if !(0..=capacity).contains(&list.length) {
                        self.object(id, format!("length {} of a list with room for {capacity}", list.length));
                    }
                }
                Object::ConstMap(map) => self.collection(id, integer(map.used_data), array_length(map.data)),
                Object::ConstSet(set) => self.collection(id, integer(set.used_data), array_length(set.data)),
                Object::TypedDataView(view) => {
                    let element = view.element.map_or(1, TypedDataType::size) as i64;
                    let bytes = match graph.object(view.typed_data) {
                        Object::TypedData(data) => data.bytes.len() as i64,
                        Object::ExternalTypedData(data) => data.bytes.len() as i64,
                        _ => continue,
                    };
                    let end =
                        view.length.checked_mul(element).and_then(|n| n.checked_add(view.offset_in_bytes));
                    if view.length < 0 || view.offset_in_bytes < 0 || end.is_none_or(|end| end > bytes) {
                        let (length, offset) = (view.length, view.offset_in_bytes);
                        self.object(id, format!("{length} elements from byte {offset} on, of {bytes} bytes"));
                    }
                }
                _ => {}
            }
        }
    }

    fn collection(&mut self, id: ObjId, used: Option<i64>, length: i64) {
        if let Some(used) = used
            && !(0..=length).contains(&used)
        {
            self.object(id, format!("uses {used} of {length} elements"));
        }
    }
}
