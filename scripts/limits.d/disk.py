"""A disk that is full."""

import os
import random
import subprocess
import time

from attacker import Wire, ask, attack, expect, reading, server_of
from session import Failed, Skipped


class SmallDisk:
    """A file system in memory."""

    def __init__(self, session, megabytes):
        self.path = session.path("disk")
        os.makedirs(self.path, exist_ok=True)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", self.path]
        if subprocess.run(mount, capture_output=True).returncode:
            raise Skipped("a file system cannot be mounted here")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", self.path], check=True)


def fill(server, disk):
    """Sends readings while somebody else fills the disk; how many were acknowledged, and the last words."""
    acked, number = 0, 0
    wire = Wire(server.tcp, timeout=5)
    ballast = open(os.path.join(disk.path, "ballast"), "wb")
    try:
        while number < 2_000_000:
            count = 2000
            lines = (reading(f"full-{i % 100}", i // 100, f"{i // 100 * 1000 + random.randrange(1000)}")
                     for i in range(number, number + count))
            if not wire.send(b"".join(lines)):
                return acked, "the connection was ended"
            number += count
            while acked < number:
                line = wire.line()
                if not line.startswith("ok "):
                    return acked, line or "the connection was ended"
                acked = int(line.split()[2])
            try:
                ballast.write(os.urandom(2 << 20))
                ballast.flush()
            except OSError:
                pass
    except TimeoutError:
        return acked, "no ack within 5 s: it is held off"
    finally:
        try:
            ballast.close()
        except OSError:
            pass
    return acked, "the disk did not become full"


def stored(session, data):
    """How many readings the log holds of those that were sent."""
    out = session.meterfold("replay", "--data", data, "--format", "ndjson", timeout=600)
    return sum('"device":"full-' in line.replace('": "', '":"') for line in out.splitlines())


@attack("full-disk", "a disk that becomes full, with a reserve and without one")
def full_disk(session):
    for reserve in (64 << 20, 0):
        with SmallDisk(session, 512) as disk:
            data = os.path.join(disk.path, "data")
            session.meterfold("init", "--data", data)
            with open(os.path.join(data, "meterfold.yaml"), "a") as file:
                file.write(f"serve:\n  diskReserveBytes: {reserve}\n")
            name = f"a disk of 512 MB, reserve {reserve >> 20} MiB"
            server = server_of(session, data=data)
            try:
                yield from overfill(server, disk, name)
            finally:
                server.kill()
                server.log.close()
            if os.path.exists(disk.path + "/ballast"):
                os.remove(disk.path + "/ballast")
            with server_of(session, data=data) as server:
                answers = Wire(server.tcp).converse(reading("again"))
                expect("after a restart", answers[-1:], "ok ")
                yield f"{name}, killed and started anew | {answers[-1]} | it listens after {server.started:.2f} s"
            found = stored(session, data)
            if found < overfill.acked:
                raise Failed(f"{overfill.acked} were acknowledged, {found} are in the log")
            yield f"{name} | {found} readings in the log, {overfill.acked} were acknowledged"
            session.meterfold("verify", "--data", data, timeout=600)


def overfill(server, disk, name):
    start = time.monotonic()
    acked, words = fill(server, disk)
    overfill.acked = acked
    try:
        ready = ask(server, "GET", "/readyz", timeout=10)
        status, body = ask(server, "POST", "/v1/readings", reading("other"), timeout=10)
    except OSError as reason:
        ready, status, body = (0, str(reason)), 0, "no answer"
    time.sleep(1)
    ended = server.child.poll()
    state = "it goes on" if ended is None else f"it ended with {ended}: {server.words()[-300:]}"
    yield (f"{name} | {acked} acknowledged, then: {words}; /readyz {ready[0]} {ready[1][:80].strip()}; "
           f"HTTP {status} {body[:120]} | {time.monotonic() - start:.1f} s | {state}")
    if ended is None:
        if status != 503:
            raise Failed(f"{name}: a body was answered with {status}")
        os.remove(os.path.join(disk.path, "ballast"))
        start = time.monotonic()
        answers = Wire(server.tcp).converse(reading("after"))
        expect("once there is room", answers[-1:], "ok ")
        yield f"{name}, room made | {answers[-1]} after {time.monotonic() - start:.1f} s, by itself"
