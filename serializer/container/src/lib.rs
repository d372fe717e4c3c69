//! Containers of snapshots: ELF.
