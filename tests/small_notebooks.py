"""Notebooks that tests make, without nbformat: importing it takes longer than most tests."""

KERNEL = {"display_name": "python3", "language": "python", "name": "python3"}


def notebook(*codes: str, title: str | None = None, **metadata: dict) -> dict:
    """A title, if any, and code cells without outputs; one that begins with `measured:` gets that tag."""
    cells = [] if title is None else [{"cell_type": "markdown", "id": "title", "metadata": {}, "source": [f"# {title}"]}]
    for n, code in enumerate(codes):
        source = code.removeprefix("measured:")
        cells.append({"cell_type": "code", "id": f"c{n}", "metadata": {"tags": ["measured"]} if source != code else {},
                      "source": source.splitlines(keepends=True), "outputs": [], "execution_count": None})
    return {"cells": cells, "metadata": {"kernelspec": KERNEL, **metadata}, "nbformat": 4, "nbformat_minor": 5}
