"""scripts/bench load: one load of your choice on `meterfold serve`; prints what it measured, asserts nothing.

    scripts/bench load                                  200 devices over 4 connections, as fast as they are taken
    scripts/bench load --rate 100000 --seconds 20       open loop: so many lines are due each second, with latencies
    scripts/bench load --to HOST:PORT                   a receiver that runs already, in place of one of its own

Lines are made by `meterfold simulate` and sent by `meterfold send`. A latency is the time from when a line was due
until the `ok` that covers it came: with --rate a receiver that falls behind shows.
"""

import argparse
import contextlib
import json
import subprocess
import sys

from server import Server
from session import Failed, Session

PATIENCE_SECONDS = 4 * 3600


def parsed(arguments):
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("scripts/bench load", description=__doc__, formatter_class=layout)
    parser.add_argument("--to", help="HOST:PORT of a receiver that runs already; METERFOLD_TOKEN is its token")
    parser.add_argument("--devices", type=int, default=200)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--format", default="line-protocol", choices=["line-protocol", "ndjson", "csv"])
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--processes", type=int, default=1, help="each sends the whole file")
    parser.add_argument("--rate", type=int, help="lines a second that are due, of all processes together")
    parser.add_argument("--seconds", type=int, help="with --rate: days are chosen so that it lasts about so long")
    parser.add_argument("--work", metavar="FOLDER", help="where data are written ($TMPDIR/meterfold-bench)")
    options = parser.parse_args(arguments)
    options.quick, options.verbose = False, False
    if options.rate and options.seconds:
        lines = options.rate * options.seconds // options.processes
        options.days = max(1, min(3660, lines // (options.devices * 96)))
    return options


def main(arguments):
    options = parsed(arguments)
    session = Session(options)
    try:
        measure(session, options)
    except Failed as reason:
        sys.exit(f"load: {reason}")


def measure(session, options):
    path = session.path("lines")
    size = ["--devices", options.devices, "--days", options.days, "--period", "15m", "--no-troubles"]
    command = [session.binary, "simulate", *size, "--readings-only", "--format", options.format]
    with open(path, "wb") as file:
        session.wait(session.start(command, stdout=file), command, PATIENCE_SECONDS)
    data = session.directory()
    with contextlib.nullcontext() if options.to else Server(session, data) as server:
        command = [session.binary, "send", options.to or server.tcp, path, "--format", "json", "--latency"]
        command += ["--input-format", options.format, "--connections", options.connections]
        if options.rate:
            command += ["--rate", max(1, options.rate // options.processes)]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}
        senders = [session.start(command, **pipes) for _ in range(options.processes)]
        for sender in senders:
            report = json.loads(session.wait(sender, command, PATIENCE_SECONDS, codes=(0, 2)))
            rate = int(report["acked"] / max(report["seconds"], 0.001))
            late = ", ".join(f"{name} {value}" for name, value in report["latencyMilliseconds"].items())
            acked = f"{report['acked']} lines acked in {report['seconds']} s: {rate}/s"
            print(f"{acked}; refused {report['refused']}; {late} ms")
        if server:
            print(f"memory of the server, at most: {server.memory()[1] / 1e6:.0f} MB")
    if not options.to:
        stats = session.stats(data)
        print(f"in the log: {stats['readings']} readings, {stats['bytesPerReading']} bytes each")
