//! The dispatch table: code of every (selector row, class) cell, compressed by repetition and recency
//! (`Serializer::WriteDispatchTable` in `runtime/vm/app_snapshot.cc`).
//!
//! One signed number per step: 0 is an empty cell; 1 … 63 repeats the previous cell that many times; −1 … −64
//! picks from a ring of the last 64 code indices that were spelled out; 64 and more spells out code index +
//! 64 and enters the ring.

use crate::error::{Error, Result};
use crate::stream::{ReadStream, WriteStream};

const RECENT_COUNT: usize = 64;
const MAX_REPEAT: i64 = 63;
const INDEX_BASE: i64 = MAX_REPEAT + 1;

/// Appends the table: code indices, 0 for empty cells.
pub fn encode(stream: &mut WriteStream, table: &[u32], first_code_ref: u32) {
    stream.unsigned(table.len() as u64);
    if table.is_empty() {
        return;
    }
    stream.unsigned(u64::from(first_code_ref));
    // An empty cell is the VM's null, and so is the cell before the first one.
    let (mut previous, mut repeats) = (0, 0);
    let (mut recent, mut next_recent) = ([0; RECENT_COUNT], 0);
    for (position, &cell) in table.iter().enumerate() {
        if cell == previous && position > 0 {
            repeats += 1;
            if repeats == MAX_REPEAT {
                stream.signed(MAX_REPEAT);
                repeats = 0;
            }
            continue;
        }
        if repeats > 0 {
            stream.signed(repeats);
            repeats = 0;
        }
        previous = cell;
        if cell == 0 {
            stream.signed(0);
        } else if let Some(index) = recent.iter().position(|&r| r == cell) {
            stream.signed(!(index as i64));
        } else {
            stream.signed(INDEX_BASE + i64::from(cell));
            recent[next_recent] = cell;
            next_recent = (next_recent + 1) % RECENT_COUNT;
        }
    }
    if repeats > 0 {
        stream.signed(repeats);
    }
}

/// Reads the table and the first reference of the Code cluster (0 if the table is empty).
///
/// # Errors
/// Malformed bytes.
pub fn decode(stream: &mut ReadStream) -> Result<(Vec<u32>, u32)> {
    let length = stream.unsigned()? as usize;
    if length == 0 {
        return Ok((Vec::new(), 0));
    }
    // Every step makes at most MAX_REPEAT cells and takes at least a byte.
    if length / MAX_REPEAT as usize > stream.remaining() {
        return Err(stream.malformed("dispatch table longer than its stream"));
    }
    let first_code_ref = stream.unsigned()? as u32;
    let mut table: Vec<u32> = Vec::with_capacity(length.min(stream.remaining()));
    let (mut recent, mut next_recent) = ([0; RECENT_COUNT], 0);
    while table.len() < length {
        let step = stream.signed(64)?;
        match step {
            0 => table.push(0),
            1..=MAX_REPEAT => {
                // In an empty table the cell before the first one counts as empty.
                let previous = table.last().copied().unwrap_or(0);
                table.resize(table.len() + step as usize, previous);
            }
            INDEX_BASE.. => {
                let cell =
                    u32::try_from(step - INDEX_BASE).map_err(|_| stream.malformed("code index too large"))?;
                if cell == 0 {
                    return Err(stream.malformed("dispatch table cell without code"));
                }
                recent[next_recent] = cell;
                next_recent = (next_recent + 1) % RECENT_COUNT;
                table.push(cell);
            }
            _ => match recent.get(!step as usize) {
                Some(&cell) if cell != 0 => table.push(cell),
                _ => return Err(stream.malformed("dispatch table refers to no recent cell")),
            },
        }
    }
    if table.len() > length {
        let reason = format!("dispatch table has {} cells instead of {length}", table.len());
        return Err(Error::Malformed { offset: stream.position(), reason });
    }
    Ok((table, first_code_ref))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(table: &[u32]) -> Vec<u8> {
        let mut stream = WriteStream::new();
        encode(&mut stream, table, 9);
        let bytes = stream.into_bytes();
        let mut read = ReadStream::new(&bytes, 0);
        assert_eq!(decode(&mut read).unwrap(), (table.to_vec(), if table.is_empty() { 0 } else { 9 }));
        assert_eq!(read.remaining(), 0);
        bytes
    }

    #[test]
    fn tables_survive() {
        round_trip(&[]);
        round_trip(&[0]);
        round_trip(&[0; 200]);
        round_trip(&[7; 64]);
        round_trip(&[7; 65]);
        round_trip(&[5, 5, 5, 0, 0, 6, 5, 6, 0]);
        // More distinct values than the ring holds, then all again.
        let many: Vec<u32> = (1..=100).chain(1..=100).chain((1..=100).rev()).collect();
        round_trip(&many);
    }

    #[test]
    fn steps_are_as_documented() {
        let bytes = round_trip(&[5, 5, 5, 0, 6, 5]);
        // length 6, first ref 9, 64+5, repeat 2, empty, 64+6, recent 0.
        assert_eq!(bytes, [0x86, 0x89, 69, 0xc0, 0xc2, 0xc0, 70, 0xc0, 0xbf]);
    }
}
