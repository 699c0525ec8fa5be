"""The exercises, one file each: see docs/exercises.md."""
