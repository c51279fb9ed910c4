"""Machines that share nothing but a network: namespaces, each with an address, a host name and folders of its own.

A program of a test is started on a machine (`enter`, in the child before it becomes the program), and a thread of the
test may be there for a while (`entered`): what it connects, binds and starts then belongs to that machine, its loopback
too. Cables are virtual; one that is cut drops what is sent without a word. All of it ends with the process of the test.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

NETWORK = "10.177.0.0/24"
TOOLS = ("ip", "unshare", "nsenter", "mount", "hostname")
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWNET = 0x00020000, 0x04000000, 0x40000000
# A card that nobody has: what is sent to it is lost.
NOBODY = "02:00:00:00:00:ff"

_libc = ctypes.CDLL(None, use_errno=True)


class NoMachines(Exception):
    """Namespaces cannot be made here; the message says why, in one line."""


class Machine:
    """One machine; `folder` is on its disk, and no other sees it."""

    def __init__(self, name: str, address: str, folder: Path, holder: int) -> None:
        self.name = name
        self.address = address
        self.folder = folder
        self.holder = holder

    def enter(self) -> None:
        """Move the calling process here for good; it stays in its folder. For `preexec_fn`."""
        folder = os.getcwd()
        for kind, flag in (("net", CLONE_NEWNET), ("uts", CLONE_NEWUTS), ("mnt", CLONE_NEWNS)):
            _set_namespace(f"/proc/{self.holder}/ns/{kind}", flag)
        os.chdir(folder)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Inside the block the calling thread is on this machine's network, and so is what it starts."""
        own = f"/proc/self/task/{_libc.gettid()}/ns/net"
        descriptor = os.open(own, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _set_namespace(f"/proc/{self.holder}/ns/net", CLONE_NEWNET)
            try:
                yield
            finally:
                _set_namespace(f"/proc/self/fd/{descriptor}", CLONE_NEWNET)
        finally:
            os.close(descriptor)

    def run(self, *command: str) -> None:
        """Run a command of an administrator here."""
        _run("nsenter", "--target", str(self.holder), "--net", "--mount", "--", *command)

    @contextmanager
    def cut_from(self, other: Machine) -> Iterator[None]:
        """Inside the block nothing gets from here to `other`, or back, and nobody is told."""
        for one, peer in ((self, other), (other, self)):
            one.run("ip", "neigh", "replace", peer.address, "lladdr", NOBODY, "dev", "eth0", "nud", "permanent")
        try:
            yield
        finally:
            for one, peer in ((self, other), (other, self)):
                one.run("ip", "neigh", "del", peer.address, "dev", "eth0")


@contextmanager
def machines(folder: Path, *names: str) -> Iterator[dict[str, Machine]]:
    """Machines of these names, and the switch between them, while the block lasts. Raises `NoMachines`."""
    if os.getuid() != 0:
        raise NoMachines("machines are not tried: only root may make network namespaces")
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        raise NoMachines(f"machines are not tried: {', '.join(missing)} is missing")
    with ExitStack() as stack:
        try:
            switch = stack.enter_context(_held("switch"))
            found = {name: stack.enter_context(_machine(folder, name, number)) for number, name in enumerate(names, 1)}
            for command in ("ip link set lo up", "ip link add name bridge type bridge", "ip link set bridge up"):
                _run("nsenter", "--target", str(switch), "--net", "--", *command.split())
            for number, machine in enumerate(found.values(), 1):
                _plug(machine, switch, f"port{number}")
                # What others have on their disks, and in their memory.
                for other in found.values():
                    if other is not machine:
                        machine.run("mount", "-t", "tmpfs", "none", str(other.folder))
                machine.run("mount", "-t", "tmpfs", "none", "/dev/shm")
        except (OSError, subprocess.CalledProcessError) as error:
            raise NoMachines(f"machines are not tried: {error}") from error
        yield found


@contextmanager
def _machine(folder: Path, name: str, number: int) -> Iterator[Machine]:
    own = folder / name
    own.mkdir(parents=True)
    with _held(name) as holder:
        yield Machine(name, f"10.177.0.{number}", own, holder)


@contextmanager
def _held(name: str) -> Iterator[int]:
    """The process that keeps the namespaces of a machine alive; it ends when its standard input does."""
    script = f"hostname {name} && echo ready && exec cat"
    command = ["unshare", "--net", "--uts", "--mount", "sh", "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        if holder.stdout.readline() != b"ready\n":
            raise OSError(f"unshare ended with {holder.wait()}")
        try:
            yield holder.pid
        finally:
            holder.stdin.close()
            holder.wait(60)


def _plug(machine: Machine, switch: int, port: str) -> None:
    """A cable from the machine to the switch."""
    at_switch = ("nsenter", "--target", str(switch), "--net", "--", "ip", "link")
    other_end = ("peer", "name", "eth0", "netns", str(machine.holder))
    _run(*at_switch, "add", "name", port, "type", "veth", *other_end)
    _run(*at_switch, "set", port, "master", "bridge", "up")
    machine.run("ip", "link", "set", "lo", "up")
    machine.run("ip", "address", "add", f"{machine.address}/24", "dev", "eth0")
    machine.run("ip", "link", "set", "eth0", "up")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=30)


def _set_namespace(path: str, kind: int) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.setns(descriptor, kind) != 0:
            raise OSError(ctypes.get_errno(), f"setns to {path}")
    finally:
        os.close(descriptor)
