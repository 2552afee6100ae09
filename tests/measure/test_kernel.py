"""The counters of the kernel, in files made for the test; and that the real ones are read where there are any."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from pytest_rtmedload.measure.kernel import CLOCK_TICK_NS, Kernel, MachineTimes
from pytest_rtmedload.measure.processes import Family, Usage, usage

STAT = """\
cpu  10 1 5 900 7 2 1 30 0 0
cpu0 4 1 2 450 3 1 1 10 0 0
cpu1 6 0 3 450 4 1 0 20 0 0
intr 123
"""
V2 = "usage_usec 5000\nnr_periods 9\nnr_throttled 3\nthrottled_usec {usec}\n"
V1 = "nr_periods 9\nnr_throttled 3\nthrottled_time {ns}\n"


class Files:
    """`/proc` and `/sys/fs/cgroup` of a machine that was made up."""

    def __init__(self, folder: Path) -> None:
        self.proc, self.cgroup = folder / "proc", folder / "cgroup"
        self.write("proc/thread-self/schedstat", "5000 7000 12")
        self.write("proc/stat", STAT)
        self.write("proc/self/cgroup", "0::/pod/app\n")

    def write(self, path: str, content: str) -> None:
        file = self.proc.parent / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)

    def group(self, path: str, content: str | None = None) -> None:
        self.write(f"cgroup/{path}cgroup.procs", "")
        if content is not None:
            self.write(f"cgroup/{path}cpu.stat", content)

    def kernel(self) -> Kernel:
        return Kernel(self.proc, self.cgroup)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def machine(kernel: Kernel) -> MachineTimes:
    found = kernel.machine()
    assert found is not None
    return found


def test_what_a_thread_waited_for_a_processor(files: Files) -> None:
    kernel = files.kernel()
    assert kernel.thread().waiting == 7000
    files.write("proc/thread-self/schedstat", "6000 9000 13")
    assert kernel.thread().waiting == 9000
    kernel.close()


@pytest.mark.parametrize("content", ["", "0 0 0"])
def test_a_kernel_that_does_not_tell(files: Files, content: str) -> None:
    files.write("proc/thread-self/schedstat", content)
    files.write("proc/stat", "")
    kernel = files.kernel()
    assert (kernel.thread().waiting, kernel.machine()) == (None, None)
    kernel.close()


def test_a_system_without_these_files(tmp_path: Path) -> None:
    kernel = Kernel(tmp_path / "proc", tmp_path / "cgroup")
    times = kernel.thread()
    assert (times.waiting, kernel.machine()) == (None, None)
    assert times.running > 0
    assert usage(kernel, Family(os.getpid()), tmp_path) is None
    kernel.close()


def test_what_the_processors_did(files: Files) -> None:
    kernel = files.kernel()
    assert machine(kernel) == MachineTimes(19 * CLOCK_TICK_NS, (10 * CLOCK_TICK_NS, 20 * CLOCK_TICK_NS), 0)
    kernel.close()


def test_throttling_of_version_2_with_the_groups_above(files: Files) -> None:
    files.group("", "usage_usec 5\n")  # the root has no limit
    files.group("pod/", V2.format(usec=7))
    files.group("pod/app/", V2.format(usec=40))
    kernel = files.kernel()
    assert machine(kernel).throttled == 47_000
    files.group("pod/app/", V2.format(usec=90))
    assert machine(kernel).throttled == 97_000
    kernel.close()


def test_throttling_in_a_container_that_sees_its_own_group_as_the_root(files: Files) -> None:
    files.group("", V2.format(usec=40))
    kernel = files.kernel()
    assert machine(kernel).throttled == 40_000
    kernel.close()


@pytest.mark.parametrize("controllers", ["cpu", "cpu,cpuacct"])
def test_throttling_of_version_1(files: Files, controllers: str) -> None:
    files.write("proc/self/cgroup", f"5:memory:/m\n4:{controllers}:/app\n1:name=systemd:/\n0::/\n")
    files.group(f"{controllers}/")
    files.group(f"{controllers}/app/", V1.format(ns=123_456))
    kernel = files.kernel()
    assert machine(kernel).throttled == 123_456
    kernel.close()


def process(files: Files, number: int, parent: int, *ticks: int) -> None:
    times = " ".join(map(str, (*ticks, 0, 0, 0, 0)[:4]))
    files.write(f"proc/{number}/stat", f"{number} (a (b) c) S {parent} 1 1 0 -1 0 0 0 0 0 {times} 20 0 1 0 5")


def test_processor_time_of_the_run_and_of_the_agent_in_it(files: Files) -> None:
    me = os.getpid()
    process(files, 1, 0, 500)
    process(files, 7, 1, 40, 2)  # where the run began
    process(files, me, 7, 10, 5)  # a worker of it
    process(files, 8, 7, 1, 1)  # the agent's supervisor
    process(files, 9, 8, 20, 4, 3, 1)  # the agent, with children that have ended
    process(files, 77, 1, 999)
    kernel = files.kernel()
    found = usage(kernel, Family(7, 8), files.proc)
    assert isinstance(found, Usage)
    assert (found.machine, found.run, found.agent) == (19 * CLOCK_TICK_NS, 87 * CLOCK_TICK_NS, 30 * CLOCK_TICK_NS)
    without = usage(kernel, Family(7), files.proc)
    assert without is not None
    assert (without.run, without.agent) == (87 * CLOCK_TICK_NS, 0)
    kernel.close()


def test_nothing_is_told_when_the_run_began_on_another_machine(files: Files) -> None:
    process(files, os.getpid(), 1, 10, 5)
    process(files, 7, 1, 40, 2)
    kernel = files.kernel()
    assert usage(kernel, Family(7), files.proc) is None
    kernel.close()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells")
def test_the_real_ones() -> None:
    kernel = Kernel()
    before, used = kernel.thread(), usage(kernel, Family(os.getpid()))
    end = time.thread_time_ns() + 30_000_000
    while time.thread_time_ns() < end:
        pass
    after, now = kernel.thread(), usage(kernel, Family(os.getpid()))
    assert used is not None
    assert now is not None
    assert after.running - before.running >= 30_000_000
    assert after.process - before.process >= 30_000_000
    assert before.waiting is not None
    assert after.waiting is not None
    assert after.waiting >= before.waiting
    assert now.run - used.run >= CLOCK_TICK_NS  # of 30 ms; each process is counted in whole ticks
    assert now.machine - used.machine >= now.run - used.run - 2 * CLOCK_TICK_NS
    kernel.close()
