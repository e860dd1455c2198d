"""``data`` for sets of every kind: embedded, published with an MD5, made of others, a person's own folder."""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from engine.settings.datasets.base import File
from engine.settings.datasets.published import MNIST, SVHN, USPS
from gentui.machine.datasets import check

PLAIN = {"a": b"content of a" * 3000, "b": b"content of b" * 9000}


@pytest.fixture
def server(tmp_path, monkeypatch):
    """MNIST as two gzipped files and USPS as one that is not, both known by the MD5 of what is served."""
    monkeypatch.setenv("GENTUI_DATA", str(tmp_path / "data"))
    answers = {f"/{name}.gz": gzip.compress(content, mtime=0) for name, content in PLAIN.items()}
    answers["/usps.bz2"] = b"not unpacked at all" * 5000

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = answers.get(self.path)
            self.send_response(200 if body is not None else 404)
            if self.path != "/b.gz":  # a server need not say how long a file is
                self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, format, *args):
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{running.server_port}"

    def md5(path):
        return hashlib.md5(answers[path], usedforsecurity=False).hexdigest()

    mnist = [File(n, len(c), "", (f"{base}/{n}.gz",), md5(f"/{n}.gz")) for n, c in PLAIN.items()]
    monkeypatch.setattr(MNIST, "files", tuple(mnist))
    usps = File("usps.bz2", 0, "", (f"{base}/usps.bz2",), md5("/usps.bz2"), False)
    monkeypatch.setattr(USPS, "files", (usps,))
    yield answers
    running.shutdown()
    running.server_close()


def test_files_known_by_their_md5_are_fetched_and_checked(invoke, server, tmp_path):
    for name, files in (("mnist", {"a.gz", "b.gz"}), ("usps", {"usps.bz2"})):
        result = invoke("data", "fetch", name)
        assert result.exit_code == 0, result.output
        folder = tmp_path / "data" / name
        assert result.stdout.strip() == str(folder)
        assert {path.name for path in folder.iterdir()} == files
        assert invoke("data", "check", name).stdout == f"{name}: whole\n"
    assert (tmp_path / "data" / "usps" / "usps.bz2").read_bytes() == server["/usps.bz2"]


@pytest.mark.parametrize("name", ["mnist", "usps"])
def test_another_file_under_the_same_name_is_never_kept(invoke, server, tmp_path, name):
    server["/a.gz"] = gzip.compress(b"something else", mtime=0)
    server["/usps.bz2"] = b"something else"
    result = invoke("data", "fetch", name)
    assert result.exit_code == 4 and "it is not what was published" in result.stderr
    assert not [p for p in (tmp_path / "data" / name).iterdir() if p.name in ("a.gz", "usps.bz2")]
    assert not list((tmp_path / "data" / name).glob(".*"))


def test_a_changed_packed_file_is_found_and_an_unpacked_one_is_known_by_its_length(invoke, server, tmp_path):
    invoke("data", "fetch", "mnist")
    folder = tmp_path / "data" / "mnist"
    (folder / "a").write_bytes(PLAIN["a"])
    assert check(MNIST) == []
    (folder / "a").write_bytes(PLAIN["a"][:-1])
    assert "bytes, not the 36,000 published" in check(MNIST)[0]
    (folder / "a").unlink()
    (folder / "a.gz").write_bytes(server["/b.gz"])
    assert "does not hold what was published" in check(MNIST)[0]


def test_a_pair_is_fetched_as_far_as_it_can_be(invoke, server, tmp_path):
    result = invoke("data", "fetch", "mnistm-usps")
    assert result.exit_code == 4
    assert (tmp_path / "data" / "usps" / "usps.bz2").is_file()
    assert "MNIST-M is not on this machine" in result.stderr and "Traceback" not in result.output
    assert invoke("data", "check", "mnistm-usps").exit_code == 4


def test_the_list_tells_the_state_of_every_set_and_the_remedy(invoke, server, tmp_path):
    rows = {row["name"]: row for row in json.loads(invoke("data", "list", "--json").stdout)}
    assert {name for name, row in rows.items() if row["state"] == "embedded"} == {
        "digits", "digits-m", "photos", "toonfaces", "digitsm-digits",
    }  # fmt: skip
    assert rows["toonfaces"]["here"] and rows["toonfaces"]["remedy"] is None
    assert rows["toonfaces"]["groups"] == [6, 4, 3, 2] and len(rows["toonfaces"]["attributes"]) == 15
    assert rows["imagefolder"]["state"] == "yours" and "-o data.path=FOLDER" in rows["imagefolder"]["remedy"]
    assert rows["svhn"]["state"] == "missing" and "gentui data fetch svhn" in rows["svhn"]["remedy"]
    (tmp_path / "data" / "cats").mkdir(parents=True)
    rows = {row["name"]: row for row in json.loads(invoke("data", "list", "--json").stdout)}
    assert rows["cats"]["state"] == "here" and rows["cats"]["place"] == str(tmp_path / "data" / "cats")


def test_the_list_advises_on_standard_error(invoke, server):
    result = invoke("data")
    assert (
        "imagefolder" in result.stdout and "yours" in result.stdout and "gentui data fetch" not in result.stdout
    )
    assert result.stderr == "`gentui data NAME` explains one, and says how to get it\n"
    assert "`gentui data fetch svhn` downloads it" in invoke("data", "svhn").stdout
    assert "needs mnist-m and svhn" in invoke("data", "mnistm-svhn").stdout


def test_a_folder_of_ones_own_is_neither_missing_nor_fetched(invoke, server):
    result = invoke("data", "check", "imagefolder")
    assert result.exit_code == 0 and result.stdout == "imagefolder: yours\n"
    result = invoke("data", "fetch", "imagefolder")
    assert result.exit_code == 4 and "data.path=FOLDER" in result.stderr


def test_a_set_without_published_hashes_is_here_but_not_vouched_for(invoke, server, tmp_path):
    (tmp_path / "data" / "celeba").mkdir(parents=True)
    result = invoke("data", "check", "celeba")
    assert result.exit_code == 0 and result.stdout.startswith("celeba: here (no hash was published")


def test_published_hashes_are_those_of_torchvision():
    from torchvision import datasets as theirs

    assert {f.md5 for f in MNIST.files} == {md5 for _, md5 in theirs.MNIST.resources}
    assert {f.name for f in MNIST.files} == {name.removesuffix(".gz") for name, _ in theirs.MNIST.resources}
    assert {(f.urls[0], f.name, f.md5) for f in USPS.files} == {
        tuple(e) for e in theirs.USPS.split_list.values()
    }
    svhn = {tuple(theirs.SVHN.split_list[split]) for split in ("train", "test")}
    assert {(f.urls[0], f.name, f.md5) for f in SVHN.files} == svhn


@pytest.mark.parametrize("level", [1, 9])
def test_a_file_is_known_by_its_content_whoever_packed_it(invoke, monkeypatch, tmp_path, level):
    content = b"images" * 100
    monkeypatch.setenv("GENTUI_DATA", str(tmp_path / "data"))
    known = File("a", len(content), hashlib.sha256(content).hexdigest(), (), "0" * 32)
    monkeypatch.setattr(MNIST, "files", (known,))
    folder = tmp_path / "data" / "mnist"
    folder.mkdir(parents=True)
    (folder / "a.gz").write_bytes(gzip.compress(content, level, mtime=level))
    assert invoke("data", "check", "mnist").stdout == "mnist: whole\n"
