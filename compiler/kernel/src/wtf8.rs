//! WTF-8: the encoding of the string table, UTF-8 extended with lone surrogates as three-byte sequences.

/// A string as the VM represents it: `OneByteString` if every code unit fits, else `TwoByteString`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum DartString {
    /// Latin-1.
    OneByte(Vec<u8>),
    /// UTF-16.
    TwoByte(Vec<u16>),
}

impl DartString {
    /// From WTF-8.
    pub fn from_wtf8(bytes: &[u8]) -> Self {
        if bytes.is_ascii() {
            return DartString::OneByte(bytes.to_vec());
        }
        let units = to_utf16(bytes);
        match units.iter().map(|&unit| u8::try_from(unit)).collect() {
            Ok(latin1) => DartString::OneByte(latin1),
            Err(_) => DartString::TwoByte(units),
        }
    }

    /// Number of UTF-16 code units.
    pub fn len(&self) -> usize {
        match self {
            DartString::OneByte(units) => units.len(),
            DartString::TwoByte(units) => units.len(),
        }
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Decodes one code point at the start of `bytes`: its value and length. None if malformed.
fn decode(bytes: &[u8]) -> Option<(u32, usize)> {
    let first = *bytes.first()?;
    let (length, initial, minimum) = match first {
        0..=0x7f => return Some((u32::from(first), 1)),
        0xc2..=0xdf => (2, u32::from(first & 0x1f), 0x80),
        0xe0..=0xef => (3, u32::from(first & 0x0f), 0x800),
        0xf0..=0xf4 => (4, u32::from(first & 0x07), 0x1_0000),
        _ => return None,
    };
    let mut value = initial;
    for &byte in bytes.get(1..length)? {
        if byte & 0xc0 != 0x80 {
            return None;
        }
        value = value << 6 | u32::from(byte & 0x3f);
    }
    (minimum..=0x10_ffff).contains(&value).then_some((value, length))
}

/// UTF-16 code units. Malformed bytes become replacement characters.
pub fn to_utf16(bytes: &[u8]) -> Vec<u16> {
    let mut units = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        let (value, length) = decode(rest).unwrap_or((0xfffd, 1));
        rest = &rest[length..];
        match u16::try_from(value) {
            Ok(unit) => units.push(unit),
            Err(_) => {
                units.push(0xd800 | ((value - 0x1_0000) >> 10) as u16);
                units.push(0xdc00 | (value & 0x3ff) as u16);
            }
        }
    }
    units
}

/// Offset of the first malformed sequence.
pub(crate) fn find_error(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Err(error) = std::str::from_utf8(&bytes[at..]) {
        at += error.valid_up_to();
        match decode(&bytes[at..]) {
            Some((_, length)) => at += length,
            None => return Some(at),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn representations() {
        assert_eq!(DartString::from_wtf8(b"abc"), DartString::OneByte(b"abc".to_vec()));
        assert_eq!(
            DartString::from_wtf8("caf\u{e9}\u{ff}".as_bytes()),
            DartString::OneByte(b"caf\xe9\xff".to_vec())
        );
        assert_eq!(DartString::from_wtf8("\u{100}".as_bytes()), DartString::TwoByte(vec![0x100]));
        assert_eq!(DartString::from_wtf8("\u{1f600}".as_bytes()), DartString::TwoByte(vec![0xd83d, 0xde00]));
        assert_eq!(DartString::from_wtf8(b"").len(), 0);
    }

    #[test]
    fn lone_surrogates() {
        assert_eq!(find_error(b"x\xed\xa0\x80y"), None);
        assert_eq!(to_utf16(b"x\xed\xa0\x80y"), [0x78, 0xd800, 0x79]);
    }

    #[test]
    fn malformed_bytes() {
        // Continuation alone, overlong, truncated, beyond Unicode.
        for bytes in [b"a\x80".as_slice(), b"a\xc0\x80", b"a\xe2\x82", b"a\xf4\x90\x80\x80", b"a\xff"] {
            assert_eq!(find_error(bytes), Some(1), "{bytes:?}");
            assert_eq!(to_utf16(bytes)[..2], [0x61, 0xfffd]);
        }
    }
}
