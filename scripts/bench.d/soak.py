"""scripts/bench soak: keeps `meterfold serve` busy with connections that come and go, many of them badly behaved.

    scripts/bench soak                       2 minutes, 1000 connections at a time
    scripts/bench soak --minutes 60 --connections 5000 --seed 7

Well-behaved connections send readings of a device of their own and wait for their acks. The others never read acks,
send half lines, stall, flood, break the protocol, or vanish. At the end every reading that was acknowledged must be in
the log (exit 1 otherwise), and the server's memory is printed.
"""

import argparse
import asyncio
import json
import random
import resource
import subprocess
import sys

from server import Server
from session import Failed, Session

ANSWER_SECONDS = 60
FIRST_LINE = b'meterfold/1 {"ack":true,"format":"ndjson"}\n'


class Ledger:
    """What must be in the log: each device has readings numbered from 1, of which so many were acknowledged."""

    def __init__(self):
        self.acked = {}
        self.counts = {}
        self.faults = []

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1


def reading(device, number):
    """The reading with that number: a second later and one unit more than the one before."""
    at = 1_735_689_600 + number
    line = {"device": device, "readAt": at, "value": str(number), "unit": "kWh", "register": "1-0:1.8.0"}
    return json.dumps(line).encode() + b"\n"


class Connections:
    def __init__(self, address, ledger, seed):
        host, _, port = address.rpartition(":")
        self.host, self.port = host.strip("[]"), int(port)
        self.ledger, self.random = ledger, random.Random(seed)
        self.next_device = 0

    def device(self):
        self.next_device += 1
        return f"soak-{self.next_device}"

    async def open(self):
        return await asyncio.open_connection(self.host, self.port, limit=1 << 16)

    async def behave(self):
        """Sends batches and waits for the acks of each; ends with FIN, or by vanishing after an ack."""
        device = self.device()
        reader, writer = await self.open()
        sent, acked = 0, 0
        try:
            writer.write(FIRST_LINE)
            for _ in range(self.random.randint(1, 8)):
                count = self.random.randint(1, 200)
                writer.write(b"".join(reading(device, sent + i + 1) for i in range(count)))
                sent += count
                await writer.drain()
                while acked < sent:
                    line = await asyncio.wait_for(reader.readline(), ANSWER_SECONDS)
                    words = line.split()
                    if words[:1] == [b"ok"]:
                        acked = int(words[2])
                        self.ledger.acked[device] = acked
                    elif words[:2] == [b"err", b"0"] or not line:
                        self.ledger.count("closed by the server")
                        return
                    else:
                        self.ledger.faults.append(f"{device}: {line.decode(errors='replace').strip()}")
                        return
                await asyncio.sleep(self.random.random() * 0.2)
            if self.random.random() < 0.7:
                writer.write_eof()
                if await asyncio.wait_for(reader.read(), ANSWER_SECONDS):
                    self.ledger.count("answers after the last ack")
        finally:
            writer.close()

    async def never_read(self):
        """Asks for acks and reads none: the server must neither wait for it for ever nor hold its answers."""
        device = self.device()
        _, writer = await self.open()
        writer.transport.pause_reading()
        writer.write(FIRST_LINE)
        for batch in range(20):
            writer.write(b"".join(reading(device, batch * 100 + i + 1) for i in range(100)))
            try:
                await asyncio.wait_for(writer.drain(), 2)
            except asyncio.TimeoutError:
                break
            await asyncio.sleep(0.05)
        writer.transport.abort()

    async def half_line(self):
        """Stops within a line and goes: that line must not be taken for a whole one, so it has no value yet."""
        _, writer = await self.open()
        writer.write(FIRST_LINE + reading(self.device(), 1)[:25])
        await writer.drain()
        await asyncio.sleep(self.random.random())
        writer.transport.abort()

    async def stall(self):
        """Says nothing, or begins the first line and says no more."""
        _, writer = await self.open()
        if self.random.random() < 0.5:
            writer.write(FIRST_LINE[:10])
        await asyncio.sleep(self.random.random() * 10)
        writer.transport.abort()

    async def flood(self):
        """Bytes without a line end, or lines that are no readings, as fast as they are taken."""
        _, writer = await self.open()
        data = b"x" * 65536 if self.random.random() < 0.5 else b"{}\n" * 20000
        for _ in range(8):
            writer.write(data)
            try:
                await asyncio.wait_for(writer.drain(), 2)
            except asyncio.TimeoutError:
                break
        writer.transport.abort()

    async def babble(self):
        """A first line that is none."""
        reader, writer = await self.open()
        lines = [b"GET / HTTP/1.1\r\n\r\n", b"meterfold/9 {}\n", b'meterfold/1 {"ack":\n', b"\x16\x03\x01\0\0"]
        line = self.random.choice(lines)
        writer.write(line)
        writer.write_eof()
        await asyncio.wait_for(reader.read(), ANSWER_SECONDS)
        writer.close()

    async def vanish(self):
        """Sends readings and is gone before the ack."""
        device = self.device()
        _, writer = await self.open()
        writer.write(FIRST_LINE + b"".join(reading(device, i + 1) for i in range(50)))
        await writer.drain()
        writer.transport.abort()

    async def one(self):
        kinds = [self.never_read, self.half_line, self.stall, self.flood, self.babble, self.vanish]
        kind = self.behave if self.random.random() < 0.6 else self.random.choice(kinds)
        self.ledger.count(kind.__name__)
        try:
            await kind()
        except (ConnectionError, asyncio.IncompleteReadError, BrokenPipeError):
            self.ledger.count("connections lost")
        except asyncio.TimeoutError:
            self.ledger.count("no answer in time")
            self.ledger.faults.append(f"{kind.__name__}: no answer within {ANSWER_SECONDS} s")

    async def keep_coming(self, until):
        clock = asyncio.get_running_loop()
        while clock.time() < until:
            await self.one()
            await asyncio.sleep(self.random.random() * 0.1)


async def soak(address, ledger, options, memory):
    connections = Connections(address, ledger, options.seed)
    clock = asyncio.get_running_loop()
    until = clock.time() + options.minutes * 60
    tasks = [asyncio.create_task(connections.keep_coming(until)) for _ in range(options.connections)]
    while clock.time() < until:
        await asyncio.sleep(min(10, max(0.1, until - clock.time())))
        print(f"soak: {sum(ledger.acked.values())} acked, server {memory() / 1e6:.0f} MB", file=sys.stderr)
    await asyncio.gather(*tasks)


def in_log(session, data):
    """Which readings of each device the log holds, by their numbers."""
    command = [session.binary, "replay", "--data", data, "--format", "ndjson"]
    replay = session.start(command, stdout=subprocess.PIPE)
    numbers = {}
    for line in replay.stdout:
        event = json.loads(line)
        if event.get("device", "").startswith("soak-") and "value" in event:
            numbers.setdefault(event["device"], set()).add(int(float(event["value"])))
    session.wait(replay, command, ANSWER_SECONDS)
    return numbers


def parsed(arguments):
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("scripts/bench soak", description=__doc__, formatter_class=layout)
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--connections", type=int, default=1000, help="at a time")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--work", metavar="FOLDER", help="where data are written ($TMPDIR/meterfold-bench)")
    options = parser.parse_args(arguments)
    options.quick, options.verbose = False, True
    return options


def main(arguments):
    options = parsed(arguments)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(f"soak: seed {options.seed}", file=sys.stderr)
    session, ledger = Session(options), Ledger()
    data = session.directory()
    try:
        with Server(session, data) as server:
            asyncio.run(soak(server.tcp, ledger, options, lambda: server.memory()[0]))
            resident, most = server.memory()
        stored = in_log(session, data)
        session.meterfold("verify", "--data", data, timeout=600)
    except Failed as reason:
        sys.exit(f"soak: FAILED: {reason}")
    lost = {
        device: acked for device, acked in ledger.acked.items()
        if not set(range(1, acked + 1)) <= stored.get(device, set())
    }
    for name, count in sorted(ledger.counts.items()):
        print(f"{count:9} {name}")
    print(f"{sum(ledger.acked.values()):9} readings acknowledged, of {len(ledger.acked)} devices")
    print(f"{sum(map(len, stored.values())):9} readings in the log")
    print(f"memory of the server: {resident / 1e6:.0f} MB at the end, {most / 1e6:.0f} MB at most")
    for fault in ledger.faults[:20]:
        print(f"fault: {fault}")
    for device, acked in list(lost.items())[:20]:
        print(f"LOST: {device}: {acked} acknowledged, {len(stored.get(device, set()))} in the log")
    if lost or ledger.faults:
        sys.exit(f"soak: FAILED ({len(lost)} devices lost readings)")
    print("soak: every acknowledged reading is in the log")
