"""For `speed.py reading`: read the digits once, in a process of its own; prints seconds and megabytes."""

import sys
import time

import torch
from peak import Peak

from lessonlib.data import as_rows, load_digits, pixel_stats

torch.set_num_threads(1)
with Peak() as whole:
    start = time.perf_counter()
    with Peak() as reading:
        digits = load_digits(sys.argv[1])
        read = time.perf_counter()
    stats = pixel_stats(digits.train.x)
    rows = [as_rows(part.x, *stats) for part in (digits.train, digits.valid, digits.test)]
    end = time.perf_counter()
print(read - start, end - start, reading.more / 2**20, whole.more / 2**20)
