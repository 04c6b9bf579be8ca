"""The release on disk: written aside, signed, read as a stranger's. See `docs/format.md`."""
