"""What is too long, too deep, or grows when it is unpacked."""

import gzip
import os
import zlib

from attacker import Row, Wire, ask, attack, expect, reading, run_measured, server_of
from session import Failed

LINE_BYTES = 64 * 1024
MEMORY = 200e6


@attack("giant", "lines of 64 KiB and a byte, and of 100 MB without an end")
def giant(session):
    size = (10 if session.quick else 100) * 1_000_000
    with server_of(session) as server:
        padded = reading("giant")[:-2] + b', "note": "' + b"x" * LINE_BYTES + b'"}\n'
        row = Row(server, f"TCP: a line of {len(padded)} bytes between two good ones")
        answers = Wire(server.tcp).converse(reading("giant", 1) + padded + reading("giant", 2))
        expect("a giant line", answers, "line-too-long")
        expect("the lines beside it", answers[-1:], " 3")
        yield row(answers[0], MEMORY)
        row = Row(server, f"TCP: {size / 1e6:.0f} MB without a line end, then a good line")
        wire = Wire(server.tcp)
        for _ in range(size // 1_000_000):
            wire.send(b"x" * 1_000_000)
        answers = wire.converse(b"\n" + reading("giant", 3))
        expect("an endless line", answers, "line-too-long")
        expect("the line behind it", answers[-1:], "ok ")
        yield row(answers[0], MEMORY)
        size = min(size, 30_000_000)
        row = Row(server, f"HTTP: {size / 1e6:.0f} MB without a line end, then a good line")
        status, body = ask(server, "POST", "/v1/readings?format=ndjson", b"x" * size + b"\n" + reading("giant", 4))
        expect("an endless line", body, "line-too-long")
        yield row(f"{status} {told(body)}", MEMORY)
        row = Row(server, "HTTP: a body of 33 MiB")
        status, body = ask(server, "POST", "/v1/readings", b"x" * (33 << 20))
        if status != 413:
            raise Failed(f"a body that is too large: {status} {body[:200]}")
        yield row(f"{status} {told(body)}", MEMORY)
    path = session.path("giant.ndjson")
    size = (10 if session.quick else 100) * 1_000_000
    with open(path, "wb") as file:
        file.write(reading("giant", 1) + b"x" * size + b"\n" + reading("giant", 2))
    data = session.directory("file")
    code, out, seconds, most = run_measured(session, "ingest", "--data", data, "--log-only", path)
    expect("ingest", out, "line-too-long")
    if most > MEMORY:
        raise Failed(f"ingest of a giant line needed {most / 1e6:.0f} MB")
    yield (f"ingest: a line of {size / 1e6:.0f} MB | exit {code}: {last(out)} | {seconds:.1f} s "
           f"| {most / 1e6:.0f} MB at most")


def last(text):
    return " ".join(text.split())[:160]


def told(body):
    """What an answer says, without what all of its kind say."""
    return body.partition('"detail": ')[2][:160].strip() or body[:160].strip()


@attack("nested", "JSON that nests 10,000 levels")
def nested(session):
    deep = b"[" * 10_000 + b"]" * 10_000
    line = b'{"device": ' + deep + b"}\n"
    with server_of(session) as server:
        row = Row(server, "TCP: a line of 10,000 levels, 1,000 times")
        answers = Wire(server.tcp).converse(line * 1000 + reading("nested", 1))
        expect("a deep line", answers, "bad-json")
        expect("the line behind", answers[-1:], "ok ")
        yield row(answers[0], MEMORY)
        row = Row(server, "TCP: a first line of 10,000 levels")
        answers = Wire(server.tcp, b'meterfold/1 {"ack": ' + deep + b"}\n").lines()
        expect("a deep first line", answers, "bad-first-line")
        yield row(answers[0], MEMORY)
        for path in ("/v1/readings?format=ndjson", "/v1/events"):
            row = Row(server, f"HTTP {path}: 10,000 levels")
            status, body = ask(server, "POST", path, line)
            expect("a deep body", body, "bad-json")
            yield row(f"{status} {told(body)}", MEMORY)
        for shape in (deep, b'{"device": ' + deep + b"}", b'{"a":' * 10_000 + b"1" + b"}" * 10_000):
            row = Row(server, "HTTP /v1/top-ups: 10,000 levels")
            headers = {"Content-Type": "application/json"}
            status, body = ask(server, "POST", "/v1/top-ups", shape, headers)
            if status not in (400, 413):
                raise Failed(f"a deep payment: {status} {body[:200]}")
            yield row(f"{status} {told(body)}", MEMORY)


@attack("bombs", "gzip that grows a thousandfold")
def bombs(session):
    size = (100 if session.quick else 1000) << 20
    zeros = squeezed(b"\0" * (1 << 20), size >> 20)
    same = squeezed(reading("bomb") * 10_000, size // (len(reading("bomb")) * 10_000))
    twice = gzip.compress(zeros)
    with server_of(session) as server:
        for name, bomb, words in (("zeros", zeros, "neither NDJSON"), ("one reading", same, '"rejected": 0'),
                                  ("gzip of zeros", twice, "neither NDJSON")):
            row = Row(server, f"HTTP: {len(bomb)} bytes of gzip, {size >> 20} MiB of {name}")
            status, body = ask(server, "POST", "/v1/readings", bomb, {"Content-Encoding": "gzip"})
            expect(name, body, words)
            yield row(f"{status} {told(body)}", MEMORY)
        beyond = squeezed(b"\0" * (1 << 20), 1100)
        row = Row(server, f"HTTP: {len(beyond)} bytes of gzip, 1100 MiB of a line of zeros")
        status, body = ask(server, "POST", "/v1/readings?format=ndjson", beyond, {"Content-Encoding": "gzip"})
        expect("beyond 1 GiB", body, "inflates to more than")
        yield row(f"{status} {told(body)}", MEMORY)
    for name, bomb in (("zeros", zeros), ("one reading", same), ("gzip of zeros", twice)):
        path = session.path("bomb.gz")
        with open(path, "wb") as file:
            file.write(bomb)
        data = session.directory("file")
        code, out, seconds, most = run_measured(session, "ingest", "--data", data, "--log-only", path)
        if most > MEMORY:
            raise Failed(f"ingest of {name} needed {most / 1e6:.0f} MB")
        yield (f"ingest: {len(bomb)} bytes, {size >> 20} MiB of {name} | exit {code}: {last(out)} | {seconds:.1f} s "
               f"| {most / 1e6:.0f} MB at most")
        os.remove(path)


def squeezed(block, times):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(block) for _ in range(times)) + packer.flush()
