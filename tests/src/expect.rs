//! Expectation files: what a program does on the engine when the reference compiler has compiled it.
//!
//! `NAME.out` holds standard output, byte by byte. `NAME.err` exists when the program fails or writes to standard error: the
//! first line is the exit code, the rest standard error. Two things are made independent of the machine: the folder of the
//! programs is written `<programs>`, and of a stack trace only the frames of program files are kept, without their numbers,
//! because how many frames the core libraries contribute is a compiler's own business (inlining). Equal frames in a row, as a
//! stack overflow has by the thousand, are kept once.
//!
//! The reference forgets the line of a frame where its code fails out of line (range and null checks, for instance); such a
//! frame matches one with any line.

use std::fs;
use std::path::{Path, PathBuf};

/// What a run must yield.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error as [`normalise`] leaves it.
    pub stderr: String,
}

impl Expectation {
    /// The outcome of a run of a program in `folder`.
    pub fn of_run(code: i32, stdout: &[u8], stderr: &str, folder: &Path) -> Expectation {
        let stdout = hide_folder(&String::from_utf8_lossy(stdout), folder);
        Expectation { code, stdout, stderr: normalise(stderr, folder) }
    }

    /// Reads `NAME.out` and, if there is one, `NAME.err`.
    ///
    /// # Errors
    /// A message that says how expectations are made, or what is wrong with these.
    pub fn load(folder: &Path, name: &str) -> Result<Expectation, String> {
        let (out, err) = files(folder, name);
        let stdout = fs::read_to_string(&out)
            .map_err(|error| format!("{}: {error} (SNAPCRANE_BLESS=1 records it)", out.display()))?;
        let Ok(text) = fs::read_to_string(&err) else {
            return Ok(Expectation { code: 0, stdout, stderr: String::new() });
        };
        let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
        let code = first.strip_prefix("exit code ").and_then(|code| code.parse().ok());
        let code = code.ok_or_else(|| format!("{} does not begin with an exit code", err.display()))?;
        Ok(Expectation { code, stdout, stderr: rest.to_owned() })
    }

    /// Writes the files that [`Expectation::load`] reads.
    ///
    /// # Errors
    /// What the system said.
    pub fn store(&self, folder: &Path, name: &str) -> std::io::Result<()> {
        let (out, err) = files(folder, name);
        fs::write(out, &self.stdout)?;
        if self.code != 0 || !self.stderr.is_empty() {
            return fs::write(err, format!("exit code {}\n{}", self.code, self.stderr));
        }
        match fs::remove_file(err) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Says what differs in `actual`, if anything does.
    pub fn difference(&self, actual: &Expectation) -> Option<String> {
        let mut found = Vec::new();
        if self.code != actual.code {
            found.push(format!("exit code {}, expected {}", actual.code, self.code));
        }
        found.extend(first_difference("stdout", &self.stdout, &actual.stdout, |e, a| e == a));
        found.extend(first_difference("stderr", &self.stderr, &actual.stderr, frame_matches));
        if found.is_empty() {
            return None;
        }
        // Without the unexpected exception a failure can hardly be understood.
        if self.stderr.is_empty() && !actual.stderr.is_empty() {
            found.push(format!("stderr:\n{}", indent(&actual.stderr)));
        }
        Some(found.join("\n"))
    }
}

fn files(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    (folder.join(format!("{name}.out")), folder.join(format!("{name}.err")))
}

fn hide_folder(text: &str, folder: &Path) -> String {
    text.replace(&format!("file://{}", folder.display()), "<programs>")
}

/// Standard error with the parts that depend on machine or compiler taken out; see the module's description.
pub fn normalise(stderr: &str, folder: &Path) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in hide_folder(stderr, folder).lines() {
        let Some(frame) = frame(line) else {
            lines.push(line.to_owned());
            continue;
        };
        if frame.contains("(<programs>/") && lines.last().is_none_or(|last| last != frame) {
            lines.push(frame.to_owned());
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// The part behind the number, if the line is a frame of a stack trace: `#12     main (file.dart:3)`.
fn frame(line: &str) -> Option<&str> {
    let (number, rest) = line.strip_prefix('#')?.split_once(' ')?;
    number.parse::<u32>().ok()?;
    Some(rest.trim_start())
}

/// Whether an actual line is the expected one, where a frame that is expected without a line may have one.
fn frame_matches(expected: &str, actual: &str) -> bool {
    let Some(start) = expected.strip_suffix(".dart)") else { return expected == actual };
    let Some(rest) = actual.strip_prefix(start).and_then(|rest| rest.strip_prefix(".dart")) else {
        return false;
    };
    match rest.strip_prefix(':') {
        Some(position) => position.strip_suffix(')').is_some_and(|line| line.parse::<u32>().is_ok()),
        None => rest == ")",
    }
}

fn first_difference(
    what: &str,
    expected: &str,
    actual: &str,
    matches: fn(&str, &str) -> bool,
) -> Option<String> {
    let (expected_lines, actual_lines): (Vec<&str>, Vec<&str>) =
        (expected.split('\n').collect(), actual.split('\n').collect());
    let common = expected_lines.iter().zip(&actual_lines);
    let at = common.take_while(|(expected, actual)| matches(expected, actual)).count();
    if at == expected_lines.len() && at == actual_lines.len() {
        return None;
    }
    let show = |lines: &[&str]| match lines.get(at..) {
        None | Some([]) => "    (end)".to_owned(),
        Some(rest) => indent(&rest[..rest.len().min(4)].join("\n")),
    };
    Some(format!(
        "{what} differs from line {}, {} lines against {} expected\n  expected:\n{}\n  actual:\n{}",
        at + 1,
        actual_lines.len(),
        expected_lines.len(),
        show(&expected_lines),
        show(&actual_lines)
    ))
}

fn indent(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("    {line}")).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(code: i32, stdout: &str, stderr: &str) -> Expectation {
        Expectation::of_run(code, stdout.as_bytes(), stderr, Path::new("/p"))
    }

    #[test]
    fn traces_keep_the_frames_of_programs() {
        let text = "Unhandled exception:\nno\n#0      f.<anonymous closure> (file:///p/a.dart:3)\n\
                    #1      List.map (dart:core-patch/x.dart:5)\n#2      g (file:///p/a.dart)\n\
                    #3      g (file:///p/a.dart)\n#4      main (file:///p/a.dart:9)\n";
        assert_eq!(
            normalise(text, Path::new("/p")),
            "Unhandled exception:\nno\nf.<anonymous closure> (<programs>/a.dart:3)\n\
             g (<programs>/a.dart)\nmain (<programs>/a.dart:9)\n"
        );
    }

    #[test]
    fn a_frame_without_a_line_matches_any_line() {
        assert!(frame_matches("g (<programs>/a.dart)", "g (<programs>/a.dart:12)"));
        assert!(frame_matches("g (<programs>/a.dart)", "g (<programs>/a.dart)"));
        assert!(!frame_matches("g (<programs>/a.dart:1)", "g (<programs>/a.dart:12)"));
        assert!(!frame_matches("g (<programs>/a.dart:1)", "g (<programs>/a.dart)"));
        assert!(!frame_matches("g (<programs>/a.dart)", "h (<programs>/a.dart:1)"));
        assert!(!frame_matches("g (<programs>/a.dart)", "g (<programs>/a.dart:x)"));
    }

    #[test]
    fn differences_are_told_with_their_place() {
        let expected = outcome(0, "a\nb\nc\n", "");
        assert_eq!(expected.difference(&expected), None);
        let text = expected.difference(&outcome(255, "a\nx\n", "bad\n")).expect("they differ");
        assert!(text.contains("exit code 255, expected 0"), "{text}");
        assert!(text.contains("stdout differs from line 2"), "{text}");
        assert!(text.contains("    x"), "{text}");
        assert!(text.contains("    bad"), "{text}");
        let text = expected.difference(&outcome(0, "a\nb\nc\nd\n", "")).expect("they differ");
        assert!(text.contains("line 4"), "{text}");
    }

    #[test]
    fn files_round_trip() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let failing = outcome(255, "out\n", "Unhandled exception:\nx\n");
        failing.store(dir.path(), "p").expect("writable");
        assert_eq!(Expectation::load(dir.path(), "p"), Ok(failing));
        let quiet = outcome(0, "", "");
        quiet.store(dir.path(), "p").expect("writable");
        assert_eq!(Expectation::load(dir.path(), "p"), Ok(quiet));
        let error = Expectation::load(dir.path(), "q").expect_err("no such file");
        assert!(error.contains("SNAPCRANE_BLESS"), "{error}");
    }
}
