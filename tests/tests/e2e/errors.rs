//! What the user sees when something is wrong: one line, the right exit code, and no file that looks like a result.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use snapcrane_tests::child::{Finished, Limits, run};
use snapcrane_tests::harness::{Program, examples_dir, harness, said, shown};

/// The input cannot be compiled.
const COMPILATION: i32 = 254;
/// The command line or a file is wrong.
const USAGE: i32 = 255;

/// Seconds of processor time after which a refusal is too slow; more on the clock, since machines are busy.
const LIMITS: Limits = Limits { cpu_seconds: Some(20), ..Limits::seconds(120) };

/// Fails unless a run was refused as it should be.
fn refused(command: &mut Command, code: i32) -> Finished {
    let finished = run(command, &LIMITS);
    let context = format!("{}: {}{}", shown(command), finished.describe_end(), said(&finished));
    assert_eq!(finished.code(), Some(code), "{context}");
    assert!(finished.stdout.is_empty(), "{context}");
    assert_eq!(finished.stderr.lines().count(), 1, "{context}");
    assert!(finished.stderr.starts_with("Error: ") && finished.stderr.ends_with('\n'), "{context}");
    for word in ["panicked", "RUST_BACKTRACE", "called `", "stack overflow"] {
        assert!(!finished.stderr.contains(word), "{context}");
    }
    finished
}

fn files_in(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("the folder is there");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    files.sort();
    files
}

fn hello() -> PathBuf {
    harness().kernel(&Program::from_source(examples_dir().join("hello.dart")))
}

/// Both forms of the command for an input, with outputs in `dir`.
fn both_commands(input: &Path, dir: &Path) -> [Command; 2] {
    let mut gen_snapshot = harness().compiler_command();
    gen_snapshot.args(["gen_snapshot", "--snapshot_kind=app-aot-elf"]);
    gen_snapshot.arg(format!("--elf={}", dir.join("app.so").display())).arg(input);
    let mut compile = harness().compiler_command();
    compile.arg("compile").arg(input).args(["--target", "linux-x64", "--out-dir"]).arg(dir);
    [gen_snapshot, compile]
}

/// Fails unless both commands refuse these bytes as input, say the file's name, and leave nothing behind.
fn refused_input(name: &str, bytes: &[u8]) {
    let dir = harness().temp_dir();
    let input = dir.path().join(name);
    fs::write(&input, bytes).expect("the folder is writable");
    let out = dir.path().join("out");
    for mut command in both_commands(&input, &out) {
        fs::create_dir(&out).expect("the folder is writable");
        let finished = refused(&mut command, COMPILATION);
        assert!(finished.stderr.contains(name), "no file name: {}", finished.stderr);
        let left: Vec<PathBuf> = files_in(&out).into_iter().filter(|path| !path.is_dir()).collect();
        assert_eq!(left, Vec::<PathBuf>::new(), "files left behind");
        fs::remove_dir_all(&out).expect("ours");
    }
}

#[test]
fn truncated_kernel_files() {
    let kernel = fs::read(hello()).expect("readable");
    for length in [0, 1, 3, 4, 7, 8, 20, 1000, kernel.len() / 2, kernel.len() - 4, kernel.len() - 1] {
        refused_input(&format!("truncated-{length}.dill"), &kernel[..length]);
    }
}

#[test]
fn files_that_are_not_kernel() {
    let kernel = fs::read(hello()).expect("readable");
    let with = |at: usize, byte: u8| {
        let mut bytes = kernel.clone();
        bytes[at] = byte;
        bytes
    };
    refused_input("magic.dill", &with(0, 0x91));
    // The format's version is the second word.
    refused_input("version.dill", &with(7, kernel[7] ^ 1));
    refused_input("version-huge.dill", &with(4, 0x7f));
    refused_input("zeros.dill", &[0; 4096]);
    refused_input("text.dill", b"void main() => print('not kernel');\n");
    refused_input("elf.dill", &fs::read(harness().compiler()).expect("readable")[..65536]);
    let mut trailing = kernel.clone();
    trailing.extend_from_slice(&[0; 64]);
    refused_input("trailing.dill", &trailing);
}

#[test]
fn a_kernel_file_without_main() {
    let platform = fs::read(harness().toolchain().platform_path()).expect("readable");
    refused_input("platform.dill", &platform);
}

#[test]
fn a_failed_compilation_keeps_the_older_output() {
    let dir = harness().temp_dir();
    let (input, output) = (dir.path().join("bad.dill"), dir.path().join("app.so"));
    fs::write(&input, b"bad").expect("the folder is writable");
    fs::write(&output, b"older").expect("the folder is writable");
    refused(&mut both_commands(&input, dir.path())[0], COMPILATION);
    assert_eq!(fs::read(&output).expect("still there"), b"older");
    assert_eq!(files_in(dir.path()), [output, input]);
}

#[test]
fn inputs_that_cannot_be_read() {
    let dir = harness().temp_dir();
    let folder = dir.path().join("folder.dill");
    fs::create_dir(&folder).expect("the folder is writable");
    for input in [dir.path().join("missing.dill"), folder.join("file.dill"), folder] {
        let out = dir.path().join("out");
        fs::create_dir_all(&out).expect("the folder is writable");
        for mut command in both_commands(&input, &out) {
            let finished = refused(&mut command, USAGE);
            assert!(finished.stderr.contains(&*input.to_string_lossy()), "{}", finished.stderr);
        }
        assert_eq!(files_in(&out), Vec::<PathBuf>::new());
    }
}

#[test]
fn outputs_that_cannot_be_written() {
    let kernel = hello();
    let dir = harness().temp_dir();
    let (folder, file) = (dir.path().join("folder.so"), dir.path().join("file"));
    fs::create_dir(&folder).expect("the folder is writable");
    fs::write(&file, b"").expect("the folder is writable");
    let before = files_in(dir.path());
    for output in
        [folder.clone(), dir.path().join("missing/app.so"), file.join("app.so"), PathBuf::from("/dev/full")]
    {
        let mut command = harness().compiler_command();
        command.args(["gen_snapshot", "--snapshot_kind=app-aot-elf"]);
        command.arg(format!("--elf={}", output.display())).arg(&kernel);
        let finished = refused(&mut command, USAGE);
        assert!(finished.stderr.contains(&*output.to_string_lossy()), "{}", finished.stderr);
        assert_eq!(files_in(dir.path()), before, "files left behind");
    }
    assert_eq!(files_in(&folder), Vec::<PathBuf>::new());
    // The folder of `compile` is a file.
    refused(&mut both_commands(&kernel, &file)[1], USAGE);
    assert_eq!(fs::read(&file).expect("still there"), b"");
}

#[test]
fn of_several_outputs_all_are_written_or_none() {
    let kernel = hello();
    let dir = harness().temp_dir();
    let old = dir.path().join("linux-x64/app.so");
    let folder = dir.path().join("linux-arm/app.so");
    fs::create_dir_all(old.parent().expect("a folder")).expect("the folder is writable");
    fs::write(&old, b"old").expect("the folder is writable");
    fs::create_dir_all(&folder).expect("the folder is writable");
    let mut command = harness().compiler_command();
    command.arg("compile").arg(&kernel).arg("--out-dir").arg(dir.path());
    command.args(["--target=linux-x64", "--target=linux-arm64", "--target=linux-arm"]);
    let finished = refused(&mut command, USAGE);
    assert!(finished.stderr.contains(&*folder.to_string_lossy()), "{}", finished.stderr);
    assert_eq!(fs::read(&old).expect("still there"), b"old");
    assert_eq!(files_in(old.parent().expect("a folder")), [old]);
    assert!(!dir.path().join("linux-arm64").exists());
}

/// A file system of 64 KiB, in a mount namespace that ends with the command. Where the machine allows none, `/dev/full`
/// above is the only test of a full disk.
#[test]
fn a_full_disk() {
    let dir = harness().temp_dir();
    let disk = dir.path().join("disk");
    fs::create_dir(&disk).expect("the folder is writable");
    let script = "mount -t tmpfs -o size=64k none \"$1\" || exit 77; shift; \"$@\"; code=$?; ls -A \"$DISK\"; exit $code";
    let in_namespace = |options: &[&str], command: &[&str]| {
        let mut unshare = Command::new("unshare");
        unshare.args(options).args(["sh", "-c", script, "sh"]).arg(&disk).args(command).env("DISK", &disk);
        run(&mut unshare, &LIMITS)
    };
    let ways: [&[&str]; 2] = [&["--mount"], &["--user", "--map-root-user", "--mount"]];
    let Some(options) = ways.into_iter().find(|options| in_namespace(options, &["true"]).code() == Some(0))
    else {
        eprintln!("not tested: this machine allows no mount namespaces");
        return;
    };
    let elf = format!("--elf={}", disk.join("app.so").display());
    let (compiler, kernel) = (harness().compiler().to_string_lossy(), hello());
    let kernel = kernel.to_string_lossy();
    let finished =
        in_namespace(options, &[&compiler, "gen_snapshot", "--snapshot_kind=app-aot-elf", &elf, &kernel]);
    assert_eq!(finished.code(), Some(USAGE), "{}{}", finished.describe_end(), said(&finished));
    assert_eq!(finished.stderr.lines().count(), 1, "{}", finished.stderr);
    assert!(finished.stderr.contains("No space left"), "{}", finished.stderr);
    assert_eq!(finished.stdout, b"", "files left behind");
}

#[test]
fn wrong_command_lines() {
    let kernel = hello();
    let dir = harness().temp_dir();
    let (input, output) = (kernel.to_string_lossy(), dir.path().join("app.so"));
    let elf = format!("--elf={}", output.display());
    let folder = dir.path().to_string_lossy();
    let kind = "--snapshot_kind=app-aot-elf";
    let lines: &[&[&str]] = &[
        &["gen_snapshot"],
        &["gen_snapshot", kind],
        &["gen_snapshot", kind, &elf],
        &["gen_snapshot", kind, &input],
        &["gen_snapshot", &elf, &input],
        &["gen_snapshot", kind, "--elf=", &input],
        &["gen_snapshot", "--snapshot_kind=app-aot-paper", &elf, &input],
        &["gen_snapshot", kind, &elf, "--no-such-flag", &input],
        &["gen_snapshot", kind, &elf, "--no_such_flag=3", &input],
        &["gen_snapshot", kind, &elf, "--strip=perhaps", &input],
        &["gen_snapshot", kind, &elf, "--no-strip", &input],
        &["gen_snapshot", kind, &elf, &input, "--strip"],
        &["gen_snapshot", "--no-version"],
        &["gen_snapshot", kind, &elf, "--jobs=many", &input],
        &["gen_snapshot", kind, &elf, "-j", "0", &input],
        &["gen_snapshot", kind, &elf, "--target=linux-m68k", &input],
        &["gen_snapshot", kind, &elf, &input, &input],
        &["compile"],
        &["compile", &input],
        &["compile", &input, "--target", "linux-x64"],
        &["compile", &input, "--out-dir", &folder],
        &["compile", &input, "--target", "linux-m68k", "--out-dir", &folder],
        &["compile", &input, "--target", "amiga-x64", "--out-dir", &folder],
        &["compile", &input, "--target", "", "--out-dir", &folder],
        &["compile", &input, "--target", "linux-x64", "--out-dir", &folder, "--no-such-flag"],
        &["compile", &input, "--target", "linux-x64", "--out-dir", &folder, "-j", "many"],
        &["compile", &input, "--target", "linux-x64", "--out-dir", &folder, "-j", "0"],
        &["no-such-command"],
        &["--no-such-flag"],
        &["kernel", "missing.dill"],
    ];
    for line in lines {
        refused(harness().compiler_command().args(*line), USAGE);
        assert_eq!(files_in(dir.path()), Vec::<PathBuf>::new(), "{line:?} left files behind");
    }
}

/// What the reference does on request and this compiler cannot.
#[test]
fn unsupported_options() {
    let kernel = hello();
    let dir = harness().temp_dir();
    let elf = format!("--elf={}", dir.path().join("app.so").display());
    let file = dir.path().join("file");
    for option in
        ["--obfuscate", "--dwarf-stack-traces", "--save-debugging-info=", "--loading-unit-manifest="]
    {
        let mut command = harness().compiler_command();
        command.args(["gen_snapshot", "--snapshot_kind=app-aot-elf", &elf]);
        let (name, value) = option.split_once('=').map_or((option, None), |(name, _)| (name, Some(&file)));
        command.arg(value.map_or(option.to_owned(), |value| format!("{option}{}", value.display())));
        let finished = refused(command.arg(&kernel), COMPILATION);
        assert!(finished.stderr.contains(&format!("{name} is not supported")), "{}", finished.stderr);
        assert_eq!(files_in(dir.path()), Vec::<PathBuf>::new());
    }
}

/// Every flag of the VM that the reference accepts is known: ignored, done, or refused as unsupported.
#[test]
fn flags_of_the_reference_are_known() {
    let dir = harness().temp_dir();
    let elf = format!("--elf={}", dir.path().join("app.so").display());
    let kind = "--snapshot_kind=app-aot-elf";
    let mut checked = 0;
    for arch in xtask::Arch::ALL {
        // Only the host's is always there.
        let Some(mut reference) = harness().toolchain().reference_gen_snapshot(arch) else { continue };
        let finished = run(reference.args([kind, &elf, "--print-flags", "missing.dill"]), &LIMITS);
        let printed = String::from_utf8_lossy(&finished.stdout).into_owned();
        let names = printed.lines().filter_map(|line| line.split_once(": ")).map(|(name, _)| name);
        for name in
            names.filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || "_0123456789".contains(c)))
        {
            let mut command = harness().compiler_command();
            let flag = format!("--{name}=false");
            let finished = refused(command.args(["gen_snapshot", kind, &elf, &flag, "missing.dill"]), {
                // Without the input, what is not refused goes as far as looking for it.
                if name.ends_with("_to") && name != "redirect_isolate_log_to" { COMPILATION } else { USAGE }
            });
            assert!(!finished.stderr.contains("Unrecognized"), "{}", finished.stderr);
            checked += 1;
        }
    }
    assert!(checked > 100, "only {checked} flags were found");
}

/// A reader that goes away is no error; a full disk is.
#[test]
fn texts_that_cannot_be_printed() {
    let (compiler, kernel) = (harness().compiler().to_string_lossy(), hello());
    let kernel = kernel.to_string_lossy();
    let lines: &[&[&str]] = &[
        &["kernel", &kernel],
        &["targets"],
        &["--help"],
        &["gen_snapshot", "--help"],
        &["gen_snapshot", "--version"],
        &["dump", &kernel, "main", "--stage", "ir"],
    ];
    for line in lines {
        let in_shell = |script: &str| {
            let mut shell = Command::new("sh");
            shell.args(["-c", script, &compiler]).args(*line);
            shell
        };
        refused(&mut in_shell("exec \"$0\" \"$@\" >/dev/full"), USAGE);
        // The reader is gone before anything is written.
        let script = "{ sleep 0.2; \"$0\" \"$@\" || echo failed >&2; } | true";
        let finished = run(&mut in_shell(script), &LIMITS);
        assert_eq!(finished.stderr, "", "{line:?}");
    }
}

#[test]
fn help_and_version_are_no_errors() {
    for (line, text) in [
        (&["--help"][..], "gen_snapshot"),
        (&["--version"], "snapcrane"),
        (&["compile", "--help"], "--out-dir"),
        (&["gen_snapshot", "--help"], "--snapshot_kind"),
        (&["gen_snapshot", "--version"], "3.13.4"),
    ] {
        let mut command = harness().compiler_command();
        let finished = run(command.args(line), &LIMITS);
        let stdout = String::from_utf8_lossy(&finished.stdout);
        assert_eq!(finished.code(), Some(0), "{}: {}", shown(&command), said(&finished));
        assert!(
            stdout.contains(text) && finished.stderr.is_empty(),
            "{}: {}",
            shown(&command),
            said(&finished)
        );
    }
}
