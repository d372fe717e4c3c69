//! Opening snapshots: a shared library, or two raw images.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use snapcrane_view::{Container, Fault, Snapshot};

use crate::exit::Failure;
use crate::input::Input;

/// A snapshot's file, or files.
#[derive(Debug)]
pub struct SnapshotFile {
    path: PathBuf,
    data: Input,
    text: Option<Input>,
}

impl SnapshotFile {
    /// Opens the file, and that of the text image if the first one is a data image without a container.
    ///
    /// # Errors
    /// Names the file and what the system said.
    pub fn open(path: &Path, text: Option<&Path>) -> Result<SnapshotFile, Failure> {
        let data = Input::open(path)?;
        Ok(SnapshotFile { path: path.to_owned(), data, text: text.map(Input::open).transpose()? })
    }

    /// The container.
    ///
    /// # Errors
    /// It is malformed.
    pub fn container(&self) -> Result<Container<'_>, Fault> {
        match &self.text {
            Some(text) => Ok(Container::raw(self.data.bytes(), text.bytes())),
            None => Snapshot::container(self.data.bytes()),
        }
    }

    /// Everything in it.
    ///
    /// # Errors
    /// What was given is no snapshot, or a damaged one: a failure that names the file.
    pub fn read(&self) -> Result<Snapshot<'_>, Failure> {
        self.container().and_then(Snapshot::read).map_err(|fault| self.failure(fault))
    }

    /// A failure to do something with the snapshot.
    pub fn failure(&self, reason: impl Display) -> Failure {
        Failure::compilation(format_args!("{}: {reason}", self.path.display()))
    }
}
