"""D0 to D3: how fast views are made from the log."""

import functools
import json
import os
import re
import subprocess
import time

from figures import Benchmark, rate
from grown import METERS
from orders import BENCHMARKS as ORDERS
from session import Skipped, check


# Shapes of D0: meters, and readings of each.
FOLDED = {"": (METERS, 100), ".large": (METERS, 500), ".long": (METERS // 100, 50_000)}


def folded(session, shape):
    """The log of a shape, for `replay` to go through."""
    if "--summary" not in session.meterfold("replay", "--help"):
        raise Skipped("this binary knows no replay --summary")
    meters, readings = FOLDED[shape]
    fleet = session.fleet(meters // 10, readings // 5) if session.quick else session.fleet(meters, readings)
    data = session.directory()
    session.ingest_piped(data, fleet, "--log-only")
    return data, fleet, session.stats(data)["readings"]


def summary(session, shape):
    """The whole log folded in memory, nothing written."""
    data, fleet, count = folded(session, shape)
    start = time.monotonic()
    session.meterfold("replay", "--summary", "--data", data, timeout=600)
    seconds = time.monotonic() - start
    floor = session.floor["states of 100,000 devices, M updates/s"] * 1e6 if shape != ".long" else None
    what = f"replay --summary, {fleet.meters:,} devices x {fleet.readings:,} readings, start of the process included"
    yield rate(f"D0{shape}", what, count, seconds, floor)


def text(session, format):
    """The whole log as text, thrown away."""
    data, fleet, count = folded(session, "")
    start = time.monotonic()
    with open(os.devnull, "wb") as nowhere:
        command = [session.binary, "replay", "--format", format, "--data", data]
        subprocess.run(command, stdout=nowhere, timeout=600, check=True)
    seconds = time.monotonic() - start
    yield rate(f"D0.{format}", f"replay as {format}, {fleet.meters:,} devices", count, seconds)


def rebuild(session, key, meters, readings, hours, piped=False):
    fleet = session.fleet(meters, readings)
    if piped:
        session.need_room(meters * readings * 4 + meters * 20000)
    data = session.directory(settings=f"views:\n  hours: {hours}\n")
    session.declare(data, meters)
    take = session.ingest_piped if piped else session.ingest
    count = take(data, fleet, "--log-only")["accepted"]
    start = time.monotonic()
    told = session.meterfold("rebuild", "--data", data, timeout=3 * 3600)
    seconds = time.monotonic() - start
    check("events rebuilt", int(re.search(r"rebuilt (\d+) events", told).group(1)), session.stats(data)["head"])
    rows = json.loads(session.meterfold("query", "devices", "--device", "m0000000", "--data", data, "--format", "json"))
    check("devices of that name", len(rows), 1)
    states = "100,000" if meters <= METERS else "1,000,000"
    floor = session.floor[f"states of {states} devices, M updates/s"] * 1e6
    what = f"rebuild, {meters:,} devices x {readings} readings, flat tariff, hours {hours}"
    yield rate(key, what, count, seconds, floor)


def whole(session, hours):
    meters, readings = (METERS // 10, 20) if session.quick else (METERS, 100)
    return rebuild(session, f"D1.{hours}", meters, readings, hours)


def million(session):
    if not session.options.big or session.quick:
        raise Skipped("with --big")
    return rebuild(session, "D2", 1_000_000, 288, "on", piped=True)


BENCHMARKS = [
    *(Benchmark(f"D0{it}", "replay --summary", functools.partial(summary, shape=it)) for it in FOLDED),
    *(Benchmark(f"D0.{it}", f"replay as {it}", functools.partial(text, format=it)) for it in ("csv", "ndjson")),
    *(Benchmark(f"D1.{it}", f"rebuild, hours {it}", functools.partial(whole, hours=it)) for it in ("on", "off")),
    Benchmark("D2", "rebuild, 1,000,000 devices x 3 days (--big)", million, once=True),
    *ORDERS,
]
