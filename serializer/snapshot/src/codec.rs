//! One description per class, many directions.
//!
//! Writing, reading, tracing and checking a snapshot all walk the same fields in the same order. The order
//! and the encodings are therefore stated once, in [`crate::objects`], against the [`Codec`] trait: `alloc`
//! lists what a cluster stores about an object in the allocation section (everything needed to allocate it),
//! `fill` what it stores in the fill section. A codec gets each field by mutable reference: a writer reads
//! it, a reader sets it, a tracer follows it.
//!
//! Lengths are the one place where a description must act: `alloc` resizes the vector to the length it got
//! back (no change when writing), and `fill` requires the repeated length to agree.

use crate::error::{Error, Result};
use crate::graph::ObjId;
use crate::spec::{FormatSpec, Target};

/// The code a function (or a dispatch-table cell) runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CodeRef {
    /// None of its own: calls reach the lazy-compile stub.
    #[default]
    LazyCompile,
    /// A Code object.
    Code(ObjId),
    /// An entry of the instructions table that has no Code object (`--dwarf_stack_traces`), by its table
    /// index.
    Discarded(u32),
}

/// A set of object kinds that a reference may point to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefType {
    /// How error messages call the set.
    pub name: &'static str,
    kinds: u128,
    nullable: bool,
}

impl RefType {
    /// Objects of any kind, null included.
    pub const ANY: RefType = RefType { name: "any object", kinds: u128::MAX, nullable: true };

    /// The set of `kinds`.
    pub const fn of(name: &'static str, kinds: &[crate::objects::ObjectKind]) -> RefType {
        let (mut bits, mut i) = (0, 0);
        while i < kinds.len() {
            bits |= 1 << kinds[i] as u32;
            i += 1;
        }
        RefType { name, kinds: bits, nullable: false }
    }

    /// The set and null.
    pub const fn or_null(self) -> RefType {
        RefType { nullable: true, ..self }
    }

    /// Whether the set holds `kind`.
    pub fn allows(self, kind: crate::objects::ObjectKind) -> bool {
        match kind {
            crate::objects::ObjectKind::Null => self.nullable,
            _ => self.kinds >> kind as u32 & 1 != 0,
        }
    }
}

/// A direction in which object descriptions are walked. `field` is the field's name in the VM.
pub trait Codec {
    /// The revision's constants.
    fn spec(&self) -> &FormatSpec;

    /// The output's constants.
    fn target(&self) -> &Target;

    /// A reference: big-endian groups of seven bits.
    ///
    /// # Errors
    /// The target is missing or not of an `allowed` kind, or the bytes are malformed.
    fn reference(&mut self, field: &'static str, id: &mut ObjId, allowed: RefType) -> Result<()>;

    /// A reference to an integer object, stored here by value.
    ///
    /// # Errors
    /// As for [`Codec::reference`].
    fn smi(&mut self, field: &'static str, value: &mut i64) -> Result<()>;

    /// A code index.
    ///
    /// # Errors
    /// The code is not part of the text image.
    fn code(&mut self, field: &'static str, code: &mut CodeRef) -> Result<()>;

    /// An unsigned integer: little-endian groups of seven bits.
    ///
    /// # Errors
    /// Malformed bytes.
    fn unsigned64(&mut self, field: &'static str, value: &mut u64) -> Result<()>;

    /// A signed integer of `bits` bits in little-endian groups of seven bits, sign extended on the way in.
    ///
    /// # Errors
    /// Malformed bytes.
    fn signed(&mut self, field: &'static str, bits: u32, value: &mut i64) -> Result<()>;

    /// Bytes as they are; the length is known.
    ///
    /// # Errors
    /// The stream ends early.
    fn bytes(&mut self, field: &'static str, bytes: &mut [u8]) -> Result<()>;

    /// Zero bytes up to a multiple of `alignment`, from the start of the snapshot.
    ///
    /// # Errors
    /// The padding is not zero.
    fn align(&mut self, alignment: usize) -> Result<()>;

    /// Builds an error about the object being visited.
    fn inconsistent(&self, reason: String) -> Error {
        Error::Inconsistent { object: String::new(), reason }
    }

    /// A length in the allocation section. A reader must refuse lengths that the stream cannot hold.
    ///
    /// # Errors
    /// Malformed or absurd lengths.
    fn length(&mut self, field: &'static str, length: &mut usize) -> Result<()> {
        let mut v = *length as u64;
        self.unsigned64(field, &mut v)?;
        *length = v as usize;
        Ok(())
    }

    /// A value known from the allocation section, repeated in the fill section.
    ///
    /// # Errors
    /// The two differ.
    fn repeated(&mut self, field: &'static str, value: u64) -> Result<()> {
        let mut v = value;
        self.unsigned64(field, &mut v)?;
        if v == value {
            Ok(())
        } else {
            Err(self.inconsistent(format!("{field} is {v}, was allocated as {value}")))
        }
    }

    /// An unsigned integer that fits 32 bits.
    ///
    /// # Errors
    /// As [`Codec::unsigned64`]; or it does not fit.
    fn unsigned(&mut self, field: &'static str, value: &mut u32) -> Result<()> {
        let mut v = u64::from(*value);
        self.unsigned64(field, &mut v)?;
        *value = u32::try_from(v)
            .map_err(|_| self.inconsistent(format!("{field} {v:#x} needs more than 32 bits")))?;
        Ok(())
    }

    /// `Write<int16_t>`.
    ///
    /// # Errors
    /// As [`Codec::signed`].
    fn i16(&mut self, field: &'static str, value: &mut i16) -> Result<()> {
        let mut v = i64::from(*value);
        self.signed(field, 16, &mut v)?;
        *value = v as i16;
        Ok(())
    }

    /// `Write<uint16_t>`: cast to the signed type of the same width.
    ///
    /// # Errors
    /// As [`Codec::signed`].
    fn u16(&mut self, field: &'static str, value: &mut u16) -> Result<()> {
        let mut v = i64::from(*value as i16);
        self.signed(field, 16, &mut v)?;
        *value = v as u16;
        Ok(())
    }

    /// `Write<int32_t>`.
    ///
    /// # Errors
    /// As [`Codec::signed`].
    fn i32(&mut self, field: &'static str, value: &mut i32) -> Result<()> {
        let mut v = i64::from(*value);
        self.signed(field, 32, &mut v)?;
        *value = v as i32;
        Ok(())
    }

    /// `Write<uint32_t>`: cast to the signed type of the same width.
    ///
    /// # Errors
    /// As [`Codec::signed`].
    fn u32(&mut self, field: &'static str, value: &mut u32) -> Result<()> {
        let mut v = i64::from(*value as i32);
        self.signed(field, 32, &mut v)?;
        *value = v as u32;
        Ok(())
    }

    /// `Write<int64_t>`.
    ///
    /// # Errors
    /// As [`Codec::signed`].
    fn i64(&mut self, field: &'static str, value: &mut i64) -> Result<()> {
        self.signed(field, 64, value)
    }

    /// `Write<uint64_t>` and doubles: cast to the signed type of the same width.
    ///
    /// # Errors
    /// As [`Codec::signed`].
    fn u64(&mut self, field: &'static str, value: &mut u64) -> Result<()> {
        let mut v = *value as i64;
        self.signed(field, 64, &mut v)?;
        *value = v as u64;
        Ok(())
    }

    /// `Write<intptr_t>`: the width of the target's machine word.
    ///
    /// # Errors
    /// As [`Codec::signed`].
    fn word(&mut self, field: &'static str, value: &mut i64) -> Result<()> {
        let bits = self.target().arch.word_size.bits();
        if bits == 32 {
            *value = i64::from(*value as i32);
        }
        self.signed(field, bits, value)
    }

    /// A machine word as 32-bit halves, low half first. With compressed pointers the slot holds 32 bits, yet
    /// both halves of a machine word are stored.
    ///
    /// # Errors
    /// As [`Codec::signed`].
    fn word_as_32bit_writes(&mut self, field: &'static str, value: &mut u64) -> Result<()> {
        let mut low = *value as u32;
        self.u32(field, &mut low)?;
        let mut high = 0;
        if self.target().word_bytes() == 8 {
            high = if self.target().compressed_pointers { 0 } else { (*value >> 32) as u32 };
            self.u32(field, &mut high)?;
        }
        *value = u64::from(low) | u64::from(high) << 32;
        Ok(())
    }

    /// One byte.
    ///
    /// # Errors
    /// The stream ends early.
    fn byte(&mut self, field: &'static str, value: &mut u8) -> Result<()> {
        let mut b = [*value];
        self.bytes(field, &mut b)?;
        *value = b[0];
        Ok(())
    }

    /// One byte, 0 or 1.
    ///
    /// # Errors
    /// The stream ends early, or the byte is neither.
    fn boolean(&mut self, field: &'static str, value: &mut bool) -> Result<()> {
        let mut b = u8::from(*value);
        self.byte(field, &mut b)?;
        if b > 1 {
            return Err(self.inconsistent(format!("{field} is {b}, not a bool")));
        }
        *value = b != 0;
        Ok(())
    }
}

/// The snapshot description of one class of objects.
pub trait Describe {
    /// What the allocation section stores about one object.
    ///
    /// # Errors
    /// Whatever the codec reports.
    fn alloc<C: Codec>(&mut self, _codec: &mut C) -> Result<()> {
        Ok(())
    }

    /// What the fill section stores about one object.
    ///
    /// # Errors
    /// Whatever the codec reports.
    fn fill<C: Codec>(&mut self, codec: &mut C) -> Result<()>;
}
