//! Child processes that cannot hang, eat the memory or fill the disk.
//!
//! Output goes to unlinked files, not pipes, so a child never waits for its reader. The child leads a process group of its
//! own; at the time limit the whole group is killed. A child also dies when the thread that waits for it does.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use xtask::process::{describe_status, spawn_error};

/// Bytes that a child may write to one file, unless told otherwise.
const FILE_SIZE: u64 = 1 << 30;

/// What a child may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Time until it is killed.
    pub time: Duration,
    /// Processor time in seconds (`RLIMIT_CPU`), which a busy machine does not use up; `None`: unlimited.
    pub cpu_seconds: Option<u64>,
    /// Address space in bytes (`RLIMIT_AS`); `None`: unlimited.
    pub memory: Option<u64>,
    /// Size of a file it writes, its output included, in bytes (`RLIMIT_FSIZE`).
    pub file_size: u64,
}

impl Limits {
    /// A time limit in seconds, any amount of memory, files of up to 1 GiB.
    pub const fn seconds(seconds: u64) -> Limits {
        Limits { time: Duration::from_secs(seconds), cpu_seconds: None, memory: None, file_size: FILE_SIZE }
    }
}

/// How a child ended and what it used.
#[derive(Clone, Debug)]
pub struct Finished {
    /// `None` when it was killed at the time limit.
    pub status: Option<ExitStatus>,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error; bytes that are not UTF-8 are replaced.
    pub stderr: String,
    /// Time between start and end.
    pub wall: Duration,
    /// Processor time of all its threads, user and system.
    pub cpu: Duration,
    /// Largest resident set, in KiB.
    pub peak_rss_kib: u64,
}

impl Finished {
    /// The exit code, if it exited.
    pub fn code(&self) -> Option<i32> {
        self.status.and_then(|status| status.code())
    }

    /// "exit code 3", "signal 11" or "killed after 10.0 s".
    pub fn describe_end(&self) -> String {
        match self.status {
            Some(status) => describe_status(status),
            None => format!("killed after {:.1} s", self.wall.as_secs_f64()),
        }
    }
}

/// Runs a command to its end, without input.
///
/// # Panics
/// When the machine does not let it start or wait for a process.
#[expect(clippy::zombie_processes, reason = "wait4 reaps the child")]
pub fn run(command: &mut Command, limits: &Limits) -> Finished {
    let mut stdout = tempfile::tempfile().expect("a temporary file");
    let mut stderr = tempfile::tempfile().expect("a temporary file");
    command.stdin(Stdio::null());
    command.stdout(stdout.try_clone().expect("a file handle"));
    command.stderr(stderr.try_clone().expect("a file handle"));
    command.process_group(0);
    limit_before_exec(command, *limits);

    let begin = Instant::now();
    let child = command.spawn().unwrap_or_else(|error| panic!("{}", spawn_error(command, &error)));
    let pid = libc::pid_t::try_from(child.id()).expect("a process id");
    let (status, usage) = wait(pid, begin + limits.time);
    let wall = begin.elapsed();
    let contents = |file: &mut File| {
        let mut bytes = Vec::new();
        file.rewind().and_then(|()| file.read_to_end(&mut bytes)).expect("the output is readable");
        bytes
    };
    Finished {
        status,
        stdout: contents(&mut stdout),
        stderr: String::from_utf8_lossy(&contents(&mut stderr)).into_owned(),
        wall,
        cpu: duration_of(usage.ru_utime) + duration_of(usage.ru_stime),
        peak_rss_kib: u64::try_from(usage.ru_maxrss).unwrap_or(0),
    }
}

fn duration_of(time: libc::timeval) -> Duration {
    Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0))
        + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0))
}

/// Waits until the deadline, then kills the process group. `None` as status if it came to that.
fn wait(pid: libc::pid_t, deadline: Instant) -> (Option<ExitStatus>, libc::rusage) {
    let mut pause = Duration::from_micros(500);
    let mut killed = false;
    loop {
        let options = if killed { 0 } else { libc::WNOHANG };
        if let Some((status, usage)) = wait4(pid, options).expect("the child can be waited for") {
            return ((!killed).then_some(status), usage);
        }
        if Instant::now() >= deadline {
            kill_group(pid);
            killed = true;
            continue;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(10));
    }
}

#[expect(unsafe_code, reason = "wait4 is the only call that reports one child's resource usage")]
fn wait4(pid: libc::pid_t, options: libc::c_int) -> io::Result<Option<(ExitStatus, libc::rusage)>> {
    let mut status = 0;
    // SAFETY: `rusage` is a plain C structure of integers, for which all zero bits are a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: both pointers are to live local variables of the types that wait4 writes.
        match unsafe { libc::wait4(pid, &raw mut status, options, &raw mut usage) } {
            0 => return Ok(None),
            found if found == pid => {
                return Ok(Some((ExitStatus::from_raw(status), usage)));
            }
            _ => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    }
}

#[expect(unsafe_code, reason = "std kills one process, not its group")]
fn kill_group(leader: libc::pid_t) {
    // SAFETY: the leader has not been waited for, so the group is still ours.
    unsafe { libc::kill(-leader, libc::SIGKILL) };
}

#[expect(unsafe_code, reason = "resource limits are set between fork and exec")]
fn limit_before_exec(command: &mut Command, limits: Limits) {
    let apply = move || {
        set_limit(libc::RLIMIT_CORE, 0)?;
        set_limit(libc::RLIMIT_FSIZE, limits.file_size)?;
        if let Some(seconds) = limits.cpu_seconds {
            set_limit(libc::RLIMIT_CPU, seconds)?;
        }
        if let Some(bytes) = limits.memory {
            set_limit(libc::RLIMIT_AS, bytes)?;
        }
        // SAFETY: takes integers only.
        match unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    };
    // SAFETY: the closure makes system calls only; it neither allocates nor takes locks.
    unsafe { command.pre_exec(apply) };
}

#[expect(unsafe_code, reason = "std has no resource limits")]
fn set_limit(resource: libc::__rlimit_resource_t, value: u64) -> io::Result<()> {
    let limit = libc::rlimit { rlim_cur: value, rlim_max: value };
    // SAFETY: the pointer is to a live structure that is only read.
    match unsafe { libc::setrlimit(resource, &raw const limit) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limits: &Limits) -> Finished {
        run(Command::new("sh").args(["-c", script]), limits)
    }

    #[test]
    fn output_and_exit_code_are_kept() {
        let finished = shell("echo out; echo err >&2; exit 7", &Limits::seconds(20));
        assert_eq!(finished.code(), Some(7));
        assert_eq!((finished.stdout.as_slice(), finished.stderr.as_str()), (b"out\n".as_slice(), "err\n"));
        assert!(finished.peak_rss_kib > 100);
    }

    #[test]
    fn a_hanging_process_and_its_children_are_killed() {
        let begin = Instant::now();
        let finished = shell("echo begun; sleep 100 & sleep 100", &Limits::seconds(1));
        assert_eq!(finished.status, None);
        assert_eq!(finished.stdout, b"begun\n");
        assert!(begin.elapsed() < Duration::from_secs(20));
        assert!(finished.describe_end().starts_with("killed after"), "{}", finished.describe_end());
    }

    #[test]
    fn processor_time_is_limited() {
        let limits = Limits { cpu_seconds: Some(1), ..Limits::seconds(60) };
        let finished = shell("while :; do :; done", &limits);
        assert!(
            finished.status.is_some_and(|status| status.signal().is_some()),
            "{}",
            finished.describe_end()
        );
        assert!(finished.cpu > Duration::from_millis(500), "{:?}", finished.cpu);
    }

    #[test]
    fn output_is_limited() {
        let limits = Limits { file_size: 4096, ..Limits::seconds(20) };
        let finished = shell("while :; do echo 0123456789; done", &limits);
        assert_ne!(finished.code(), Some(0));
        assert!(finished.stdout.len() <= 4096);
    }

    #[test]
    fn memory_is_limited() {
        let limits = Limits { memory: Some(64 << 20), ..Limits::seconds(20) };
        let finished = shell("x=$(head -c 200000000 /dev/zero | tr '\\0' x); echo ${#x}", &limits);
        assert_ne!(finished.stdout, b"200000000\n");
    }
}
