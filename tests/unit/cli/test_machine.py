"""``data`` and ``doctor``."""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from engine.settings.datasets.base import File
from engine.settings.datasets.published import FashionMNIST

NAMES = [f"{split}-{kind}-ubyte" for split in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]
CONTENT = {name: name.encode() * 5000 for name in NAMES}


@pytest.fixture
def mirror(monkeypatch, tmp_path):
    """A server on this machine with a small Fashion-MNIST, not fetched yet. Its answers can be changed."""
    answers = {f"/{name}.gz": gzip.compress(content) for name, content in CONTENT.items()}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = answers.get(self.path)
            self.send_response(200 if body is not None else 404)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, format, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    data = tmp_path / "data"
    mirrors = (f"{base}/gone", base)
    files = tuple(
        File(name, len(content), hashlib.sha256(content).hexdigest(), tuple(f"{m}/{name}.gz" for m in mirrors))
        for name, content in CONTENT.items()
    )
    monkeypatch.setenv("GENTUI_DATA", str(data))
    monkeypatch.setattr(FashionMNIST, "files", files)
    monkeypatch.setattr(FashionMNIST, "candidates", classmethod(lambda cls: [data / "fashion-mnist"]))
    yield answers
    server.shutdown()
    server.server_close()


def test_fetch_gets_what_is_missing_from_the_first_mirror_that_has_it(invoke, mirror, tmp_path):
    assert invoke("data", "check", "fashion-mnist").exit_code == 4
    result = invoke("data", "fetch", "fashion-mnist")
    assert result.exit_code == 0, result.output
    folder = Path(result.stdout.strip())
    assert folder == tmp_path / "data" / "fashion-mnist"
    assert {path.name for path in folder.iterdir()} == {f"{name}.gz" for name in CONTENT}
    for name, content in CONTENT.items():
        assert gzip.decompress((folder / f"{name}.gz").read_bytes()) == content
    assert invoke("data", "check", "fashion-mnist").stdout == "fashion-mnist: whole\n"
    assert "here already" in invoke("data", "fetch", "fashion-mnist").stderr


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"no gzip at all", "it is damaged"),
        (gzip.compress(b"something else"), "it is not what was published"),
        (gzip.compress(b"x" * 10_000_000), "it is longer than what was published"),
        (gzip.compress(CONTENT["t10k-images-idx3-ubyte"])[:-200], "it is not what was published"),
        (None, "the server answered 404"),
    ],
    ids=["not-packed", "other", "longer", "cut-off", "gone"],
)
def test_what_is_not_the_published_file_is_never_kept(invoke, mirror, tmp_path, body, why):
    path = "/t10k-images-idx3-ubyte.gz"
    if body is None:
        del mirror[path]
    else:
        mirror[path] = body
    result = invoke("data", "fetch", "fashion-mnist")
    assert result.exit_code == 4
    assert why in result.stderr
    assert "Traceback" not in result.output
    folder = tmp_path / "data" / "fashion-mnist"
    assert not (folder / "t10k-images-idx3-ubyte.gz").exists()
    assert not list(folder.glob(".*")), "nothing half made is left"
    assert FashionMNIST.locate() is None


def test_a_damaged_file_is_found_and_fetched_again(invoke, mirror, tmp_path):
    invoke("data", "fetch", "fashion-mnist")
    damaged = tmp_path / "data" / "fashion-mnist" / "train-images-idx3-ubyte"
    damaged.write_bytes(b"spoiled")
    result = invoke("data", "check", "fashion-mnist")
    assert result.exit_code == 4
    assert result.stdout == "fashion-mnist: damaged\n"
    assert "train-images-idx3-ubyte" in result.stderr
    assert invoke("data", "fetch", "fashion-mnist").exit_code == 0
    assert invoke("data", "check", "fashion-mnist").exit_code == 0


def test_no_network_is_a_sentence(invoke, mirror, monkeypatch):
    unreachable = tuple(file._replace(urls=("http://127.0.0.1:9/x.gz",)) for file in FashionMNIST.files)
    monkeypatch.setattr(FashionMNIST, "files", unreachable)
    result = invoke("data", "fetch", "fashion-mnist")
    assert result.exit_code == 4
    assert "could not be downloaded" in result.stderr
    assert "Traceback" not in result.output


def test_embedded_data_needs_no_fetching(invoke):
    result = invoke("data", "fetch", "digits")
    assert result.exit_code == 0
    assert "nothing to fetch" in result.stderr


def test_data_lists_what_is_here(invoke, mirror):
    rows = {row["name"]: row for row in json.loads(invoke("data", "list", "--json").stdout)}
    assert rows["digits"]["here"]
    assert rows["digits"]["embedded"]
    assert not rows["fashion-mnist"]["here"]
    assert rows["fashion-mnist"]["sizes"] == {"train": 60_000, "test": 10_000}
    assert "missing" in invoke("data").stdout


def test_doctor_examines_everything(invoke, make_run):
    make_run()
    result = invoke("doctor", "--json")
    assert result.exit_code == 0, result.output
    checks = {check["name"]: check for check in json.loads(result.stdout)["checks"]}
    assert all(set(check) == {"name", "ok", "detail", "fix"} for check in checks.values())
    needed = {"python", "home", "disk", "index", "runs", "recipes", "torch", "gpu", "data digits", "terminal"}
    assert needed <= checks.keys()
    assert checks["home private"]["ok"]
    assert checks["runs"]["detail"] == "1 done"
    assert checks["index"]["detail"] == "1 of 1 runs"


@pytest.mark.parametrize(
    ("value", "ok"), [("on", True), ("all", False), ("off", False), ("", False), ("screen-256color", False)]
)
def test_doctor_knows_tmux(monkeypatch, tmp_path, value, ok):
    from gentui.cli import doctor

    (tmp_path / "tmux").write_text(f"#!/bin/sh\necho {value}\n")
    (tmp_path / "tmux").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("TMUX", "/tmp/tmux-0/default,1,0")
    checks = {check.name: check for check in doctor._terminal()}
    assert checks["tmux focus-events"].ok is ok
    assert ok or "set -g focus-events on" in checks["tmux focus-events"].fix
    assert checks["tmux allow-passthrough"].ok is (value in ("on", "all"))
    assert checks["tmux default-terminal"].ok is (value == "screen-256color")
    (tmp_path / "tmux").unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "does not answer" in {check.name: check for check in doctor._terminal()}["tmux"].detail


@pytest.mark.parametrize(
    ("term", "environment", "told", "ok"),
    [
        ("xterm-256color", {"COLORTERM": "truecolor"}, "24 bits", True),
        ("xterm-256color", {}, "256 colours", True),
        ("linux", {}, "16 colours", False),
        ("dumb", {}, "none", False),
        ("xterm", {"NO_COLOR": "1"}, "off: NO_COLOR", True),
    ],
)
def test_doctor_knows_how_many_colours(monkeypatch, term, environment, told, ok):
    from gentui.cli import doctor

    for name in ("COLORTERM", "NO_COLOR", "TMUX", "LC_ALL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ({"TERM": term, "LC_ALL": "C.UTF-8"} | environment).items():
        monkeypatch.setenv(name, value)
    checks = {check.name: check for check in doctor._terminal()}
    assert told in checks["colour"].detail and checks["colour"].ok is ok
    assert ok or "COLORTERM" in checks["colour"].fix
    assert "LC_ALL=C.UTF-8" in checks["unicode"].detail


def test_doctor_says_how_to_mend(invoke, home, monkeypatch):
    monkeypatch.setattr("gentui.cli.doctor._TORCH", "raise ImportError('no such wheel')")
    home.chmod(0o755)
    (home / "index.db").write_bytes(b"this is no database" * 1000)
    result = invoke("doctor")
    assert result.exit_code == 4, "nothing can be trained without torch"
    assert "chmod 700" in result.stderr
    assert "ImportError: no such wheel" in result.stdout
    assert "pytorch.org" in result.stderr


def test_doctor_survives_a_torch_that_crashes_or_hangs(invoke, monkeypatch):
    monkeypatch.setattr("gentui.cli.doctor._TORCH", "import os; os.abort()")
    assert invoke("doctor").exit_code == 4
    monkeypatch.setattr("gentui.cli.doctor._TORCH", "import time; time.sleep(60)")
    monkeypatch.setattr("gentui.cli.doctor.TORCH_TIMEOUT_S", 0.3)
    result = invoke("doctor")
    assert result.exit_code == 4
    assert "took more than" in result.stdout
