"""How many system calls a program makes for each request. By perf where it may, which slows nothing; else by strace, under which a program falls
behind, so that more is ready whenever it asks, and it makes fewer."""

import functools
import re
import shutil
import signal
import subprocess
import time

CALLS = ["epoll_wait", "epoll_pwait", "epoll_ctl", "read", "readv", "recvfrom", "recvmsg", "write", "writev", "sendto", "sendmsg", "splice", "accept4", "close",
         "io_uring_enter", "futex", "timerfd_settime", "setsockopt", "getsockopt"]
EVENTS = ["raw_syscalls:sys_enter", *(f"syscalls:sys_enter_{name}" for name in CALLS)]
LEAST = 0.02  # of a request, to be named


@functools.cache
def tool():
    """perf, strace, or None."""
    if shutil.which("perf") and subprocess.run(["perf", "stat", "-e", EVENTS[0], "true"], capture_output=True).returncode == 0:
        return "perf"
    return "strace" if shutil.which("strace") else None


def count(one, drive):
    """{"all": each request's, name: those of that name}"""
    if tool() is None:
        raise RuntimeError("system calls are counted by perf or strace: neither is there")
    out = one.folder / "calls"
    pids = one.pids()
    if tool() == "perf":
        command = ["perf", "stat", "-x,", "-o", out, "-e", ",".join(EVENTS), "-p", ",".join(map(str, pids))]
    else:
        command = ["strace", "-f", "-c", "-o", out, *(word for pid in pids for word in ("-p", str(pid)))]
    counter = subprocess.Popen([str(each) for each in command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.5)  # until it has attached
    requests = drive()["requests"]
    counter.send_signal(signal.SIGINT)
    counter.wait(30)
    text = out.read_text()
    if tool() == "perf":
        found = {name: int(number) for number, name in re.findall(r"^(\d+),[^,]*,\w+:sys_enter_?(\w*)", text, re.MULTILINE)}
    else:
        found = {name: int(number) for number, name in re.findall(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", text, re.MULTILINE)}
        found[""] = sum(number for name, number in found.items() if name != "total")
    each = {name: number / requests for name, number in found.items() if name and name != "total" and number / requests >= LEAST}
    return {"all": found[""] / requests, **dict(sorted(each.items(), key=lambda one: -one[1]))}
