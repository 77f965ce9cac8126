"""Take from a program the system calls by which it could leave its limits, or pry into others.

A seccomp filter, as classic BPF. Memory behind a memfd or a System V segment belongs to no process,
a mount in a namespace of its own has no size limit: neither is seen by who watches the memory.
Standard library only; knows x86-64 and AArch64 and does nothing on other machines.
"""

import ctypes
import errno
import platform
import struct
import sys

PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
ALLOW, REFUSE = 0x7FFF0000, 0x00050000
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16  # where struct seccomp_data has them
X32 = 0x40000000  # x86-64's second table of system calls begins here
# CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
NAMESPACES = 0x80 | 0x20000 | 0x2000000 | 0x4000000 | 0x8000000 | 0x10000000 | 0x20000000
NAMESPACES |= 0x40000000

# name: number on x86-64, number on AArch64
REFUSED = {
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsmount": (432, 432),
    "mount_setattr": (442, 442),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
}
CLONE, CLONE3 = (56, 220), (435, 435)
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}


def instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)


def answer(value: int) -> bytes:
    return instruction(RETURN, value)


def program(machine: str) -> bytes:
    """Return the filter for a machine: one instruction after the other."""
    column, architecture = MACHINES[machine]
    absent, forbidden = answer(REFUSE | errno.ENOSYS), answer(REFUSE | errno.EPERM)
    lines = [
        instruction(LOAD, ARCHITECTURE),
        instruction(EQUAL, architecture, 1, 0),
        absent,
        instruction(LOAD, NUMBER),
        instruction(AT_LEAST, X32, 0, 1),
        absent,
        instruction(EQUAL, CLONE3[column], 0, 1),
        absent,  # its flags lie behind a pointer; callers fall back on clone
    ]
    for numbers in REFUSED.values():
        lines += [instruction(EQUAL, numbers[column], 0, 1), forbidden]
    lines += [
        instruction(EQUAL, CLONE[column], 1, 0),
        answer(ALLOW),
        instruction(LOAD, FIRST_ARGUMENT),
        instruction(ANY_BIT, NAMESPACES, 0, 1),
        forbidden,
        answer(ALLOW),
    ]
    return b"".join(lines)


def refuse_calls() -> None:
    """Filter this process's system calls from now on; it must have no way to new privileges."""
    if sys.platform != "linux" or platform.machine() not in MACHINES:
        return
    code = program(platform.machine())
    held = ctypes.create_string_buffer(code, len(code))
    described = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(held))
    if ctypes.CDLL(None).prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, described, 0, 0) != 0:
        raise OSError("the kernel takes no filter of system calls")
