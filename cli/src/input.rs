//! Reading kernel files and snapshots.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use memmap2::Mmap;

use crate::exit::Failure;

/// Bytes that are read of what cannot be mapped. Devices may have no end.
const MAX_STREAM: u64 = 1 << 30;

/// Contents of a file.
#[derive(Debug)]
pub enum Input {
    /// A file on a disk.
    Mapped(Mmap),
    /// What came out of a pipe or a device.
    Read(Vec<u8>),
}

impl Input {
    /// Maps a file, or reads it if it has no size of its own.
    ///
    /// # Errors
    /// Names the file and what the system said.
    pub fn open(path: &Path) -> Result<Input, Failure> {
        let fail = |error: std::io::Error| {
            Failure::Usage(format!("Unable to read file: {}: {error}", path.display()))
        };
        let mut file = File::open(path).map_err(fail)?;
        let meta = file.metadata().map_err(fail)?;
        if meta.is_dir() {
            return Err(Failure::Usage(format!("Unable to read file: {}: is a directory", path.display())));
        }
        // Pipes, devices and the files of `/proc` have size 0.
        if !meta.is_file() || meta.len() == 0 {
            let mut bytes = Vec::new();
            (&mut file).take(MAX_STREAM + 1).read_to_end(&mut bytes).map_err(fail)?;
            if bytes.len() as u64 > MAX_STREAM {
                let path = path.display();
                return Err(Failure::Usage(format!(
                    "Unable to read file: {path}: more than 1 GiB, and no plain file"
                )));
            }
            return Ok(Input::Read(bytes));
        }
        #[expect(
            unsafe_code,
            reason = "a file that changes while it is read gives a wrong or failed compilation, as with the reference"
        )]
        let map = unsafe { Mmap::map(&file) }.map_err(fail)?;
        Ok(Input::Mapped(map))
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Input::Mapped(map) => map,
            Input::Read(bytes) => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::AsRawFd;
    use std::path::PathBuf;

    use super::Input;

    #[test]
    fn pipes_are_read() {
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        writer.write_all(b"contents").expect("it fits the pipe's buffer");
        drop(writer);
        let path = PathBuf::from(format!("/dev/fd/{}", reader.as_raw_fd()));
        assert_eq!(Input::open(&path).expect("it can be read").bytes(), b"contents");
        assert_eq!(Input::open("/dev/null".as_ref()).expect("it is empty").bytes(), b"");
    }
}
