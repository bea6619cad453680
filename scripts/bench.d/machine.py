"""The machine: what it is, and what it can do at all (floor.c), measured in the same run as the rest."""

import json
import os
import platform
import re
import subprocess
import time

from session import Failed


def first(path, pattern, otherwise="unknown"):
    try:
        with open(path) as file:
            found = re.search(pattern, file.read(), re.MULTILINE)
    except OSError:
        return otherwise
    return found.group(1).strip() if found else otherwise


def file_system(folder):
    """Type and device of the mount that holds a folder."""
    try:
        with open("/proc/self/mounts") as file:
            mounts = [line.split()[:3] for line in file]
    except OSError:
        return "unknown"
    holding = [m for m in mounts if os.path.realpath(folder).startswith(m[1].rstrip("/") + "/") or m[1] == "/"]
    device, _, kind = max(holding, key=lambda mount: len(mount[1]))
    return f"{kind} on {device}"


def describe(session):
    memory = int(first("/proc/meminfo", r"MemTotal:\s+(\d+)", "0")) / (1 << 20)
    commit = subprocess.run(["git", "-C", os.path.dirname(os.path.abspath(__file__)), "rev-parse", "--short", "HEAD"],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.strip()
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "binary": "meterfold " + session.meterfold("--version").strip(),
        "commit": commit or "unknown",
        "cpu": first("/proc/cpuinfo", r"model name\s*:\s*(.*)", platform.machine()),
        "cores": os.cpu_count(),
        "memory": f"{memory:.0f} GiB",
        "kernel": platform.release(),
        "fileSystem": file_system(session.folder),
        "loadAtStart": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "settings": {name: value for name, value in sorted(vars(session.options).items())
                     if name in ("quick", "runs", "minutes", "grown", "big", "names")},
    }


def measure(session, sample):
    """The floor: names to figures. `sample` is a file of lines."""
    try:
        floor = session.tool("floor", "-llz4")
    except Failed:
        floor = session.tool("floor", "-DWITHOUT_LZ4")

    def run(*arguments):
        return json.loads(session.run(floor, *arguments, timeout=300))

    count, size = (500, 128) if session.quick else (5000, 1024)
    found = {}
    for name, bytes_ in (("4 KiB", 4096), ("64 KiB", 65536)):
        for rank, value in run("sync", session.folder, bytes_, count).items():
            if rank != "count":
                found[f"fdatasync {name} {rank}, us"] = value
    found["write and fdatasync, MB/s"] = run("write", session.folder, size)["rate"]
    found["memcpy, GB/s"] = run("copy")["rate"]
    found["lines of a cached file, MB/s"] = run("scan", sample)["rate"]
    found["states of 100,000 devices, M updates/s"] = run("fold", 100000)["rate"]
    found["states of 1,000,000 devices, M updates/s"] = run("fold", 1000000)["rate"]
    for name, value in run("lz4", sample).items():
        if name != "share":
            found[f"lz4 {name}, MB/s"] = value
    for name, value in run("tcp").items():
        found["loopback TCP, MB/s" if name == "rate" else f"loopback round trip {name}, us"] = value
    starts = []
    for _ in range(5):
        start = time.monotonic()
        session.meterfold("--version")
        starts.append(time.monotonic() - start)
    found["start of the binary, ms"] = round(sorted(starts)[2] * 1000, 2)
    return found


class Watch:
    """floor's `watch` beside a load, as a context; `found` are its microseconds."""

    def __init__(self, session):
        self.session = session

    def __enter__(self):
        floor = self.session.tool("floor", "-llz4")
        self.child = self.session.start([floor, "watch", self.session.folder], stdout=subprocess.PIPE)
        return self

    def __exit__(self, *_):
        self.child.terminate()
        self.found = json.loads(self.session.wait(self.child, ["floor", "watch"], 60))
