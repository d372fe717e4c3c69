//! The build id: a hash of both blobs.
//!
//! The runtime only prints it, but symbolizers match it against debugging information, so it is computed as
//! the engine's own compiler does (`ElfWriter::GenerateBuildId` in `runtime/vm/elf.cc`): MurmurHash2 of the
//! halves of each blob.

/// Identifies a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BuildId(pub [u8; 16]);

impl BuildId {
    /// Hashes the blobs, with break filler where the text blob has link-time words.
    pub fn of(text: &[u8], data: &[u8]) -> BuildId {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&hash64(text).to_le_bytes());
        id[8..].copy_from_slice(&hash64(data).to_le_bytes());
        BuildId(id)
    }
}

/// `Utils::StringHash64`. An odd last byte does not count; 0 is replaced by 1.
fn hash64(bytes: &[u8]) -> u64 {
    let half = bytes.len() / 2;
    let hash = u64::from(murmur2(&bytes[..half])) << 32 | u64::from(murmur2(&bytes[half..2 * half]));
    hash.max(1)
}

/// MurmurHash2 with seed 0: the length is the initial state.
fn murmur2(bytes: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = bytes.len() as u32;
    let mut words = bytes.chunks_exact(4);
    for word in &mut words {
        let mut part = u32::from_le_bytes(word.try_into().expect("four bytes")).wrapping_mul(M);
        part ^= part >> 24;
        hash = hash.wrapping_mul(M) ^ part.wrapping_mul(M);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        for (i, &byte) in rest.iter().enumerate() {
            hash ^= u32::from(byte) << (8 * i);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ hash >> 15
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn murmur_vectors() {
        assert_eq!(murmur2(b""), 0);
        // One step and the finalization, spelled out.
        let m = 0x5bd1_e995u32;
        let k = u32::from_le_bytes(*b"abcd").wrapping_mul(m);
        let k = (k ^ k >> 24).wrapping_mul(m);
        let h = 4u32.wrapping_mul(m) ^ k;
        let h = (h ^ h >> 13).wrapping_mul(m);
        assert_eq!(murmur2(b"abcd"), h ^ h >> 15);
        assert_ne!(murmur2(b"abcd\0"), murmur2(b"abcd"));
    }

    #[test]
    fn both_blobs_count() {
        let id = BuildId::of(b"texttext", b"datadata");
        assert_ne!(id, BuildId::of(b"texttext", b"datadatb"));
        assert_ne!(id, BuildId::of(b"tfxttext", b"datadata"));
        assert_eq!(hash64(b""), 1);
    }
}
