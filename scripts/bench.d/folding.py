"""D0 to D3: how fast views are made from the log."""

import functools
import json
import re
import time

from figures import Benchmark, rate
from grown import METERS
from orders import BENCHMARKS as ORDERS
from session import Skipped, check


def summary(session):
    """The whole log folded in memory, nothing written."""
    if "--summary" not in session.meterfold("replay", "--help"):
        raise Skipped("this binary knows no replay --summary")
    fleet = session.fleet(METERS // 10 if session.quick else METERS, 20 if session.quick else 100)
    data = session.directory()
    session.ingest(data, fleet, "--log-only")
    start = time.monotonic()
    session.meterfold("replay", "--summary", "--data", data, timeout=600)
    seconds = time.monotonic() - start
    floor = session.floor["states of 100,000 devices, M updates/s"] * 1e6
    what = f"replay --summary, {fleet.meters:,} devices, start of the process included"
    yield rate("D0", what, fleet.about["lines"], seconds, floor)


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
    Benchmark("D0", "replay --summary", summary),
    *(Benchmark(f"D1.{it}", f"rebuild, hours {it}", functools.partial(whole, hours=it)) for it in ("on", "off")),
    Benchmark("D2", "rebuild, 1,000,000 devices x 3 days (--big)", million, once=True),
    *ORDERS,
]
