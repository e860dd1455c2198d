"""Data that changes between two attempts of a run: labels keep their numbers, and what changed is said and recorded."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.data.continuity import changes, record_of, with_labels_of
from engine.data.dataset import DataError, Dataset, Split, open_dataset
from engine.recipes.labels import Labels
from engine.recipes.recipe import load
from engine.runs.directory import RunDir
from engine.settings.datasets.folders import ImageFolder
from tests.support.engine import events, finish, trainer
from tests.support.processes import Forked

PER_CLASS = 20


@pytest.fixture
def folder(tmp_path, cache, paint) -> Path:
    for number, name in enumerate(("cat", "dog", "owl")):
        paint(tmp_path / "pets" / name, PER_CLASS, first=100 * number)
    return tmp_path / "pets"


@pytest.fixture
def begun(make_run, folder):
    """Makes a run of two steps on the folder, done; keyword arguments are further settings."""

    def make(**settings) -> RunDir:
        run = make_run(
            data__dataset="imagefolder", data__path=str(folder), data__image_size=8, data__batch_size=8,
            evaluate__times=0, train__steps=2, sample__times=1, **settings,
        )  # fmt: skip
        code, output = finish(trainer(run))
        assert code == 0, output
        return run

    return make


def resume(run: RunDir) -> tuple[int, str]:
    """Resume a run, to go on to four steps."""
    recipe = load(run.recipe_path).with_values({"train.steps": 4})
    run.recipe_path.write_text(recipe.to_toml())
    return finish(trainer(run))


def records(run: RunDir) -> list[dict]:
    return [e["data"] for e in events(run, "status") if e["status"] in ("started", "resumed")]


def alerts(run: RunDir) -> list[str]:
    return [event["sentence"] for event in events(run, "alert")]


def test_the_first_attempt_records_fingerprint_and_classes(begun, folder):
    (record,) = records(begun())
    dataset = open_dataset(ImageFolder.model_validate({"path": str(folder), "batch_size": 8, "image_size": 8}))
    assert record["fingerprint"] == dataset.fingerprint and record["classes"] == ["cat", "dog", "owl"]
    assert record["images"] == {name: len(split) for name, split in dataset.splits.items()}


def test_unchanged_data_is_resumed_without_a_word(begun):
    run = begun()
    code, output = resume(run)
    assert code == 0 and not alerts(run), output
    assert records(run)[0] == records(run)[1]


def test_a_renamed_class_is_refused_in_one_sentence_with_the_way_on(begun, folder):
    run = begun()
    (folder / "cat").rename(folder / "puma")
    code, output = resume(run)
    assert code == 4 and "Traceback" not in output
    reason = events(run, "status")[-1]["reason"]
    for part in ("'cat' gone", "'puma' new", "give them back their names", "begin a new run"):
        assert part in reason
    assert "\n" not in reason and len(records(run)) == 1
    (folder / "puma").rename(folder / "cat")
    code, output = resume(run)
    assert code == 0, output


def test_a_run_is_not_scored_against_renamed_classes(begun, folder):
    run = begun()
    (folder / "cat").rename(folder / "puma")
    command = ["-m", "engine.inference.evaluate", str(run.path), "--samples", "20", "--device", "cpu"]
    code, output = finish(Forked(command, stderr=subprocess.STDOUT))
    assert code == 4 and "'cat' gone, 'puma' new" in output and "Traceback" not in output


def test_a_class_more_is_refused_before_torch_is_asked(begun, folder, paint):
    run = begun()
    paint(folder / "ape", PER_CLASS, first=900)
    code, output = resume(run)
    assert code == 4 and "Traceback" not in output and "size mismatch" not in output
    assert events(run, "status")[-1]["reason"] == (
        "this run was trained on other labels than imagefolder has now ('ape' new): give them back their names and "
        "take new ones away to go on with it, or begin a new run"
    )


def test_a_class_less_leaves_the_others_their_numbers(begun, folder):
    run = begun()
    for path in (folder / "cat").iterdir():
        path.unlink()
    code, output = resume(run)
    assert code == 0, output
    assert any("'cat' gone" in sentence for sentence in alerts(run))
    assert records(run)[1]["classes"] == ["dog", "owl"]


def test_more_images_are_said_and_recorded(begun, folder, paint):
    run = begun()
    paint(folder / "dog", 20, first=900)
    code, output = resume(run)
    assert code == 0, output
    (sentence,) = alerts(run)
    before, after = records(run)
    assert before["fingerprint"] != after["fingerprint"]
    counts = f"{after['images']['train']} train images where there were {before['images']['train']}"
    assert "The data has changed since the attempt before" in sentence and counts in sentence
    assert sentence in run.log_path.read_text() if run.log_path.exists() else sentence in output
    run.recipe_path.write_text(load(run.recipe_path).with_values({"train.steps": 6}).to_toml())
    code, output = finish(trainer(run))
    assert code == 0 and len(alerts(run)) == 1, "the second attempt on the same data has nothing to say"


def test_as_many_images_of_other_content_are_said(begun, folder, paint):
    run = begun()
    paint(folder / "dog", PER_CLASS, first=950)
    for number in range(100, 100 + PER_CLASS):
        (folder / "dog" / f"{number:04d}.png").unlink()
    code, output = resume(run)
    assert code == 0, output
    assert "The data has changed" in alerts(run)[0]


def test_a_net_without_classes_goes_on_with_renamed_folders(begun, folder):
    run = begun(model__class_conditioning="none")
    (folder / "cat").rename(folder / "puma")
    code, output = resume(run)
    assert code == 0, output
    assert any("'cat' gone, 'puma' new" in sentence for sentence in alerts(run))


def test_a_run_of_an_early_version_without_a_record_is_resumed(begun, folder, paint):
    run = begun()
    lines = run.events_path(1).read_bytes().split(b"\n")
    run.events_path(1).write_bytes(b"\n".join(line for line in lines if b'"fingerprint"' not in line))
    paint(folder / "dog", 5, first=900)
    code, output = resume(run)
    assert code == 0 and not alerts(run), output


def test_a_conditional_net_on_a_folder_without_classes_names_the_images_that_prevent_them(begun, folder, paint):
    paint(folder, 15, first=700)
    with pytest.raises(AssertionError) as caught:
        begun()
    assert "15 lie beside them ('0700.png', '0701.png', '0702.png' and 12 more)" in str(caught.value)


# -- labels by name ------------------------------------------------------------------------------------------


def labelled(names: tuple[str, ...], labels: list[int]) -> Dataset:
    split = Split(torch.zeros(len(labels), 1, 4, 4, dtype=torch.uint8), torch.tensor(labels))
    return Dataset("set", split, Split(split.images), names, fingerprint="f")


def test_classes_are_found_by_name_and_splits_without_labels_stay_so():
    now = labelled(("a", "c"), [0, 1, 1])
    then = with_labels_of(now, Labels(("a", "b", "c")), needed=True)
    assert then.classes == ("a", "b", "c") and then.train.labels.tolist() == [0, 2, 2]
    assert then.test.labels is None


def test_attributes_are_found_by_name():
    rows = torch.tensor([[1, 0, 0], [0, 1, 1]], dtype=torch.uint8)
    split = Split(torch.zeros(2, 1, 4, 4, dtype=torch.uint8), rows)
    now = Dataset("set", split, split, attributes=("new", "young", "smiling"))
    then = with_labels_of(now, Labels((), ("smiling", "young")), needed=True)
    assert then.attributes == ("smiling", "young") and then.train.labels.tolist() == [[0, 0], [1, 1]]
    with pytest.raises(DataError, match="'bald' gone"):
        with_labels_of(now, Labels((), ("smiling", "bald")), needed=True)
    with pytest.raises(DataError):
        with_labels_of(now, Labels((), ("young", "smiling"), (2,)), needed=True)


def test_names_that_print_alike_are_never_confused():
    now = labelled(("c�", "c�"), [0, 1])
    assert with_labels_of(now, Labels(("c�", "c�")), needed=True) is now
    with pytest.raises(DataError):
        with_labels_of(now, Labels(("c�", "c�", "d")), needed=True)


def test_what_changed_is_told_from_the_record():
    before = labelled(("a", "b"), [0, 1])
    record = record_of(before)
    assert changes(record, before) == "" and changes({}, before) == ""
    assert "as many images" in changes(record, replace(before, fingerprint="g"))
    assert "'b' gone, 'c' new" in changes(record, replace(before, classes=("a", "c")))
