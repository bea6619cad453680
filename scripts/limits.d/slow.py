"""Senders who take their time."""

import socket
import time

from attacker import Row, Wire, ask, attack, raise_descriptor_limit, reading, server_of
from session import Failed

HTTP_IDLE_SECONDS = 60
FIRST_LINE_SECONDS = 60
SLACK_SECONDS = 30


def drip(wires, pieces, seconds, every=1.0, pause=None):
    """Sends each its next byte every so often, until all are ended by the server; how many are not, and when."""
    start = time.monotonic()
    open_wires, sent = list(wires), 0
    while open_wires and time.monotonic() - start < seconds:
        for wire in open_wires:
            wire.send(pieces[sent % len(pieces) : sent % len(pieces) + 1])
        sent += 1
        if pause:
            pause()
        time.sleep(every)
        open_wires = [wire for wire in open_wires if not wire.is_over()]
    return len(open_wires), time.monotonic() - start


@attack("slow-lines", "TCP connections that drip: within a line, and before their first line where tokens are needed")
def slow_lines(session):
    count = 200 if session.quick else 2000
    raise_descriptor_limit()
    with server_of(session, "serve:\n  idleSeconds: 5\n") as server:
        row = Row(server, f"{count} connections that drip a byte a second within a line")
        wires = [Wire(server.tcp) for _ in range(count)]
        left, _ = drip(wires, b"x", 4)
        if left < count:
            raise Failed(f"{count - left} who still sent were ended")
        yield row("none: they send, and each costs what it holds", 300e6)
        row = Row(server, f"{count} connections that fall silent within a line, idleSeconds 5")
        time.sleep(7)
        ended = sum(wire.is_over() for wire in wires)
        if ended < count:
            raise Failed(f"{count - ended} silent connections are still open after 7 s")
        yield row("all ended as idle", 300e6)
        for wire in wires:
            wire.close()
    with server_of(session, "serve:\n  requireTokens: on\n") as server:
        row = Row(None, f"{count} connections without a token that drip their first line")
        wires = [Wire(server.tcp, b"meterfold/1 {") for _ in range(count)]
        left, seconds = drip(wires, b" ", FIRST_LINE_SECONDS + SLACK_SECONDS)
        if left:
            raise Failed(f"{left} of {count} connections that name no token are open after {seconds:.0f} s")
        resident, most = server.memory()
        yield f"{row.sent} | all ended after {seconds:.0f} s | {resident / 1e6:.0f} MB, {most / 1e6:.0f} at most"


@attack("slow-http", "HTTP connections that drip their header, or their body")
def slow_http(session):
    count = 250
    header = b"GET /v1/devices HTTP/1.1\r\nHost: x\r\nX-Slow: "
    body = b"POST /v1/readings?format=ndjson HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n"
    unread = b"POST /v1/nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n"
    for name, head in (("header", header), ("body", body), ("body that nobody reads", unread)):
        with server_of(session) as server:
            row = Row(server, f"{count} requests that drip their {name}, a byte in 2 s")
            wires = [Wire(server.http, head) for _ in range(count)]
            asked = []

            def look():
                try:
                    asked.append(ask(server, "GET", "/readyz", timeout=5)[0])
                except OSError as reason:
                    asked.append(str(reason))

            left, seconds = drip(wires, b"x", HTTP_IDLE_SECONDS + SLACK_SECONDS, every=2, pause=look)
            if left:
                raise Failed(f"{left} of {count} that drip their {name} are open after {seconds:.0f} s")
            others = f", others meanwhile answered {sum(a == 200 for a in asked)} of {len(asked)} times"
            yield row(f"all ended after {seconds:.0f} s", 300e6, others)


@attack("unread", "replies that nobody reads")
def unread(session):
    with server_of(session) as server:
        row = Row(server, "20 MB of lines that are refused, no reply read")
        wire = Wire(server.tcp, timeout=5)
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sent = 0
        try:
            for _ in range(200):
                wire.socket.sendall(b"{}\n" * 30_000 + reading("unread"))
                sent += 1
        except OSError as reason:
            words = str(reason) or type(reason).__name__
        else:
            words = "all of it was taken"
        yield row(f"after {sent} x 90 kB: {words}", 300e6)
