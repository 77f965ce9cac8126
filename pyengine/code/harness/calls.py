"""Take from a program the capabilities and calls by which it could leave its limits, or pry.

The filter of system calls is seccomp's, as classic BPF. What a program keeps in a memfd, in an
extended attribute or in shared memory that it has unmapped belongs to no process, and a mount in a
namespace of its own has no size limit: who watches the memory of processes sees none of it.
Standard library only; knows x86-64 and AArch64 and filters nothing on other machines.
"""

import ctypes
import errno
import platform
import struct
import sys

PR_CAPBSET_DROP, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 24, 47, 4
CAP_SETGID, CAP_SETUID = 6, 7
CAPABILITY_VERSION = 0x20080522  # _LINUX_CAPABILITY_VERSION_3: two words for each set
PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 4, 38, 22, 2
ALLOW, REFUSE = 0x7FFF0000, 0x00050000
LOAD, EQUAL, AT_LEAST, ANY_BIT, AND, RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16  # where struct seccomp_data has them
X32 = 0x40000000  # x86-64's second table of system calls begins here
# CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
NAMESPACES = 0x80 | 0x20000 | 0x2000000 | 0x4000000 | 0x8000000 | 0x10000000 | 0x20000000
NAMESPACES |= 0x40000000

# name: number on x86-64, number on AArch64 (None: it has no such call)
REFUSED: dict[str, tuple[int, int | None]] = {
    # memory that belongs to no process
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "socket": (41, 198),
    "sendmsg": (46, 211),  # a descriptor that is under way is in no process
    "sendmmsg": (307, 269),
    "setsockopt": (54, 208),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "vmsplice": (278, 75),  # a pipe keeps 2 MiB for each byte of a huge page
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "fanotify_init": (300, 262),
    "io_setup": (206, 0),
    "io_uring_setup": (425, 425),
    "landlock_create_ruleset": (444, 444),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    # another view of the machine
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
    # other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "userfaultfd": (323, 282),
}
CLONE, CLONE3 = (56, 220), (435, 435)
SETXATTRAT = 463  # on both, and newer than many machines' headers
SOCKETPAIR, MMAP, FCNTL, PRCTL = (53, 199), (9, 222), (72, 25), (157, 167)
AF_UNIX = 1
SHARED_ANONYMOUS = 0x01 | 0x20  # MAP_SHARED (also in MAP_SHARED_VALIDATE), MAP_ANONYMOUS
# F_SETLK, F_SETLKW, F_OFD_SETLK, F_OFD_SETLKW: a lock on each byte; F_SETPIPE_SZ; F_NOTIFY
REFUSED_FCNTL = (6, 7, 37, 38, 1031, 1026)
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}


def instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)


def answer(value: int) -> bytes:
    return instruction(RETURN, value)


def argument(number: int) -> bytes:
    """Return the instruction that loads the low half of a call's argument."""
    return instruction(LOAD, ARGUMENTS + 8 * number)


def guarded(number: int, lines: list[bytes]) -> list[bytes]:
    """Return `lines`, which end in an answer, for the call of this number alone."""
    return [instruction(EQUAL, number, 0, len(lines)), *lines]


def program(machine: str) -> bytes:
    """Return the filter for a machine: one instruction after the other."""
    column, architecture = MACHINES[machine]
    allowed, absent = answer(ALLOW), answer(REFUSE | errno.ENOSYS)
    forbidden = answer(REFUSE | errno.EPERM)
    lines = [
        instruction(LOAD, ARCHITECTURE),
        instruction(EQUAL, architecture, 1, 0),
        absent,
        instruction(LOAD, NUMBER),
        instruction(AT_LEAST, X32, 0, 1),
        absent,
        # its flags lie behind a pointer; callers fall back on clone
        *guarded(CLONE3[column], [absent]),
        *guarded(SETXATTRAT, [absent]),
    ]
    for numbers in REFUSED.values():
        if (number := numbers[column]) is not None:
            lines += guarded(number, [forbidden])
    namespaces = [argument(0), instruction(ANY_BIT, NAMESPACES, 0, 1), forbidden, allowed]
    lines += guarded(CLONE[column], namespaces)
    # Java's and Rust's own libraries want pairs; who watches the memory counts them.
    pair = [argument(0), instruction(EQUAL, AF_UNIX, 1, 0), forbidden, allowed]
    lines += guarded(SOCKETPAIR[column], pair)
    # A process that is not dumpable does not let its descriptors be counted.
    hiding = [argument(1), instruction(EQUAL, 1, 1, 0), forbidden, allowed]
    option = [argument(0), instruction(EQUAL, PR_SET_DUMPABLE, 0, len(hiding)), *hiding, allowed]
    lines += guarded(PRCTL[column], option)
    mapping = [argument(3), instruction(AND, SHARED_ANONYMOUS)]
    mapping += [instruction(EQUAL, SHARED_ANONYMOUS, 0, 1), forbidden, allowed]
    lines += guarded(MMAP[column], mapping)
    command = [argument(1)]
    for value in REFUSED_FCNTL:
        command += [instruction(EQUAL, value, 0, 1), forbidden]
    lines += guarded(FCNTL[column], [*command, allowed])
    return b"".join([*lines, allowed])


def refuse_calls() -> None:
    """Filter this process's system calls, and its children's, from now on."""
    if sys.platform != "linux" or platform.machine() not in MACHINES:
        return
    code = program(platform.machine())
    held = ctypes.create_string_buffer(code, len(code))
    described = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(held))
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)  # without, the kernel takes no filter
    if prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, described, 0, 0) != 0:
        raise OSError("the kernel takes no filter of system calls")


def keep_capabilities(*kept: int) -> None:
    """Give up, for good, all capabilities of this process and its children but those named."""
    libc = ctypes.CDLL(None)
    for capability in range(64):
        if capability not in kept:
            libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    data = (ctypes.c_uint32 * 6)()
    if libc.capget(header, data) != 0:
        raise OSError("the kernel does not tell this process's capabilities")
    mask = sum(1 << capability for capability in kept)
    lowered = (ctypes.c_uint32 * 6)(data[0] & mask, data[1] & mask, 0, 0, 0, 0)
    if libc.capset(header, lowered) != 0:
        raise OSError("the kernel does not take this process's capabilities")
