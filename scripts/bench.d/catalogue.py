"""All benchmarks in the order of the table, and the run of those that are wanted."""

import sys
import time

import folding
import ingest
import latency
import machine
import points
import report
import restart
import size
from session import Failed, Session, Skipped, Wrong

BENCHMARKS = [
    *ingest.BENCHMARKS[:-2],
    *(it for it in latency.BENCHMARKS if it.key[0] == "B"),
    *size.BENCHMARKS,
    *folding.BENCHMARKS,
    *points.BENCHMARKS,
    *restart.BENCHMARKS,
    *(it for it in latency.BENCHMARKS if it.key[0] == "F"),
    *ingest.BENCHMARKS[-2:],
]


def named(names):
    """Those with a name, or where none has it, those whose names begin so."""
    keys = {it.key for it in BENCHMARKS}
    return [
        it for it in BENCHMARKS
        if not names or any(it.key == name if name in keys else it.key.startswith(name) for name in names)
    ]


def measure(session, benchmark, rows):
    """Runs one as often as is wanted; its rows, or one that says why there are none. False if it failed."""
    for _ in range(1 if benchmark.once else session.options.runs):
        try:
            for figure in benchmark.run(session):
                rows.setdefault(figure.key, report.Row(figure.key, figure.what, figure.unit)).add(figure)
        except Skipped as reason:
            rows[benchmark.key] = report.Row(benchmark.key, benchmark.what, note=f"skipped: {reason}")
            return True
        except Exception as fault:  # whatever it was, the others are still to be measured
            word = "WRONG" if isinstance(fault, Wrong) else "FAILED"
            reason = str(fault) if isinstance(fault, Failed) else f"{type(fault).__name__}: {fault}"
            key = benchmark.key + ("!" if benchmark.key in rows else "")
            rows[key] = report.Row(key, benchmark.what, note=f"{word}: {reason}")
            return False
    return True


def main(options):
    session = Session(options)
    told = machine.describe(session)
    session.say("the machine's floor")
    session.floor = machine.measure(session, session.fleet(10_000, 20).file())
    rows, isSound = {}, True
    for benchmark in named(options.names):
        start = time.monotonic()
        isSound = measure(session, benchmark, rows) and isSound
        session.say(f"{benchmark.key}: {time.monotonic() - start:.0f} s")
    if options.json:
        with open(options.json, "w") as file:
            file.write(report.as_json(told, session.floor, rows.values()) + "\n")
    if options.into:
        report.put_into(options.into, report.markdown(told, session.floor, rows.values()))
    told_as = report.markdown if options.markdown else report.text
    print(told_as(told, session.floor, rows.values()), flush=True)
    if not isSound:
        print("bench: something failed or was wrong: see the table", file=sys.stderr)
    return 0 if isSound else 1
