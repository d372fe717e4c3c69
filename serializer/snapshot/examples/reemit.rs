//! Reads a snapshot of the reference compiler, plans it anew and writes it: same program, other object order.
//!
//! `cargo run -p dart-snapshot --example reemit -- IN.so OUT.so`

use dart_snapshot::text::InstructionsTable;
use dart_snapshot::write_snapshot;
use snapcrane_container::ElfInput;
use snapcrane_view::Snapshot;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [input, output] = &args[..] else { return Err("usage: reemit IN.so OUT.so".into()) };
    let file = std::fs::read(input)?;
    let Snapshot { container, target, spec, format, mut graph, plan, .. } = Snapshot::open(&file)?;

    let is_code = |class_id: u32| class_id == spec.class_ids.code;
    let codes = plan.clusters.iter().filter(|c| is_code(c.class_id)).flat_map(|c| c.members.clone());
    let table = InstructionsTable::decode(&plan.instructions_table, &codes.collect::<Vec<_>>())?;
    let blob = write_snapshot(&mut graph, plan.roots, &table, &spec, &format)?;

    let file = snapcrane_container::write(&ElfInput {
        target: snapcrane_formats::elf_target(&target),
        text: container.text.bytes,
        data: &blob.bytes,
        relocation_offset: 64 + 2 * format.word_bytes(),
        symbols: None,
    })?;
    std::fs::write(output, file)?;
    Ok(())
}
