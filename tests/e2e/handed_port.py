"""Programs of others that cannot say which port they got, and so are handed one."""

import contextlib
import socket
import subprocess
import time

import wire


def free_port(host="127.0.0.1"):
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def _listens(process, port):
    """True once it does; False if it ended: another process may have been faster with the port."""
    end = time.monotonic() + wire.DEADLINE_S
    while process.poll() is None and time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process.poll() is None
        time.sleep(0.01)
    return False


def _stop(process):
    process.terminate()
    try:
        process.wait(wire.DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def serving(command, log=None):
    """command(port): what to run, with that port. Its output goes to the file `log`. Yields the port, once it listens there; stopped at the end."""
    for _ in range(5):
        port = free_port()
        with contextlib.ExitStack() as files:
            output = files.enter_context(log.open("w")) if log else subprocess.DEVNULL
            process = subprocess.Popen([str(word) for word in command(port)], stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        if _listens(process, port):
            break
        _stop(process)
    else:
        raise AssertionError(f"{process.args[0]} does not start" + (f": {log.read_text()}" if log else ""))
    try:
        yield port
    finally:
        _stop(process)
