"""Where a relay's memory comes from: Python's objects on huge pages, and glibc's heap kept small.

Objects of many calls are on more pages of 4 KB than the processor remembers the places of, which takes a tenth of the
CPU (docs/performance.md). relay/arenas.c, compiled for the image, asks for pages of 2 MiB.

As it starts, glibc takes blocks of 128 KB and more from the kernel, and gives them back when they are freed. After that
it raises this limit by itself, up to 32 MB, and large blocks come out of the heap as well. The 256 KB that uvloop
reserves for each TLS connection, and hardly uses, are then on pages that something else has used: 150 KB more a call.
Limits that are set once stay. Huge pages for this heap too (GLIBC_TUNABLES=glibc.malloc.hugetlb=1) would save another
fiftieth of the CPU, but the heap then grows by 2 MiB, into which those 256 KB fit: 160 KB more a call.
"""

import ctypes
import os
from typing import Final

LARGE: Final = 64 * 1024  # bytes; such a block gets pages of its own
KEPT: Final = 128 * 1024  # free at the end of the heap: too little for the buffer of a TLS connection

_LIMITS: Final = (  # of mallopt(3): the parameter, the variable that sets it, too, and the value
    (-3, "MALLOC_MMAP_THRESHOLD_", LARGE),
    (-1, "MALLOC_TRIM_THRESHOLD_", KEPT),
)


def use_huge_pages() -> bool:
    """For Python's objects from now on. False from source, and where the kernel knows none: nothing is changed."""
    try:
        from relay import arenas
    except ImportError:  # not compiled, or for another Python
        return False
    return arenas.use_huge_pages()


def limit_heap() -> bool:
    """Set the limits that the environment does not set. False without glibc's allocator: nothing is changed."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # TypeError: Windows
        return False
    for parameter, variable, size in _LIMITS:
        if variable not in os.environ:
            mallopt(parameter, size)
    return True
