"""A log that has grown, made once in a run and copied for each who needs it."""

import os
import shutil

METERS = 100_000


def grown_directory(session):
    """A data directory of its own with --grown readings of 100,000 registered devices and level views, and the count
    of quarters that they cover."""
    millions = 2 if session.quick else session.options.grown
    quarters = max(1, int(millions * 1e6 / METERS))
    made = session.path("grown")
    if not os.path.exists(made):
        session.need_room(quarters * METERS * 40)
        session.say(f"growing a log of {millions} M readings")
        data = session.directory("growing")
        session.declare(data, METERS)
        session.ingest_piped(data, session.fleet(METERS, quarters), "--log-only")
        session.meterfold("query", "balance", "--device", "m0000000", "--data", data, timeout=3600)
        os.rename(data, made)
    copy = session.path("data")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(made, copy)
    return copy, quarters
