//! Reads a Linux snapshot of the reference compiler, plans it anew and writes it: same program, other object
//! order.
//!
//! `cargo run -p dart-snapshot --example reemit -- IN.so OUT.so`

#[path = "../tests/support/mod.rs"]
mod support;

use dart_snapshot::reader::read_snapshot;
use dart_snapshot::text::InstructionsTable;
use dart_snapshot::write_snapshot;
use snapcrane_container::ElfInput;
use snapcrane_engines::{Engine, TargetSpec};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [input, output] = &args[..] else { return Err("usage: reemit IN.so OUT.so".into()) };
    let elf = support::read_elf(&std::fs::read(input)?);
    let target_spec = TargetSpec::from_name(elf.target).map_err(|e| e.to_string())?;
    let spec = support::format_spec(Engine::dart_3_13_4());
    let target = support::target(&target_spec);

    let mut decoded = read_snapshot(&elf.data, &spec, &target)?;
    let is_code = |class_id: u32| class_id == spec.class_ids.code;
    let codes = decoded.plan.clusters.iter().filter(|c| is_code(c.class_id)).flat_map(|c| c.members.clone());
    let table = InstructionsTable::decode(&decoded.plan.instructions_table, &codes.collect::<Vec<_>>())?;
    let blob = write_snapshot(&mut decoded.graph, decoded.plan.roots, &table, &spec, &target)?;

    let file = snapcrane_container::write(&ElfInput {
        target: support::elf_target(&target_spec),
        text: &elf.text,
        data: &blob.bytes,
        relocation_offset: 64 + 2 * target.word_bytes(),
        symbols: None,
    })?;
    std::fs::write(output, file)?;
    Ok(())
}
