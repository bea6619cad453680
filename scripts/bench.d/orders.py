"""D3: what rates cost against a flat price, and readings that come late, in four orders, against those in order.

A year of a few simulated devices with a payment that runs out. Whatever the order, the balances must be the same.
"""

import functools
import heapq
import itertools
import json
import os
import random
import time

from figures import Benchmark, rate
from session import Wrong

LIVE_DAYS = 30
LATEST_DAYS = 7
PER_DAY = 96

# What a version of a tariff has beside its price where the fleet is rated, not flat.
RATED = {
    "periods": [{"name": "day", "price": "0.40", "windows": [{"days": "mon-fri", "from": "06:00", "to": "22:00"}]}],
    "tiers": {
        "period": "year",
        "steps": [{"upTo": "1000", "add": "0"}, {"upTo": "3000", "add": "0.05"}, {"add": "0.1"}],
    },
    "standingCharge": "0.25",
    "tax": "19",
}


def tariffs(rates):
    """A tariff for each dimension, under which every device of the fleet is charged."""
    for unit in ("kWh", "m3"):
        version = {"from": "2020-01-01", "default": "0.30", **rates}
        yield {"event": "TariffPublished", "tariff": unit, "unit": unit, "currency": "EUR", "versions": [version]}


def prepaid(registration):
    """A registration under the tariff of its dimension, and a payment that runs out some time in the year."""
    device = registration["device"]
    unit = "kWh" if registration["unit"].endswith("Wh") else "m3"
    yield {**registration, "tariff": unit, "from": "2020-01-01"}
    payment = {"amount": "2500", "currency": "EUR", "provider": "cash", "reference": device}
    yield {"event": "TopUpReceived", "device": device, **payment, "at": "2025-01-01T00:00:00Z"}


# Orders of arrival: of one device's lines, ascending, to those lines with the key by which all devices' are merged.


def in_order(lines):
    return list(enumerate(lines))


def live_first(lines):
    live = LIVE_DAYS * PER_DAY
    return list(enumerate(lines[-live:] + lines[:-live]))


def descending(lines):
    return list(enumerate(reversed(lines)))


def both_ends(lines):
    half = (len(lines) + 1) // 2
    pairs = itertools.zip_longest(lines[:half], reversed(lines[half:]))
    return list(enumerate(line for pair in pairs for line in pair if line is not None))


def five_percent_late(lines):
    delays = random.Random(len(lines))
    late = lambda: delays.random() * LATEST_DAYS * PER_DAY if delays.random() < 0.05 else 0
    return sorted((place + late(), line) for place, line in enumerate(lines))


ORDERS = {
    "in-order": in_order,
    "late-live-first": live_first,
    "late-descending": descending,
    "late-both-ends": both_ends,
    "late-five-percent": five_percent_late,
}


def prepared(session):
    """A folder with the declarations, flat and rated, and the readings in each order."""
    folder = session.path("orders")
    if os.path.exists(folder):
        return folder
    devices, days = (4, 60) if session.quick else (20, 365)
    size = ["--devices", devices, "--days", days, "--period", "15m", "--start", "2025-01-01", "--no-troubles"]
    told = [json.loads(line) for line in session.meterfold("simulate", *size, "--declarations-only").splitlines()]
    known = [line for event in told if event["event"] == "DeviceRegistered" for line in prepaid(event)]
    os.mkdir(folder + ".new")
    for name, rates in (("flat.ndjson", {}), ("rated.ndjson", RATED)):
        with open(os.path.join(folder + ".new", name), "w") as file:
            file.writelines(json.dumps(event) + "\n" for event in [*tariffs(rates), *known])
    form = ["--readings-only", "--registered", "--format", "line-protocol", "--order", "device"]
    lines_of = {}
    for line in session.meterfold("simulate", *size, *form).splitlines():
        lines_of.setdefault(line.split(" ", 1)[0], []).append(line)
    for order, arranged in ORDERS.items():
        merged = heapq.merge(*(arranged(lines) for lines in lines_of.values()), key=lambda pair: pair[0])
        with open(os.path.join(folder + ".new", order), "w") as file:
            file.writelines(line + "\n" for _, line in merged)
    os.rename(folder + ".new", folder)
    return folder


def ingested(session, declarations, order, *flags):
    """Seconds that an ingest takes, the count of its readings and the data directory."""
    folder = prepared(session)
    data = session.directory()
    session.meterfold("ingest", os.path.join(folder, declarations), "--data", data)
    start = time.monotonic()
    command = ["ingest", os.path.join(folder, order), "--data", data, "--format", "json", *flags]
    told = session.meterfold(*command, timeout=3600)
    return time.monotonic() - start, json.loads(told)["accepted"], data


def balances(session, data):
    return session.meterfold("query", "balance", "--data", data, "--format", "csv")


def late(session, order):
    seconds, count, data = ingested(session, "rated.ndjson", order)
    found = balances(session, data)
    if found != session.__dict__.setdefault("balances_in_order", found):
        raise Wrong("the balances differ from those in another order")
    yield rate(f"D3.{order}", f"ingest with rated views, a few devices and long, {order}", count, seconds)


def folded(session, name):
    _, count, data = ingested(session, f"{name}.ndjson", "in-order", "--log-only")
    start = time.monotonic()
    balances(session, data)
    what = "time of use, tiers, standing charge, tax" if name == "rated" else "a flat price"
    yield rate(f"D3.{name}", f"views of the same folded from the log, {what}", count, time.monotonic() - start)


BENCHMARKS = [
    *(Benchmark(f"D3.{name}", f"fold, {name}", functools.partial(folded, name=name)) for name in ("flat", "rated")),
    *(Benchmark(f"D3.{name}", f"ingest with views, {name}", functools.partial(late, order=name)) for name in ORDERS),
]
