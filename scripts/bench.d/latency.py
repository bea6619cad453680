"""B: how long an ack takes while lines are due at a fixed rate, whatever becomes of those before. F: answers beside."""

import http.client
import json
import select
import subprocess
import time

from figures import Benchmark, Figure, rank
from grown import grown_directory
from machine import Watch
from server import Server
from session import PLAIN, Failed, check

METERS = 100_000


def acks(session):
    """Latencies at 100,000 readings/s on 10 connections."""
    seconds = 3 if session.quick else 20
    fleet = session.fleet(METERS, seconds)
    path, about = fleet.file(), fleet.about
    data = session.directory()
    with Server(session, data) as server:
        report = server.send(path, *PLAIN, "--connections", 10, "--rate", 100_000, "--latency")
    check("readings in the log", session.stats(data)["readings"], about["lines"])
    kept = about["lines"] / report["seconds"]
    for name in ("p50", "p99", "p99.9", "max"):
        floor = session.floor[f"fdatasync 64 KiB {name}, us"] / 1000
        what = f"ack at 100,000 readings/s, open loop, 10 connections, {name} ({kept:,.0f}/s came)"
        yield Figure(f"B1.{name}", what, "ms", report["latencyMilliseconds"][name], floor)


def sending(session, server, fleet, rate):
    """A `send` of a fleet's stream at a rate, started and left to run."""
    readings, about = fleet.stream(session.path("about.json"))
    select.select([readings.stdout], [], [], 300)  # lines are due from when `send` starts: let there be some
    command = [session.binary, "send", server.tcp, "-", *PLAIN, "--connections", 10, "--rate", rate, "--latency"]
    pipe = subprocess.PIPE
    child = session.start([*command, "--format", "json"], stdin=readings.stdout, stdout=pipe, stderr=pipe)
    readings.stdout.close()
    return child, command, about


def sent(session, started, timeout):
    child, command, about = started
    report = json.loads(session.wait(child, command, timeout))
    with open(about) as file:
        check("acknowledged", report["acked"], json.load(file)["lines"])
    check("refused", report["refused"], 0)
    return report


def stall(session):
    """The worst ack in minutes of load on a grown log, and the disk's worst sync in the same minutes."""
    minutes = 0.1 if session.quick else session.options.minutes
    pace = 100_000 if session.quick else 500_000
    data, quarters = grown_directory(session)
    fleet = session.fleet(METERS, max(1, int(pace * minutes * 60 / METERS)), skip=quarters)
    before = session.stats(data)["readings"]
    with Server(session, data) as server, Watch(session) as watch:
        report = sent(session, sending(session, server, fleet, pace), 120 + minutes * 300)
    check("readings in the log", session.stats(data)["readings"] - before, report["acked"])
    latency, floor = report["latencyMilliseconds"], {name: value / 1000 for name, value in watch.found.items()}
    on = f"{minutes:g} min at {pace:,}/s on a log of {before / 1e6:.1f} M readings"
    yield Figure("B2", f"worst ack in {on}", "ms", latency["max"], floor["max"])
    yield Figure("B2.p99.9", "99.9th percentile of the same", "ms", latency["p99.9"], floor["p99.9"])
    yield Figure("B2.disk", "the machine's worst fdatasync (4 KiB, 20/s) meanwhile", "ms", floor["max"])


def balance(session):
    """One device's balance over HTTP, 100 times a second, while readings come in."""
    pace, seconds = (100_000, 4) if session.quick else (500_000, 20)
    fleet = session.fleet(METERS, pace * seconds // METERS)
    data = session.directory()
    session.declare(data, METERS)
    times = []
    with Server(session, data) as server:
        server.wait_for(METERS + 1)
        started = sending(session, server, fleet, pace)
        asking = http.client.HTTPConnection(server.http, timeout=30)
        start = time.monotonic()
        while started[0].poll() is None and time.monotonic() < start + 120:
            due = start + len(times) / 100
            time.sleep(max(0, due - time.monotonic()))
            asking.request("GET", f"/v1/devices/m{len(times) * 7919 % METERS:07}/balance")
            answer = asking.getresponse()
            rows = json.loads(answer.read())["rows"]
            check("status and rows", (answer.status, len(rows)), (200, 1))
            times.append(time.monotonic() - due)
        asking.close()
        report = sent(session, started, 300)
    if len(times) < 50:
        raise Failed("too few questions were asked")
    what = f"one balance over HTTP while {report['acked'] / report['seconds']:,.0f} readings/s come in"
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        floor = session.floor[f"loopback round trip {name}, us"] / 1000
        yield Figure(f"F1.{name}", f"{what}, {name} (client in Python)", "ms", rank(times, share) * 1000, floor)


BENCHMARKS = [
    Benchmark("B1", "ack latency at 100,000 readings/s", acks),
    Benchmark("B2", "worst stall under load on a grown log (--minutes)", stall, once=True),
    Benchmark("F1", "a balance over HTTP while readings come in", balance),
]
