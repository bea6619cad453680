"""C: what a reading takes on the disk, by shape and state of the log, and beside other tools on real series."""

import contextlib
import functools
import gzip
import json
import os
import shutil

from figures import Benchmark, Figure
from session import REPOSITORY, Failed, Skipped, check
import victoria

SHAPES = {"large": (100_000, 100), "long": (1_000, 10_000)}
TOOLS = {"gzip": "gzip -9", "zstd": "zstd -19", "victoria": "VictoriaMetrics"}
QUICK_SHAPES = {"large": (10_000, 20), "long": (100, 2_000)}


def log_size(data):
    """Bytes of log/ as its files have them; the pre-written rest of the last segment is in it."""
    folder = os.path.join(data, "log")
    return sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder))


def hot(session, shape):
    meters, readings = (QUICK_SHAPES if session.quick else SHAPES)[shape]
    fleet = session.fleet(meters, readings)
    data = session.directory()
    session.ingest(data, fleet, "--log-only")
    stats, about = session.stats(data), fleet.about
    check("readings in the log", stats["readings"], about["lines"])
    what = f"{meters:,} devices x {readings:,} readings"
    yield Figure(f"C1.{shape}", f"hot log, {what}", "B/reading", stats["bytesPerReading"], about["entropyBytes"])
    yield Figure(f"C1.{shape}.live", "log/, bytes in use", "MB", stats["bytes"] / 1e6)
    yield Figure(f"C1.{shape}.ahead", "log/, pre-written space", "MB", (log_size(data) - stats["bytes"]) / 1e6)
    session.meterfold("query", "devices", "--device", "m0000000", "--data", data, timeout=1800)
    views = os.path.getsize(os.path.join(data, "views.sqlite"))
    yield Figure(f"C1.{shape}.views", "views.sqlite, with hours", "MB", views / 1e6)


def sealed(session, shape):
    """Sealed segments alone; the log is grown until there are some."""
    meters, readings = (QUICK_SHAPES if session.quick else SHAPES)[shape]
    readings *= 1 if session.quick else 5
    fleet = session.fleet(meters, readings)
    settings = "log:\n  segmentBytes: 131072\n" if session.quick else ""
    data = session.directory(settings=settings)
    session.ingest_piped(data, fleet, "--log-only")
    segments = json.loads(session.meterfold("log", "ls", "--data", data, "--format", "json"))
    done = [segment for segment in segments if segment["sealed"]]
    if not done:
        raise Failed("no segment was sealed")
    count = sum(segment["lastPosition"] - segment["firstPosition"] + 1 for segment in done)
    with open(session.path("about.json")) as file:
        floor = json.load(file)["entropyBytes"]
    bytes_ = sum(segment["bytes"] for segment in done)
    what = f"sealed log, {meters:,} devices x {readings:,} readings, {len(done)} segments"
    yield Figure(f"C2.{shape}", what, "B/reading", bytes_ / count, floor)


def shared_folder():
    named = os.environ.get("METERFOLD_SHARED")
    for folder in filter(None, (named, os.path.join(os.path.dirname(REPOSITORY), "shared"))):
        if os.path.isdir(os.path.join(folder, "fixtures", "normalised")):
            return os.path.join(folder, "fixtures", "normalised")
    raise Skipped("no shared fixtures; name their folder in METERFOLD_SHARED")


def real(session):
    """Published series, each alone in a log of its own; gzip and zstd get the same rows as CSV, VictoriaMetrics all."""
    folder = shared_folder()
    with victoria.VictoriaMetrics(session) if victoria.is_installed() else contextlib.nullcontext() as beside:
        yield from real_beside(session, folder, beside)


def real_beside(session, folder, database):
    path, rows = session.path("series.ndjson"), session.path("rows.csv")
    names = sorted(name for name in os.listdir(folder) if name.endswith(".ndjson.gz"))
    total = {"readings": 0, "log": 0, "gzip": 0, "zstd": 0, "victoria": 0}
    for name in names[:3] if session.quick else names:
        with gzip.open(os.path.join(folder, name)) as packed, open(path, "wb") as plain:
            shutil.copyfileobj(packed, plain)
        data = session.directory()
        command = ["ingest", "--data", data, "--log-only", "--format", "json", path]
        summary = json.loads(session.meterfold(*command, codes=(0, 2)))
        stats = session.stats(data)
        check("events in the log", stats["events"], summary["accepted"])
        table = session.run(session.binary, "replay", "--data", data, "--format", "csv")
        # Time, value and register alone: what the log would still have to tell of a device that is known.
        lines = [line.split(b",") for line in table.splitlines()[1:]]
        with open(rows, "wb") as file:
            file.writelines(b",".join((f[3] or f[4] + b"," + f[5], f[6], f[1])) + b"\n" for f in lines)
        if database:
            put = [(victoria.seconds((f[3] or f[5]).decode()), f[6].decode(), f[1].decode()) for f in lines]
            database.put(lines[0][0].decode(), put)
        sizes = {"log": stats["bytes"], "gzip": len(session.run("gzip", "-9c", rows))}
        if shutil.which("zstd"):
            sizes["zstd"] = len(session.run("zstd", "-19", "-qc", rows))
        count = stats["readings"]
        beside = ", ".join(f"{TOOLS[key]} {sizes[key] / count:.2f}" for key in TOOLS if key in sizes)
        series = name.removesuffix(".ndjson.gz")
        yield Figure(f"C3.{series}", f"{series}, {count:,} readings ({beside})", "B/reading", sizes["log"] / count)
        total["readings"] += count
        for key, size in sizes.items():
            total[key] += size
    count = total["readings"]
    if database:
        total["victoria"] = database.bytes(count)
    tools = [key for key in TOOLS if total[key]]
    beside = ", ".join(f"{TOOLS[key]} {total[key] / count:.2f}" for key in tools)
    floor = min(total[key] for key in tools) / count
    yield Figure("C3", f"all real series together ({beside})", "B/reading", total["log"] / count, floor)


BENCHMARKS = [
    *(Benchmark(f"C1.{it}", f"hot log, {it}", functools.partial(hot, shape=it), once=True) for it in SHAPES),
    *(Benchmark(f"C2.{it}", f"sealed log, {it}", functools.partial(sealed, shape=it), once=True) for it in SHAPES),
    Benchmark("C3", "real series beside gzip, zstd and, where it is installed, VictoriaMetrics", real, once=True),
]
