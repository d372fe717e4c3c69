//! Reading kernel files.

use std::fs::File;
use std::path::Path;

use memmap2::Mmap;

use crate::exit::Failure;

/// Contents of a kernel file.
#[derive(Debug)]
pub struct Input(Option<Mmap>);

impl Input {
    /// Maps a file.
    ///
    /// # Errors
    /// Names the file and what the system said.
    pub fn open(path: &Path) -> Result<Input, Failure> {
        let fail = |error: std::io::Error| {
            Failure::Usage(format!("Unable to read file: {}: {error}", path.display()))
        };
        let file = File::open(path).map_err(fail)?;
        let meta = file.metadata().map_err(fail)?;
        if meta.is_dir() {
            return Err(Failure::Usage(format!("Unable to read file: {}: is a directory", path.display())));
        }
        if meta.len() == 0 {
            return Ok(Input(None));
        }
        #[expect(
            unsafe_code,
            reason = "a file that changes while it is read gives a wrong or failed compilation, as with the reference"
        )]
        let map = unsafe { Mmap::map(&file) }.map_err(fail)?;
        Ok(Input(Some(map)))
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        self.0.as_deref().unwrap_or(&[])
    }
}
