"""The exercises, one file each: see CONTRIBUTING.md, "An exercise is one file"."""
