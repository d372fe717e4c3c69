//! Pseudo-random sequences of operations of all types: what single opcodes do not show, such as operands that are absorbed or not,
//! many live values, and flags near each other.

use std::fmt::Write as _;

use cranelift_codegen::ir::{Type, types};

use crate::cases::Case;
use crate::values::Random;

const TYPES: [Type; 6] = [types::I8, types::I16, types::I32, types::I64, types::F32, types::F64];
const BINARY: [&str; 19] = [
    "iadd", "iadd", "isub", "isub", "imul", "band", "bor", "bxor", "ishl", "ushr", "sshr", "rotl", "rotr",
    "smin", "umax", "umulhi", "smulhi", "umin", "smax",
];
const UNARY: [&str; 7] = ["bnot", "ineg", "iabs", "clz", "ctz", "popcnt", "bitrev"];
const CCS: [&str; 10] = ["eq", "ne", "slt", "sge", "sgt", "sle", "ult", "uge", "ugt", "ule"];
const FLOAT_CCS: [&str; 6] = ["eq", "ne", "lt", "ge", "uno", "ult"];
const CONSTANTS: [i64; 14] = [0, 1, 2, 3, 7, 31, 63, 127, 255, 4095, 65_535, -1, -2, 0x1234_5678];

struct Writer {
    random: Random,
    body: String,
    /// Values by number and type that dominate the place where text is written.
    values: Vec<(u32, Type)>,
    next_value: u32,
}

impl Writer {
    fn pick<'t>(&mut self, list: &[&'t str]) -> &'t str {
        list[self.random.below(list.len())]
    }

    /// A value of a type, a new constant if there is none.
    fn value(&mut self, ty: Type) -> u32 {
        let known: Vec<u32> = self.values.iter().filter(|value| value.1 == ty).map(|value| value.0).collect();
        if known.is_empty() || ty.is_int() && self.random.below(6) == 0 {
            let constant = CONSTANTS[self.random.below(CONSTANTS.len())];
            let text = match ty {
                types::F32 => "f32const 0x1.8p2".to_string(),
                types::F64 => "f64const -0x1.4p-1".to_string(),
                types::I64 => format!("iconst.i64 {constant}"),
                ty => {
                    let mask = (1_i64 << ty.bits()) - 1;
                    format!("iconst.{ty} {}", constant & mask)
                }
            };
            return self.define(ty, &text);
        }
        // Rather a recent one: long chains.
        let recent = known.len().min(6);
        let index = if self.random.below(3) == 0 {
            self.random.below(known.len())
        } else {
            known.len() - 1 - self.random.below(recent)
        };
        known[index]
    }

    fn define(&mut self, ty: Type, text: &str) -> u32 {
        let number = self.next_value;
        self.next_value += 1;
        let _ = writeln!(self.body, " v{number} = {text}");
        self.values.push((number, ty));
        number
    }

    fn any_type(&mut self) -> Type {
        // Integers of 32 and 64 bits are what programs are made of.
        match self.random.below(10) {
            0..=2 => types::I64,
            3..=5 => types::I32,
            n => TYPES[n % 6],
        }
    }

    fn condition(&mut self) -> u32 {
        let ty = self.any_type();
        let (a, b) = (self.value(ty), self.value(ty));
        let text = if ty.is_int() {
            format!("icmp {} v{a}, v{b}", self.pick(&CCS))
        } else {
            format!("fcmp {} v{a}, v{b}", self.pick(&FLOAT_CCS))
        };
        self.define(types::I8, &text)
    }

    fn instruction(&mut self) {
        let ty = self.any_type();
        if self.random.below(8) == 0 {
            let condition = self.condition();
            let (a, b) = (self.value(ty), self.value(ty));
            self.define(ty, &format!("select v{condition}, v{a}, v{b}"));
            return;
        }
        if !ty.is_int() {
            let (a, b) = (self.value(ty), self.value(ty));
            let op = self.pick(&["fadd", "fsub", "fmul", "fneg", "fabs", "from", "change", "bits"]);
            let text = match (op, ty) {
                ("fneg" | "fabs", _) => format!("{op} v{a}"),
                ("from", _) => {
                    let int = [types::I32, types::I64][self.random.below(2)];
                    let a = self.value(int);
                    format!("fcvt_from_sint.{ty} v{a}")
                }
                ("change", types::F64) => {
                    let a = self.value(types::F32);
                    format!("fpromote.f64 v{a}")
                }
                ("change", _) => {
                    let a = self.value(types::F64);
                    format!("fdemote.f32 v{a}")
                }
                ("bits", _) => {
                    // Of NaNs only numbers made of integers are taken, so that bits never show.
                    let a = self.value(types::I32);
                    format!("fcvt_from_uint.{ty} v{a}")
                }
                _ => format!("{op} v{a}, v{b}"),
            };
            self.define(ty, &text);
            return;
        }
        let text = match self.random.below(16) {
            0 | 1 => {
                let op = self.pick(&UNARY);
                format!("{op} v{}", self.value(ty))
            }
            2..=4 => {
                let from = TYPES[self.random.below(4)];
                let a = self.value(from);
                if from.bits() < ty.bits() {
                    format!("{}.{ty} v{a}", self.pick(&["uextend", "sextend"]))
                } else if from.bits() > ty.bits() {
                    format!("ireduce.{ty} v{a}")
                } else {
                    format!("iadd v{a}, v{a}")
                }
            }
            5 => {
                let a = self.value(types::F64);
                format!("{}.{ty} v{a}", self.pick(&["fcvt_to_sint_sat", "fcvt_to_uint_sat"]))
            }
            6 => {
                let condition = self.condition();
                format!("bmask.{ty} v{condition}")
            }
            7 => {
                // Through memory.
                let a = self.value(ty);
                let offset = self.random.below(7) * 8;
                let _ = writeln!(
                    self.body,
                    " v{} = stack_addr.i32 ss0\n store notrap v{a}, v{}+{offset}",
                    self.next_value, self.next_value
                );
                self.next_value += 1;
                format!("load.{ty} notrap v{}+{offset}", self.next_value - 1)
            }
            8 => {
                let b = self.value(ty);
                let odd = self.value_of(ty, "1");
                let divisor = self.define(ty, &format!("bor v{b}, v{odd}"));
                format!("{} v{}, v{divisor}", self.pick(&["udiv", "urem"]), self.value(ty))
            }
            _ => {
                let op = self.pick(&BINARY);
                let (a, b) = (self.value(ty), self.value(ty));
                format!("{op} v{a}, v{b}")
            }
        };
        self.define(ty, &text);
    }

    fn value_of(&mut self, ty: Type, constant: &str) -> u32 {
        self.define(ty, &format!("iconst.{ty} {constant}"))
    }
}

/// Functions of one block each.
pub fn operations() -> Vec<Case> {
    (0..300).map(case).collect()
}

fn case(seed: u64) -> Case {
    let mut random = Random::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851);
    random.next();
    let params: Vec<Type> = (0..4).map(|_| TYPES[random.below(6)]).collect();
    let values = params.iter().enumerate().map(|(i, &ty)| (i as u32, ty)).collect();
    let mut writer = Writer { random, body: String::new(), values, next_value: 200 };
    for _ in 0..10 + writer.random.below(80) {
        writer.instruction();
    }
    let results = (0..6).map(|_| {
        let ty = writer.any_type();
        (format!("v{}", writer.value(ty)), ty)
    });
    let mut results: Vec<(String, Type)> = results.collect();
    // Everything that is still there, in few numbers: all of it was live.
    let mut sum = writer.value(types::I64);
    for (value, ty) in writer.values.clone() {
        if ty == types::I64 {
            sum = writer.define(types::I64, &format!("bxor v{sum}, v{value}"));
        }
    }
    results.push((format!("v{sum}"), types::I64));
    Case {
        name: format!("seed {seed}"),
        preamble: " ss0 = explicit_slot 64".to_string(),
        params,
        body: writer.body,
        oracle: None,
        throws: false,
        results,
        callees: String::new(),
    }
}
