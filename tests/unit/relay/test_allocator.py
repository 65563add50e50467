"""What glibc keeps in its heap, in a process of its own."""

import ctypes
import os
import subprocess
import sys

import pytest

from relay import __main__ as start
from relay import process
from relay.allocator import KEPT, LARGE, limit_heap, use_huge_pages
from sim.processes import ROOT

MEASURE = """
import ctypes, json, sys
from relay.allocator import limit_heap

class Info(ctypes.Structure):
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in names.split()]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Info
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]

def with_pages_of_their_own(size):
    before = libc.mallinfo2().hblks
    blocks = [libc.malloc(size) for _ in range(40)]  # the first ones may fit into what is free in the heap
    own = libc.mallinfo2().hblks - before
    for block in blocks:
        libc.free(block)
    return own

libc.free(libc.malloc(4_000_000))  # an import does that: from then on blocks up to that size come out of the heap
if "limited" in sys.argv:
    assert limit_heap()
libc.free(libc.malloc(8_000_000))
for block in [libc.malloc(8_000) for _ in range(200)]:
    libc.free(block)
print(json.dumps([libc.mallinfo2().keepcost, *map(with_pages_of_their_own, map(int, sys.argv[1].split(",")))]))
"""
TLS = 256 * 1024
"""What uvloop reserves for a connection."""
glibc = pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="glibc's allocator is not there")


def kept_and_own(*arguments: str, **environ: str) -> list[int]:
    """Bytes free at the end of the heap, and how many of forty blocks of three sizes got pages of their own."""
    command = [sys.executable, "-c", MEASURE, f"{TLS},{LARGE + 16},{LARGE // 2}", *arguments]
    done = subprocess.run(command, env={**os.environ, **environ}, cwd=ROOT, check=True, capture_output=True)
    return [int(part) for part in done.stdout.decode().strip("[]\n").split(",")]


@glibc
def test_large_blocks_stay_out_of_the_heap_whatever_was_freed_before():
    kept, *own = kept_and_own("limited")
    assert own[0] >= 30
    assert own[1] >= 20
    assert own[2] == 0
    assert kept <= KEPT + LARGE


@glibc
def test_without_limits_a_freed_block_changes_that():
    """The reason for the limits; when this fails, glibc has changed, and relay/allocator.py may not be needed."""
    kept, *own = kept_and_own()
    assert own == [0, 0, 0]
    assert kept > KEPT + LARGE


@glibc
def test_the_environment_has_the_last_word():
    assert kept_and_own("limited", MALLOC_MMAP_THRESHOLD_="1000000")[1:] == [0, 0, 0]
    assert kept_and_own("limited", MALLOC_TRIM_THRESHOLD_="9000000")[0] > KEPT + LARGE


def test_without_such_an_allocator_nothing_is_changed(monkeypatch):
    monkeypatch.setattr("relay.allocator.ctypes.CDLL", lambda _: object())
    assert not limit_heap()


def test_both_are_set_before_anything_of_the_relay_runs(monkeypatch):
    called = []
    monkeypatch.setattr(start, "use_huge_pages", lambda: called.append("huge pages"))
    monkeypatch.setattr(start, "limit_heap", lambda: called.append("limits"))
    monkeypatch.setattr(process, "main", lambda: called.append("relay") or 2)
    assert start.main() == 2
    assert called == ["huge pages", "limits", "relay"]


def test_the_source_has_no_huge_pages():
    assert not use_huge_pages()
