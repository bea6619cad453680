"""scripts/bench --scaling: what a reading costs as devices, log, connections and late readings become more."""

import math
import os
import sys
import time

import chart
import machine
from server import Server
from session import PLAIN, Failed, Session, check


def slope(points):
    """The exponent n of cost ~ size^n, by least squares of the logarithms."""
    places = [(math.log(x), math.log(y)) for x, y in points]
    return straight(places)


def straight(places):
    mx, my = (sum(values) / len(places) for values in zip(*places))
    return sum((x - mx) * (y - my) for x, y in places) / sum((x - mx) ** 2 for x, _ in places)


def nanoseconds(seconds, count):
    return seconds / count * 1e9


def acknowledged(session, server, fleet, connections=10):
    """Seconds until all lines of a fleet were acknowledged, until the views were level, and the count of lines."""
    path, about = fleet.file(), fleet.about
    start = time.monotonic()
    report = server.send(path, *PLAIN, "--connections", connections)
    check("acknowledged", report["acked"], about["lines"])
    server.wait_for(report["lastPosition"])
    return report["seconds"], time.monotonic() - start, about["lines"]


def by_devices(session):
    readings = 1_000_000 if session.quick else 10_000_000
    most = 100_000 if session.quick else 1_000_000
    log, views = [], []
    for meters in (size for size in (1_000, 10_000, 100_000, 1_000_000) if size <= most):
        fleet = session.fleet(meters, readings // meters)
        data = session.directory()
        session.declare(data, meters)
        summary = session.ingest(data, fleet, "--log-only")
        log.append((meters, nanoseconds(summary["wall"], summary["accepted"])))
        start = time.monotonic()
        session.meterfold("rebuild", "--data", data, timeout=3600)
        views.append((meters, nanoseconds(time.monotonic() - start, summary["accepted"])))
    return {"ingest of a file, log only": log, "rebuild of all views": views}


def by_log(session):
    """Equal portions over TCP onto one log that grows from empty."""
    meters = 10_000 if session.quick else 100_000
    quarters, portions = (10, 6) if session.quick else (20, 25)
    data, acks, views = session.directory(), [], []
    session.declare(data, meters)
    with Server(session, data) as server:
        server.wait_for(meters + 1)
        for portion in range(portions):
            fleet = session.fleet(meters, quarters, skip=portion * quarters)
            acked, level, count = acknowledged(session, server, fleet)
            size = (portion + 1) * meters * quarters
            acks.append((size, nanoseconds(acked, count)))
            views.append((size, nanoseconds(level, count)))
            fleet.forget()
    return {"until durable": acks, "until in the views": views}


def by_connections(session):
    meters, readings = (10_000, 50) if session.quick else (100_000, 50)
    fleet, acks = session.fleet(meters, readings), []
    for connections in (1, 10, 100, 1000):
        data = session.directory(settings="serve:\n  connectionsPerAddress: 4000\n")
        with Server(session, data) as server:
            acked, _, count = acknowledged(session, server, fleet, connections)
        acks.append((connections, nanoseconds(acked, count)))
    return {"until durable": acks}


def by_lateness(session):
    meters, readings = (2_000, 200) if session.quick else (10_000, 1_000)
    points = []
    for permille in (0, 5, 10, 20, 50):
        fleet = session.fleet(meters, readings, late=permille, duplicates=0)
        data = session.directory()
        session.declare(data, meters)
        session.meterfold("query", "balance", "--device", "m0000000", "--data", data)
        summary = session.ingest(data, fleet)
        points.append((permille / 10, nanoseconds(summary["wall"], summary["accepted"])))
    return {"ingest of a file with all views, flat tariff": points}


CURVES = [
    ("devices", "Cost of a reading by devices", "devices", by_devices, True),
    ("log", "Cost of a reading on a growing log", "readings in the log", by_log, True),
    ("connections", "Cost of a reading by connections", "connections", by_connections, True),
    ("late", "Cost of a reading by late ones", "per cent that come up to a day late", by_lateness, False),
]


def named(names):
    return [curve for curve in CURVES if not names or curve[0] in names]


def main(options):
    session = Session(options)
    told = machine.describe(session)
    os.makedirs(options.scaling, exist_ok=True)
    below = f"{told['binary']}, {told['date']}, {told['cpu']}, {told['cores']} cores"
    print(f"{below}, {told['memory']}, {told['fileSystem']}, load at the start {told['loadAtStart']}")
    isSound = True
    for name, title, across, measure, isLogarithmic in named(options.names):
        try:
            lines = measure(session)
        except Exception as fault:  # the other curves are still to be measured
            print(f"{name:12} FAILED: {fault if isinstance(fault, Failed) else repr(fault)}")
            isSound = False
            continue
        path = os.path.join(options.scaling, f"scaling-{name}.svg")
        with open(path, "w") as file:
            file.write(chart.draw(title, below, across, "ns per reading", lines, (isLogarithmic, False)))
        for line, points in lines.items():
            grows = f"cost ~ size^{slope(points):+.2f}" if isLogarithmic else f"{straight(points):+.0f} ns per per cent"
            figures = ", ".join(f"{chart.short(x)}: {y:,.0f}" for x, y in points)
            print(f"{name:12} {line:45} {grows}; ns per reading at {figures}", flush=True)
    if not isSound:
        print("bench: a curve could not be measured", file=sys.stderr)
    return 0 if isSound else 1
