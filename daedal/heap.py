"""What glibc's allocator does with memory that a step has freed: by default, much of it goes back to the kernel.

Blocks above 32 MiB are always returned, and the top of the heap too once it is large. The next step asks for as much
again, and the kernel has to clear every page of it: about a fifth of DDPM's training at 64x64 goes there, and over a
quarter of sampling digits (`benchmarks/heap.py`). A process of our own keeps what it has freed instead, as PyTorch does
on a GPU, and holds its peak until it ends.
"""

from __future__ import annotations

import ctypes
import os

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # of mallopt(3)
MOST = 2**31 - 1  # bytes; it takes an int
CAPPED = 32 * 2**20  # the most that some versions take for blocks
SETTINGS = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_")


def keep_freed_memory() -> bool:
    """Let this process keep the memory that it frees; whether glibc takes it.

    Nothing happens without glibc, or where the environment already says how it should be (mallopt(3)'s variables and
    tunables). Before 2.35 or so blocks above 32 MiB go back all the same, and another allocator that was preloaded does
    as it likes. It can't be undone, so it's for the main program to call, and `daedal` does: a library has no business
    with it.
    """
    if any(name in os.environ for name in SETTINGS) or "glibc.malloc." in os.environ.get("GLIBC_TUNABLES", ""):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another libc; Windows has no such library
        return False
    # blocks first: to set only when the heap is trimmed would fix the threshold of blocks at its lowest
    kept = mallopt(MMAP_THRESHOLD, MOST) or mallopt(MMAP_THRESHOLD, CAPPED)
    return bool(kept and mallopt(TRIM_THRESHOLD, MOST))
