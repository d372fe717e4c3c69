//! Output: texts on the standard streams, and files that exist whole or not at all.

use std::fmt::Display;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

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
    snapcrane_view::printable(&text.to_string())
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
    Staged::new(path, bytes, false)?.publish()
}

/// Writes several files, and the folders that they are in. All are complete before the first one takes its place, and what was made is removed if
/// one cannot be written.
///
/// # Errors
/// Names the file or folder and what the system said.
pub fn write_all<'f>(files: impl Iterator<Item = (&'f Path, &'f [u8])>) -> Result<(), Failure> {
    let staged = files.map(|(path, bytes)| Staged::new(path, bytes, true)).collect::<Result<Vec<_>, _>>()?;
    for file in &staged {
        // A folder of that name is the one thing that shows only when a file takes its place.
        if file.path.is_dir() {
            return Err(cannot_write(&file.path, ErrorKind::IsADirectory.into()));
        }
    }
    staged.into_iter().try_for_each(Staged::publish)
}

fn cannot_write(path: &Path, error: std::io::Error) -> Failure {
    Failure::Usage(format!("Unable to write file: {}: {error}", path.display()))
}

/// A file that is complete but for its name.
struct Staged<'f> {
    path: PathBuf,
    /// What to publish: a file beside the destination, or bytes for a device or pipe (`/dev/stdout`, `/dev/null`), which cannot be replaced.
    content: Content<'f>,
    /// Folders that were made for it; removed unless it is published.
    folders: NewFolders,
}

enum Content<'f> {
    File(tempfile::NamedTempFile),
    Bytes(&'f [u8]),
}

impl<'f> Staged<'f> {
    fn new(path: &Path, bytes: &'f [u8], makes_folders: bool) -> Result<Staged<'f>, Failure> {
        let fail = |error: std::io::Error| cannot_write(path, error);
        if std::fs::metadata(path).is_ok_and(|meta| !meta.is_file() && !meta.is_dir()) {
            let (content, folders) = (Content::Bytes(bytes), NewFolders::default());
            return Ok(Staged { path: path.into(), content, folders });
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let folders = if makes_folders { NewFolders::make(folder)? } else { NewFolders::default() };
        let mut file = tempfile::Builder::new().prefix(".snapcrane-").tempfile_in(folder).map_err(fail)?;
        file.write_all(bytes).map_err(fail)?;
        file.as_file().sync_all().map_err(fail)?;
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        std::fs::set_permissions(file.path(), permissions).map_err(fail)?;
        Ok(Staged { path: path.into(), content: Content::File(file), folders })
    }

    fn publish(self) -> Result<(), Failure> {
        let Staged { path, content, mut folders } = self;
        match content {
            Content::File(file) => file.persist(&path).map(drop).map_err(|error| error.error),
            Content::Bytes(bytes) => std::fs::write(&path, bytes),
        }
        .map_err(|error| cannot_write(&path, error))?;
        folders.0.clear();
        Ok(())
    }
}

/// Folders that are removed again, if they are empty, when this is dropped.
#[derive(Default)]
struct NewFolders(Vec<PathBuf>);

impl NewFolders {
    fn make(folder: &Path) -> Result<NewFolders, Failure> {
        let missing =
            folder.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists());
        let new = NewFolders(missing.map(Path::to_path_buf).collect());
        std::fs::create_dir_all(folder).map_err(|error| {
            Failure::Usage(format!("Unable to create folder: {}: {error}", folder.display()))
        })?;
        Ok(new)
    }
}

impl Drop for NewFolders {
    fn drop(&mut self) {
        for folder in &self.0 {
            // Whatever else is in it by now stays.
            let _ = std::fs::remove_dir(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn quoted_text_stays_on_the_line() {
        assert_eq!(one_line("a\nb\r\u{1b}[2J\t`ä…`"), "a\\nb\\r\\u{1b}[2J\\t`ä…`");
    }
}
