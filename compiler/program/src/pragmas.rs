//! Annotations that the engine understands (`KernelLoader::ReadVMAnnotations`, `FindEntryPointPragma`).

use std::sync::Arc;

use dart_kernel::ast::Expr;
use dart_kernel::{Component, Constant};

use crate::model::EntryPoint;

/// What the pragmas of a class, field or member say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pragmas {
    /// Has any pragma.
    pub(crate) any: bool,
    pub(crate) entry_point: EntryPoint,
    pub(crate) external_name: Option<Arc<str>>,
    pub(crate) is_ffi_native: bool,
    pub(crate) is_recognized: bool,
    pub(crate) is_invisible: bool,
    pub(crate) prefer_inline: bool,
    pub(crate) never_inline: bool,
    pub(crate) no_interrupts: bool,
    pub(crate) is_external_effect: bool,
    pub(crate) is_shared: bool,
    pub(crate) is_deeply_immutable: bool,
    pub(crate) is_isolate_unsendable: bool,
}

/// Reads the pragmas among some annotations.
pub(crate) fn read(component: &Component<'_>, annotations: &[&Expr<'_>]) -> Pragmas {
    let mut pragmas = Pragmas::default();
    if annotations.is_empty() {
        return pragmas;
    }
    let mut has_entry_point = false;
    for pragma in component.pragmas(annotations) {
        pragmas.any = true;
        let options = pragma.options.map(|options| component.constant(options));
        match pragma.name {
            b"vm:entry-point" if !has_entry_point => {
                let entry_point = match options {
                    None | Some(Constant::Null | Constant::Bool(true)) => {
                        Some(EntryPoint { call: true, get: true, set: true })
                    }
                    Some(Constant::String(option)) => match component.string(*option) {
                        b"call" => Some(EntryPoint { call: true, ..EntryPoint::default() }),
                        b"get" => Some(EntryPoint { get: true, ..EntryPoint::default() }),
                        b"set" => Some(EntryPoint { set: true, ..EntryPoint::default() }),
                        _ => None,
                    },
                    _ => None,
                };
                if let Some(entry_point) = entry_point {
                    has_entry_point = true;
                    pragmas.entry_point = entry_point;
                }
            }
            b"vm:external-name" => {
                if let Some(Constant::String(name)) = options {
                    pragmas.external_name = Some(component.string_lossy(*name).into());
                }
            }
            b"vm:ffi:native" => pragmas.is_ffi_native = true,
            b"vm:recognized" => pragmas.is_recognized = true,
            b"vm:invisible" => pragmas.is_invisible = true,
            b"vm:prefer-inline" => pragmas.prefer_inline = true,
            b"vm:never-inline" => pragmas.never_inline = true,
            b"vm:unsafe:no-interrupts" => pragmas.no_interrupts = true,
            b"external-effect" => pragmas.is_external_effect = true,
            b"vm:shared" => pragmas.is_shared = true,
            b"vm:deeply-immutable" => pragmas.is_deeply_immutable = true,
            b"vm:isolate-unsendable" => pragmas.is_isolate_unsendable = true,
            _ => {}
        }
    }
    pragmas
}
