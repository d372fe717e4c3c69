//! Functions of shapes that single opcodes do not have: long, with large frames, with much control flow.

use std::fmt::Write as _;

use cranelift_codegen::ir::{Type, types};

use crate::cases::Case;
use crate::values::Random;

const I32: Type = types::I32;
const I64: Type = types::I64;
const F64: Type = types::F64;

fn case(name: String, params: &[Type], body: String, results: &[Type]) -> Case {
    Case {
        name,
        preamble: String::new(),
        params: params.to_vec(),
        body,
        oracle: None,
        results: results.iter().enumerate().map(|(i, &ty)| (format!("v{}", 100 + i), ty)).collect(),
        throws: false,
        callees: String::new(),
    }
}

/// A normal number as CLIF writes it.
fn float(value: f64) -> String {
    let bits = value.to_bits();
    format!("0x1.{:013x}p{}", bits & ((1 << 52) - 1), (bits >> 52) as i32 - 1023)
}

/// Code that is longer than literals reach, with new literals all along, in straight lines, between blocks and in tables.
pub fn long_functions() -> Vec<Case> {
    let mut cases = Vec::new();
    for (count, branches) in [(60, false), (700, false), (700, true)] {
        let mut body = String::new();
        let (mut sum, mut block) = ("v0".to_string(), 1);
        for i in 0..count {
            let v = 1000 + 10 * i;
            let bits = 0x3ff1_2345_0000_0000_u64 + 0x1_0001 * i as u64;
            let _ = writeln!(body, " v{v} = f64const {}", float(f64::from_bits(bits)));
            let _ = writeln!(body, " v{} = fadd {sum}, v{v}", v + 1);
            sum = format!("v{}", v + 1);
            if i % 5 == 0 {
                let _ = writeln!(body, " v{} = f32const 0x1.{:06x}p2", v + 2, 2 * (i + 1));
                let _ = writeln!(
                    body,
                    " v{} = fpromote.f64 v{}\n v{} = fsub {sum}, v{}",
                    v + 3,
                    v + 2,
                    v + 4,
                    v + 3
                );
                sum = format!("v{}", v + 4);
            }
            if branches && i % 9 == 4 {
                let _ = writeln!(
                    body,
                    " v{} = iconst.i32 {}\n v{} = band v1, v{}\n brif v{}, block{block}, block{}({sum})\n\
                     block{block}:\n v{} = fmul {sum}, v{v}\n jump block{}(v{})\n\
                     block{}(v{}: f64):",
                    v + 5,
                    1 << (i % 31),
                    v + 6,
                    v + 5,
                    v + 6,
                    block + 1,
                    v + 7,
                    block + 1,
                    v + 7,
                    block + 1,
                    v + 8,
                );
                sum = format!("v{}", v + 8);
                block += 2;
            }
        }
        let _ = writeln!(body, " v100 = fneg {sum}");
        cases.push(case(format!("{count} literals, branches: {branches}"), &[F64, I32], body, &[F64]));
    }
    // A table of many blocks, each with a literal.
    let mut body = String::from(" v2 = iconst.i32 511\n v3 = band v0, v2\n br_table v3, block1, [");
    let _ = writeln!(body, "{}]", (2..402).map(|b| format!("block{b}")).collect::<Vec<_>>().join(", "));
    for block in 1..402 {
        let v = 1000 + 4 * block;
        let _ = writeln!(
            body,
            "block{block}:\n v{v} = f64const {}\n v{} = fadd v1, v{v}\n jump block402(v{})",
            float(f64::from(block) + 0.0625),
            v + 1,
            v + 1
        );
    }
    body += "block402(v100: f64):";
    cases.push(case("a table of 400 entries".to_string(), &[I32, F64], body, &[F64]));
    cases
}

/// Frames whose slots are farther away than offsets of instructions reach, with spills on the far side, and calls from them.
pub fn large_frames() -> Vec<Case> {
    let mut cases = Vec::new();
    for (bytes, ty) in [(900, I32), (1200, F64), (4000, I64), (5000, F64), (70_000, I64), (70_004, F64)] {
        let (op, copy) = if ty == F64 { ("fadd", "fcopysign") } else { ("iadd", "bor") };
        let mut values = String::new();
        for i in 0..20 {
            let _ = writeln!(values, " v{} = {op} v{}, v{}", 10 + i, if i == 0 { 0 } else { 9 + i }, i % 2);
        }
        let mut sums = String::new();
        for i in 0..20 {
            let _ = writeln!(sums, " v{} = {op} v{}, v{}", 41 + i, 40 + i, 29 - i);
        }
        let stored =
            " v90 = stack_addr.i32 ss1\n store notrap aligned v1, v90+8\n store notrap aligned v0, v90\n";
        let loaded = format!(" v40 = load.{ty} notrap aligned v90+8\n");
        // The callee sees a stack pointer that is a multiple of 8.
        let called = " v91 = call fn0()\n";
        let sum = format!(" v100 = {op} v60, v0\n v101 = bor v91, v91");
        cases.push(Case {
            preamble: format!(
                " ss0 = explicit_slot {bytes}\n ss1 = explicit_slot 16, align = 8\n fn0 = colocated u0:10000() -> i32 tail\n"
            ),
            oracle: Some(format!("{values} v40 = {copy} v1, v1\n v91 = iconst.i32 0\n{sums}{sum}")),
            callees: "function u0:10000() -> i32 tail {\nblock0:\n v0 = get_stack_pointer.i32\n v1 = iconst.i32 7\n v2 = band v0, v1\n return v2\n}\n"
                .to_string(),
            ..case(
                format!("frame of {bytes} bytes and {ty}"),
                &[ty, ty],
                format!("{values}{stored}{called}{loaded}{sums}{sum}"),
                &[ty, I32],
            )
        });
    }
    cases
}

/// Writes a random function. Every value that is in scope may be used by what follows.
struct Writer {
    random: Random,
    text: String,
    values: Vec<(u32, Type)>,
    next_value: u32,
    next_block: u32,
}

impl Writer {
    fn value(&mut self) -> u32 {
        self.next_value += 1;
        self.next_value
    }

    fn block(&mut self) -> u32 {
        self.next_block += 1;
        self.next_block
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn define(&mut self, ty: Type, what: &str) -> u32 {
        let value = self.value();
        self.line(&format!(" v{value} = {what}"));
        self.values.push((value, ty));
        value
    }

    /// A value of a type: most often a recent one.
    fn pick(&mut self, ty: Type) -> u32 {
        let all: Vec<u32> = self.values.iter().filter(|(_, other)| *other == ty).map(|(v, _)| *v).collect();
        let recent = if self.random.below(3) > 0 { all.len().min(4) } else { all.len() };
        all[all.len() - 1 - self.random.below(recent)]
    }

    fn any_type(&mut self) -> Type {
        [I32, I32, I64, I64, F64][self.random.below(5)]
    }

    fn condition(&mut self) -> u32 {
        let ty = if self.random.below(2) == 0 { I32 } else { I64 };
        let cc = ["eq", "ne", "slt", "sge", "ult", "ugt"][self.random.below(6)];
        let (a, b) = (self.pick(ty), self.pick(ty));
        let value = self.value();
        self.line(&format!(" v{value} = icmp {cc} v{a}, v{b}"));
        value
    }

    fn operation(&mut self) {
        let ty = self.any_type();
        let (a, b) = (self.pick(ty), self.pick(ty));
        if ty == F64 {
            let op = ["fadd", "fsub", "fmul"][self.random.below(3)];
            self.define(ty, &format!("{op} v{a}, v{b}"));
        } else {
            match self.random.below(8) {
                0 => {
                    let constant = self.random.next() as i32 >> self.random.below(31);
                    self.define(ty, &format!("iconst.{ty} {constant}"));
                }
                1 => {
                    let amount = self.define(I32, "iconst.i32 13");
                    let op = ["ishl", "ushr", "sshr", "rotl"][self.random.below(4)];
                    self.define(ty, &format!("{op} v{a}, v{amount}"));
                }
                2 => {
                    let c = self.condition();
                    self.define(ty, &format!("select v{c}, v{a}, v{b}"));
                }
                3 if ty == I64 => {
                    let narrow = self.pick(I32);
                    self.define(ty, &format!("sextend.i64 v{narrow}"));
                }
                3 => {
                    let wide = self.pick(I64);
                    self.define(ty, &format!("ireduce.i32 v{wide}"));
                }
                _ => {
                    let op = ["iadd", "isub", "imul", "band", "bor", "bxor"][self.random.below(6)];
                    self.define(ty, &format!("{op} v{a}, v{b}"));
                }
            }
        }
    }

    fn call(&mut self) {
        let (a, b, c) = (self.pick(I32), self.pick(I64), self.pick(F64));
        if self.random.below(2) == 0 {
            self.define(I64, &format!("call fn0(v{a}, v{b}, v{c})"));
        } else {
            self.define(F64, &format!("call fn1(v{c}, v{b}, v{b}, v{a})"));
        }
    }

    /// Two ways that meet, one of them perhaps empty or cold.
    fn choice(&mut self, depth: u32) {
        let c = self.condition();
        let (then, other, end) = (self.block(), self.block(), self.block());
        self.line(&format!(" brif v{c}, block{then}, block{other}"));
        let params: Vec<Type> = (0..1 + self.random.below(3)).map(|_| self.any_type()).collect();
        let outer = self.values.len();
        for (index, block) in [then, other].into_iter().enumerate() {
            let cold = index == 1 && self.random.below(2) == 0;
            self.line(&format!("block{block}{}:", if cold { " cold" } else { "" }));
            for _ in 0..self.random.below(4) {
                if cold { self.call() } else { self.statement(depth + 1) }
            }
            let args: Vec<String> = params.iter().map(|&ty| format!("v{}", self.pick(ty))).collect();
            self.line(&format!(" jump block{end}({})", args.join(", ")));
            self.values.truncate(outer);
        }
        self.begin(end, &params);
    }

    /// Begins a block with parameters.
    fn begin(&mut self, block: u32, params: &[Type]) {
        let mut list = Vec::new();
        for &ty in params {
            let value = self.value();
            list.push(format!("v{value}: {ty}"));
            self.values.push((value, ty));
        }
        self.line(&format!("block{block}({}):", list.join(", ")));
    }

    /// A few rounds with values that change.
    fn repetition(&mut self, depth: u32) {
        let rounds = 1 + self.random.below(3);
        let params: Vec<Type> = (0..1 + self.random.below(3)).map(|_| self.any_type()).collect();
        let args: Vec<String> = params.iter().map(|&ty| format!(", v{}", self.pick(ty))).collect();
        let zero = self.define(I32, "iconst.i32 0");
        let (head, end) = (self.block(), self.block());
        self.line(&format!(" jump block{head}(v{zero}{})", args.concat()));
        let outer = self.values.len();
        self.begin(head, &[&[I32], &params[..]].concat());
        let counter = self.values[outer].0;
        for _ in 0..1 + self.random.below(4) {
            self.statement(depth + 1);
        }
        let (one, limit) = (self.value(), self.value());
        self.line(&format!(" v{one} = iconst.i32 1\n v{limit} = iconst.i32 {rounds}"));
        let (next, more) = (self.value(), self.value());
        self.line(&format!(" v{next} = iadd v{counter}, v{one}\n v{more} = icmp ult v{next}, v{limit}"));
        let args: Vec<String> = params.iter().map(|&ty| format!(", v{}", self.pick(ty))).collect();
        self.line(&format!(" brif v{more}, block{head}(v{next}{}), block{end}", args.concat()));
        // What the loop has defined dominates what follows.
        self.line(&format!("block{end}:"));
    }

    fn statement(&mut self, depth: u32) {
        match self.random.below(10) {
            0 | 1 if depth < 4 => self.choice(depth),
            2 if depth < 3 => self.repetition(depth),
            3 if depth < 2 => self.call(),
            _ => self.operation(),
        }
    }
}

/// Random functions with branches, loops and calls.
pub fn random_functions() -> Vec<Case> {
    let mut cases = Vec::new();
    for seed in 0..60 {
        let mut writer = Writer {
            random: Random::new(0x9e37_79b9 * (seed + 1)),
            text: String::new(),
            values: vec![(0, I32), (1, I64), (2, F64)],
            next_value: 200,
            next_block: 0,
        };
        for _ in 0..5 + seed / 3 {
            writer.statement(0);
        }
        for (index, ty) in [I32, I64, F64].into_iter().enumerate() {
            let (a, b) = (writer.pick(ty), writer.pick(ty));
            let op = if ty == F64 { "fsub" } else { "bxor" };
            writer.line(&format!(" v{} = {op} v{a}, v{b}", 100 + index));
        }
        let first = "(i32, i64, f64) -> i64 tail";
        let second = "(f64, i64, i64, i32) -> f64 tail";
        cases.push(Case {
            preamble: format!(" fn0 = colocated u0:10000{first}\n fn1 = colocated u0:10001{second}\n"),
            callees: format!(
                "function u0:10000{first} {{\nblock0(v0: i32, v1: i64, v2: f64):\n v3 = uextend.i64 v0\n v4 = imul v3, v1\n v5 = isub v4, v1\n return v5\n}}\n\
                 function u0:10001{second} {{\nblock0(v0: f64, v1: i64, v2: i64, v3: i32):\n v4 = fcvt_from_sint.f64 v3\n v5 = fadd v4, v0\n return v5\n}}\n"
            ),
            ..case(format!("random function {seed}"), &[I32, I64, F64], writer.text, &[I32, I64, F64])
        });
    }
    cases
}
