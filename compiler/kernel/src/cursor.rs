//! Primitive values of the format, read from a slice with bounds checks.

use crate::error::{Error, Result};

/// A position in the file. Offsets are absolute, so that they can name nodes.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    pos: usize,
}

impl<'a> Cursor<'a> {
    /// Reads from `start`, up to the end of `bytes`.
    pub(crate) fn new(bytes: &'a [u8], start: usize) -> Self {
        Cursor { bytes, pos: start }
    }

    pub(crate) fn pos(&self) -> usize {
        self.pos
    }

    pub(crate) fn seek(&mut self, pos: usize) {
        self.pos = pos;
    }

    /// Number of bytes left.
    pub(crate) fn remaining(&self) -> usize {
        self.bytes.len().saturating_sub(self.pos)
    }

    pub(crate) fn error(&self, expected: impl Into<std::borrow::Cow<'static, str>>) -> Error {
        Error::new(self.pos, expected)
    }

    #[cold]
    fn truncated(&self) -> Error {
        self.error("more bytes")
    }

    pub(crate) fn byte(&mut self) -> Result<u8> {
        match self.bytes.get(self.pos) {
            Some(&byte) => {
                self.pos += 1;
                Ok(byte)
            }
            None => Err(self.truncated()),
        }
    }

    /// The byte at some absolute offset, if in range.
    pub(crate) fn byte_at(&self, offset: usize) -> Option<u8> {
        self.bytes.get(offset).copied()
    }

    pub(crate) fn slice(&mut self, length: usize) -> Result<&'a [u8]> {
        match self.pos.checked_add(length).and_then(|end| self.bytes.get(self.pos..end)) {
            Some(slice) => {
                self.pos += length;
                Ok(slice)
            }
            None => Err(self.truncated()),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        match self.bytes.get(self.pos..).and_then(|rest| rest.first_chunk::<N>()) {
            Some(chunk) => {
                self.pos += N;
                Ok(*chunk)
            }
            None => Err(self.truncated()),
        }
    }

    /// `UInt`: 7, 14 or 30 bits, the length in the top bits of the first byte.
    pub(crate) fn uint(&mut self) -> Result<u32> {
        let first = u32::from(self.byte()?);
        if first < 0x80 {
            Ok(first)
        } else if first < 0xc0 {
            Ok((first & 0x3f) << 8 | u32::from(self.byte()?))
        } else {
            let [b1, b2, b3] = self.array()?;
            Ok(u32::from_be_bytes([first as u8 & 0x3f, b1, b2, b3]))
        }
    }

    /// `UInt32`: big endian.
    pub(crate) fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// `Double`: little endian, unlike everything else (the writer copies the host's representation).
    pub(crate) fn double(&mut self) -> Result<f64> {
        Ok(f64::from_le_bytes(self.array()?))
    }

    /// Length of a list whose elements take a byte or more each. Bounding it by the bytes left keeps a corrupt
    /// length from reserving memory.
    pub(crate) fn count(&mut self) -> Result<usize> {
        let start = self.pos;
        let count = self.uint()? as usize;
        if count > self.remaining() {
            return Err(Error::new(
                start,
                format!("a list no longer than the {} bytes left", self.remaining()),
            ));
        }
        Ok(count)
    }

    /// An inline string.
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8]> {
        let length = self.uint()? as usize;
        self.slice(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsigned_integers() {
        let bytes = [0x7f, 0xbf, 0xff, 0xc1, 0x02, 0x03, 0x04, 0x80, 0x05];
        let mut cursor = Cursor::new(&bytes, 0);
        let values: Result<Vec<u32>> = (0..4).map(|_| cursor.uint()).collect();
        assert_eq!(values.expect("four integers"), [0x7f, 0x3fff, 0x0102_0304, 5]);
        assert_eq!(cursor.remaining(), 0);
        assert_eq!(cursor.uint().expect_err("the end").offset(), 9);
    }

    #[test]
    fn fixed_width_values() {
        let mut bytes = vec![0x90, 0xab, 0xcd, 0xef];
        bytes.extend(1.25f64.to_le_bytes());
        let mut cursor = Cursor::new(&bytes, 0);
        assert_eq!(cursor.u32().expect("a word"), 0x90ab_cdef);
        assert_eq!(cursor.double().expect("a double"), 1.25);
        assert!(cursor.u32().is_err());
    }

    #[test]
    fn counts_are_bounded_by_what_is_left() {
        assert_eq!(Cursor::new(&[2, 0, 0], 0).count().expect("a count"), 2);
        let error = Cursor::new(&[0, 3, 0, 0], 1).count().expect_err("too long");
        assert_eq!((error.offset(), error.expected()), (1, "a list no longer than the 2 bytes left"));
    }

    #[test]
    fn starting_beyond_the_end() {
        let mut cursor = Cursor::new(&[1, 2], 5);
        assert_eq!(cursor.remaining(), 0);
        assert!(cursor.byte().is_err() && cursor.slice(0).is_err() && cursor.uint().is_err());
    }
}
