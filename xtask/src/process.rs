//! Running other programs: one-line errors, and the resources a child used.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::Error;

/// What a finished child cost, as the kernel accounts it (`wait4`).
#[derive(Debug, Clone)]
pub struct Measured {
    /// How it ended.
    pub status: ExitStatus,
    /// Time between start and end.
    pub wall: Duration,
    /// Processor time of all its threads, user and system.
    pub cpu: Duration,
    /// Largest resident set, in KiB.
    pub peak_rss_kib: u64,
    /// What it wrote to standard error.
    pub stderr: String,
}

/// Runs `command` to its end and measures it. Standard output is discarded, standard error kept.
///
/// # Errors
/// When the program cannot be started or awaited; a failing exit status is not an error here.
pub fn measure(command: &mut Command) -> Result<Measured, Error> {
    let scratch = |error: &io::Error| Error::Environment(format!("cannot make a temporary file: {error}"));
    let mut stderr_file = tempfile::tempfile().map_err(|e| scratch(&e))?;
    let child_stderr: File = stderr_file.try_clone().map_err(|e| scratch(&e))?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(child_stderr);
    let begin = Instant::now();
    let child = command.spawn().map_err(|error| spawn_error(command, &error))?;
    let (raw_status, usage) = wait4(child.id())
        .map_err(|error| Error::Environment(format!("cannot wait for {}: {error}", program_name(command))))?;
    let wall = begin.elapsed();
    let mut stderr = Vec::new();
    stderr_file.rewind().and_then(|()| stderr_file.read_to_end(&mut stderr)).map_err(|e| scratch(&e))?;
    Ok(Measured {
        status: std::os::unix::process::ExitStatusExt::from_raw(raw_status),
        wall,
        cpu: duration_of(usage.ru_utime) + duration_of(usage.ru_stime),
        peak_rss_kib: u64::try_from(usage.ru_maxrss).unwrap_or(0),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    })
}

/// Awaits one child and returns its raw status with its resource usage, which `std` does not offer.
#[expect(unsafe_code, reason = "wait4 is the only call that reports one child's resource usage")]
fn wait4(pid: u32) -> io::Result<(i32, libc::rusage)> {
    let pid = libc::pid_t::try_from(pid).map_err(io::Error::other)?;
    let mut status = 0;
    // SAFETY: `rusage` is a plain C structure of integers, for which all zero bits are a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: both pointers are to live local variables of the types that wait4 writes.
        if unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) } == pid {
            return Ok((status, usage));
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

fn duration_of(time: libc::timeval) -> Duration {
    Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0))
        + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0))
}

/// Runs `command` quietly; its output is shown only as the one line that explains a failure.
///
/// # Errors
/// [`Error::Environment`] when the program is missing or its exit status is not zero.
pub fn run_quiet(command: &mut Command) -> Result<String, Error> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| spawn_error(command, &error))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let text =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    Err(Error::Environment(format!(
        "{} failed ({}): {}",
        program_name(command),
        describe_status(output.status),
        telling_line(&text)
    )))
}

/// Runs `command` with this process's own output streams.
///
/// # Errors
/// [`Error::Environment`] when the program is missing, [`Error::Failed`] when its exit status is not zero.
pub fn run_visible(command: &mut Command) -> Result<(), Error> {
    let status = command.status().map_err(|error| spawn_error(command, &error))?;
    if status.success() {
        return Ok(());
    }
    Err(Error::Failed(format!("{} failed ({})", program_name(command), describe_status(status))))
}

/// The error for a program that did not start.
pub fn spawn_error(command: &Command, error: &io::Error) -> Error {
    let name = program_name(command);
    if error.kind() != io::ErrorKind::NotFound {
        return Error::Environment(format!("cannot start {name}: {error}"));
    }
    let advice = match name.as_str() {
        "npm" => "install Node.js with npm",
        "apt-get" | "dpkg-deb" => "it is part of Debian",
        _ => "install it",
    };
    Error::Environment(format!("{name} was not found: {advice}"))
}

/// "exit code 254" or "signal 11".
pub fn describe_status(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}

/// The program's file name, or its subcommand too where the file name alone says little.
fn program_name(command: &Command) -> String {
    let path = std::path::Path::new(command.get_program());
    path.file_name().unwrap_or(command.get_program()).to_string_lossy().into_owned()
}

/// The line of a program's output that best explains its failure.
///
/// npm prefixes its errors with "npm error" and gives details of the failed system call first, apt with "E:"; others put
/// the reason on their last line.
pub fn telling_line(text: &str) -> &str {
    const NPM_DETAILS: [&str; 4] = ["code", "errno", "syscall", "type"];
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let is_reason = |line: &&str| match line.strip_prefix("npm error ") {
        Some(rest) => !NPM_DETAILS.contains(&rest.split(' ').next().unwrap_or_default()),
        None => line.starts_with("E: "),
    };
    lines().find(is_reason).or_else(|| lines().next_back()).unwrap_or("no output")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn measures_the_child_and_keeps_its_stderr() {
        let busy = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo gone >&2; exit 7";
        let measured = measure(&mut shell(busy)).expect("sh runs");
        assert_eq!(measured.status.code(), Some(7));
        assert_eq!(measured.stderr, "gone\n");
        assert!(measured.cpu > Duration::from_millis(1), "{:?}", measured.cpu);
        assert!(measured.peak_rss_kib > 100, "{} KiB", measured.peak_rss_kib);
    }

    #[test]
    fn a_failure_is_one_line_with_the_reason() {
        let error =
            run_quiet(&mut shell("echo noise >&2; echo 'E: no such package' >&2; echo more >&2; exit 100"))
                .expect_err("exit code 100");
        assert_eq!(error.to_string(), "sh failed (exit code 100): E: no such package");
        assert_eq!(error.exit_code(), 3);
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run_quiet(&mut Command::new("/nonexistent/npm")).expect_err("no such file");
        assert_eq!(error.to_string(), "npm was not found: install Node.js with npm");
    }

    #[test]
    fn the_npm_reason_is_preferred_to_its_code() {
        let text =
            "npm error code ENOTFOUND\nnpm error network request failed\nnpm error network try again\n";
        assert_eq!(telling_line(text), "npm error network request failed");
        assert_eq!(telling_line("a\nb\n\n"), "b");
        assert_eq!(telling_line(""), "no output");
    }
}
