//! Output: texts on the standard streams, and files that exist whole or not at all.

use std::fmt::Display;
use std::io::{ErrorKind, Write};
use std::path::Path;

use crate::exit::Failure;

/// Writes a text to standard output. If nobody reads on (`| head`) that is no error: what was wanted was delivered.
///
/// # Errors
/// What the system said.
pub fn print(text: impl Display) -> Result<(), Failure> {
    let mut stream = std::io::stdout().lock();
    match stream.write_all(text.to_string().as_bytes()).and_then(|()| stream.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::Usage(format!("Unable to write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// A text as one line that no terminal acts upon: a message may quote what a damaged file holds.
pub fn one_line(text: impl Display) -> String {
    let text = text.to_string();
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { line.extend(c.escape_default()) } else { line.push(c) }
    }
    line
}

/// Writes a line to standard error. If that fails there is nowhere left to say so.
pub fn note(line: impl Display) {
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Writes a file beside its destination and renames it. What was there before stays until the new file is complete.
///
/// # Errors
/// Names the file and what the system said.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let fail =
        |error: std::io::Error| Failure::Usage(format!("Unable to write file: {}: {error}", path.display()));
    // Devices and pipes (`/dev/stdout`, `/dev/null`) cannot be replaced.
    if std::fs::metadata(path).is_ok_and(|meta| !meta.is_file() && !meta.is_dir()) {
        return std::fs::write(path, bytes).map_err(fail);
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new().prefix(".snapcrane-").tempfile_in(folder).map_err(fail)?;
    file.write_all(bytes).map_err(fail)?;
    file.as_file().sync_all().map_err(fail)?;
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(file.path(), permissions).map_err(fail)?;
    file.persist(path).map_err(|error| fail(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn quoted_text_stays_on_the_line() {
        assert_eq!(one_line("a\nb\r\u{1b}[2J\t`ä…`"), "a\\nb\\r\\u{1b}[2J\\t`ä…`");
    }
}
