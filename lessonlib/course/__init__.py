"""The top floor: the `lessons` command and what it runs."""
