"""The real gunicorn with its configuration, as the container runs it, with no database about."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from conftest import PASSWORD, SECRET_KEY

ROOT = Path(__file__).resolve().parent.parent
COMMAND = [sys.executable, "-m", "gunicorn", "app:create_app()"]


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def get(url: str) -> tuple[int, dict[str, str], str]:
    request = urllib.request.Request(url, headers={"X-Request-Id": "req-1"})
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.status, json.load(response), response.headers["X-Request-Id"]
    except urllib.error.HTTPError as error:
        return error.code, json.load(error), error.headers["X-Request-Id"]


def test_serves_logs_json_and_stops_on_sigterm(environment: dict[str, str]) -> None:
    port = free_port()
    nowhere = {"DATABASE_HOST": "127.0.0.1", "DATABASE_PORT": str(free_port())}
    server = subprocess.Popen(
        [*COMMAND, "--bind", f"127.0.0.1:{port}"],
        cwd=ROOT, env={**os.environ, **nowhere}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        for _ in range(100):
            try:
                health = get(f"http://127.0.0.1:{port}/healthz")
                break
            except urllib.error.URLError:
                time.sleep(0.1)
        assert health == (200, {"status": "ok", "version": "dev"}, "req-1")
        status, body, _ = get(f"http://127.0.0.1:{port}/readyz?password=none")
        assert (status, body["reason"]) == (503, "database: OperationalError")
        idle = socket.create_connection(("127.0.0.1", port))  # keep-alive must not hold the stop
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.recv(100).startswith(b"HTTP/1.1 200")
        began = time.monotonic()
        server.send_signal(signal.SIGTERM)
        out, err = server.communicate(timeout=20)
        assert server.returncode == 0 and time.monotonic() - began < 10
        idle.close()
    finally:
        server.kill()
    lines = [json.loads(line) for line in out.splitlines()]
    keys = {"time", "level", "message", "request_id", "path", "status", "duration_ms"}
    assert all(keys <= set(line) for line in lines)
    access = [line for line in lines if line["status"]]  # workers: in no certain order
    assert sorted(line["status"] for line in access) == [200, 200, 503]
    (ready,) = [line for line in access if line["path"] == "/readyz"]
    assert (ready["message"], ready["request_id"]) == ("GET /readyz", "req-1")
    assert ready["status"] == 503 and ready["duration_ms"] >= 0
    assert any(line["message"].startswith("not ready: ") for line in lines)
    text = (out + err).decode()
    assert PASSWORD not in text and SECRET_KEY not in text and "password=none" not in text
    assert err == b""


def test_who_comes_while_it_starts_waits(environment: dict[str, str]) -> None:
    """As the container begins: nothing is refused from the moment that something listens."""
    port = free_port()
    script = (ROOT / "start.py").read_text().replace("PORT = 8000", f"PORT = {port}")
    server = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT, env={**os.environ, "DATABASE_HOST": "127.0.0.1", "DATABASE_PORT": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        began = time.monotonic()
        while True:
            try:
                early = socket.create_connection(("127.0.0.1", port))
                break
            except ConnectionRefusedError:
                assert time.monotonic() - began < 5
        early.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        early.settimeout(20)
        assert early.recv(100).startswith(b"HTTP/1.1 200")
        early.close()
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=20)
        assert server.returncode == 0
    finally:
        server.kill()


def test_does_not_start_unconfigured(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_HOST")
    result = subprocess.run(
        [*COMMAND, "--bind", f"127.0.0.1:{free_port()}"], cwd=ROOT, capture_output=True, timeout=20
    )
    assert result.returncode != 0
    assert b"not set: DATABASE_HOST" in result.stdout
    assert PASSWORD.encode() not in result.stdout + result.stderr
