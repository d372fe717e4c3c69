//! Which engine and target a snapshot is for: the version hash and the features string of its header.

use dart_snapshot::reader::Header;
use snapcrane_engines::{Arch, Engine, FeatureFlags, Os, TargetSpec};

/// The words of a features string (`Dart::FeaturesString` in `runtime/vm/dart.cc`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Features {
    /// `product`, `release` or `debug`.
    pub mode: String,
    /// Flags in their order: name without `no-`, value.
    pub flags: Vec<(String, bool)>,
    /// Architecture, as in `x64`.
    pub arch: String,
    /// Operating system, as in `linux`.
    pub os: String,
}

/// Flag of the last word.
const COMPRESSED_POINTERS: &str = "compressed-pointers";

impl Features {
    /// Takes the string apart; `None` if it is not made of a mode, flags, architecture and operating system.
    pub fn parse(text: &str) -> Option<Features> {
        let mut words = text.split(' ');
        let mode = words.next().filter(|mode| ["product", "release", "debug"].contains(mode))?;
        let mut rest: Vec<&str> = words.collect();
        let is_arch = |word: &&str| {
            ["ia32", "riscv32"].contains(word) || Arch::ALL.iter().any(|arch| arch.name() == *word)
        };
        let arch_at = rest.iter().position(is_arch)?;
        if arch_at + 1 >= rest.len() {
            return None;
        }
        let (arch, os) = (rest.remove(arch_at), rest.remove(arch_at));
        let flag = |word: &str| match word.strip_prefix("no-") {
            Some(name) => (name.to_owned(), false),
            None => (word.to_owned(), true),
        };
        let flags = rest.into_iter().map(flag).collect();
        Some(Features { mode: mode.into(), flags, arch: arch.into(), os: os.into() })
    }

    /// A flag's value; `None` if the string does not name it.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.flags.iter().find(|(flag, _)| flag == name).map(|&(_, value)| value)
    }

    /// Whether object pointers inside heap objects are 32 bits wide on a 64-bit architecture.
    pub fn compressed_pointers(&self) -> bool {
        self.flag(COMPRESSED_POINTERS) == Some(true)
    }
}

/// A snapshot that this version cannot read, whole as it may be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnsupportedSnapshot {
    /// No known engine has this hash.
    #[error("version hash `{0}` is of no known engine; known: {1}")]
    Version(String, String),
    /// The features string is not of the known form.
    #[error("features `{0}` are not of the form `product … <architecture> <operating system> …`")]
    Features(String),
    /// The engine does not exist for this architecture, system or mode.
    #[error("features `{features}` are of no known target: {reason}")]
    Target {
        /// The string.
        features: String,
        /// What is not known.
        reason: String,
    },
}

/// The target of a snapshot, and the choices that do not belong to a target.
///
/// # Errors
/// Another engine's snapshot, or one for a target that is not known.
pub fn identify(header: &Header) -> Result<(TargetSpec, FeatureFlags), UnsupportedSnapshot> {
    let features = Features::parse(&header.features);
    let engine = Engine::all().into_iter().find(|engine| engine.snapshot_hash == header.version_hash);
    let engine = engine.ok_or_else(|| {
        let known: Vec<String> =
            Engine::all().iter().map(|e| format!("{} ({})", e.snapshot_hash, e.revision)).collect();
        UnsupportedSnapshot::Version(header.version_hash.clone(), known.join(", "))
    })?;
    let features = features.ok_or_else(|| UnsupportedSnapshot::Features(header.features.clone()))?;
    let unknown = |reason: String| UnsupportedSnapshot::Target { features: header.features.clone(), reason };
    let arch = Arch::ALL.into_iter().find(|arch| arch.name() == features.arch);
    let arch = arch.ok_or_else(|| unknown(format!("architecture {}", features.arch)))?;
    let os = Os::ALL.into_iter().find(|os| os.name() == features.os);
    let os = os.ok_or_else(|| unknown(format!("operating system {}", features.os)))?;
    let target = TargetSpec::new(engine, os, arch, features.compressed_pointers())
        .ok_or_else(|| unknown("the engine does not exist for this combination".into()))?;
    let flag = |name: &str| features.flag(name).unwrap_or(false);
    let flags =
        FeatureFlags { code_comments: flag("code_comments"), dwarf_stack_traces: flag("dwarf_stack_traces") };
    let expected = target.features_with(flags);
    if expected != header.features {
        return Err(unknown(format!("only `{expected}` is supported there")));
    }
    Ok((target, flags))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_taken_apart() {
        let target = TargetSpec::from_name("android-arm64c").unwrap();
        let features = Features::parse(&target.features()).unwrap();
        assert_eq!((&*features.mode, &*features.arch, &*features.os), ("product", "arm64", "android"));
        assert!(features.compressed_pointers());
        assert_eq!(features.flag("dwarf_stack_traces"), Some(false));
        assert_eq!(features.flag("asserts"), None);
        assert_eq!(Features::parse("product no-asan x64"), None);
        assert_eq!(Features::parse("x64 linux"), None);
    }

    #[test]
    fn other_engines_and_modes_are_named() {
        let header = |hash: &str, features: &str| Header {
            clustered_length: 100,
            version_hash: hash.into(),
            features: features.into(),
            stream_offset: 99,
        };
        let error = |hash: &str, features: &str| identify(&header(hash, features)).unwrap_err().to_string();
        let target = TargetSpec::from_name("linux-x64").unwrap();
        let hash = target.engine.snapshot_hash;
        assert!(error("00000000000000000000000000000000", "").contains("of no known engine"));
        assert!(error(hash, "hello").contains("not of the form"));
        assert!(error(hash, &target.features().replace("product", "release")).contains("only `product"));
        assert!(error(hash, &target.features().replace("x64", "ia32")).contains("architecture ia32"));
        assert!(
            error(hash, &target.features().replace("linux", "macos").replace("x64", "arm"))
                .contains("combination")
        );
    }
}
