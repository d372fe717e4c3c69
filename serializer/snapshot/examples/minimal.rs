//! Writes the smallest complete snapshot: it loads, and then has nothing to run.
//!
//! Useful to see what a compiler must supply; `snapcrane fixtures` writes more of the kind.
//! `cargo run -p dart-snapshot --example minimal -- linux-x64 OUT.so`

use snapcrane_fixtures::Program;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [target_name, output] = &args[..] else { return Err("usage: minimal TARGET OUT.so".into()) };
    let target = snapcrane_fixtures::target(target_name).ok_or("unknown target")?;
    let mut program = Program::Minimal.build(&target)?;
    let data = program.write()?;
    std::fs::write(output, program.shared_library(&data.bytes, false)?)?;
    Ok(())
}
