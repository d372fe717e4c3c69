//! Writes the smallest complete snapshot: it loads, and then has nothing to run.
//!
//! Useful to see what a compiler must supply, and to feed verifiers.
//! `cargo run -p dart-snapshot --example minimal -- linux-x64 OUT.so`

#[path = "../tests/support/mod.rs"]
mod support;

use dart_snapshot::write_snapshot;
use snapcrane_container::ElfInput;
use support::minimal::Minimal;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [target_name, output] = &args[..] else { return Err("usage: minimal TARGET OUT.so".into()) };
    let Minimal { target_spec, spec, target, mut graph, roots, table, text, symbols } =
        support::minimal::build(target_name)?;
    let blob = write_snapshot(&mut graph, roots, &table, &spec, &target)?;
    let file = snapcrane_container::write(&ElfInput {
        target: support::elf_target(&target_spec),
        text: &text.bytes,
        data: &blob.bytes,
        relocation_offset: text.relocation_offset,
        symbols: Some(&symbols),
    })?;
    std::fs::write(output, file)?;
    Ok(())
}
