//! Reading the generated tables: tab-separated lines, `#` starts a comment line.

use std::fmt;

/// A malformed or incomplete engine table. Tables are part of the crate, so this is a defect of the crate;
/// the tests load every engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataError(String);

impl DataError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        DataError(message.into())
    }
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "engine data: {}", self.0)
    }
}

impl std::error::Error for DataError {}

/// One table: its file name, for messages, and its text.
#[derive(Clone, Copy)]
pub(crate) struct Table {
    pub(crate) file: &'static str,
    pub(crate) text: &'static str,
}

/// One line of a table.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    file: &'static str,
    line: &'static str,
}

impl Table {
    pub(crate) fn rows(self) -> impl Iterator<Item = Row> {
        self.text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(move |line| Row { file: self.file, line })
    }
}

impl Row {
    pub(crate) fn cells(self) -> impl Iterator<Item = &'static str> {
        self.line.split('\t')
    }

    /// The line's cells; an error if it does not have exactly `N`.
    pub(crate) fn split<const N: usize>(self) -> Result<[&'static str; N], DataError> {
        let mut cells = self.cells();
        let mut out = [""; N];
        for cell in &mut out {
            *cell = cells.next().ok_or_else(|| self.error("too few cells"))?;
        }
        if cells.next().is_some() {
            return Err(self.error("too many cells"));
        }
        Ok(out)
    }

    pub(crate) fn number(self, cell: &str) -> Result<i64, DataError> {
        parse_number(cell).ok_or_else(|| self.error("bad number"))
    }

    pub(crate) fn index(self, cell: &str) -> Result<u32, DataError> {
        self.number(cell)?.try_into().map_err(|_| self.error("number out of range"))
    }

    pub(crate) fn error(self, message: &str) -> DataError {
        DataError::new(format!("{}: {message}: {}", self.file, self.line))
    }
}

fn parse_number(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let magnitude = match digits.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok()?.cast_signed(),
        None => digits.parse().ok()?,
    };
    Some(if negative { -magnitude } else { magnitude })
}

/// Named numbers, sorted by name.
#[derive(Debug, Clone)]
pub(crate) struct Values(Vec<(&'static str, i64)>);

impl Values {
    /// Sorts the pairs; an error if a name occurs twice.
    pub(crate) fn new(mut pairs: Vec<(&'static str, i64)>) -> Result<Self, DataError> {
        pairs.sort_unstable_by_key(|pair| pair.0);
        if let Some(twice) = pairs.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(DataError::new(format!("constant {} is defined twice", twice[0].0)));
        }
        Ok(Values(pairs))
    }

    pub(crate) fn get(&self, name: &str) -> Option<i64> {
        self.0.binary_search_by(|pair| pair.0.cmp(name)).ok().map(|i| self.0[i].1)
    }

    pub(crate) fn i64(&self, name: &str) -> Result<i64, DataError> {
        self.get(name).ok_or_else(|| DataError::new(format!("no constant {name}")))
    }

    pub(crate) fn i32(&self, name: &str) -> Result<i32, DataError> {
        let value = self.i64(name)?;
        value.try_into().map_err(|_| DataError::new(format!("constant {name} exceeds 32 bits: {value}")))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, i64)> {
        self.0.iter().copied()
    }
}

/// The engine's `CamelCase` names in the `snake_case` used for fields: `FfiInt8` is `ffi_int8`,
/// `LateErrorWithoutFPURegs` is `late_error_without_fpu_regs`.
pub(crate) fn snake_case(name: &str) -> String {
    let chars: Vec<char> = name.trim_start_matches('_').chars().collect();
    let mut out = String::with_capacity(name.len() + 8);
    for (i, &c) in chars.iter().enumerate() {
        let after_lower = i > 0 && (chars[i - 1].is_ascii_lowercase() || chars[i - 1].is_ascii_digit());
        let ends_acronym = i > 0
            && chars[i - 1].is_ascii_uppercase()
            && chars.get(i + 1).is_some_and(|next| next.is_ascii_lowercase());
        if c.is_ascii_uppercase() && (after_lower || ends_acronym) {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// Finds the number of a named entry for a struct field: names are compared in snake case, and a trailing
/// underscore of the field, which keeps it clear of keywords, is ignored.
pub(crate) fn field_index(names: &[(String, u32)], field: &str, what: &str) -> Result<u32, DataError> {
    let wanted = field.trim_end_matches('_');
    names
        .iter()
        .find(|(name, _)| name == wanted)
        .map(|&(_, index)| index)
        .ok_or_else(|| DataError::new(format!("{what} has no entry for {field}")))
}

/// Replaces the escapes `\n`, `\t`, `\r`, `\\` by what they stand for.
pub(crate) fn unescape(text: &'static str) -> std::borrow::Cow<'static, str> {
    if !text.contains('\\') {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(match c {
            '\\' => match chars.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('r') => '\r',
                Some(other) => other,
                None => '\\',
            },
            c => c,
        });
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_snake_case() {
        for (name, expected) in [
            ("ICData", "ic_data"),
            ("FfiInt8", "ffi_int8"),
            ("PcDescriptors", "pc_descriptors"),
            (
                "LateInitializationErrorSharedWithoutFPURegs",
                "late_initialization_error_shared_without_fpu_regs",
            ),
            ("Float64x2", "float64x2"),
            (
                "InstantiateTypeArgumentsMayShareFunctionTA",
                "instantiate_type_arguments_may_share_function_ta",
            ),
        ] {
            assert_eq!(snake_case(name), expected);
        }
    }

    #[test]
    fn numbers_and_escapes() {
        assert_eq!(parse_number("0x10"), Some(16));
        assert_eq!(parse_number("-0x80000"), Some(-0x80000));
        assert_eq!(parse_number("-1"), Some(-1));
        assert_eq!(parse_number("0x7ffffffffffffff"), Some(0x7ff_ffff_ffff_ffff));
        assert_eq!(parse_number("12a"), None);
        assert_eq!(unescape(" where\\n"), " where\n");
        assert_eq!(unescape("\\\\n"), "\\n");
    }

    #[test]
    fn a_name_may_occur_once() {
        assert!(Values::new(vec![("a", 1), ("b", 2)]).is_ok());
        assert!(Values::new(vec![("a", 1), ("a", 1)]).is_err());
    }
}
