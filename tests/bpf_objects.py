# SPDX-License-Identifier: Apache-2.0
"""What the kernel holds of BPF, by bpf(2) and /proc alone: its objects by id, and which process has which."""
import contextlib
import ctypes
import errno
import os
import pathlib
import time

SYS_BPF = 321  # x86-64
NEXT_ID = {"prog": 11, "map": 12, "btf": 23, "link": 31}  # BPF_*_GET_NEXT_ID (linux/bpf.h)
LIBC = ctypes.CDLL(None, use_errno=True)


class NextId(ctypes.Structure):
    """The part of union bpf_attr that BPF_*_GET_NEXT_ID reads and writes."""
    _fields_ = [("start_id", ctypes.c_uint32), ("next_id", ctypes.c_uint32), ("open_flags", ctypes.c_uint32)]


def ids(kind):
    """The ids of all objects of a kind on this machine; wants CAP_SYS_ADMIN."""
    found, at = set(), NextId()
    while LIBC.syscall(SYS_BPF, NEXT_ID[kind], ctypes.byref(at), ctypes.sizeof(at)) == 0:
        found.add(at.next_id)
        at.start_id = at.next_id
    if ctypes.get_errno() != errno.ENOENT:
        raise OSError(ctypes.get_errno(), f"bpf(2): next {kind}")
    return found


def all_ids():
    return {(kind, number) for kind in NEXT_ID for number in ids(kind)}


def of_process(pid):
    """The objects behind a process's descriptors: a list of their fdinfo(5) as dictionaries."""
    objects = []
    with contextlib.suppress(OSError):
        for path in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
            with contextlib.suppress(OSError):
                fields = dict(line.split(":", 1) for line in path.read_text().splitlines() if ":" in line)
                fields = {key.strip(): value.strip() for key, value in fields.items()}
                if any(f"{kind}_id" in fields for kind in NEXT_ID):
                    objects.append(fields)
    return objects


def held():
    """The objects that some living process has a descriptor of."""
    return {(kind, int(fields[f"{kind}_id"])) for pid in os.listdir("/proc") if pid.isdigit()
            for fields in of_process(pid) for kind in NEXT_ID if f"{kind}_id" in fields}


def left_over(before, seconds=15):
    """Objects that are new since `before` and that no living process holds, once the kernel has had time to clear up.

    Other users of BPF on the machine come and go meanwhile, which is why the mere number of objects says nothing.
    """
    deadline = time.monotonic() + seconds
    while True:
        # In this order: what a living process makes between the two is in neither.
        new = all_ids() - before
        new = {(kind, number) for kind, number in new - held() if kind != "btf"}
        new &= all_ids()
        if not new or time.monotonic() > deadline:
            return new
        time.sleep(0.2)
