//! Code: entries, and every table that is indexed by a place in it; stubs, pool, dispatch table, symbols.

use super::Checker;
use crate::container::SymbolKind;
use crate::{Code, CodeKind, CodeRef, ObjId, Object, Section};
use dart_snapshot::bits::CodeState;
use dart_snapshot::descriptors::CatchMoveSource;
use dart_snapshot::objects::{Array, PayloadInfo, PoolValue, TypedDataType};

/// Stubs that the engine jumps to by itself.
const NEEDED_STUBS: [&str; 5] = [
    "DispatchTableNullError",
    "CallBootstrapNative",
    "SwitchableCallMiss",
    "InvokeDartCode",
    "UnknownDartCode",
];
/// `handler_pc_offset` of a handler that was removed (`ExceptionHandlers::kInvalidPcOffset`).
const NO_HANDLER: u32 = u32::MAX;

impl Checker<'_, '_> {
    pub(super) fn stubs(&mut self) {
        let snapshot = self.snapshot;
        let (roots, spec, graph) = (snapshot.roots(), &snapshot.spec, &snapshot.graph);
        let stubs = snapshot.plan.code_stubs;
        let stub = |name: &str| spec.stub_index(name).map_or(ObjId::NULL, |index| roots.stubs[index]);
        for (name, found) in
            [("LazyCompile", stubs.lazy_compile), ("UnknownDartCode", stubs.unknown_dart_code)]
        {
            if stub(name) != found {
                self.object(found, format!("is stub {name} for the Code cluster, and not for the roots"));
            }
        }
        for name in NEEDED_STUBS {
            if stub(name).is_null() {
                self.named(Section::Roots, format!("stub {name}"), snapshot.map.roots.start, "null");
            }
        }
        let owner = snapshot
            .graph
            .get::<dart_snapshot::objects::Code>(stub("UnknownDartCode"))
            .map(|code| code.owner);
        if owner.is_ok_and(|owner| !matches!(graph.object(owner), Object::Function(_))) {
            self.object(
                stub("UnknownDartCode"),
                "its owner is not a function; stack traces ask it for its name",
            );
        }
        for (name, &id) in spec.stubs.iter().zip(&roots.stubs) {
            let owner = graph.get::<dart_snapshot::objects::Code>(id).map(|code| code.owner);
            if name != "UnknownDartCode" && owner.is_ok_and(|owner| !owner.is_null()) {
                self.object_note(id, format!("stub {name} has an owner"));
            }
        }
    }

    pub(super) fn codes(&mut self) {
        for code in self.snapshot.codes() {
            let calls = self.stack_map(code);
            let Some(id) = code.object else { continue };
            self.code_object(code, id);
            self.handlers(code, id);
            self.source_map(code, id);
            self.catch_entry(code, id, &calls);
        }
    }

    fn code_object(&mut self, code: &Code, id: ObjId) {
        let snapshot = self.snapshot;
        let Some(object) = snapshot.code_object(code) else { return };
        if CodeState::from_bits(object.state_bits).bits() != object.state_bits {
            self.object(id, format!("state {:#x}: discarded, or with pointers in it", object.state_bits));
        }
        let info = PayloadInfo::from_bits(object.payload_info);
        let entry =
            if info.has_monomorphic_entry { snapshot.format.arch.polymorphic_entry_offset } else { 0 };
        if u64::from(entry) + u64::from(info.unchecked_offset) >= code.size().into() {
            let reason =
                format!("entry {entry:#x} + {:#x} of {:#x} bytes", info.unchecked_offset, code.size());
            self.object(id, reason);
        }
        if code.kind == CodeKind::Discarded {
            self.object(id, "is counted as discarded");
        }
    }

    /// Return addresses are inside the code, and increase. Returns them.
    fn stack_map(&mut self, code: &Code) -> Vec<u32> {
        let snapshot = self.snapshot;
        let base = snapshot.map.instructions_table.start;
        let name = || format!("stack map of {}", snapshot.code_name(code));
        let maps = match snapshot.stack_maps(code) {
            Ok(maps) => maps,
            Err(error) => {
                let place = crate::fault(Section::InstructionsTable, code.stack_map as usize, "");
                let mut fault = error.into_fault(place);
                fault.offset += base;
                fault.object = Some(name());
                self.push(fault);
                return Vec::new();
            }
        };
        let mut previous = 0;
        for map in &maps {
            let at = base + code.stack_map as usize;
            if map.pc_offset <= previous {
                let reason = format!("return address {:#x} after {previous:#x}", map.pc_offset);
                self.named(Section::InstructionsTable, name(), at, reason);
            }
            if map.pc_offset > code.size() {
                let reason =
                    format!("return address {:#x} of {:#x} bytes of code", map.pc_offset, code.size());
                self.named(Section::InstructionsTable, name(), at, reason);
            }
            previous = map.pc_offset;
        }
        maps.into_iter().map(|map| map.pc_offset).collect()
    }

    fn handlers(&mut self, code: &Code, id: ObjId) {
        let snapshot = self.snapshot;
        let count = match snapshot.exception_handlers(code) {
            None => 0,
            Some(handlers) => {
                let count = handlers.handlers.len();
                let types = snapshot
                    .graph
                    .get::<Array>(handlers.handled_types_data)
                    .map_or(0, |array| array.elements.len());
                if count > 0 && types != count {
                    self.object(id, format!("{count} handlers, types of {types}"));
                }
                for (index, handler) in handlers.handlers.iter().enumerate() {
                    if handler.handler_pc_offset != NO_HANDLER && handler.handler_pc_offset >= code.size() {
                        let (at, size) = (handler.handler_pc_offset, code.size());
                        self.object(id, format!("handler {index} is at {at:#x} of {size:#x} bytes"));
                    }
                    if !(-1..count as i64).contains(&handler.outer_try_index.into()) {
                        self.object(
                            id,
                            format!("handler {index} is in handler {} of {count}", handler.outer_try_index),
                        );
                    }
                    if handler.outer_try_index == index as i16 {
                        self.object(id, format!("handler {index} is in itself"));
                    }
                }
                count
            }
        };
        match snapshot.pc_descriptors(code) {
            Ok(descriptors) => {
                for descriptor in descriptors {
                    // Nearly all are return addresses with stack maps; not those where functions resume.
                    if descriptor.pc_offset > code.size() {
                        let (at, size) = (descriptor.pc_offset, code.size());
                        self.object(id, format!("descriptor at {at:#x} of {size:#x} bytes"));
                    }
                    if let Some(index) = descriptor.try_index
                        && index as usize >= count
                    {
                        self.object(
                            id,
                            format!("try index {index} of {count} at {:#x}", descriptor.pc_offset),
                        );
                    }
                }
            }
            Err(error) => self.nested(id, "descriptors", error),
        }
    }

    fn source_map(&mut self, code: &Code, id: ObjId) {
        let snapshot = self.snapshot;
        let map = match snapshot.source_ranges(code) {
            Ok(map) => map,
            Err(error) => return self.nested(id, "source map", error),
        };
        let size = code.size();
        if let Some(end) = map.ranges.last().map(|range| range.end).filter(|&end| end > size) {
            self.object(id, format!("source map goes to {end:#x} of {size:#x} bytes"));
        }
        for check in &map.null_checks {
            let entry = snapshot.pool().get(check.pool_index as usize).map(|entry| entry.value);
            // The operator `!` has no selector.
            let is_name = match entry {
                Some(PoolValue::Object(name)) => {
                    matches!(snapshot.graph.object(name), Object::String(_) | Object::Null)
                }
                _ => false,
            };
            if !is_name {
                self.object(
                    id,
                    format!("null check names pool entry {}, which is no name", check.pool_index),
                );
            }
        }
        for function in map.ranges.iter().flat_map(|range| &range.frames).map(|frame| frame.function) {
            if !matches!(snapshot.graph.object(function), Object::Function(_) | Object::Null) {
                self.object(id, format!("inlines {}, no function", snapshot.graph.describe(function)));
                break;
            }
        }
    }

    fn catch_entry(&mut self, code: &Code, id: ObjId, calls: &[u32]) {
        let snapshot = self.snapshot;
        let moves = snapshot.code_object(code).map_or(ObjId::NULL, |object| object.catch_entry);
        if let Object::TypedData(data) = snapshot.graph.object(moves)
            && data.element != TypedDataType::Int8
        {
            self.object(id, format!("catch-entry moves are elements of type {:?}", data.element));
        }
        let sites = match snapshot.catch_moves(code) {
            Ok(sites) => sites,
            Err(error) => return self.nested(id, "catch-entry moves", error),
        };
        for site in &sites {
            if calls.binary_search(&site.pc_offset).is_err() {
                let at = site.pc_offset;
                self.object(id, format!("catch-entry moves at {at:#x}, where no stack map is"));
            }
            let pool = snapshot.pool().len() as i64;
            let constants = site.moves.iter().filter(|m| m.kind == CatchMoveSource::Constant);
            if let Some(bad) = constants.map(|m| m.source).find(|&source| !(0..pool).contains(&source.into()))
            {
                self.object(id, format!("catch-entry move of pool entry {bad} of {pool}"));
            }
        }
    }

    /// Entries of the pool that all code shares; cells of the dispatch table.
    pub(super) fn pool(&mut self) {
        let snapshot = self.snapshot;
        if let Ok(pool) = snapshot.roots().store(&snapshot.spec, "global_object_pool") {
            let is_linked = |value: PoolValue| matches!(value, PoolValue::ResetToBootstrapNative);
            for (index, pair) in snapshot.pool().windows(2).enumerate() {
                // A native function's address and the stub that calls it are a pair.
                if is_linked(pair[1].value) != matches!(pair[0].value, PoolValue::NativeFunction) {
                    self.object(
                        pool,
                        format!("entries {index} and {} are no pair of a native call", index + 1),
                    );
                }
            }
        }
        let offset = snapshot.map.dispatch_table.start;
        for (index, cell) in snapshot.roots().dispatch_table.iter().enumerate() {
            let Some(cell) = *cell else { continue };
            if matches!(cell, CodeRef::Code(_)) && snapshot.code_of(cell).is_none() {
                self.named(
                    Section::DispatchTable,
                    format!("cell {index}"),
                    offset,
                    "its code is not in the text image",
                );
            }
        }
    }

    /// Function symbols of the file agree with the instructions table.
    pub(super) fn symbols(&mut self) {
        let snapshot = self.snapshot;
        let container = &snapshot.container;
        if container.symbols.is_empty() {
            return;
        }
        let text = container.text.address;
        let functions = || container.symbols.iter().filter(|symbol| symbol.kind == SymbolKind::Function);
        let mut outside = 0;
        for symbol in functions() {
            let offset = symbol.address.checked_sub(text).and_then(|offset| u32::try_from(offset).ok());
            let code = offset.and_then(|offset| snapshot.code_at(offset).filter(|code| code.start == offset));
            match code {
                Some(code) if symbol.size > code.size().into() => {
                    let reason = format!("{:#x} bytes, its code has {:#x}", symbol.size, code.size());
                    self.named(
                        Section::Container,
                        format!("symbol {}", symbol.name),
                        container.text.offset,
                        reason,
                    );
                }
                Some(_) => {}
                None => outside += 1,
            }
        }
        if outside > 0 {
            let reason = format!("{outside} function symbols that are not at the start of code");
            self.note(Section::Container, container.text.offset, reason);
        }
        let without = snapshot.codes().iter().filter(|code| snapshot.symbol_of(code).is_none()).count();
        if without > 0 {
            let reason = format!("{without} pieces of code without a symbol");
            self.note(Section::Container, container.text.offset, reason);
        }
    }
}
