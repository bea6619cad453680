"""What all attacks share: connections that misbehave, a sender who behaves, and what a row of the table says."""

import http.client
import json
import os
import resource
import socket
import subprocess
import tempfile
import time

from server import Server
from session import Failed

ANSWER_SECONDS = 60
FIRST_LINE = b'meterfold/1 {"ack":true,"format":"ndjson"}\n'
START = 1_767_225_600


class Attack:
    def __init__(self, name, what, run):
        self.name, self.what, self.run = name, what, run


def attack(name, what):
    return lambda run: Attack(name, what, run)


class Wire:
    """A connection that sends lines, or drips them."""

    def __init__(self, address, greeting=FIRST_LINE, timeout=ANSWER_SECONDS, source=None):
        host, _, port = address.rpartition(":")
        bound = (source, 0) if source else None
        self.socket = socket.create_connection((host, int(port)), timeout=timeout, source_address=bound)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""
        if greeting:
            self.send(greeting)

    def send(self, data):
        """Whether the other side still took it."""
        try:
            self.socket.sendall(data)
            return True
        except (ConnectionError, BrokenPipeError):
            return False

    def line(self):
        """The next answer; empty at the end."""
        while b"\n" not in self.rest:
            try:
                part = self.socket.recv(65536)
            except ConnectionError:
                part = b""
            if not part:
                line, self.rest = self.rest, b""
                return line.decode()
            self.rest += part
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode()

    def lines(self):
        answers = []
        while line := self.line():
            answers.append(line)
        return answers

    def converse(self, data):
        """Sends it all, ends, and gives the answers."""
        self.send(data)
        self.end()
        return self.lines()

    def end(self):
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def is_over(self, within=0.0):
        """Whether the other side has ended it."""
        self.socket.settimeout(within or 0.001)
        try:
            while True:
                if not self.socket.recv(65536):
                    return True
        except TimeoutError:
            return False
        except ConnectionError:
            return True

    def close(self):
        self.socket.close()


def reading(device, number=1, value=None, at=None):
    line = {
        "device": device, "readAt": START + number * 60 if at is None else at,
        "value": str(number if value is None else value), "unit": "kWh", "register": "1-0:1.8.0",
    }
    return json.dumps(line).encode() + b"\n"


def ask(server, method, path, body=None, headers=None, timeout=600):
    """Status and body of one request."""
    host, _, port = server.http.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=timeout)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()


def behave(server, device="well-behaved", count=100):
    """A sender as he should be is served, over TCP and HTTP; seconds that took."""
    start = time.monotonic()
    wire = Wire(server.tcp)
    answers = wire.converse(b"".join(reading(device, i) for i in range(count)))
    wire.close()
    if not answers or not answers[-1].startswith("ok ") or any(line.startswith("err") for line in answers):
        raise Failed(f"a good sender got {answers[-3:]}")
    status, body = ask(server, "POST", "/v1/readings", reading(device, count))
    if status != 200:
        raise Failed(f"a good request got {status} {body[:200]}")
    return time.monotonic() - start


class Row:
    """What one attack came to."""

    def __init__(self, server, sent):
        self.server, self.sent, self.start = server, sent, time.monotonic()
        self.before = server.memory()[0] if server else 0

    def __call__(self, refused, most=None, extra=""):
        """Checks that a good sender is served, and that memory stayed below `most` bytes."""
        seconds = time.monotonic() - self.start
        now, peak = self.server.memory()
        served = behave(self.server)
        if most and peak > most:
            raise Failed(f"{self.sent}: {peak / 1e6:.0f} MB at most, {most / 1e6:.0f} expected")
        return (
            f"{self.sent} | {refused} | {seconds:.1f} s | {self.before / 1e6:.0f} -> {peak / 1e6:.0f} MB at most, "
            f"{now / 1e6:.0f} after | a good sender is served in {served * 1000:.0f} ms{extra}"
        )


def expect(what, found, words):
    """Fails unless what was found has the words."""
    text = found if isinstance(found, str) else " / ".join(map(str, found))
    if words not in text:
        raise Failed(f"{what}: '{words}' expected, got '{text[:300]}'")


def descriptors(server):
    return len(os.listdir(f"/proc/{server.child.pid}/fd"))


def raise_descriptor_limit():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def run_measured(session, *command, timeout=1800):
    """Exit code, both outputs, seconds and the most memory of a command."""
    start, most = time.monotonic(), 0
    out = tempfile.TemporaryFile()
    child = session.start([session.binary, *command], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    # What the system counts for a child that has ended counts its parent too.
    while child.poll() is None:
        most = max(most, peak(child.pid))
        if time.monotonic() - start > timeout:
            raise Failed(f"{command[0]}: no end after {timeout} s")
        time.sleep(0.01)
    out.seek(0)
    return child.returncode, out.read().decode(errors="replace"), time.monotonic() - start, most


def peak(process):
    try:
        with open(f"/proc/{process}/status") as status:
            return next((int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM")), 0)
    except OSError:
        return 0


def server_of(session, settings="", data=None):
    return Server(session, data or session.directory(settings=settings))
