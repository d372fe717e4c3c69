//! The program that runs the compiled functions: a static ELF file of one segment.
//!
//! The driver calls each function of a table with the addresses of its operands and results, and writes the memory of all results to standard output in the end.
//! A result block starts with a status: 0, or the number of the signal that ended the call, or 255 if the function changed what it must
//! preserve.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use snapcrane_armv7::Compiler;
use snapcrane_armv7::metadata::{CompiledFunction, RelocKind, RelocTarget};
use snapcrane_armv7::routines::RoutineId;

/// Where the program is loaded.
const BASE: u32 = 0x1_0000;
/// ELF header and program header.
const HEADERS: u32 = 0x54;
/// Status of a call that trapped: `SIGILL`.
pub const TRAPPED: u32 = 4;
/// Index in the driver of the place that ends a call, where signal handlers go.
const FINISH: u32 = 51;
/// What preserved registers hold.
const MAGIC: u32 = 0xa5c3_960f;

/// The driver, without the words that follow it: addresses of a save area, the table, its end and the signal action, those of the results, their length, and a
/// pattern.
#[rustfmt::skip]
const DRIVER: [u32; 73] = [
    // start:
    0xe59f_611c, // ldr r6, [pc, #284]
    0xe59f_411c, // ldr r4, [pc, #284]
    0xe59f_511c, // ldr r5, [pc, #284]
    0xe59f_111c, // ldr r1, [pc, #284]
    0xe3a0_2000, // mov r2, #0
    0xe3a0_3008, // mov r3, #8
    0xe3a0_70ae, // mov r7, #174
    0xe3a0_0004, // mov r0, #4
    0xef00_0000, // svc #0
    0xe3a0_0007, // mov r0, #7
    0xef00_0000, // svc #0
    0xe3a0_000b, // mov r0, #11
    0xef00_0000, // svc #0
    // next:
    0xe154_0005, // cmp r4, r5
    0x0a00_002b, // beq done
    0xe586_d000, // str sp, [r6]
    0xe586_4004, // str r4, [r6, #4]
    0xe586_5008, // str r5, [r6, #8]
    0xe59f_80ec, // ldr r8, [pc, #236]
    0xe1a0_7008, // mov r7, r8
    0xe1a0_9008, // mov r9, r8
    0xe1a0_a008, // mov r10, r8
    0xe1a0_b008, // mov r11, r8
    0xec48_8b18, // vmov d8, r8, r8
    0xec48_8b1f, // vmov d15, r8, r8
    0xe594_2000, // ldr r2, [r4]
    0xe594_0004, // ldr r0, [r4, #4]
    0xe594_1008, // ldr r1, [r4, #8]
    0xe12f_ff32, // blx r2
    0xe59f_c0a8, // ldr r12, [pc, #168]
    0xe59c_2000, // ldr r2, [r12]
    0xe152_000d, // cmp r2, sp
    0x059c_2004, // ldreq r2, [r12, #4]
    0x0152_0004, // cmpeq r2, r4
    0x059c_2008, // ldreq r2, [r12, #8]
    0x0152_0005, // cmpeq r2, r5
    0x0156_000c, // cmpeq r6, r12
    0xe59f_30a0, // ldr r3, [pc, #160]
    0x0157_0003, // cmpeq r7, r3
    0x0158_0003, // cmpeq r8, r3
    0x0159_0003, // cmpeq r9, r3
    0x015a_0003, // cmpeq r10, r3
    0x015b_0003, // cmpeq r11, r3
    0xec58_2b18, // vmov r2, r8, d8
    0x0152_0003, // cmpeq r2, r3
    0x0158_0003, // cmpeq r8, r3
    0xec58_2b1f, // vmov r2, r8, d15
    0x0152_0003, // cmpeq r2, r3
    0x0158_0003, // cmpeq r8, r3
    0x03a0_0000, // moveq r0, #0
    0x13a0_00ff, // movne r0, #255
    // finish:
    0xe59f_6050, // ldr r6, [pc, #80]
    0xe596_d000, // ldr sp, [r6]
    0xe596_4004, // ldr r4, [r6, #4]
    0xe596_5008, // ldr r5, [r6, #8]
    0xe594_1008, // ldr r1, [r4, #8]
    0xe501_0008, // str r0, [r1, #-8]
    0xe284_400c, // add r4, r4, #12
    0xeaff_ffd1, // b next
    // done:
    0xe59f_1040, // ldr r1, [pc, #64]
    0xe59f_2040, // ldr r2, [pc, #64]
    // write:
    0xe3a0_0001, // mov r0, #1
    0xe3a0_7004, // mov r7, #4
    0xef00_0000, // svc #0
    0xe350_0000, // cmp r0, #0
    0xd3a0_0001, // movle r0, #1
    0xda00_0003, // ble exit
    0xe081_1000, // add r1, r1, r0
    0xe052_2000, // subs r2, r2, r0
    0x1aff_fff6, // bne write
    0xe3a0_0000, // mov r0, #0
    // exit:
    0xe3a0_7001, // mov r7, #1
    0xef00_0000, // svc #0
];

/// What a name in the code stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Symbol {
    /// A compiled function, by its number.
    Function(u32),
    /// A routine.
    Routine(RoutineId),
}

/// A function to place: its number, its code, and the number of each name that it refers to.
pub struct Piece {
    pub number: u32,
    pub code: CompiledFunction,
    pub names: Vec<u32>,
}

/// One call: function, operands, and how many bytes of results.
pub struct Job {
    pub function: u32,
    pub operands: Vec<u64>,
    pub results: usize,
}

/// Runs all jobs; gives status and results of each.
pub fn run(pieces: &[Piece], jobs: &[Job], compiler: &mut Compiler, qemu: &PathBuf) -> Vec<(u32, Vec<u64>)> {
    let mut text: Vec<u8> = Vec::new();
    let literals = DRIVER.len() as u32 * 4;
    text.resize(literals as usize + 28, 0);
    let routines: Vec<CompiledFunction> = RoutineId::ALL
        .iter()
        .map(|&id| compiler.compile_routine(id).unwrap_or_else(|e| panic!("{id:?}: {e}")))
        .collect();
    let mut symbols = BTreeMap::new();
    let mut place = |symbol, code: &[u8]| {
        symbols.insert(symbol, BASE + HEADERS + text.len() as u32);
        text.extend(code);
    };
    for (&id, routine) in RoutineId::ALL.iter().zip(&routines) {
        place(Symbol::Routine(id), &routine.code);
    }
    for piece in pieces {
        place(Symbol::Function(piece.number), &piece.code.code);
    }
    for (&id, routine) in RoutineId::ALL.iter().zip(&routines) {
        relocate(&mut text, &symbols, symbols[&Symbol::Routine(id)], routine, &[]);
    }
    for piece in pieces {
        let at = symbols[&Symbol::Function(piece.number)];
        relocate(&mut text, &symbols, at, &piece.code, &piece.names);
    }

    text.resize(text.len().next_multiple_of(8) + 4, 0);
    let start = BASE + HEADERS;
    let here = |text: &Vec<u8>| start + text.len() as u32;
    let save = here(&text);
    text.resize(text.len() + 16, 0);
    let action = here(&text);
    // Handler, flags (SA_NODEFER: no signal stays blocked), restorer, mask.
    for word in [start + 4 * FINISH, 0x4000_0000, 0, 0, 0] {
        text.extend(word.to_le_bytes());
    }
    text.resize(text.len().next_multiple_of(8) + 4, 0);
    let operands = here(&text);
    for job in jobs {
        for operand in &job.operands {
            text.extend(operand.to_le_bytes());
        }
    }
    let table = here(&text);
    let results = (table + 12 * jobs.len() as u32).next_multiple_of(8);
    let (mut operand, mut result) = (operands, results);
    for job in jobs {
        for word in [symbols[&Symbol::Function(job.function)], operand, result + 8] {
            text.extend(word.to_le_bytes());
        }
        operand += 8 * job.operands.len() as u32;
        result += 8 + 8 * job.results as u32;
    }
    let table_end = here(&text);
    let words = [save, table, table_end, action, results, result - results, MAGIC];
    for (index, word) in DRIVER.iter().chain(&words).enumerate() {
        text[4 * index..4 * index + 4].copy_from_slice(&word.to_le_bytes());
    }

    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("program");
    fs::write(&program, elf(&text, result - start)).expect("a file");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("permissions");
    if let Some(keep) = std::env::var_os("SNAPCRANE_KEEP_PROGRAM") {
        fs::copy(&program, keep).expect("a copy");
    }
    let output = Command::new("timeout")
        .arg("120")
        .arg(qemu)
        .arg(&program)
        .stdin(Stdio::null())
        .output()
        .expect("the emulator starts");
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    let mut words = output.stdout.chunks_exact(8).map(|chunk| u64::from_le_bytes(chunk.try_into().unwrap()));
    let answers = jobs
        .iter()
        .map(|job| {
            let status = words.next().expect("a status") as u32;
            (status, words.by_ref().take(job.results).collect())
        })
        .collect();
    assert_eq!(words.next(), None);
    answers
}

fn relocate(
    text: &mut [u8],
    symbols: &BTreeMap<Symbol, u32>,
    at: u32,
    code: &CompiledFunction,
    names: &[u32],
) {
    for reloc in &code.relocs {
        let symbol = match reloc.target {
            RelocTarget::User(name) => Symbol::Function(names[name.as_u32() as usize]),
            RelocTarget::Routine(id) => Symbol::Routine(id),
        };
        let target = symbols.get(&symbol).unwrap_or_else(|| panic!("{symbol:?} is nowhere"));
        let address = at + reloc.offset;
        let target = target.wrapping_add(reloc.addend as u32);
        let field = (address - BASE - HEADERS) as usize;
        let field = &mut text[field..field + 4];
        let word = u32::from_le_bytes((&*field).try_into().unwrap());
        let word = match reloc.kind {
            RelocKind::Call => {
                let distance = target.wrapping_sub(address + 8) >> 2;
                word & 0xff00_0000 | distance & 0x00ff_ffff
            }
            RelocKind::PcRel4 => target.wrapping_sub(address),
        };
        field.copy_from_slice(&word.to_le_bytes());
    }
}

/// A static executable for 32-bit ARM with one segment, headers included, of which all may be done.
fn elf(text: &[u8], memory: u32) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend([0x7f, b'E', b'L', b'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let entry = BASE + HEADERS;
    let half = |file: &mut Vec<u8>, value: u16| file.extend(value.to_le_bytes());
    let word = |file: &mut Vec<u8>, value: u32| file.extend(value.to_le_bytes());
    half(&mut file, 2); // executable
    half(&mut file, 40); // ARM
    for value in [1, entry, 52, 0, 0x0500_0400] {
        word(&mut file, value);
    }
    for value in [52, 32, 1, 40, 0, 0] {
        half(&mut file, value);
    }
    let size = HEADERS + text.len() as u32;
    for value in [1, 0, BASE, BASE, size, HEADERS + memory, 7, 0x1000] {
        word(&mut file, value);
    }
    assert_eq!(file.len() as u32, HEADERS);
    file.extend(text);
    file
}
