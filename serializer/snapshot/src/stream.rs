//! Integer encodings of the clustered stream (`runtime/vm/datastream.h`).
//!
//! All are groups of seven bits. Unlike LEB128, the *last* byte carries the mark: it is the one with the top
//! bit set. A signed value's last byte is biased by 192, so it stands for −64 … 63 and the sign extends.
//! References are big-endian, everything else is little-endian. The writer always uses the shortest form.
//! Stack maps and descriptors use ordinary (S)LEB128 instead, because other code shares them.

use crate::error::{Error, Result};

/// Largest reference: four groups.
pub const MAX_REFERENCE: u32 = (1 << 28) - 1;

/// A growing stream.
#[derive(Debug, Clone, Default)]
pub struct WriteStream {
    bytes: Vec<u8>,
}

impl WriteStream {
    /// An empty stream.
    pub fn new() -> WriteStream {
        WriteStream::default()
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The bytes so far, for patching.
    pub fn bytes_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// `WriteUnsigned`.
    pub fn unsigned(&mut self, mut value: u64) {
        while value > 127 {
            self.bytes.push((value & 127) as u8);
            value >>= 7;
        }
        self.bytes.push(value as u8 + 128);
    }

    /// `Write<T>` of a signed value, already sign extended.
    pub fn signed(&mut self, mut value: i64) {
        while !(-64..=63).contains(&value) {
            self.bytes.push((value & 127) as u8);
            value >>= 7;
        }
        self.bytes.push((value + 192) as u8);
    }

    /// `WriteRefId`.
    ///
    /// # Panics
    /// If the reference is zero or above [`MAX_REFERENCE`]; writers check the number of objects first.
    pub fn reference(&mut self, reference: u32) {
        assert!((1..=MAX_REFERENCE).contains(&reference), "reference {reference} out of range");
        for shift in [21, 14, 7] {
            if reference >> shift != 0 {
                self.bytes.push((reference >> shift & 127) as u8);
            }
        }
        self.bytes.push((reference & 127) as u8 + 128);
    }

    /// Raw bytes.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Zeros up to a multiple of `alignment`.
    pub fn align(&mut self, alignment: usize) {
        self.bytes.resize(self.bytes.len().next_multiple_of(alignment), 0);
    }
}

/// Appends unsigned LEB128.
pub fn write_leb128(out: &mut Vec<u8>, mut value: u64) {
    while value > 127 {
        out.push((value & 127) as u8 | 128);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends signed LEB128.
pub fn write_sleb128(out: &mut Vec<u8>, mut value: i64) {
    while !(-64..=63).contains(&value) {
        out.push((value & 127) as u8 | 128);
        value >>= 7;
    }
    out.push((value & 127) as u8);
}

/// A cursor over a stream.
#[derive(Debug, Clone)]
pub struct ReadStream<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> ReadStream<'a> {
    /// A cursor at `position`.
    pub fn new(bytes: &'a [u8], position: usize) -> ReadStream<'a> {
        ReadStream { bytes, position }
    }

    /// Offset of the next byte.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Bytes left.
    pub fn remaining(&self) -> usize {
        self.bytes.len().saturating_sub(self.position)
    }

    /// An error at the cursor.
    pub fn malformed(&self, reason: impl Into<String>) -> Error {
        Error::Malformed { offset: self.position, reason: reason.into() }
    }

    /// One byte.
    ///
    /// # Errors
    /// End of stream.
    pub fn byte(&mut self) -> Result<u8> {
        let byte = *self.bytes.get(self.position).ok_or_else(|| self.malformed("end of stream"))?;
        self.position += 1;
        Ok(byte)
    }

    /// Raw bytes.
    ///
    /// # Errors
    /// End of stream.
    pub fn raw(&mut self, n: usize) -> Result<&'a [u8]> {
        let end = self.position.checked_add(n).filter(|&end| end <= self.bytes.len());
        let end =
            end.ok_or_else(|| self.malformed(format!("{n} bytes wanted, {} left", self.remaining())))?;
        let bytes = &self.bytes[self.position..end];
        self.position = end;
        Ok(bytes)
    }

    /// `ReadUnsigned`.
    ///
    /// # Errors
    /// End of stream, or more than 64 bits.
    pub fn unsigned(&mut self) -> Result<u64> {
        let (mut value, mut shift) = (0u64, 0);
        loop {
            let byte = self.byte()?;
            let group = u64::from(byte & 127);
            if shift > 63 || group << shift >> shift != group {
                return Err(self.malformed("unsigned value of more than 64 bits"));
            }
            value |= group << shift;
            if byte > 127 {
                return Ok(value);
            }
            shift += 7;
        }
    }

    /// `Read<T>` of `bits` bits, sign extended.
    ///
    /// # Errors
    /// End of stream, or more groups than the width needs.
    pub fn signed(&mut self, bits: u32) -> Result<i64> {
        let (mut value, mut shift) = (0i64, 0);
        loop {
            let byte = self.byte()?;
            if shift >= bits {
                return Err(self.malformed(format!("signed value of more than {bits} bits")));
            }
            if byte > 127 {
                value |= (i64::from(byte) - 192).wrapping_shl(shift);
                let unused = 64 - bits;
                return Ok(value << unused >> unused);
            }
            value |= i64::from(byte).wrapping_shl(shift);
            shift += 7;
        }
    }

    /// `ReadRefId`.
    ///
    /// # Errors
    /// End of stream, or more than four bytes.
    pub fn reference(&mut self) -> Result<u32> {
        let mut value = 0;
        for _ in 0..4 {
            let byte = self.byte()?;
            value = value << 7 | u32::from(byte & 127);
            if byte > 127 {
                return Ok(value);
            }
        }
        Err(self.malformed("reference of more than four bytes"))
    }

    /// Padding up to a multiple of `alignment`.
    ///
    /// # Errors
    /// End of stream, or padding that is not zero.
    pub fn align(&mut self, alignment: usize) -> Result<()> {
        while !self.position.is_multiple_of(alignment) {
            if self.byte()? != 0 {
                return Err(self.malformed("padding is not zero"));
            }
        }
        Ok(())
    }

    /// Unsigned LEB128.
    ///
    /// # Errors
    /// End of stream, or more than 64 bits.
    pub fn leb128(&mut self) -> Result<u64> {
        let (mut value, mut shift) = (0u64, 0);
        loop {
            let byte = self.byte()?;
            if shift > 63 {
                return Err(self.malformed("LEB128 value of more than 64 bits"));
            }
            value |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Ok(value);
            }
            shift += 7;
        }
    }

    /// Signed LEB128.
    ///
    /// # Errors
    /// End of stream, or more than 64 bits.
    pub fn sleb128(&mut self) -> Result<i64> {
        let (mut value, mut shift) = (0i64, 0);
        loop {
            let byte = self.byte()?;
            if shift > 63 {
                return Err(self.malformed("SLEB128 value of more than 64 bits"));
            }
            value |= i64::from(byte & 127) << shift;
            shift += 7;
            if byte < 128 {
                let unused = 64u32.saturating_sub(shift);
                return Ok(value << unused >> unused);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unsigned(v: u64) -> Vec<u8> {
        let mut s = WriteStream::new();
        s.unsigned(v);
        s.into_bytes()
    }

    fn signed(v: i64) -> Vec<u8> {
        let mut s = WriteStream::new();
        s.signed(v);
        s.into_bytes()
    }

    fn reference(v: u32) -> Vec<u8> {
        let mut s = WriteStream::new();
        s.reference(v);
        s.into_bytes()
    }

    #[test]
    fn known_encodings() {
        assert_eq!(unsigned(0), [0x80]);
        assert_eq!(unsigned(127), [0xff]);
        assert_eq!(unsigned(128), [0x00, 0x81]);
        assert_eq!(signed(0), [0xc0]);
        assert_eq!(signed(-1), [0xbf]);
        assert_eq!(signed(63), [0xff]);
        assert_eq!(signed(64), [0x40, 0xc0]);
        assert_eq!(signed(-64), [0x80]);
        assert_eq!(signed(-65), [0x3f, 0xbf]);
        assert_eq!(reference(1), [0x81]);
        assert_eq!(reference(127), [0xff]);
        assert_eq!(reference(128), [0x01, 0x80]);
        assert_eq!(reference(300), [0x02, 0xac]);
    }

    #[test]
    fn values_survive() {
        for v in [0, 1, 127, 128, 16383, 16384, u64::from(u32::MAX), u64::MAX] {
            assert_eq!(ReadStream::new(&unsigned(v), 0).unsigned(), Ok(v));
        }
        for v in [0, 1, -1, 63, 64, -64, -65, 8191, 8192, -8192, -8193, i64::MAX, i64::MIN] {
            assert_eq!(ReadStream::new(&signed(v), 0).signed(64), Ok(v));
            assert_eq!(ReadStream::new(&signed(i64::from(v as i32)), 0).signed(32), Ok(i64::from(v as i32)));
            let mut leb = Vec::new();
            write_sleb128(&mut leb, v);
            assert_eq!(ReadStream::new(&leb, 0).sleb128(), Ok(v));
        }
        for v in [1, 127, 128, 16383, 16384, 2097151, 2097152, MAX_REFERENCE] {
            assert_eq!(ReadStream::new(&reference(v), 0).reference(), Ok(v));
        }
    }

    #[test]
    fn malformed_input_is_refused() {
        assert!(ReadStream::new(&[0x01], 0).unsigned().is_err());
        assert!(ReadStream::new(&[0, 0, 0, 0, 0x81], 0).reference().is_err());
        assert!(ReadStream::new(&[0, 0, 0, 0, 0, 0xc0], 0).signed(32).is_err());
        assert!(ReadStream::new(&[1, 0], 0).raw(3).is_err());
    }
}
