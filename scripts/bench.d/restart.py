"""E: how soon a server accepts again after it was killed, and how much memory it takes."""

import time

from figures import Benchmark, Figure
from grown import METERS, grown_directory
from latency import sending
from server import Server
from session import PLAIN, Skipped, Wrong, kill


def restart(session):
    """Killed with SIGKILL under load on a grown log, started again."""
    data, quarters = grown_directory(session)
    fleet = session.fleet(METERS, 40, skip=quarters)
    with Server(session, data) as server:
        first = server.started
        before = server.position()
        child, _, _ = sending(session, server, fleet, 500_000)
        time.sleep(0.5 if session.quick else 3)
        server.kill()
        kill(child)
    with Server(session, data) as server:
        start = time.monotonic()
        head = int(next(line.split()[1] for line in server.get("/metrics")[0].decode().splitlines()
                        if line.startswith("meterfold_log_position ")))
        if head < before:
            raise Wrong(f"the log ends at {head}, before {before}")
        server.wait_for(head)
        level = time.monotonic() - start + server.started
    session.meterfold("verify", "--log-only", "--data", data, timeout=600)
    floor, log = session.floor["start of the binary, ms"], f"log of {before / 1e6:.1f} M readings"
    yield Figure("E1.accept", f"kill -9 under load, start to accepting, {log}", "ms", server.started * 1000, floor)
    yield Figure("E1.clean", "start to accepting after a proper end, the same log", "ms", first * 1000, floor)
    what = f"kill -9, start to level views ({(head - before) / 1e3:.0f} k events newer)"
    yield Figure("E1.views", what, "ms", level * 1000)


def memory(session, meters):
    """Two days of readings of each device."""
    readings = 20 if session.quick else 192
    if meters > METERS:
        if not session.options.big or session.quick:
            raise Skipped("with --big")
        session.need_room(meters * readings * 4 + meters * 5000)
    data = session.directory()
    session.declare(data, meters)
    fleet = session.fleet(meters, readings)
    with Server(session, data) as server:
        server.wait_for(meters + 1)
        source, _ = fleet.stream(session.path("about.json"))
        report = server.send("-", *PLAIN, "--connections", 10, stdin=source.stdout, timeout=3000)
        source.stdout.close()
        server.wait_for(report["lastPosition"], 3000)
        resident, most = server.memory()
        time.sleep(12)  # within some seconds of calm freed memory is given back to the system
        settled, _ = server.memory()
    name, what = f"E2.{meters // 1000}k", f"serve with {meters:,} devices and {readings / 4:g} h of readings"
    yield Figure(name, f"memory of {what}", "MB", resident / 1e6)
    yield Figure(name + ".most", "at most, meanwhile", "MB", most / 1e6)
    yield Figure(name + ".device", "a device's share", "B/device", resident / meters)
    yield Figure(name + ".settled", "12 s after the last reading", "MB", settled / 1e6)


BENCHMARKS = [
    Benchmark("E1", "start after kill -9 on a grown log (--grown)", restart),
    Benchmark("E2.100k", "memory of serve, 100,000 devices",
              lambda session: memory(session, METERS), once=True),
    Benchmark("E2.1000k", "memory of serve, 1,000,000 devices (--big)",
              lambda session: memory(session, 10 * METERS), once=True),
]
