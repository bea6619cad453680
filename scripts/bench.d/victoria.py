"""What VictoriaMetrics, where it is installed, keeps of the rows that a log was made of."""

import datetime
import os
import shutil
import socket
import subprocess
import time
import urllib.request

from session import Failed, check, kill

PROGRAM = "victoria-metrics"
READY_SECONDS = 30
MERGE_SECONDS = 300


def is_installed():
    return shutil.which(PROGRAM) is not None


class VictoriaMetrics:
    """The program on an empty folder and a free port, as a context that ends it."""

    def __init__(self, session):
        self.folder = session.path("victoria-metrics")
        shutil.rmtree(self.folder, ignore_errors=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        self.log = open(session.path("victoria-metrics.log"), "wb")
        self.child = session.start(
            [PROGRAM, f"-storageDataPath={self.folder}", f"-httpListenAddr={self.address}", "-retentionPeriod=100y"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log
        )
        for _ in range(READY_SECONDS * 10):
            try:
                self.ask("/health")
                return
            except OSError:
                time.sleep(0.1)
        self.__exit__()
        raise Failed(f"{PROGRAM} did not answer in {READY_SECONDS} s")

    def ask(self, path, body=None):
        with urllib.request.urlopen(f"http://{self.address}{path}", data=body, timeout=60) as answer:
            return answer.read().decode()

    def put(self, device, rows):
        """Rows of time in seconds, value and register: one series a register."""
        lines = (f"meter,device={device},register={row[2]} value={row[1]} {row[0]}\n" for row in rows)
        self.ask("/write?precision=s", "".join(lines).encode())

    def bytes(self, count):
        """Bytes of its data files once all is flushed and merged, the index of names left out; `count` rows came."""
        self.ask("/internal/force_flush")
        self.ask("/internal/force_merge")
        # It begins by and by: twice without work, and nothing in memory alone.
        idle = 0
        for _ in range(MERGE_SECONDS):
            time.sleep(1)
            busy = ("vm_active_force_merges", "vm_active_merges", 'vm_rows{type="storage/inmemory"}')
            idle = 0 if any(self.metrics(busy)) else idle + 1
            if idle == 2:
                break
        else:
            raise Failed(f"{PROGRAM} was still merging after {MERGE_SECONDS} s")
        # Rows of one instant and series are kept, so that all must be there.
        check("rows in VictoriaMetrics", sum(self.metrics(('vm_rows{type="storage/',))), count)
        return sum(
            os.path.getsize(os.path.join(folder, name))
            for folder, _, names in os.walk(os.path.join(self.folder, "data")) if "/indexdb" not in folder
            for name in names
        )

    def metrics(self, names):
        lines = self.ask("/metrics").splitlines()
        return [float(line.rpartition(" ")[2]) for line in lines if line.startswith(names)]

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        kill(self.child)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def seconds(text):
    return int(datetime.datetime.fromisoformat(text.replace('Z', '+00:00')).timestamp())
