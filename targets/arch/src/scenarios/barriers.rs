//! Stubs that preserve every register: write barriers and safepoint transitions.

use super::{Run, target, word};
use crate::architecture::{GprOf, Operand};
use crate::machine::{Cpu, Exit, Processor, word_mask};
use snapcrane_engines::Stub;

/// The machine and heap of the barrier tests.
struct Barrier<P: Processor> {
    run: Run<P>,
    /// Leaf entries that were called.
    leaf_calls: Vec<u64>,
    old_block: u64,
    new_block: u64,
    store_buffer: u64,
    /// The object that is stored to, which is old.
    object: u64,
    /// Values that are stored: a new and an old object, which an address bit tells apart.
    new_value: u64,
    old_value: u64,
}

impl<P: Processor> Barrier<P> {
    fn new() -> Option<Barrier<P>> {
        let mut run = Run::<P>::new(&[])?;
        let (layout, leaf) = (run.layout(), &run.target.engine.leaf);
        let entries = [
            leaf.old_marking_stack_block_process,
            leaf.new_marking_stack_block_process,
            leaf.store_buffer_block_process,
            leaf.enter_safepoint,
            leaf.exit_safepoint,
        ];
        for (entry, function) in entries.into_iter().zip(1..) {
            let address = run.machine.cpu.host(function);
            run.machine.set_thread_field(layout.leaf_entry(entry), address);
        }
        let data = run.machine.data;
        let [old_block, new_block, store_buffer] = [0x1000, 0x2000, 0x3000].map(|offset| data + offset);
        run.machine.set_thread_field(layout.thread.old_marking_stack_block, old_block);
        run.machine.set_thread_field(layout.thread.new_marking_stack_block, new_block);
        run.machine.set_thread_field(layout.thread.store_buffer_block, store_buffer);
        Some(Barrier {
            run,
            leaf_calls: Vec::new(),
            old_block,
            new_block,
            store_buffer,
            object: data + 0x200 + 1,
            new_value: data + 0x300 + word::<P>() + 1,
            old_value: data + 0x300 + 1,
        })
    }

    /// Calls a stub and checks that it changes no register but those that hold nothing.
    fn call(&mut self, stub: Stub, args: [u64; 3]) {
        let machine = &mut self.run.machine;
        let preserved = P::GENERAL.iter().copied().filter(|reg| !P::SCRATCH.contains(reg));
        let mut registers: Vec<(GprOf<P>, u64)> =
            preserved.zip(1..).map(|(reg, index)| (reg, index * 0x0101_0101)).collect();
        for (reg, value) in &mut registers {
            if let Some(arg) = P::PRESERVE_ALL_ARGS.iter().position(|arg| arg == reg) {
                *value = args[arg];
            } else if *reg == P::Mem::THREAD {
                *value = machine.thread;
            }
        }
        let vectors: Vec<u128> = (0..P::VECTORS.into())
            .map(|number: u128| !(number * 0x1111_0000_1111_0000_1111) & P::VECTOR_MASK)
            .collect();
        registers.iter().for_each(|&(reg, value)| machine.set_reg(reg, value));
        (0..).zip(&vectors).for_each(|(number, &value)| machine.cpu.set_vector(number, value));
        let leaf_calls = &mut self.leaf_calls;
        machine.run(self.run.image.stub(stub), &mut |machine, function| {
            assert_eq!(machine.sp_at_call() % P::STACK_ALIGNMENT, 0, "the stack is aligned at leaf calls");
            if function <= 3 {
                assert_eq!(machine.reg(P::C_ARGS[0]), machine.thread);
            }
            leaf_calls.push(function);
            Exit::Return(0x0bad)
        });
        for &(reg, value) in &registers {
            assert_eq!(machine.reg(reg), value, "{reg:?} is preserved");
        }
        let after: Vec<u128> = (0..P::VECTORS).map(|number| machine.cpu.vector(number)).collect();
        assert_eq!(after, vectors, "vector registers are preserved");
    }

    fn set_mask(&mut self, marking: bool) {
        let layout = self.run.layout();
        let bits = &layout.untagged_object;
        let incremental = if marking { bits.incremental_barrier_mask } else { 0 };
        let mask = bits.generational_barrier_mask | incremental;
        self.run.machine.set_thread_field(layout.thread.write_barrier_mask, mask as u64);
    }

    /// Sets the number of pointers in each block, depending on the number that makes it full.
    fn set_tops(&mut self, top_for: impl Fn(i32) -> i32) {
        let (layout, machine) = (self.run.layout(), &mut self.run.machine);
        let (marking, buffer) = (&layout.marking_stack_block, &layout.store_buffer_block);
        for (block, top, size) in [
            (self.old_block, marking.top, marking.size),
            (self.new_block, marking.top, marking.size),
            (self.store_buffer, buffer.top, buffer.size),
        ] {
            machine.set_bytes(block + top as u64, &top_for(size).to_le_bytes());
        }
    }
}

pub(crate) fn the_barrier_marks_and_remembers<P: Processor>() {
    let target = target::<P>();
    let layout = target.layout();
    let bits = &layout.untagged_object;
    let bit = |number: i32| 1_u64 << number;
    let rest = 0x1234_5678_0005_0300 & word_mask::<P>() | bit(bits.always_set_bit);
    let (not_marked, new) = (bit(bits.not_marked_bit), bit(bits.new_or_evacuation_candidate_bit));
    let not_remembered = bit(bits.old_and_not_remembered_bit);
    let (marking_block, buffer) = (&layout.marking_stack_block, &layout.store_buffer_block);

    let Some(mut barrier) = Barrier::<P>::new() else { return };
    let object = barrier.object;
    for stub in [target.engine.stub.write_barrier, target.engine.stub.array_write_barrier] {
        for case in 0..16 {
            let [marking, value_is_new, value_marked, remembered] =
                [0, 1, 2, 3].map(|number| case >> number & 1 != 0);
            barrier.set_mask(marking);
            let value = if value_is_new { barrier.new_value } else { barrier.old_value };
            let marks = if value_marked { 0 } else { not_marked };
            let value_tags = rest | marks | if value_is_new { new } else { not_remembered };
            let tags = rest | if remembered { 0 } else { not_remembered };
            let (old_block, new_block, store_buffer) =
                (barrier.old_block, barrier.new_block, barrier.store_buffer);
            let machine = &mut barrier.run.machine;
            machine.set_word(value - 1, value_tags);
            machine.set_word(object - 1, tags);
            [old_block, new_block, store_buffer].iter().for_each(|&block| machine.set_words(block, &[0; 8]));
            barrier.set_tops(|_| 2);
            // The slot is not looked at.
            barrier.call(stub, [object, value, 1]);

            let machine = &mut barrier.run.machine;
            let mut pushed = |block: u64, top: i32, pointers: i32| {
                let last = block + (pointers + 2 * P::Mem::WORD) as u64;
                (machine.u32_at(block + top as u64), machine.word(last))
            };
            let marks_now = marking && !value_marked;
            let none = (2, 0);
            let one = if marks_now { (3, value) } else { none };
            let (top, pointers) = (marking_block.top, marking_block.pointers);
            assert_eq!(pushed(old_block, top, pointers), if value_is_new { none } else { one });
            assert_eq!(pushed(new_block, top, pointers), if value_is_new { one } else { none });
            let remembers_now = value_is_new && !remembered;
            let expected = if remembers_now { (3, object) } else { none };
            assert_eq!(pushed(store_buffer, buffer.top, buffer.pointers), expected);
            let expected = if marks_now { value_tags & !not_marked } else { value_tags };
            assert_eq!(machine.word(value - 1), expected);
            let expected = if remembers_now { tags & !not_remembered } else { tags };
            assert_eq!(machine.word(object - 1), expected);
            assert!(barrier.leaf_calls.is_empty());
        }
    }
}

pub(crate) fn full_blocks_are_handed_to_the_runtime<P: Processor>() {
    let target = target::<P>();
    let layout = target.layout();
    let bits = &layout.untagged_object;
    let (marking, buffer) = (&layout.marking_stack_block, &layout.store_buffer_block);
    let Some(mut barrier) = Barrier::<P>::new() else { return };
    let object = barrier.object;
    for value_is_new in [false, true] {
        barrier.set_mask(true);
        barrier.set_tops(|size| size - 1);
        let (value, block, generation) = if value_is_new {
            (barrier.new_value, barrier.new_block, bits.new_or_evacuation_candidate_bit)
        } else {
            (barrier.old_value, barrier.old_block, bits.always_set_bit)
        };
        let machine = &mut barrier.run.machine;
        machine.set_word(value - 1, 1 << bits.not_marked_bit | 1 << generation);
        machine.set_word(object - 1, 1 << bits.old_and_not_remembered_bit | 1 << bits.always_set_bit);
        barrier.call(target.engine.stub.write_barrier, [object, value, 0]);

        let last =
            |block: u64, pointers: i32, size: i32| block + (pointers + (size - 1) * P::Mem::WORD) as u64;
        let machine = &mut barrier.run.machine;
        assert_eq!(machine.word(last(block, marking.pointers, marking.size)), value);
        let expected: &[u64] = if value_is_new { &[2, 3] } else { &[1] };
        assert_eq!(std::mem::take(&mut barrier.leaf_calls), expected);
        let expected = if value_is_new { object } else { 0 };
        assert_eq!(machine.word(last(barrier.store_buffer, buffer.pointers, buffer.size)), expected);
    }
}

pub(crate) fn large_arrays_are_remembered_by_card<P: Processor>() {
    let target = target::<P>();
    let layout = target.layout();
    let bits = &layout.untagged_object;
    let page_size = layout.page.page_mask.unsigned_abs();
    let Some(mut barrier) = Barrier::<P>::new() else { return };
    barrier.set_mask(false);
    let value = barrier.new_value;
    let machine = &mut barrier.run.machine;
    // A page with an array that is larger than the page: slots far behind its start have cards, too.
    let page = machine.pages.next_multiple_of(page_size);
    let table = machine.data + 0x8000;
    let object = page + 0x100 + 1;
    let tags =
        1 << bits.always_set_bit | 1 << bits.old_and_not_remembered_bit | 1 << bits.card_remembered_bit;
    machine.set_word(page + layout.page.card_table as u64, table);
    machine.set_word(object - 1, tags);
    machine.set_word(value - 1, 1 << bits.new_or_evacuation_candidate_bit);
    let mut cards = std::collections::BTreeSet::new();
    let word = word::<P>();
    let slots = [0x118, 0x1000 - word, 0x4000, 0x4000 + word, 0x4000 - word, page_size * 3 + 0x8000 - word];
    for slot in slots {
        barrier.call(target.engine.stub.array_write_barrier, [object, value, page + slot]);
        cards.insert(slot >> layout.page.bytes_per_card_log2);
    }
    assert_eq!(cards.len(), slots.len() - 1, "two of the slots share a card");
    let machine = &mut barrier.run.machine;
    let words = machine.words(table, table + ((page_size * 4) >> layout.page.bytes_per_card_log2) / 8);
    let bits_per_word = 8 * word;
    let dirty: Vec<u64> = (0..)
        .zip(&words)
        .flat_map(|(index, word)| {
            let bits = (0..bits_per_word).filter(move |bit| word >> bit & 1 != 0);
            bits.map(move |bit| index * bits_per_word + bit)
        })
        .collect();
    assert_eq!(dirty, cards.into_iter().collect::<Vec<u64>>());
    assert_eq!(machine.word(object - 1), tags, "the array itself is not remembered");
    assert_eq!(machine.u32_at(barrier.store_buffer + layout.store_buffer_block.top as u64), 0);
}

pub(crate) fn safepoint_transitions_preserve_every_register<P: Processor>() {
    let stubs = &target::<P>().engine.stub;
    let Some(mut barrier) = Barrier::<P>::new() else { return };
    for (stub, function) in [(stubs.enter_safepoint, 4), (stubs.exit_safepoint, 5)] {
        barrier.call(stub, [1, 2, 3]);
        assert_eq!(std::mem::take(&mut barrier.leaf_calls), [function]);
    }
}
