"""An S3 server on this machine, which can be stopped and go on."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass
class ObjectStore:
    """A moto server with one bucket."""

    process: subprocess.Popen[bytes]
    port: int

    def url(self, folder: str) -> str:
        """URL of a folder in the bucket, as a scan file gives it."""
        return f"s3://bucket/{folder}?scheme=http&endpoint_override=127.0.0.1:{self.port}"

    def stop(self) -> None:
        """It answers nobody from now on."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """It answers again."""
        self.process.send_signal(signal.SIGCONT)


def started() -> ObjectStore:
    """A server that answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.1)
        else:
            return ObjectStore(process, port)
