"""Running, watching, comparing and judging an answer; and putting into words what was found."""
