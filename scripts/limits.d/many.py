"""Too many: connections, devices, values of one instant."""

import json
import multiprocessing
import select
import socket
import struct
import time

from attacker import (
    ANSWER_SECONDS, FIRST_LINE, START, Row, Wire, ask, attack, behave, descriptors, expect, raise_descriptor_limit,
    reading, run_measured, server_of,
)
from session import Failed


@attack("connections", "more connections than there may be, and as many as there may be with half a line each")
def connections(session):
    raise_descriptor_limit()
    with server_of(session, "serve:\n  connections: 100\n") as server:
        row = Row(server, "101 connections where there may be 100")
        wires = [Wire(server.tcp) for _ in range(100)]
        for wire in wires:
            wire.send(reading("one"))
            expect("one of 100", wire.line(), "ok ")
        answer = Wire(server.tcp).line()
        expect("one too many", answer, "err 0 too-many-connections")
        wires.pop().close()
        time.sleep(0.5)
        yield row(answer, 300e6)
    count = 1000 if session.quick else 16_000
    with server_of(session) as server:
        row = Row(server, f"{count} connections, each with 60 kB of a line that does not end")
        wires = [Wire(server.tcp) for _ in range(count)]
        time.sleep(1)
        idle = server.memory()[0]
        for wire in wires:
            wire.send(b"x" * 60_000)
        time.sleep(2)
        held = server.memory()[0]
        for wire in wires:
            wire.close()
        time.sleep(8)
        fds = descriptors(server)
        if fds > 200:
            raise Failed(f"{fds} descriptors are open after all connections ended")
        each = [(bytes_ - row.before) / count / 1000 for bytes_ in (idle, held)]
        yield row(f"none: {each[0]:.1f} kB each idle, {each[1]:.0f} kB with it; {fds} descriptors after", 2.5e9)


def tiny(address, worker, count, result):
    """Connections one after the other, a reading each."""
    host, _, port = address.rpartition(":")
    acked = 0
    for number in range(count):
        wire = socket.socket()
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wire.bind((f"127.0.0.{2 + worker}", 0))
        wire.settimeout(ANSWER_SECONDS)
        wire.connect((host, int(port)))
        wire.sendall(FIRST_LINE + reading(f"tiny-{worker}", number))
        if wire.recv(100).startswith(b"ok "):
            acked += 1
        wire.close()
    result.put(acked)


@attack("tiny", "a million connections, one reading each")
def tiny_connections(session):
    count = 20_000 if session.quick else 1_000_000
    workers = 16
    with server_of(session) as server:
        behave(server)
        fds = descriptors(server)
        row = Row(server, f"{count} connections by {workers} at a time, a reading each")
        result = multiprocessing.Queue()
        processes = [
            multiprocessing.Process(target=tiny, args=(server.tcp, i, count // workers, result)) for i in range(workers)
        ]
        start = time.monotonic()
        for process in processes:
            process.start()
        acked = sum(result.get() for _ in processes)
        seconds = time.monotonic() - start
        for process in processes:
            process.join()
        if acked != count // workers * workers:
            raise Failed(f"{acked} of {count} were acknowledged")
        time.sleep(1)
        after = descriptors(server)
        if after > fds + 8:
            raise Failed(f"{after} descriptors after, {fds} before")
        yield row(f"none: {acked} acknowledged, {acked / seconds:.0f} a second; descriptors {fds} -> {after}", 400e6)


def names(path, first, count, at=START):
    with open(path, "wb") as file:
        for start in range(first, first + count, 10_000):
            file.write(b"".join(
                b'{"device":"d-%d","readAt":%d,"value":"1","unit":"kWh","register":"1-0:1.8.0"}\n' % (i, at)
                for i in range(start, min(start + 10_000, first + count))
            ))


@attack("devices", "ever new names: ten million devices where a million may be")
def devices(session):
    limit, count = (20_000, 200_000) if session.quick else (1_000_000, 10_000_000)
    path = session.path("names.ndjson")
    data = session.directory(settings=f"ingest:\n  devices: {limit}\n")
    names(path, 0, limit)
    code, out, seconds, most = run_measured(session, "ingest", "--data", data, "--log-only", path)
    yield f"ingest: {limit} devices | exit {code}: none | {seconds:.1f} s | {most / 1e6:.0f} MB at most"
    with server_of(session, data=data) as server:
        server.wait_for(limit)
        row = Row(server, f"TCP: {count - limit} further ones, by connections that come again")
        with open(path, "rb") as file:
            known = file.readline()
        made, ended, words = limit, 0, ""
        while made < count:
            batch = min(100_000, count - made)
            text = b"".join(
                b'{"device":"d-%d","readAt":%d,"value":"1","unit":"kWh","register":"1-0:1.8.0"}\n' % (i, START)
                for i in range(made, made + batch)
            )
            wire = Wire(server.tcp)
            answers = exchange(wire, text)
            expect("a new device", answers[:1], "too-many-devices")
            ended += any("too-many-refused" in line for line in answers[-1:])
            words = answers[0]
            wire.close()
            made += batch
        later = known.replace(b'"1"', b'"2"').replace(b"%d" % START, b"%d" % (START + 60))
        answers = Wire(server.tcp).converse(later)
        expect("a known device", answers, "ok ")
        resident, peak = server.memory()
        yield (f"{row.sent} | {words}; {ended} connections ended as too-many-refused | "
               f"{time.monotonic() - row.start:.0f} s | {row.before / 1e6:.0f} -> {peak / 1e6:.0f} MB at most, "
               f"{resident / 1e6:.0f} after | known devices go on")
        row = Row(server, "HTTP: 300,000 further ones in one body")
        text = b"".join(
            b'{"device":"d-%d","readAt":%d,"value":"1","unit":"kWh","register":"1-0:1.8.0"}\n' % (i, START)
            for i in range(count, count + 300_000)
        )
        status, body = ask(server, "POST", "/v1/readings", text)
        expect("new devices", body, "too-many-devices")
        seconds, most = time.monotonic() - row.start, server.memory()[1]
        yield f"{row.sent} | {status} {body[-160:].strip()} | {seconds:.1f} s | {most / 1e6:.0f} MB at most"
    names(path, limit, 1_000_000 if not session.quick else 100_000)
    code, out, seconds, most = run_measured(session, "ingest", "--data", data, "--log-only", path)
    expect("ingest", out, "too-many-devices")
    words = " ".join(out.split())[:140]
    yield f"ingest: new ones in a file | exit {code}: {words} | {seconds:.1f} s | {most / 1e6:.0f} MB at most"
    with server_of(session, data=data) as server:
        resident, most = server.memory()
        yield f"start anew with {limit} devices | it listens after {server.started:.1f} s | {most / 1e6:.0f} MB at most"


def exchange(wire, text):
    """Sends while it reads: neither side then waits for the other for ever."""
    wire.socket.setblocking(False)
    answers, sent, view = bytearray(), 0, memoryview(text)
    deadline = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < deadline:
        writing = [wire.socket] if sent < len(text) else []
        readable, writable, _ = select.select([wire.socket], writing, [], 5)
        try:
            if readable:
                part = wire.socket.recv(1 << 20)
                if not part:
                    break
                answers += part
            if writable:
                sent += wire.socket.send(view[sent : sent + (1 << 18)])
                if sent == len(text):
                    wire.socket.shutdown(socket.SHUT_WR)
        except ConnectionError:
            break
    return answers.decode().splitlines()


@attack("one-instant", "a million values for one instant, and a reading of the year 2000 in a live series")
def one_instant(session):
    count = 100_000 if session.quick else 1_000_000
    with server_of(session) as server:
        wire = Wire(server.tcp)
        answers = wire.converse(b"".join(reading("live", i) for i in range(1000)))
        position = int(answers[-1].split()[1])
        row = Row(server, f"{count} values for one instant")
        text = b"".join(reading("instant", 1, value=i) for i in range(count))
        answers = exchange(Wire(server.tcp), text)
        position = int(answers[-1].split()[1])
        taken = time.monotonic() - row.start
        waited = server.wait_for(position)
        status, body = ask(server, "GET", "/v1/devices/instant/anomalies?limit=1000")
        rows = [one for one in json.loads(body)["rows"] if one["kind"] == "conflict"]
        if len(rows) != 15:
            raise Failed(f"{len(rows)} conflicts are told, 15 expected")
        yield row(f"none: {count} in the log after {taken:.1f} s, views after {waited:.1f} s more; {status}, "
                  f"{len(rows)} conflicts told", 400e6)
        row = Row(server, "a reading of the year 2000 in a live series, and one a day more")
        answers = Wire(server.tcp).converse(reading("live", value=0, at=946_684_800))
        position = int(answers[-1].split()[1])
        waited = server.wait_for(position)
        answers = Wire(server.tcp).converse(reading("live", value=0, at=946_684_799))
        expect("before 2000", answers, "time-range")
        status, body = ask(server, "GET", "/v1/devices/live/anomalies")
        yield row(f"1999: {answers[0]}; 2000: taken, views after {waited:.2f} s; {status} {body[:300]}", 400e6)
