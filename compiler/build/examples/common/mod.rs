//! What examples that go through all functions of a kernel file have in common.

use std::process::ExitCode;

use dart_kernel::{Bump, Component};
use snapcrane_engines::Engine;
use snapcrane_program::ids::FunctionKey;
use snapcrane_program::{FieldInit, Program};

/// Runs an example with a stack that is large enough for every body. Its argument is the command line.
pub fn run(example: fn(&[String]) -> Result<ExitCode, String>) -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let thread = std::thread::Builder::new().stack_size(512 << 20).spawn(move || example(&args));
    match thread.map(std::thread::JoinHandle::join) {
        Ok(Ok(Ok(code))) => code,
        Ok(Ok(Err(error))) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::FAILURE,
    }
}

/// What follows an option on the command line.
pub fn option<'a>(args: &'a [String], name: &str) -> Option<&'a String> {
    args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1))
}

/// Loads the program in the kernel file that comes first on the command line.
pub fn with_program<T>(
    args: &[String],
    usage: &str,
    engine: &'static Engine,
    then: impl FnOnce(&Component<'_>, &Program<'_>) -> Result<T, String>,
) -> Result<T, String> {
    let path = args.first().ok_or_else(|| format!("usage: {usage}"))?;
    let bytes = std::fs::read(path).map_err(|error| format!("{path}: {error}"))?;
    let arena = Bump::new();
    let component = Component::read(&bytes, &arena).map_err(|error| error.to_string())?;
    let program = Program::load(&component, engine).map_err(|error| error.to_string())?;
    then(&component, &program)
}

/// The functions and initializers that a kernel file has bodies of; external members have none, but may be given one.
pub fn bodies(program: &Program<'_>, with_externals: bool) -> Vec<FunctionKey> {
    let members = program
        .members
        .iter()
        .filter(|(_, member)| !member.is_abstract && (with_externals || !member.is_external));
    let fields = program
        .fields
        .iter()
        .filter(|(_, field)| field.init == FieldInit::Code && (field.is_static || field.is_late));
    let initializers = fields.map(|(id, _)| FunctionKey::FieldInit(id));
    members.map(|(id, _)| FunctionKey::Member(id)).chain(initializers).collect()
}
