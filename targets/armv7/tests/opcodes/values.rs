//! Operands: edge cases, and pseudo-random ones that are the same in each run.

use cranelift_codegen::ir::{Type, types};

/// A xorshift generator.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 33) as usize % limit
    }
}

/// Values of a type that are likely to go wrong, as bits.
pub fn edges(ty: Type) -> Vec<u64> {
    match ty {
        types::F32 => {
            float_edges().iter().map(|&x| u64::from((x as f32).to_bits())).chain(f32_bits()).collect()
        }
        types::F64 => float_edges().iter().map(|&x| x.to_bits()).chain(f64_bits()).collect(),
        _ => int_edges(ty.bits()),
    }
}

fn int_edges(bits: u32) -> Vec<u64> {
    let mut values = vec![0, 1, 2, 3, 5, 7, 10, 31, 32, 33, 63, 64, 65, 100, 255];
    for bit in [7, 8, 15, 16, 24, 31, 32, 33, 47, 53, 62, 63] {
        let power = 1_u64 << bit;
        values.extend([power, power - 1, power + 1]);
    }
    values.extend([0x1234_5678_9abc_def0, 0xfedc_ba98_0000_0000, 0xdead_beef]);
    let opposites: Vec<u64> = values.iter().map(|value| value.wrapping_neg()).collect();
    values.extend(opposites);
    let mut values: Vec<u64> = values.iter().map(|value| value & (u64::MAX >> (64 - bits))).collect();
    values.sort_unstable();
    values.dedup();
    values
}

fn float_edges() -> Vec<f64> {
    let mut values =
        vec![0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.5, 1e-3, 1e10, 1e18, 1e19, 1e30, 123_456.789];
    for bits in [7, 8, 15, 16, 23, 24, 31, 32, 51, 52, 53, 63, 64] {
        let power = 2_f64.powi(bits);
        values.extend([power, power - 1.0, power + 1.0, power - 0.5, power.next_down()]);
    }
    values.extend([f64::INFINITY, f64::MAX, f64::MIN_POSITIVE]);
    let opposites: Vec<f64> = values.iter().map(|value| -value).collect();
    values.extend(opposites);
    values
}

/// Denormals and NaNs.
fn f32_bits() -> impl Iterator<Item = u64> {
    [1, 0x8000_0001, 0x007f_ffff, 0x7fc0_0000, 0xffc0_0001, 0x7f7f_ffff].into_iter()
}

fn f64_bits() -> impl Iterator<Item = u64> {
    [1, 0x8000_0000_0000_0001, 0x000f_ffff_ffff_ffff, 0x7ff8_0000_0000_0000, 0xfff8_0000_0000_0001]
        .into_iter()
}

/// Any value of a type, most of them of many different magnitudes.
fn random(ty: Type, random: &mut Random) -> u64 {
    let bits = random.next();
    match ty {
        types::F32 => {
            if bits & 1 == 0 {
                quiet32(bits >> 32)
            } else {
                u64::from(((bits as i64 >> 20) as f32 / 16.0).to_bits())
            }
        }
        types::F64 => {
            if bits & 1 == 0 {
                quiet64(random.next())
            } else {
                ((bits as i64 >> (bits % 60)) as f64 / 8.0).to_bits()
            }
        }
        _ => {
            let magnitude = random.next() >> (bits % 64);
            let value = if bits & 0x100 == 0 { magnitude } else { magnitude.wrapping_neg() };
            value & (u64::MAX >> (64 - ty.bits()))
        }
    }
}

/// Signalling NaNs become quiet in operations or not, as implementations like: there are none here.
fn quiet32(bits: u64) -> u64 {
    let bits = bits as u32;
    u64::from(if f32::from_bits(bits).is_nan() { bits | 0x0040_0000 } else { bits })
}

fn quiet64(bits: u64) -> u64 {
    if f64::from_bits(bits).is_nan() { bits | 0x0008_0000_0000_0000 } else { bits }
}

/// Rows of operands: all combinations of edge cases if they are few, and some with random values.
pub fn rows(params: &[Type], seed: u64) -> Vec<Vec<u64>> {
    let mut source = Random::new(seed);
    let lists: Vec<Vec<u64>> = params.iter().map(|&ty| edges(ty)).collect();
    let count = lists.iter().fold(1_usize, |count, list| count.saturating_mul(list.len()));
    let mut rows: Vec<Vec<u64>> = Vec::new();
    if count <= 300 {
        let mut row = vec![0; params.len()];
        for mut index in 0..count {
            for (list, operand) in lists.iter().zip(&mut row) {
                *operand = list[index % list.len()];
                index /= list.len();
            }
            rows.push(row.clone());
        }
    } else {
        for _ in 0..300 {
            rows.push(lists.iter().map(|list| list[source.below(list.len())]).collect());
        }
    }
    let more = if params.is_empty() { 0 } else { 60 };
    for _ in 0..more {
        let row = lists.iter().zip(params).map(|(list, &ty)| {
            if source.below(4) == 0 { list[source.below(list.len())] } else { random(ty, &mut source) }
        });
        rows.push(row.collect());
    }
    rows
}
