"""Run a program that dies with the process that started it, as another account where asked.

    python -I -S tied_exec.py --parent 4711 --signal 2 [--uid 65534 --gid 65534 [--walk]] -- /path/to/program args

A script of its own, run by path and replaced by the program (exec), because of the kernel's rules:

- PR_SET_PDEATHSIG is cleared by a change of uid, so it must be set after setuid, just before exec;
- Python code between fork and exec (``preexec_fn``) can deadlock in a process with threads;
- the signal fires when the *thread* that forked ends, so starters call from a thread that lives as long as they do.

Standard library only, and nothing of billwright: it runs without the virtual environment's packages.
"""

import argparse
import ctypes
import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1
PR_SET_SECUREBITS = 28
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
SECBIT_NO_SETUID_FIXUP = 1 << 2
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
CAPABILITY_VERSION_3 = 0x20080522


def _prctl(option: int, *values: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    padded = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:4]]
    if libc.prctl(option, *padded) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl({option}): {os.strerror(code)}")


def _keep_only(capability: int) -> None:
    """Reduce this process to one capability and let exec pass it on (ambient)."""
    mask = 1 << capability
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    # Two triples (effective, permitted, inheritable): capabilities 0 to 31, then 32 to 63.
    data = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capset(header, data) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"capset: {os.strerror(code)}")
    _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability)


def become(uid: int, gid: int, *, walk: bool) -> None:
    """Give up root for ``uid``; with ``walk`` keep the right to pass folders that are closed to that account.

    ``walk`` is for a home below a 0700 folder such as /root: opening that folder for all would touch what is
    not ours. The smaller capability is tried first; container runtimes often grant only the larger one.
    """
    if walk:
        # Keeps setuid from dropping all capabilities (_keep_only does it below), and makes access(2), by which
        # initdb looks for its programs, honour the one that is left.
        _prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if not walk:
        return
    try:
        _keep_only(CAP_DAC_READ_SEARCH)
    except PermissionError:
        _keep_only(CAP_DAC_OVERRIDE)


def main(argv: Sequence[str]) -> None:
    """Become the program; returns only by an exception. Exit status 125: the parent is gone already."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--signal", type=int, required=True)
    parser.add_argument("--uid", type=int)
    parser.add_argument("--gid", type=int)
    parser.add_argument("--walk", action="store_true")
    parser.add_argument("program", nargs="+")
    options = parser.parse_args(argv)
    if options.uid is not None:
        become(options.uid, options.gid, walk=options.walk)
    _prctl(PR_SET_PDEATHSIG, options.signal)
    if os.getppid() != options.parent:  # it died before the line above: no signal will come
        sys.exit(125)
    # A blocked or ignored signal survives exec: without this a server could not be asked to stop.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    # Python ignores SIGPIPE; the program shall have the default, as from a shell.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.execv(options.program[0], options.program)  # noqa: S606 - this is the purpose of the script


if __name__ == "__main__":
    main(sys.argv[1:])
