//! Processors for tests: qemu's user-mode emulators, driven through their debugger interface.
//!
//! The emulator runs a program that is nothing but memory. A test writes code and data there, sets registers and lets
//! it run up to a breakpoint, see [`crate::machine`]. So all that is emulated is the code under test.
//!
//! The protocol is GDB's remote serial protocol (GDB manual, appendix E), of which a few packets suffice. What depends on the
//! architecture (register numbers, conventions, the program's header) is in a `machine.rs` of its folder.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running emulator.
pub(crate) struct Emulator {
    qemu: Child,
    stream: UnixStream,
    _folder: tempfile::TempDir,
}

impl Emulator {
    /// Starts an emulator, stopped before the program's first instruction. `command` is its name and arguments, `program` an ELF file.
    /// `None`, with a message, if there is no such emulator on this machine.
    pub(crate) fn start(command: &[&str], program: &[u8]) -> Option<Emulator> {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("memory");
        let socket = folder.path().join("socket");
        std::fs::write(&path, program).expect("program");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("permissions");
        let (name, arguments) = command.split_first().expect("a name");
        let mut command = Command::new(name);
        command.args(arguments).arg("-g").arg(&socket).arg(&path);
        let mut qemu = match command.stdin(Stdio::null()).spawn() {
            Ok(qemu) => qemu,
            Err(error) => {
                eprintln!("{name} cannot be run, so stubs are not executed: {error}");
                return None;
            }
        };
        let started = Instant::now();
        let stream = loop {
            if let Ok(stream) = UnixStream::connect(&socket) {
                break stream;
            }
            let status = qemu.try_wait().expect("status of the emulator");
            assert!(status.is_none() && started.elapsed() < Duration::from_secs(60), "{name}: {status:?}");
            std::thread::sleep(Duration::from_millis(1));
        };
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("timeout");
        let mut emulator = Emulator { qemu, stream, _folder: folder };
        // It tells single registers only to those who have asked for their description.
        emulator.command("qXfer:features:read:target.xml:0,ffb");
        Some(emulator)
    }

    /// Sends a packet and returns the answer.
    fn command(&mut self, text: &str) -> String {
        let sum = text.bytes().fold(0_u8, u8::wrapping_add);
        self.stream.write_all(format!("${text}#{sum:02x}").as_bytes()).expect("packet");
        let mut answer = String::new();
        let mut byte = || {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).expect("answer of the emulator");
            byte[0] as char
        };
        while byte() != '$' {}
        loop {
            match byte() {
                '#' => break,
                other => answer.push(other),
            }
        }
        let _checksum = (byte(), byte());
        self.stream.write_all(b"+").expect("acknowledgement");
        answer
    }

    /// Sends a packet that is answered with `OK`.
    fn order(&mut self, text: &str) {
        assert_eq!(self.command(text), "OK", "{text}");
    }

    /// Stops the program whenever it gets to an instruction of four bytes.
    pub(crate) fn set_breakpoint(&mut self, address: u64) {
        self.order(&format!("Z0,{address:x},4"));
    }

    /// Lets the program run until it stops. Returns whether it stopped at a breakpoint, and what the emulator said.
    pub(crate) fn resume(&mut self) -> (bool, String) {
        let stop = self.command("c");
        (stop.starts_with("T05"), stop)
    }

    pub(crate) fn write(&mut self, address: u64, bytes: &[u8]) {
        for (start, chunk) in (address..).step_by(0x400).zip(bytes.chunks(0x400)) {
            self.order(&format!("M{start:x},{:x}:{}", chunk.len(), to_hex(chunk)));
        }
    }

    pub(crate) fn read(&mut self, address: u64, length: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < length {
            let start = address + bytes.len() as u64;
            let part = (length - bytes.len() as u64).min(0x400);
            let answer = self.command(&format!("m{start:x},{part:x}"));
            assert_eq!(answer.len() as u64, 2 * part, "read from {start:#x}: {answer}");
            bytes.extend(from_hex(&answer));
        }
        bytes
    }

    /// The bytes of a register, by the emulator's number for it.
    pub(crate) fn register(&mut self, number: u32) -> Vec<u8> {
        from_hex(&self.command(&format!("p{number:x}")))
    }

    pub(crate) fn set_register(&mut self, number: u32, bytes: &[u8]) {
        self.order(&format!("P{number:x}={}", to_hex(bytes)));
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // The emulator has nothing that it could lose.
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| (byte as char).to_digit(16).expect("hexadecimal answer") as u8;
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}
