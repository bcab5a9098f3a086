"""What a parser process may not do: reach a network, write outside its folder, write without end.

The idea: the kernel holds it, whatever a document makes a library do. seccomp refuses sockets, Landlock
refuses writes elsewhere and signals to others; where a kernel has one of them not, the rest holds and the
parent is told what does.
"""

import ctypes
import os
import platform
import resource
from pathlib import Path

NO_NETWORK, NO_WRITES = "no network", "no writes outside its folder"
ALL = (NO_NETWORK, NO_WRITES)

_SET_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_PATH_BENEATH = 1
_WRITE_FILE, _TRUNCATE, _REFER = 1 << 1, 1 << 14, 1 << 13
_WRITES = _WRITE_FILE | sum(1 << bit for bit in range(4, 13))
"""Landlock's rights to change, remove and make files, folders, links and devices."""
_TCP, _SCOPES = 0b11, 0b11
"""To bind and to connect; abstract sockets and signals."""
_MACHINES = {"x86_64": (0xC000003E, (41, 425)), "aarch64": (0xC00000B7, (198, 425))}
"""Of each machine its name in an audit, and its calls that make sockets: socket and io_uring_setup."""
_LOAD, _EQUALS, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 13  # EACCES
_OTHER_ABI = 0x40000000
"""Calls by these numbers are those of x86-64 under other names."""


class _Rules(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("yes", ctypes.c_uint8),
        ("no", ctypes.c_uint8),
        ("k", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("instructions", ctypes.POINTER(_Instruction)))


def confine(folder: Path, most_bytes: int) -> tuple[str, ...]:
    """Give up, for this thread and all it starts, what no parser needs; which of `ALL` the kernel holds.

    Args:
        folder: the one folder that may be written.
        most_bytes: of a file that may be written.
    """
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        return ()
    written = _confine_writes(libc, folder)
    return (*((NO_NETWORK,) if _refuse_sockets(libc) else ()), *((NO_WRITES,) if written else ()))


def _refuse_sockets(libc: ctypes.CDLL) -> bool:
    if platform.machine() not in _MACHINES:
        return False
    audit, calls = _MACHINES[platform.machine()]
    code = [
        _Instruction(_LOAD, 0, 0, 4),  # the machine
        _Instruction(_EQUALS, 1, 0, audit),
        _Instruction(_RETURN, 0, 0, _REFUSE),
        _Instruction(_LOAD, 0, 0, 0),  # the call
        _Instruction(_AT_LEAST, len(calls), 0, _OTHER_ABI),
    ]
    code += [_Instruction(_EQUALS, len(calls) - 1 - at, 0, call) for at, call in enumerate(calls)]
    code += [_Instruction(_RETURN, 0, 0, _ALLOW), _Instruction(_RETURN, 0, 0, _REFUSE)]
    # a match jumps over what is left of the comparisons, and over the permission
    for at in range(5, 5 + len(calls)):
        code[at].yes += 1
    code[4].yes += 1
    program = _Program(len(code), (_Instruction * len(code))(*code))
    return bool(libc.prctl(_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0) == 0)


def _confine_writes(libc: ctypes.CDLL, folder: Path) -> bool:
    version = libc.syscall(_CREATE_RULESET, None, 0, 1)
    if version < 1:
        return False
    writes = _WRITES | (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    rules = _Rules(writes, _TCP if version >= 4 else 0, _SCOPES if version >= 6 else 0)
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = libc.syscall(_CREATE_RULESET, ctypes.byref(rules), size, 0)
    if ruleset < 0:
        return False
    try:
        for place, allowed in ((str(folder), writes), (os.devnull, writes & (_WRITE_FILE | _TRUNCATE))):
            opened = os.open(place, os.O_PATH | os.O_CLOEXEC)
            try:
                rule = _Beneath(allowed, opened)
                if libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0):
                    return False
            finally:
                os.close(opened)
        return bool(libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0)
    finally:
        os.close(ruleset)
