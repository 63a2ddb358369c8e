"""What a measurement needs before it begins: packages, a build, this folder's own programs, a certificate, descriptors."""

import os
import pathlib
import resource
import shlex
import shutil
import subprocess

SOURCE = pathlib.Path(__file__).resolve().parents[2]
CORES = [str(core) for core in sorted(os.sched_getaffinity(0))]
PROXY_CORE, LOAD_CORE = CORES[0], CORES[-1]
CORES_OF_TWO = ",".join(CORES[:2])  # where two workers are measured, and the load that they get
LOAD_CORES_OF_TWO = CORES_OF_TWO if len(CORES) < 4 else ",".join(CORES[2:])
SPARE_DESCRIPTORS = 500  # that are not for idle connections: the load's, the pool's, files


def say(text):
    print(text, flush=True)


def step(name, *command):
    """Its output is shown only if it fails."""
    say(f"{name} ...")
    done = subprocess.run([str(each) for each in command], cwd=SOURCE, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{done.stdout[-4000:]}\n{name} failed: {shlex.join(map(str, command))}")


def add_options(parser, rounds, seconds):
    parser.add_argument("--build", type=pathlib.Path, help="measure this build folder as it is; without it, what is missing is installed and the release is built")
    parser.add_argument("--rounds", type=int, default=rounds, help="default: %(default)s")
    parser.add_argument("--seconds", type=int, default=seconds, help="of each measurement (default: %(default)s)")
    parser.add_argument("--tries", type=int, default=3, help="measurements for each that counts, while others keep the machine busy (default: %(default)s)")
    parser.add_argument("--out", type=pathlib.Path, help="the results file (default: bench/results/<date>_<commit>, with .md)")


def ready(asked):
    """(the cleat program, the folder of our own programs, a folder for what runs)"""
    if len(CORES) < 2:
        raise SystemExit("two cores are needed: one for the proxy, one for the origin and the load")
    if asked.build is None:
        step("installing what is missing", "tests/install", "bench")
        step("configuring the release", "cmake", "--preset", "release", "-DCLEAT_TESTS=OFF")
        step("building it", "cmake", "--build", "--preset", "release", "-j", jobs(), "--target", "cleat", "cleat_plugins")
        asked.build = SOURCE / "build/release"
    build = asked.build.resolve()
    program = build / "bin/cleat"
    if not program.exists():
        raise SystemExit(f"not built: {program}")
    tools = build / "load"
    step("configuring the origin and the clients", "cmake", "-S", SOURCE / "bench/load", "-B", tools, "-G", "Ninja")
    step("building them", "cmake", "--build", tools)
    run = tools / "run"
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir()
    many_descriptors()
    return program, tools, run


def jobs():
    """As many compilers at once as there are cores, and memory for (1.5 GB each)."""
    available = next(int(line.split()[1]) for line in pathlib.Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemAvailable"))
    return os.environ.get("CLEAT_JOBS") or max(1, min(len(CORES), available // 1_500_000))


def many_descriptors():
    """As many as the system gives; says how many. What is started from here has as many."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = 2**20 if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most


def certificate(folder):
    """Of a P-256 key; its files, by the names that places have them."""
    files = {name: folder / f"{name}.pem" for name in ("certificate", "key", "both")}
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj", "/CN=bench.example",
                    "-addext", "subjectAltName=DNS:bench.example,IP:127.0.0.1", "-keyout", files["key"], "-out", files["certificate"]],
                   check=True, capture_output=True)
    files["both"].write_text(files["certificate"].read_text() + files["key"].read_text())
    return files


def command_of(given, name):
    """As given in an option or the environment (CLEAT_BENCH_NGINX ...), else where it is found; None if nowhere."""
    text = given or os.environ.get(f"CLEAT_BENCH_{name.upper()}")
    if text:
        return shlex.split(text)
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    return [found] if found else None


def first_line(*command):
    """Of what it prints when asked for its version, without the folder it is in."""
    done = subprocess.run([str(each) for each in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return next((line.strip() for line in done.stdout.splitlines() if line.strip()), "?").replace(f"{pathlib.Path(command[0]).parent}/", "")


def commit():
    """Of the tree, with a + if it has been changed since."""
    git = lambda *words: subprocess.run(["git", "-C", SOURCE, *words], capture_output=True, text=True).stdout.strip()  # noqa: E731
    head = git("rev-parse", "--short", "HEAD")
    return head + ("+" if git("status", "--porcelain", "--untracked-files=no") else "") if head else "unversioned"


def machine():
    memory = int(pathlib.Path("/proc/meminfo").read_text().split()[1]) / 2**20
    model = next((line.split(":")[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "unknown processor")
    system = next((line.split("=")[1].strip('"') for line in pathlib.Path("/etc/os-release").read_text().splitlines() if line.startswith("PRETTY_NAME")), "?")
    return f"{len(CORES)} cores ({model}), {memory:.0f} GiB, Linux {os.uname().release}, {system}, {first_line('c++', '--version')}"
