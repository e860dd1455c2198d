"""Logs that are torn, damaged or made to do harm: what is sound is taken, the rest counted, nothing else touched."""

from __future__ import annotations

import json
import os
import random
import struct
from pathlib import Path

import pytest

from engine.runs.directory import RunDir, list_runs
from gentui.imports import importer
from gentui.imports.discovery import find
from gentui.imports.log_entries import Unusable
from gentui.imports.parsing import LONGEST_LINE
from tests.support.logs import WandbFile, events_of, values_of

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


def taken(home: Path, path: Path):
    (opener,) = find(str(path))
    return importer.take(home, opener, "")


def test_a_torn_record_at_the_end_is_left_out(home, tmp_path):
    log = WandbFile(tmp_path / "r")
    log.log(1, loss=1.0)
    whole = log.path.stat().st_size
    log.log(2, loss=2.0)
    sound = log.path.read_bytes()
    for size in range(whole, len(sound)):
        log.path.write_bytes(sound[:size])
        writer = taken(home, log.path)
        assert writer.recorder.points == 1
        assert writer.recorder.skipped == ({"torn records at the end": 1} if size > whole else {})
    assert len(list_runs(home)) == 1


def test_records_after_a_damaged_one_are_taken(home, tmp_path):
    log = WandbFile(tmp_path / "r")
    for step in range(4000):
        log.log(step, loss=float(step))
    damaged = bytearray(log.path.read_bytes())
    damaged[40_000] ^= 0xFF
    log.path.write_bytes(damaged)
    writer = taken(home, log.path)
    assert writer.recorder.skipped["corrupt records"] >= 1
    steps = values_of(writer.run.path)
    assert steps.keys() >= {0, 1, 3999} and 2000 < len(steps) < 4000


def test_a_record_larger_than_a_block_is_joined(home, tmp_path):
    log = WandbFile(tmp_path / "r")
    log.log(1, loss=1.0)
    log.add(output_raw={"line": "x" * 100_000 + "\n"})
    log.raw(b"")
    log.log(2, loss=2.0)
    writer = taken(home, log.path)
    assert (
        writer.recorder.points == 2
        and writer.run.log_path.stat().st_size == 100_001
        and not writer.recorder.skipped
    )


@pytest.mark.parametrize("seed", range(6))
def test_no_flipped_byte_is_an_error_of_ours(home, tmp_path, seed):
    """Of a transaction log and of an event file."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.record_writer import RecordWriter

    log = WandbFile(tmp_path / "r")
    log.add(run={"run_id": "x", "tags": ["a"]})
    boards = tmp_path / "events.out.tfevents.1"
    with boards.open("wb") as file:
        writer = RecordWriter(file)
        for step in range(100):
            log.log(step, **{"loss": 1.0, "img._type": "image-file", "img.path": "a.png"})
            event = Event(step=step, wall_time=1e9)
            event.summary.value.add(tag="loss", simple_value=1.0)
            writer.write(event.SerializeToString())
    chance = random.Random(seed)
    for path in (log.path, boards):
        sound = path.read_bytes()
        for _ in range(25):
            data = bytearray(sound)
            for _ in range(chance.randrange(1, 6)):
                data[chance.randrange(7, len(data))] = chance.randrange(256)
            path.write_bytes(data[: chance.choice([len(data), chance.randrange(8, len(data))])])
            try:
                writer = taken(home, path)
            except Unusable as error:
                assert "contains no numbers" in str(error)
            else:
                assert writer.recorder.points <= 100
    assert len(list_runs(home)) <= 2


def test_a_sound_frame_may_hold_anything(home, tmp_path):
    log = WandbFile(tmp_path / "r")
    log.raw(os.urandom(200))
    log.raw(b"\x0a" * 5000)
    log.log(1, loss=b"[[[", other=b"1")
    log.log(2, loss=b"9" * 6000, deep=b'{"a":' * 2000)
    log.log(-5, loss=1.0)
    log.log(2**60, loss=1.0)
    log.log(3, loss=1.0, text="words", flags=[1, 2])
    log.add(config={"update": [{"key": "k", "value_json": "{{{"}, {"key": "n", "value_json": "9" * 50}]})
    log.add(
        stats={
            "timestamp": "9999-01-01T00:00:00Z",
            "item": [{"key": "cpu", "value_json": "nan"}, {"key": "x", "value_json": "{"}],
        }
    )
    writer = taken(home, log.path)
    assert writer.recorder.skipped["corrupt records"] >= 3 and writer.recorder.skipped["texts"] == 1
    assert values_of(writer.run.path)[3] == {"loss": 1.0}
    assert 'k = "{{{"' in writer.run.recipe_path.read_text()


@pytest.mark.parametrize(
    "way", ["absolute", "up", "link", "linked folder", "linked files", "pipe", "absent", "text"]
)
def test_a_picture_outside_the_runs_files_is_never_read(home, tmp_path, way):
    secret = tmp_path / "secret.png"
    secret.write_bytes(PNG)
    log = WandbFile(tmp_path / "r")
    log.files.mkdir()
    path = "a.png"
    match way:
        case "absolute":
            path = str(secret)
        case "up":
            path = "../../secret.png"
        case "link":
            (log.files / path).symlink_to(secret)
        case "linked folder":
            (log.files / "media").symlink_to(tmp_path)
            path = "media/secret.png"
        case "linked files":
            log.files.rmdir()
            log.files.symlink_to(tmp_path)
            path = "secret.png"
        case "pipe":
            os.mkfifo(log.files / path)
        case "text":
            (log.files / path).write_text("no picture")
    log.log(1, **{"loss": 1.0, "img": {"_type": "image-file", "path": path}})
    log.log(
        2,
        **{
            "imgs._type": "images/separated",
            "imgs.filenames": [path, 7, None, "\x00"],
            "imgs.captions": "no list",
        },
    )
    writer = taken(home, log.path)
    assert writer.recorder.pictures == 0 and sum(writer.recorder.skipped.values()) == 5
    assert not list(writer.run.samples.iterdir())


def test_names_and_texts_cannot_act_on_a_terminal(invoke, home, tmp_path):
    log = WandbFile(tmp_path / "r")
    evil = "\x1b]0;owned\x07\x1b[31mred\u202e"
    log.add(
        run={
            "run_id": evil,
            "display_name": evil,
            "notes": evil,
            "tags": [evil, "a,b"],
            "project": evil,
            "host": evil,
        }
    )
    log.add(environment={"program": evil, "args": [evil]})
    log.log(1, **{evil: 1.0, "@seconds": 2.0, "system/cpu": 3.0, "": 4.0})
    log.add(config={"update": [{"key": evil, "value_json": json.dumps({evil: evil})}]})
    log.add(output_raw={"line": evil + "\n"})
    (log.files).mkdir()
    (log.files / "a.png").write_bytes(PNG)
    log.log(
        2,
        **{
            "img": {"_type": "image-file", "path": "a.png", "caption": evil},
            "../../x": {"_type": "image-file", "path": "a.png"},
        },
    )
    log.add(exit={"exit_code": 1})
    done = invoke("import", str(log.path))
    assert done.exit_code == 0, done.stderr
    run = done.stdout.strip()
    told = [
        done.stderr,
        *(invoke(*command).stdout for command in (["runs"], ["show", run], ["runs", "--json"])),
    ]
    assert not [text for text in told if "\x1b" in text or "\u202e" in text]
    shown = json.loads(invoke("show", run, "--json").stdout)
    assert shown["name"] == "red" and shown["tags"] == ["red", "a-b"] and shown["notes"] == "red"
    assert shown["metrics"] == {"red": 1.0, "logged.@seconds": 2.0, "logged.system/cpu": 3.0, "unnamed": 4.0}
    assert len(shown["samples"]) == 2 and all(
        Path(path).parent == Path(shown["dir"]) / "samples" for path in shown["samples"]
    )
    assert evil.encode() in RunDir(shown["dir"]).log_path.read_bytes()


def test_lines_of_any_kind_are_read_or_counted(home, tmp_path):
    path = tmp_path / "m.jsonl"
    lines = [
        b'{"step": 1, "loss": 1, "huge": ' + b"9" * 400 + b"}",
        b'{"step": 2, "loss": 2, "big": ' + b"9" * 5000 + b"}",
        b'{"step": 3, "loss": 3, "pad": "' + b"x" * (LONGEST_LINE + 10) + b'"}',
        b'{"step": 4, "loss": 4, "\\ud800": 1, "a\\u001b[2Jb": 2}',
        b'{"step": -1, "loss": 5}',
        b'{"step": 1.5, "loss": 5}',
        b'{"step": ' + b"9" * 30 + b', "loss": 5}',
        b"\xff\xfe\x00",
        b'{"a":' * 100_000,
        b'{"step": 9, "loss": 1e999}',
    ]
    path.write_bytes(b"\n".join(lines))
    writer = taken(home, path)
    assert values_of(writer.run.path) == {
        1: {"loss": 1.0}, 4: {"loss": 4.0, "\ufffd": 1.0, "ab": 2.0}, 9: {"loss": float("inf")},
    }  # fmt: skip
    assert writer.recorder.skipped == {
        "numbers too large": 1, "lines that are not objects": 3, "lines too long": 1,
        "rows whose step is not a whole number from 0 on": 3,
    }  # fmt: skip


def test_more_series_than_the_index_follows_are_counted(home, tmp_path, invoke):
    path = tmp_path / "wide.csv"
    path.write_text(",".join(f"m{n}" for n in range(1200)) + "\n" + ",".join("1" for _ in range(1200)) + "\n")
    writer = taken(home, path)
    assert writer.recorder.points == 1000 and writer.recorder.skipped == {
        "values of series beyond the first 1,000": 200
    }
    shown = json.loads(invoke("show", writer.run.id, "--json").stdout)
    assert len(shown["metrics"]) == 1000


def test_many_settings_leave_a_recipe_that_is_read(home, tmp_path, invoke):
    log = WandbFile(tmp_path / "r")
    values = {f"key{n}": "x" * 5000 for n in range(3000)}
    log.add(config={"update": [{"key": key, "value_json": json.dumps(value)} for key, value in values.items()]})
    log.log(1, loss=1.0)
    writer = taken(home, log.path)
    assert writer.recorder.skipped == {"settings beyond the first 2,000": 1000}
    run = json.loads(invoke("show", writer.run.id, "--json").stdout)
    assert run["reason"].startswith("its log has no end") and "recipe.toml" not in run["reason"]


def test_what_is_no_plain_file_is_refused(gentui, tmp_path):
    os.mkfifo(tmp_path / "a.csv")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "away.csv").symlink_to(tmp_path / "nowhere")
    for name, code in (("a.csv", 2), ("loop", 2), ("away.csv", 3)):
        done = gentui("import", str(tmp_path / name))
        assert done.returncode == code and done.stderr.count("\n") == 1, done.stderr


def test_an_event_file_says_anything(home, tmp_path):
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.record_writer import RecordWriter

    path = tmp_path / "events.out.tfevents.1"
    with path.open("wb") as file:
        writer = RecordWriter(file)

        def told(step: int, **value) -> None:
            event = Event(step=step, wall_time=float("nan"))
            event.summary.value.add(**value)
            writer.write(event.SerializeToString())

        told(1, tag="loss", simple_value=1.0)
        told(-1, tag="loss", simple_value=1.0)
        told(2, tag="pic", image={"encoded_image_string": b"no picture"})
        told(2, tag="pic", image={"encoded_image_string": PNG})
        shape = {"dim": [{"size": 2**40}]}
        told(
            3,
            tag="t",
            tensor={"dtype": 1, "tensor_shape": shape},
            metadata={"plugin_data": {"plugin_name": "scalars"}},
        )
        told(4, tag="hp", metadata={"plugin_data": {"plugin_name": "hparams", "content": b"\xff\xff"}})
        file.write(struct.pack("<Q", 2**62) + bytes(500))
    writer = taken(home, path)
    assert writer.recorder.points == 1 and writer.recorder.pictures == 1
    assert writer.recorder.skipped == {
        "steps below 0": 1, "pictures of a format that cannot be shown": 1, "corrupt records": 2,
    }  # fmt: skip
    assert events_of(writer.run.path, "status")[-1]["status"] == "done"
