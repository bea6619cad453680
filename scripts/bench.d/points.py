"""D4, D5: one device's month, out of a log and out of the views."""

import decimal
import http.client
import json
import os
import sqlite3
import statistics
import time

from figures import Benchmark, Figure, rank
from server import Server
from session import check

MONTH = ("2025-02-01", "2025-03-01", 28 * 96)
QUICK_MONTH = ("2025-01-10", "2025-01-20", 10 * 96)


def from_log(session):
    """Processes that look for one device in a year of many."""
    meters, days = (500, 30) if session.quick else (10_000, 365)
    start, end, expected = QUICK_MONTH if session.quick else MONTH
    session.need_room(meters * days * 96 * 4)
    data = session.directory()
    fleet = session.fleet(meters, days * 96, late=5, duplicates=0)
    session.ingest_piped(data, fleet, "--log-only")
    head = session.stats(data)["head"]
    times, positions = [], []
    for device in (meters * i // 5 for i in range(5)):
        since = time.monotonic()
        span = ["--from", start + "T00:00:00Z", "--to", end + "T00:00:00Z"]
        asked = ["replay", "--device", f"m{device:07}", *span, "--format", "csv"]
        rows = session.meterfold(*asked, "--data", data).splitlines()
        times.append((time.monotonic() - since) * 1000)
        check("readings of the month", len(rows) - 1, expected)
        since = time.monotonic()
        asked = ["query", "consumption", "--device", f"m{device:07}", "--by", "month", "--format", "json"]
        rows = json.loads(session.meterfold(*asked, "--at-position", head // 2, "--data", data, timeout=900))
        positions.append((time.monotonic() - since) * 1000)
        if not rows:
            check("months told", 0, "some")
    floor, log = session.floor["start of the binary, ms"], f"{meters:,} devices x {days} days"
    what = f"one device's {expected // 96} days out of {log}: replay, start of the process included"
    yield Figure("D4.replay", what, "ms", statistics.median(times), floor)
    what = f"one device at the middle of {log}: query --at-position, start included"
    yield Figure("D4.position", what, "ms", statistics.median(positions), floor)


def from_views(session):
    meters, readings = (1_000, 2_000) if session.quick else (1_000, 10_000)
    start, end, expected = QUICK_MONTH if session.quick else MONTH
    fleet = session.fleet(meters, readings)
    data = session.directory()
    session.ingest(data, fleet)
    with Server(session, data) as server:
        server.wait_for(fleet.about["lines"])
        for sample in fleet.about["samples"]:  # what all months hold together is what the register rose by
            rows = json.loads(server.get(f"/v1/devices/{sample['device']}/consumption?by=month")[0])["rows"]
            found = sum(decimal.Decimal(row["quantity"]) for row in rows) * 1000
            check(f"consumption of {sample['device']}, Wh", found, sample["last"] - sample["first"])
        asking = http.client.HTTPConnection(server.http, timeout=30)
        times = []
        for i in range(100 if session.quick else 1000):
            since = time.monotonic()
            asking.request("GET", f"/v1/devices/m{i * 7919 % meters:07}/consumption?by=day&from={start}&to={end}")
            rows = json.loads(asking.getresponse().read())["rows"]
            times.append((time.monotonic() - since) * 1000)
            check("days", len(rows), expected // 96)
        asking.close()
    what = f"one device's {expected // 96} days of consumption out of the views"
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        floor = session.floor[f"loopback round trip {name}, us"] / 1000
        yield Figure(f"D5.api.{name}", f"{what}, HTTP, {name} (client in Python)", "ms", rank(times, share), floor)
    times = in_sqlite(os.path.join(data, "views.sqlite"), meters, start, end, expected // 96)
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        what_sql = f"the same, prepared SQL in one process of Python, {name}"
        yield Figure(f"D5.sql.{name}", what_sql, "ms", rank(times, share))


def in_sqlite(path, meters, start, end, days):
    views = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    first, last = (int(views.execute("SELECT strftime('%s', ?)", (day,)).fetchone()[0]) for day in (start, end))
    question = (
        "SELECT c.day, c.quantity_milli FROM device JOIN series AS s USING (device_id) JOIN consumption_day AS c "
        "ON c.id >= (s.series_id << 32) + ? AND c.id < (s.series_id << 32) + ? WHERE device = ? ORDER BY c.id"
    )
    times = []
    for i in range(1000):
        since = time.monotonic()
        rows = views.execute(question, (first, last, f"m{i * 7919 % meters:07}")).fetchall()
        times.append((time.monotonic() - since) * 1000)
        check("days", len(rows), days)
    views.close()
    return times


BENCHMARKS = [
    Benchmark("D4", "one device's month out of a year of the log", from_log, once=True),
    Benchmark("D5", "one device's month out of the views", from_views),
]
