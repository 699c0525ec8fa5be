"""`python -m lessonlib.course` is the `lessons` command."""

import sys

from lessonlib.course.cli import main

sys.exit(main())
