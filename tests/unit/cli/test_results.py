"""``export`` and ``report``."""

from __future__ import annotations

import csv
import html.parser
import io
import json
import math
import re
import xml.etree.ElementTree as ET

import pytest

from engine.recipes.recipe import menu
from engine.runs.events import EventWriter
from gentui.export import FORMATS, render


@pytest.mark.parametrize("format", FORMATS)
def test_stdout_is_the_table_and_nothing_else(gentui, home, make_run, format):
    make_run("fashion-resnet-noise", scores=(9.0, 3.0))
    done = gentui("export", "-f", format, "-o", "-")
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout == render(home, format)


def test_export_has_a_row_for_each_run_and_protocol_with_the_published_figure(invoke, make_run):
    run = make_run("fashion-resnet-noise", name="mine", scores=(9.0, 3.0, 5.0))
    unscored = make_run("fashion-resnet-noise", status="failed")
    rows = list(csv.DictReader(io.StringIO(invoke("export").stdout)))
    (row,) = [row for row in rows if row["run"] == run.id]
    assert (row["value"], row["step"], row["metric"]) == ("3.0", "2", "fid"), "the best, and where it was"
    assert (row["samples"], row["extractor"], row["split"]) == ("500", "digits-cnn@1a2b3c4d", "train")
    assert (row["seed"], row["floor"], row["published"]) == ("7", "1.5", "102.0")
    assert row["published_protocol"]
    assert row["source"]
    assert [row["status"] for row in rows if row["run"] == unscored.id] == ["failed"]
    published = {row["recipe"]: row["value"] for row in rows if row["kind"] == "published"}
    assert published["fashion-resnet-noise"] == "102.0"
    assert published["fashion-resnet-class"] == "68.0"
    assert len([row for row in rows if row["kind"] == "published"]) == len(published), "each figure once"


def test_a_run_on_stand_in_data_is_not_held_against_the_published_figure(invoke, make_run):
    make_run("fashion-resnet-noise", stand_in_for="fashion-mnist", scores=(3.0,))
    rows = list(csv.DictReader(io.StringIO(invoke("export").stdout)))
    assert [row["published"] for row in rows if row["kind"] == "run"] == [""]


def test_export_of_some_runs(invoke, make_run):
    done, failed = make_run(scores=(3.0,)), make_run("fashion-unet", status="failed", scores=(4.0,))

    def runs(*arguments: str) -> set[str]:
        rows = json.loads(invoke("export", "-f", "json", *arguments).stdout)
        return {row["run"] for row in rows if row["kind"] == "run"}

    assert runs() == {done.id, failed.id}
    assert runs("--status", "failed") == {failed.id}
    assert runs("--dataset", "digits") == {done.id}
    assert runs("--dataset", "digits", "--status", "failed") == set()


def test_without_runs_the_published_figures_are_exported(invoke):
    rows = json.loads(invoke("export", "-f", "json").stdout)
    figures = {recipe.reference.value for recipe in menu()[0] if recipe.reference}
    assert {row["value"] for row in rows} == figures - {None} > {161, 102, 68, 115}


def test_the_format_is_told_by_the_file_name(invoke, make_run, tmp_path):
    make_run(scores=(3.0,))
    for name, begins in (
        ("t.csv", "kind,"),
        ("t.md", "|"),
        ("t.tex", "%"),
        ("t.json", "["),
        ("t.html", "<!doctype"),
    ):
        result = invoke("export", "-o", str(tmp_path / name))
        assert (result.exit_code, result.stdout) == (0, "")
        assert (tmp_path / name).read_text().startswith(begins)
    assert invoke("export", "-f", "json", "-o", str(tmp_path / "t.txt")).exit_code == 0
    json.loads((tmp_path / "t.txt").read_text())


def test_hostile_names_reach_no_reader(invoke, make_run):
    make_run(name='=HYPERLINK("x")\x1b[31m\u202e', scores=(3.0,))
    rows = csv.DictReader(io.StringIO(invoke("export").stdout))
    (name,) = [row["name"] for row in rows if row["kind"] == "run"]
    assert name.startswith("'=HYPERLINK")
    assert not set(name) & set("\x1b\u202e")


@pytest.fixture
def reported(invoke, make_run, tmp_path):
    run = make_run(
        "fashion-resnet-noise", name="<b>|mine", losses=(8.0, math.nan, 0.5, 0.25), scores=(9.0, 3.0)
    )
    (run.samples / "000003.png").write_bytes(b"\x89PNG one")
    (tmp_path / "secret.png").write_bytes(b"not yours")
    writer = EventWriter(run.events_path(1))
    writer.emit("sample", step=4, images=256, path="../../../secret.png", rows=1, columns=1, caption="")
    writer.emit("figure", step=4, images=256, name="strip", path="recipe.toml", caption="")
    writer.emit(
        "alert", step=2, images=128, severity="error", name="non-finite", sentence="The loss is no number.",
        cause="", remedy="",
    )  # fmt: skip
    writer.close()
    result = invoke("report", run.id, "-o", str(tmp_path / "report"))
    assert result.exit_code == 0, result.output
    assert result.stdout.split() == [str(tmp_path / "report" / name) for name in ("index.html", "report.md")]
    return tmp_path / "report"


def test_a_report_holds_what_a_reader_wants(reported):
    for page in ("index.html", "report.md"):
        text = (reported / page).read_text()
        for part in ("ResNet denoiser", "9", "102", "n=500", "optim.lr", "The loss is no number.", "observed"):
            assert part in text, (page, part)


def test_a_report_copies_pictures_of_the_run_and_nothing_else(reported):
    copied = [path.read_bytes() for path in (reported / "pictures").iterdir() if path.suffix != ".svg"]
    assert copied == [b"\x89PNG one"]


def test_every_picture_a_report_shows_is_there(reported):
    class Images(html.parser.HTMLParser):
        names: list[str] = []  # noqa: RUF012

        def handle_starttag(self, tag, attrs):
            assert tag != "b", "a name is no markup"
            if tag == "img":
                self.names.append(dict(attrs)["src"])

    images = Images()
    images.feed((reported / "index.html").read_text())
    linked = re.findall(r"!\[[^]]*\]\(([^)]*)\)", (reported / "report.md").read_text())
    assert images.names == linked
    assert len(linked) >= 2
    for name in linked:
        assert (reported / name).is_file()


def test_a_curve_shows_the_gap_where_the_loss_is_no_number(reported):
    (name,) = [p for p in (reported / "pictures").iterdir() if p.name.endswith("-curve-0.svg")]
    root = ET.parse(name).getroot()
    space = "{http://www.w3.org/2000/svg}"
    assert len(root.findall(f"{space}polyline")) == 2, "one line before the gap, one after"
    assert [text.text for text in root.findall(f"{space}text") if text.get("class") == "mark"] == ["×"]
    assert any("loss" in (text.text or "") for text in root.findall(f"{space}text"))


@pytest.fixture
def whole_report(invoke, make_run, tmp_path):
    """A report of a run with paired losses, figures of several names and an architecture; another run beside."""
    run = make_run("fashion-unet", scores=(9.0, 3.0))
    make_run("fashion-resnet-noise", name="<the other>", scores=(5.0,))
    writer = EventWriter(run.events_path(1))
    for step in (1, 2, 3):
        values = {"loss_d_real": 1 / step, "loss_d_fake": 2 / step, "grad_norm": 1.0, "val_loss": 0.5}
        writer.emit("metrics", step=step, images=64 * step, values=values)
    for step in (1, 3):
        for name, path in (("strip", f"figures/strip-{step}.png"), ("progress", "figures/progress.gif")):
            (run.path / path).write_bytes(f"{name} {step}".encode())
            writer.emit("figure", step=step, images=step, name=name, path=path, caption=f"{name} <{step}>")
    writer.close()
    text = "generator: Pair, 3,576,704 parameters\n\nlayer  kind  ```<b>\x1b[31m\n"
    (run.path / "architecture.txt").write_text(text)
    assert invoke("report", run.id, "-o", str(tmp_path / "report")).exit_code == 0
    return tmp_path / "report"


def test_a_report_shows_the_newest_figure_of_each_name_with_its_caption(whole_report):
    copied = {path.read_bytes() for path in (whole_report / "pictures").iterdir() if path.suffix != ".svg"}
    assert copied == {b"", b"strip 3", b"progress 3"}
    assert [path.read_bytes() for path in (whole_report / "pictures").glob("*.gif")] == [b"progress 3"]
    text = (whole_report / "report.md").read_text()
    assert "strip at step 3: strip &lt;3&gt;" in text and "progress at step 3" in text
    assert "at step 1" not in text
    assert text.index("strip at step 3") < text.index("progress at step 3"), "what moves comes last"


def test_losses_that_belong_together_share_a_picture_of_the_report(whole_report):
    titles = {}
    for path in (whole_report / "pictures").glob("*.svg"):
        root = ET.parse(path).getroot()
        titles[root.get("aria-label")] = root
    assert {"loss, val_loss", "loss_d_real, loss_d_fake", "fid"} <= titles.keys()
    root = titles["loss_d_real, loss_d_fake"]
    space = "{http://www.w3.org/2000/svg}"
    looks = [(line.get("stroke"), line.get("stroke-dasharray")) for line in root.findall(f"{space}polyline")]
    assert len(looks) == 2 and looks[0][0] != looks[1][0] and looks[0][1] != looks[1][1]
    words = [text.text for text in root.findall(f"{space}text")]
    assert {"loss_d_real", "loss_d_fake"} <= set(words), "a legend"
    page = (whole_report / "index.html").read_text()
    assert page.index("loss, val_loss") < page.index("loss_d_real, loss_d_fake") < page.index("grad_norm")


def test_a_report_holds_the_architecture_as_text(whole_report):
    page, text = ((whole_report / name).read_text() for name in ("index.html", "report.md"))
    assert (
        "generator: Pair, 3,576,704 parameters\n" in page and "generator: Pair, 3,576,704 parameters\n" in text
    )
    assert "layer  kind  ```&lt;b&gt;</pre>" in page
    assert "````\ngenerator" in text, "a fence longer than any inside"
    assert "\x1b" not in page + text


def test_a_report_stands_the_scores_beside_the_others_and_the_published(whole_report):
    text = (whole_report / "report.md").read_text()
    others = text[text.index("Against the others") :]
    assert "fid on fashion-mnist (lower is better)" in others.replace("\\", "")
    ranks = [
        [line.split("|")[place].strip() for place in (1, 2, 5)]
        for line in others.splitlines()
        if line.startswith(("| 1 ", "| 2 "))
    ]
    assert ranks == [["1", "3", "fashion-unet"], ["2", "5", "fashion-resnet-noise"]]
    assert "(here)" in others and "&lt;the other&gt;" in others
    assert "| published | 115 |  |  | fashion-unet |" in others


def test_a_report_of_nothing_is_a_mistake(invoke, tmp_path):
    assert invoke("report", "nope", "-o", str(tmp_path / "r")).exit_code == 3
    assert not (tmp_path / "r").exists()
    assert invoke("report", "-o", str(tmp_path / "r")).exit_code == 2
