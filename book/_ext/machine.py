"""The machine that computes: its processor's name, and how many cores this process may use."""

import os
import platform
import re
from pathlib import Path


def processor() -> str:
    """The name that a reader knows."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:  # no Linux
        text = ""
    named = re.search(r"^model name\s*: (.+)$", text, re.M)
    return named[1].strip() if named else platform.processor() or platform.machine()


def cores() -> int:
    """How many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux
    return len(affinity(0)) if affinity else os.cpu_count() or 1
