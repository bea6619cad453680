"""A: how fast readings become durable, over TCP and from files. S: what small sendings cost."""

import functools
import json
import os
import resource
import time

from figures import Benchmark, Figure, rate
from server import Server
from session import PLAIN, Failed, check


def large(session, **what):
    return session.fleet(10_000 if session.quick else 100_000, 20 if session.quick else 100, **what)


def tcp(session, format, connections):
    """All lines of the fleet over so many connections, with views folded beside."""
    fleet = large(session)
    path, about = fleet.file(format), fleet.about
    name = f"A1.{connections}" if format == "line-protocol" else f"A2.{connections}"
    data = session.directory()
    session.declare(data, fleet.meters)
    before = session.stats(data)
    with Server(session, data) as server:
        server.wait_for(before["head"])
        cpu, start = server.cpu(), time.monotonic()
        report = server.send(path, "--input-format", format, *PLAIN, "--connections", connections)
        check("sent", report["sent"], about["lines"])
        cpu = server.cpu() - cpu
        acked = time.monotonic() - start
        server.wait_for(report["lastPosition"])
        views = time.monotonic() - start
    stats = session.stats(data)
    check("readings in the log", stats["readings"], about["lines"])
    count, floor = about["lines"], session.floor["loopback TCP, MB/s"] * 1e6 / fleet.bytes_per_line(format)
    over = f"{format}, {connections} connection{'s' if connections > 1 else ''}"
    yield rate(name, f"durable ingest over TCP, {over}", count, report["seconds"], floor)
    behind = f"({views - acked:.1f} s after the last ack)"
    yield rate(name + ".views", f"the same until views are there {behind}", count, views)
    yield Figure(name + ".cpu", "server's CPU until the last ack, views beside", "s per M readings", cpu / count * 1e6)
    bytes_ = (stats["bytes"] - before["bytes"]) / count
    yield Figure(name + ".bytes", "log it leaves", "B/reading", bytes_, about["entropyBytes"])


def file(session, format, *flags):
    fleet = large(session)
    path, about = fleet.file(format), fleet.about
    data = session.directory()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    summary = session.ingest(data, fleet, *flags, format=format)
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    check("readings in the log", session.stats(data)["readings"], about["lines"])
    short = {"line-protocol": "lp", "csv": "csv"}[format]
    name, how = (f"A3.{short}", "log only") if flags else (f"A3.{short}.views", "with all views")
    floor = session.floor["lines of a cached file, MB/s"] * 1e6 / (os.path.getsize(path) / about["lines"])
    yield rate(name, f"ingest of a file, {format}, {how}", about["lines"], summary["wall"], floor)
    yield Figure(name + ".cpu", f"CPU of it, {how}", "s per M readings", cpu / about["lines"] * 1e6)


def trickle(session, *arguments):
    data = session.directory()
    with Server(session, data, {"METERFOLD_SERVE_CONNECTIONS_PER_ADDRESS": "10000"}) as server:
        tool = session.tool("trickle", "-pthread")
        found = json.loads(session.run(tool, server.tcp.rpartition(":")[2], *arguments, timeout=300))
    stats = session.stats(data)
    check("readings in the log", stats["readings"], found["readings"])
    if not found["readings"]:
        raise Failed("nothing was sent")
    return found, stats["bytes"] / found["readings"]


def connections_of_one(session):
    count = 1000 if session.quick else 20000
    found, bytes_ = trickle(session, "connection", count, 100)
    yield rate("S1", "one device, one reading a connection, 100 at a time", count, found["seconds"])
    yield Figure("S1.p50", "connect to ack", "ms", found["p50"] / 1000, session.floor["fdatasync 4 KiB p50, us"] / 1000)
    yield Figure("S1.bytes", "log it leaves", "B/reading", bytes_)


def batches_of_100(session):
    count = 300 if session.quick else 5000
    found, bytes_ = trickle(session, "batch", count, 100, 1)
    floor = 100 * 1e6 / session.floor["fdatasync 4 KiB p50, us"]
    yield rate("S2", "100 readings a sync, one sender that waits", found["readings"], found["seconds"], floor)
    yield Figure("S2.p50", "sending to ack", "ms", found["p50"] / 1000, session.floor["fdatasync 4 KiB p50, us"] / 1000)
    yield Figure("S2.bytes", "log it leaves", "B/reading", bytes_)


BENCHMARKS = [
    *(
        Benchmark(f"{name}.{n}", f"durable ingest over TCP, {format}, {n} connections",
                  functools.partial(tcp, format=format, connections=n))
        for name, format in (("A1", "line-protocol"), ("A2", "ndjson")) for n in (1, 10, 100)
    ),
    Benchmark("A3.lp", "a file of line protocol, log only",
              lambda session: file(session, "line-protocol", "--log-only")),
    Benchmark("A3.csv", "a file of CSV, log only", lambda session: file(session, "csv", "--log-only")),
    Benchmark("A3.lp.views", "a file of line protocol, all views", lambda session: file(session, "line-protocol")),
    Benchmark("S1", "one reading a connection", connections_of_one),
    Benchmark("S2", "100 readings a sync", batches_of_100),
]
