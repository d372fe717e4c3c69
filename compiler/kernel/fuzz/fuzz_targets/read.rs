//! Reads arbitrary bytes as a kernel file, declarations, bodies and metadata:
//! `cargo +nightly fuzz run read` in the folder of the crate. Start from a corpus of small real files.
#![no_main]

use dart_kernel::summary::Summary;
use dart_kernel::{Bump, Component};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let declarations = Bump::new();
    let Ok(component) = Component::read(bytes, &declarations) else {
        return;
    };
    let mut bodies = Bump::new();
    for id in component.procedures.keys() {
        let _ = component.parse_procedure_body(id, &bodies);
        bodies.reset();
    }
    for id in component.constructors.keys() {
        let _ = component.parse_constructor(id, &bodies);
        bodies.reset();
    }
    for id in component.fields.keys() {
        let _ = component.parse_field_initializer(id, &bodies);
        bodies.reset();
    }
    let _ = Summary::read(bytes);
});
