"""What a process gives up before it opens a file that may run code: network, programs, memory.

Linux alone can take them away for good; elsewhere the file is not opened.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct
import sys
from pathlib import Path

CPU_S, MEMORY, FILE_SIZE = 120, 4 << 30, 512 << 20
NO_NEW_PRIVILEGES, SECCOMP, FILTER = 38, 22, 2  # of prctl
LOAD, EQUAL, ANY_BIT, ANSWER = 0x20, 0x15, 0x45, 0x06  # of a filter's program
KILL, ALLOW, REFUSE, UNKNOWN = 0x80000000, 0x7FFF0000, 0x00050001, 0x00050026  # EPERM, ENOSYS
NUMBER, MACHINE, FIRST_ARGUMENT = 0, 4, 16  # offsets of a call's data
THREAD = 0x10000  # flag of clone: threads may begin, processes may not
OTHER_ABI = 0x40000000  # numbers of x32 calls

# Sockets, programs, other processes, mounts, and ways around a filter.
REFUSED = {
    "x86_64": (
        0xC000003E,
        (
            *(*range(41, 56), 57, 58, 59, 62, 101, 161, 165, 166, 200, 272, 288, 308, 310, 311),
            *(321, 322, 425, 434, 438),
        ),
        56,
    ),
    "aarch64": (
        0xC00000B7,
        (
            *(39, 40, 51, 97, 117, 129, 130, *range(198, 213), 221, 242, 268, 270, 271, 280, 281),
            *(425, 434, 438),
        ),
        220,
    ),
}
CLONE3 = 435  # its flags are out of a filter's sight: libraries go on with clone
# What Python code does to files and programs; a native library would have to know better.
EVENTS = ("os.", "shutil.", "socket.", "subprocess.", "ctypes.dlopen", "tempfile.")
HARMLESS = ("os.listdir", "os.scandir")


class NoSandbox(RuntimeError):
    """This machine cannot take the rights of a process away."""


def enter(folder: Path) -> None:
    """Give up all that opening a file does not need; nothing gives it back.

    Args:
        folder: The one that may be written to.

    Raises:
        NoSandbox: It cannot be done here.
    """
    if platform.system() != "Linux" or platform.machine() not in REFUSED:
        raise NoSandbox(
            f"files of other makers are opened on Linux alone (x86_64, aarch64), this is "
            f"{platform.system()} {platform.machine()}"
        )
    limits = {
        resource.RLIMIT_CPU: CPU_S,
        resource.RLIMIT_DATA: MEMORY,
        resource.RLIMIT_FSIZE: FILE_SIZE,
        resource.RLIMIT_CORE: 0,
    }
    for kind, limit in limits.items():
        resource.setrlimit(kind, (limit, limit))
    _filter_calls(*REFUSED[platform.machine()])
    sys.addaudithook(_Guard(folder.resolve()))


def _filter_calls(machine: int, numbers: tuple[int, ...], clone: int) -> None:
    """Let the kernel refuse calls by their numbers, for this process and for ever."""
    steps = [(LOAD, 0, 0, MACHINE), (EQUAL, 1, 0, machine), (ANSWER, 0, 0, KILL)]
    steps += [(LOAD, 0, 0, NUMBER), (ANY_BIT, 0, 1, OTHER_ABI), (ANSWER, 0, 0, REFUSE)]
    for number in numbers:
        steps += [(EQUAL, 0, 1, number), (ANSWER, 0, 0, REFUSE)]
    steps += [(EQUAL, 0, 1, CLONE3), (ANSWER, 0, 0, UNKNOWN)]
    steps += [(EQUAL, 0, 3, clone), (LOAD, 0, 0, FIRST_ARGUMENT), (ANY_BIT, 1, 0, THREAD)]
    steps += [(ANSWER, 0, 0, REFUSE), (ANSWER, 0, 0, ALLOW)]
    program = b"".join(struct.pack("=HBBI", *step) for step in steps)
    held = ctypes.create_string_buffer(program)
    head = struct.pack("@HP", len(steps), ctypes.addressof(held))
    libc = ctypes.CDLL(None, use_errno=True)
    zero = ctypes.c_ulong(0)
    for kind, *call in (
        (NO_NEW_PRIVILEGES, ctypes.c_ulong(1), zero),
        (SECCOMP, ctypes.c_ulong(FILTER), head),
    ):
        if libc.prctl(kind, *call, zero, zero) != 0:
            cause = os.strerror(ctypes.get_errno())
            raise NoSandbox(f"the kernel filters no calls of this process ({cause})")


class _Guard:
    """Refuses what Python tells of before it does it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if writes and not Path(str(path)).resolve().is_relative_to(self._folder):
                raise PermissionError(f"the file of a model may not write to {path}")
        elif event.startswith(EVENTS) and event not in HARMLESS:
            raise PermissionError(f"the file of a model may not do {event}")
