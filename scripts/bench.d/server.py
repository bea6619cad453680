"""`meterfold serve` as something to measure."""

import json
import os
import re
import select
import subprocess
import time
import urllib.request

from session import Failed, check, kill

READY_SECONDS = 120
STOP_SECONDS = 180


class Server:
    """`meterfold serve` on free ports, as a context that ends it; `started` is how long it took to accept."""

    def __init__(self, session, data, settings=None):
        self.session, self.data = session, data
        self.log = open(session.path("serve.log"), "wb+")
        listen = ["--tcp", "127.0.0.1:0", "--http", "127.0.0.1:0", "--log-level", "warning"]
        start = time.monotonic()
        self.child = session.start(
            [session.binary, "serve", "--data", data, *listen], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=self.log, env={**os.environ, **(settings or {})}
        )
        line = b""
        while not line.endswith(b"\n"):
            left = start + READY_SECONDS - time.monotonic()
            part = b""
            if left > 0 and select.select([self.child.stdout], [], [], left)[0]:
                part = os.read(self.child.stdout.fileno(), 4096)
            if not part:
                kill(self.child)
                raise Failed(f"serve did not begin to listen: {self.words()}")
            line += part
        self.started = time.monotonic() - start
        self.tcp, self.http = (re.search(name + rb"=(\S+)", line).group(1).decode() for name in (b"tcp", b"http"))

    def words(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace").strip()[-300:]

    def get(self, path, timeout=30):
        with urllib.request.urlopen(f"http://{self.http}{path}", timeout=timeout) as answer:
            return answer.read(), int(answer.headers.get("Meterfold-Position", 0))

    def position(self):
        return self.get("/v1/devices?limit=1")[1]

    def wait_for(self, position, timeout=900):
        """Waits until the views speak for the position; seconds that took."""
        start = time.monotonic()
        while (now := self.position()) < position:
            if time.monotonic() - start > timeout:
                raise Failed(f"views are at {now} of {position} after {timeout} s")
            time.sleep(0.01)
        return time.monotonic() - start

    def send(self, source, *flags, timeout=900, stdin=None):
        """What `meterfold send` reports of all lines acknowledged."""
        command = [self.session.binary, "send", self.tcp, source, "--format", "json", *flags]
        report = json.loads(self.session.run(*command, timeout=timeout, stdin=stdin or subprocess.DEVNULL))
        check("acknowledged", report["acked"], report["sent"])
        check("refused", report["refused"], 0)
        check("reconnects", report["reconnects"], 0)
        return report

    def memory(self):
        """Bytes resident, now and at most."""
        with open(f"/proc/{self.child.pid}/status") as status:
            text = status.read()
        return [int(re.search(name + r":\s+(\d+) kB", text).group(1)) * 1024 for name in ("VmRSS", "VmHWM")]

    def cpu(self):
        with open(f"/proc/{self.child.pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self):
        kill(self.child)

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        if failure[0] in (KeyboardInterrupt, SystemExit):
            kill(self.child)
        isLate = False
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                isLate = True
        kill(self.child)  # it, or what a wrapper of it has left
        self.log.close()
        self.child.stdout.close()
        if failure[0] is None and (isLate or self.child.returncode not in (0, -9)):
            how = f"did not end in {STOP_SECONDS} s" if isLate else f"ended with {self.child.returncode}"
            raise Failed(f"serve {how}")
