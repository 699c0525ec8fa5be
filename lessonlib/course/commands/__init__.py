"""What the `lessons` command does: one module for each verb, with its name."""
