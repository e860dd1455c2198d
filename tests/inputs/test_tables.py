"""Tables as other programs write them: every value arrives, or is counted with an example of why it does not."""

from __future__ import annotations

import codecs
import csv
import json
import math
from pathlib import Path

import pytest

from gentui.imports.log_entries import Unusable
from tests.support.logs import followed, imported, points_of

A_REPLACED = "values of an attempt that a restart replaces"
A_REPEATED = "values that a later row of the same step replaces"


@pytest.fixture
def table(tmp_path):
    """Writes a table and returns its path."""

    def write(content: str | bytes, name: str = "table.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture
def read(home, table):
    """Imports a table. Returns its points, what was skipped, and the sentences about it."""

    def call(content: str | bytes) -> tuple[dict, dict, list[str]]:
        writer = imported(home, table(content))
        return points_of(writer), writer.recorder.skipped, writer.remarks()

    return call


def columns(names: str, *rows: tuple, start: int = 1) -> dict[int, dict]:
    """Points of the rows, one step each."""
    return {
        step: dict(zip(names.split(), map(float, row), strict=True)) for step, row in enumerate(rows, start)
    }


# -- the cases that came from people -------------------------------------------------------------


def test_a_line_break_within_quotation_marks_is_part_of_its_row(read):
    points, skipped, _ = read(
        'step,loss,note,acc\n1,0.5,"first\nsecond, line",0.1\n2,0.4,"ok",0.2\n3,0.3,"a ""q""",0.3\n'
    )
    assert points == columns("loss acc", (0.5, 0.1), (0.4, 0.2), (0.3, 0.3))
    assert skipped == {"texts": 3} and skipped.examples["texts"].startswith("line 2: note first")


def test_an_iteration_that_begins_again_in_each_epoch_overwrites_nothing(read):
    points, skipped, remarks = read("epoch,iter,loss\n1,100,0.5\n1,200,0.4\n2,100,0.3\n2,200,0.2\n")
    rows = (1, 100, 0.5), (1, 200, 0.4), (2, 100, 0.3), (2, 200, 0.2)
    assert points == columns("epoch iter loss", *rows) and not skipped
    assert remarks == ["rows are numbered, because iter begins again in each epoch (line 4: 100 after 200)"]


def test_a_german_table_of_excel_has_semicolons_decimal_commas_and_a_byte_order_mark(read):
    points, skipped, _ = read(b"\xef\xbb\xbfstep;loss;acc\r\n1;0,53;0,1\r\n2;0,41;0,2\r\n")
    assert points == columns("loss acc", (0.53, 0.1), (0.41, 0.2)) and not skipped


def test_the_monitor_of_stable_baselines_begins_with_settings(read, home):
    points, skipped, _ = read('#{"t_start": 1600000000.0, "env_id": "x"}\nr,l,t\n1.0,10,0.1\n2.0,11,0.2\n')
    assert points == columns("r l t", (1, 10, 0.1), (2, 11, 0.2)) and not skipped
    (run,) = (home / "runs").iterdir()
    assert 'env_id = "x"' in (run / "recipe.toml").read_text()
    assert json.loads((run / "run.json").read_text())["created_at"] == 1600000000.0


def test_a_line_that_names_the_separator_is_obeyed(read):
    assert read("sep=;\nstep;loss\n1;0.5\n2;0.4\n")[:2] == (columns("loss", (0.5,), (0.4,)), {})
    assert read('"sep=|"\r\nstep|loss, mean\r\n1|0.5\r\n')[0] == {1: {"loss, mean": 0.5}}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_every_encoding_and_line_end_gives_the_same_values(read, encoding, marked, ends):
    text = "step,größe\n1,0.5\n2,0.4\n3,0.3".replace("\n", ends)
    data = text.encode(encoding)
    marks = {
        "utf-16-le": codecs.BOM_UTF16_LE,
        "utf-16-be": codecs.BOM_UTF16_BE,
        "utf-32-be": codecs.BOM_UTF32_BE,
    }
    points, skipped, _ = read((marks.get(encoding, b"") if marked else b"") + data)
    assert points == columns("größe", (0.5,), (0.4,), (0.3,)) and not skipped


def test_latin_letters_of_an_old_windows_are_read(read):
    assert read("step,größe\n1,0.5\n".encode("cp1252"))[0] == {1: {"größe": 0.5}}


# -- separators, numbers, headers ---------------------------------------------------------------


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", " ", "  "])
def test_the_separator_is_found(read, separator):
    rows = [("step", "loss", "acc"), ("1", "0.5", "1e-1"), ("2", ".4", "2.")]
    points, skipped, _ = read("\n".join(separator.join(row) for row in rows))
    assert points == columns("loss acc", (0.5, 0.1), (0.4, 2)) and not skipped


def test_the_separator_may_also_stand_within_a_quoted_name(read):
    content = 'step,"loss; train; mean","acc"\n1,"0.5",0.1\n'
    assert read(content)[0] == {1: {"loss; train; mean": 0.5, "acc": 0.1}}
    assert read("step;loss, train\n1;0,5\n")[0] == {1: {"loss, train": 0.5}}


def test_a_single_column_may_have_decimal_commas(read):
    assert read("loss\n0,53\n0,41\n")[0] == columns("loss", (0.53,), (0.41,))


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1.234,5", "0,25", "1.234", "12.345.678"], [1234.5, 0.25, 1234, 12345678]),
        (["1,234.5", "0.25", "1,234", "12,345,678"], [1234.5, 0.25, 1234, 12345678]),
        (["1.234", "0.25", "3.5"], [1.234, 0.25, 3.5]),
        (["1,234", "0,25", "3,5"], [1.234, 0.25, 3.5]),
        (["1 234,5", "1\u202f234\u202f567,5", "-0,5"], [1234.5, 1234567.5, -0.5]),
        (["1'234.5", "1’234", "\u22120.5"], [1234.5, 1234, -0.5]),
        (["1,5e-3", "+2,0E+1"], [1.5e-3, 20]),
    ],
)
def test_decimal_marks_and_thousands_are_understood_by_all_numbers_together(read, cells, values):
    points, skipped, _ = read("step;n\n" + "".join(f"{i};{cell}\n" for i, cell in enumerate(cells, 1)))
    assert points == columns("n", *((value,) for value in values)) and not skipped


def test_a_comma_in_a_number_that_is_quoted_separates_thousands(read):
    assert read('step,n,loss\n1,"1,234",0.5\n2,"2,345",0.4\n')[0] == columns("n loss", (1234, 0.5), (2345, 0.4))


def test_a_later_number_tells_how_an_earlier_one_is_meant(read):
    assert read("step;a;b\n1;1.234;7\n2;1.500;0,5\n")[0] == columns("a b", (1234, 7), (1500, 0.5))


def test_one_column_in_another_notation_does_not_change_the_others(read):
    assert read("step;a;b\n1;1.234;0,5\n2;1.5;0,25\n")[0] == columns("a b", (1.234, 0.5), (1.5, 0.25))


def test_all_spellings_of_numbers_that_are_none_are_read(read):
    words = ["nan", "NaN", "-nan(ind)", "1.#QNAN", "inf", "-Inf", "+Infinity", "1.#INF", "∞", "-1.#INF"]
    points, skipped, _ = read("step,x\n" + "".join(f"{i},{word}\n" for i, word in enumerate(words)))
    assert [points[i]["x"] for i in range(10)] == [
        *["nan"] * 4,
        math.inf,
        -math.inf,
        *[math.inf] * 3,
        -math.inf,
    ]
    assert not skipped
    points, skipped, _ = read("step,x,y\n1,NA,1\n2,,2\n3,null,3\n4,N/A,4\n5,True,5\n6,1e999,6\n7,v1_0,1_0\n")
    assert points == {1: {"y": 1}, 2: {"y": 2}, 3: {"y": 3}, 4: {"y": 4}, 5: {"x": 1, "y": 5}, 6: {"y": 6}}
    assert skipped == {"numbers too large": 1, "texts": 2}
    assert skipped.examples == {"numbers too large": "line 7: x 1e999", "texts": "line 8: x v1_0"}


def test_comments_and_blank_lines_anywhere_are_no_rows(read):
    points, skipped, _ = read("# a run\n\nstep,loss\n# begin\n1,0.5\n   \n2,0.4\n#3,0.3\n")
    assert points == columns("loss", (0.5,), (0.4,))
    assert skipped == {"comment lines": 3} and skipped.examples["comment lines"] == "line 1: # a run"


@pytest.mark.parametrize("header", ["# step,loss", "#step,loss", "# by numpy\n# step,loss"])
def test_a_comment_may_be_the_header(read, header):
    assert read(f"{header}\n1,0.5\n2,0.4\n")[0] == columns("loss", (0.5,), (0.4,))


def test_a_title_before_the_header_is_counted(read):
    points, skipped, _ = read("Results of Monday\n\nstep;loss\n1;0,5\n")
    assert points == {1: {"loss": 0.5}} and skipped == {"lines before the header": 1}


def test_columns_of_one_name_are_kept_apart(read):
    assert read("step,loss,loss,,\n1,1,2,3,4\n")[0] == {
        1: {"loss": 1, "loss (2)": 2, "column 4": 3, "column 5": 4}
    }


def test_columns_whose_names_look_alike_once_they_are_shown_are_kept_apart(read):
    long = "m" * 300
    points, _, _ = read(f"step,a\x1b[2Jb,ab,{long}1,{long}2\n1,1,2,3,4\n")
    assert points == {1: {"ab": 1, "ab (2)": 2, "m" * 200: 3, f"{'m' * 190} (2)": 4}}


def test_a_first_column_without_a_name_is_the_step(read):
    assert read(",loss\n0,0.5\n1,0.4\n")[0] == columns("loss", (0.5,), (0.4,), start=0)
    assert read('"loss" "acc"\n"1" 0.5 0.1\n"2" 0.4 0.2\n')[0] == columns("loss acc", (0.5, 0.1), (0.4, 0.2))
    assert read(",step,loss\n0,10,0.5\n")[0] == {10: {"column 1": 0, "loss": 0.5}}


def test_shorter_rows_keep_what_they_have_and_longer_ones_are_counted(read):
    points, skipped, _ = read("step,loss,acc\n1,0.5\n2,0.4,0.2,\n3,0.3,0.3,9\n4,0.2,0.4\n5,0.")
    assert points == {1: {"loss": 0.5}, 2: {"loss": 0.4, "acc": 0.2}, 4: {"loss": 0.2, "acc": 0.4}}
    assert skipped == {"rows with more cells than the header": 1, "rows cut off at the end": 1}
    assert skipped.examples == {
        "rows with more cells than the header": "line 4: 4 cells, where the header has 3",
        "rows cut off at the end": "line 6",
    }


def test_a_quotation_mark_that_is_never_closed_costs_its_row_alone(read):
    rows = "".join(f"{step},0.5,ok\n" for step in range(2, 300))
    points, skipped, _ = read(f'step,loss,note\n1,0.5,"open\n{rows}')
    assert points == {step: {"loss": 0.5} for step in range(2, 300)}
    assert skipped["rows with a quotation mark that is never closed"] == 1 and skipped["texts"] == 298
    points, skipped, _ = read('step,loss,note\n1,0.5,5" disk\n2,0.4,ok\n3,0.3,"end')
    assert points == columns("loss", (0.5,), (0.4,)) and skipped["texts"] == 2


def test_null_bytes_and_very_long_lines_cost_their_rows_alone(read):
    long = '4,0.2,"' + "x" * 200_000 + '"'
    points, skipped, _ = read(
        f"step,loss,note\n1,0.5,\n\0\0\0\x002,0.4,\n3,0.3,\n{long}\n5,0.1,{'y' * (5 << 20)}\n6,0.1,\n"
    )
    assert points == {1: {"loss": 0.5}, 3: {"loss": 0.3}, 4: {"loss": 0.2}, 6: {"loss": 0.1}}
    assert skipped == {"rows whose step is not a whole number from 0 on": 1, "texts": 1, "lines too long": 1}
    assert skipped.examples["lines too long"] == "line 6"


def test_a_table_of_which_no_row_fits_is_refused_with_an_example(home, table):
    """Decimal commas between commas could be anything."""
    with pytest.raises(Unusable, match=r"\(skipped: rows with more cells than the header \(2; line 2: 3 cells"):
        imported(home, table("step,loss\n1,0,53\n2,0,41\n"))


@pytest.mark.parametrize("content", ["step,loss\n", "", "\ufeff", "# nothing\n", "step,loss\nx,y\n"])
def test_a_table_without_rows_of_numbers_is_refused_in_a_sentence(home, table, content):
    with pytest.raises(Unusable, match="contains no numbers and no images"):
        imported(home, table(content))


def test_the_step_of_a_whole_run_goes_before_that_of_an_epoch(read):
    assert read("iter,global_step,loss\n1,10,0.5\n1,20,0.4\n")[0] == {
        10: {"iter": 1, "loss": 0.5}, 20: {"iter": 1, "loss": 0.4},
    }  # fmt: skip
    assert read("time/fps,time/total_timesteps,rollout/ep_rew_mean\n9,2048,1\n9,4096,2\n")[0] == {
        2048: {"time/fps": 9, "rollout/ep_rew_mean": 1}, 4096: {"time/fps": 9, "rollout/ep_rew_mean": 2},
    }  # fmt: skip


def test_a_step_that_is_never_a_whole_number_is_a_value(read):
    assert read("step,loss\n0.1,0.5\n0.2,0.4\n")[0] == columns("step loss", (0.1, 0.5), (0.2, 0.4))
    points, skipped, _ = read("step,loss\n-1,0.5\n0,0.4\n1,0.3\n")
    assert points == columns("loss", (0.4,), (0.3,), start=0)
    assert skipped.examples == {"rows whose step is not a whole number from 0 on": "line 2: step -1"}


# -- steps that go back --------------------------------------------------------------------------


def test_epochs_and_batches_have_their_rows_as_steps(read):
    rows = (0, 1, 0.5), (0, 2, 0.4), (1, 1, 0.3)
    content = "epoch,batch,loss\n" + "".join("{},{},{}\n".format(*row) for row in rows)
    assert read(content)[:2] == (columns("epoch batch loss", *rows), {})


@pytest.mark.parametrize("name", ["step", "iter"])
def test_a_pass_may_have_other_steps_than_the_one_before(read, name):
    rows = (1, 100, 0.5), (1, 200, 0.4), (2, 150, 0.3), (2, 250, 0.2)
    content = f"epoch,{name},loss\n" + "".join("{},{},{}\n".format(*row) for row in rows)
    assert read(content)[:2] == (columns(f"epoch {name} loss", *rows), {})


def test_iterations_without_an_epoch_begin_a_pass_too(read):
    points, skipped, remarks = read("iter,loss\n1,0.5\n2,0.4\n1,0.3\n2,0.2\n")
    assert points == columns("iter loss", (1, 0.5), (2, 0.4), (1, 0.3), (2, 0.2)) and not skipped
    assert "line 4: 1 after 2" in remarks[0]


def test_a_step_that_goes_back_is_a_restart_that_replaces_what_came_after(read):
    first = "".join(f"{step},{step}\n" for step in range(10))
    points, skipped, remarks = read(f"step,loss\n{first}5,105\n6,106\n")
    assert points == columns("loss", *((step,) for step in range(5)), (105,), (106,), start=0)
    assert skipped == {A_REPLACED: 5} and skipped.examples[A_REPLACED] == "line 7: loss 5 at step 5"
    assert remarks == [f"skipped: {A_REPLACED} (5; line 7: loss 5 at step 5)"]


def test_restarts_of_restarts_and_from_the_first_step_replace_all(read):
    content = "epoch,step,loss\n0,0,1\n0,1,2\n1,2,3\n0,1,4\n1,2,5\n0,0,6\n0,1,7\n"
    points, skipped, _ = read(content)
    assert points == {0: {"epoch": 0, "loss": 6}, 1: {"epoch": 0, "loss": 7}} and skipped == {A_REPLACED: 10}


def test_a_restart_at_steps_of_its_own_replaces_from_its_first(read):
    points, skipped, _ = read("step,loss\n10,1\n20,2\n30,3\n40,4\n15,5\n25,6\n30,7\n")
    assert points == {10: {"loss": 1}, 15: {"loss": 5}, 25: {"loss": 6}, 30: {"loss": 7}}
    assert skipped == {A_REPLACED: 3}


def test_a_header_that_is_repeated_begins_a_restart(read):
    points, skipped, _ = read("step,loss\n1,1\n2,2\n3,3\nstep,loss\n2,4\n")
    assert points == {1: {"loss": 1}, 2: {"loss": 4}} and skipped == {A_REPLACED: 2}
    assert read("step,loss\n1,1\n2,2\nstep,loss\n3,3\n")[:2] == (columns("loss", (1,), (2,), (3,)), {})
    assert read("loss\n1\n2\nloss\n3\n")[:2] == (columns("loss", (1,), (2,), (3,)), {})


def test_another_header_on_the_way_names_the_rows_after_it(read):
    points, skipped, _ = read("step,loss\n1,1\n2,2\nstep,acc,loss\n3,0.5,3\n")
    assert points == {1: {"loss": 1}, 2: {"loss": 2}, 3: {"acc": 0.5, "loss": 3}} and not skipped


def test_keras_appends_epochs_that_begin_again(read):
    rows = (0, 0.1, 0.5), (1, 0.2, 0.4), (0, 0.3, 0.3)
    content = "epoch,accuracy,loss\n" + "".join("{},{},{}\n".format(*row) for row in rows)
    assert read(content)[:2] == (columns("epoch accuracy loss", *rows), {})


def test_the_sparse_rows_of_lightning_are_merged_by_their_step(read):
    points, skipped, _ = read(
        "epoch,step,train_loss,val_loss\n0,9,0.5,\n0,9,,0.7\n1,19,0.4,\n1,19,,0.6\n1,19,,\n"
    )
    assert points == {
        9: {"epoch": 0, "train_loss": 0.5, "val_loss": 0.7}, 19: {"epoch": 1, "train_loss": 0.4, "val_loss": 0.6},
    }  # fmt: skip
    assert not skipped


def test_a_step_that_most_rows_repeat_does_not_order_them(read):
    points, skipped, remarks = read("step,loss\n1,0.5\n1,0.4\n1,0.3\n2,0.2\n2,0.1\n")
    rows = (1, 0.5), (1, 0.4), (1, 0.3), (2, 0.2), (2, 0.1)
    assert points == columns("step loss", *rows) and not skipped
    assert remarks == ["rows are numbered, because most repeat the step before them"]


def test_a_step_that_is_logged_twice_now_and_then_is_counted(read):
    points, skipped, _ = read("step,loss,acc\n1,0.5,0\n2,0.4,0\n2,0.3,0\n3,0.2,0\n3,0.2,0\n4,0.1,0\n")
    assert points == columns("loss acc", (0.5, 0), (0.3, 0), (0.2, 0), (0.1, 0))
    assert skipped == {A_REPEATED: 1} and skipped.examples[A_REPEATED] == "line 4: loss 0.3 at step 2"


@pytest.mark.parametrize("steps", [[4, 3, 2, 1], [2, 4, 1, 3]])
def test_rows_in_any_order_without_repeats_keep_their_steps(read, steps):
    content = "step,epoch,loss\n" + "".join(f"{step},0,{step}.5\n" for step in steps)
    assert read(content)[:2] == ({step: {"epoch": 0, "loss": step + 0.5} for step in steps}, {})


def test_one_series_after_the_other_is_no_restart(read):
    points, skipped, _ = read("epoch,step,a,b\n0,1,1,\n0,2,2,\n1,3,3,\n0,1,,4\n0,2,,5\n1,3,,6\n")
    assert points == columns("epoch a b", (0, 1, 4), (0, 2, 5), (1, 3, 6)) and not skipped


# -- while it is followed ------------------------------------------------------------------------


def same_as_at_once(home, path, writer) -> dict:
    """The points of a followed run, which are those of the final file imported at once."""
    points, skipped = points_of(writer), writer.recorder.skipped
    again = imported(home, path)
    assert again.run.id == writer.run.id
    assert (points, skipped, writer.recorder.notes) == (
        points_of(again),
        again.recorder.skipped,
        again.recorder.notes,
    )
    return points


def test_a_table_rewritten_with_a_new_column_loses_no_row(home, tmp_path):
    """As Lightning's CSVLogger does when ``val_loss`` appears."""
    path, rows = tmp_path / "metrics.csv", []

    def log(**values: float) -> None:
        rows.append(values)
        names = list(dict.fromkeys(name for row in rows for name in row))
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(rows)

    log(epoch=0, step=9, train_loss=0.5)
    writer = followed(
        home, path, lambda: log(epoch=0, step=19, train_loss=0.4), lambda: log(epoch=0, step=19, val_loss=0.7),
        lambda: log(epoch=1, step=29, train_loss=0.3),
    )  # fmt: skip
    assert same_as_at_once(home, path, writer) == {
        9: {"epoch": 0, "train_loss": 0.5}, 19: {"epoch": 0, "train_loss": 0.4, "val_loss": 0.7},
        29: {"epoch": 1, "train_loss": 0.3},
    }  # fmt: skip


def test_a_table_replaced_by_another_file_is_read_on(home, table):
    path = table("step,loss\n1,0.5\n2,0.4\n")

    def replace() -> None:
        table("step,loss,acc\n1,0.5,\n2,0.4,\n3,0.3,0.1\n", "new.csv").replace(path)

    writer = followed(home, path, replace, lambda: path.open("a").write("4,0.2,0.2\n"))
    assert same_as_at_once(home, path, writer) == {
        1: {"loss": 0.5}, 2: {"loss": 0.4}, 3: {"loss": 0.3, "acc": 0.1}, 4: {"loss": 0.2, "acc": 0.2},
    }  # fmt: skip


def test_a_table_whose_middle_changes_is_read_again_at_the_end(home, table):
    body = "".join(f"{step},0.5\n" for step in range(10_000, 12_000))
    path = table(f"step,loss\n{body}")
    writer = followed(home, path, lambda: table(f"step,loss\n{body.replace('11000,0.5', '11000,0.7')}"))
    assert same_as_at_once(home, path, writer)[11000] == {"loss": 0.7}


def test_a_table_begun_anew_replaces_its_run_once_it_has_a_row(home, table):
    path = table("step,loss\n1,0.5\n2,0.4\n")
    writer = followed(home, path, lambda: table(""), lambda: table("step,loss\n"))
    assert points_of(writer) == columns("loss", (0.5,), (0.4,))
    assert writer.status == "interrupted" and "what it held is kept" in writer.run.read_state().reason
    table("step,loss\n1,0.5\n2,0.4\n")
    writer = followed(home, path, lambda: table("step,loss\n"), lambda: table("step,loss\n1,0.9\n"))
    assert same_as_at_once(home, path, writer) == {1: {"loss": 0.9}}


@pytest.mark.parametrize(
    "content",
    [
        'step,loss,note\n1,0.5,"two\nlines"\n2,0.4,ok\n3,0.3,"open',
        "epoch,iter,loss\n1,100,0.5\n1,200,0.4\n2,100,0.3\n2,200,0.2\n",
        "step,loss\n0,1\n1,2\n2,3\n3,4\n1,5\n2,6\nstep,loss\n1,7\n2,8\n",
        "sep=;\r\nstep;a;b\r\n1;1.234;7\r\n2;1.500;0,5\r\n3;1.234;x\r\n",
        '# by numpy\n#{"lr": 0.1}\n# step loss\n1 0.5\n2 0.4\n',
        "step,loss\n1,0.5\n1,0.4\n2,0.3\n2,0.2\n3,0.1\n3,0.1\n4,0.05",
        "step,loss\nx,0.5\n\n2,0.4,9\n3,0.3\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_followed_table_is_what_it_is_at_once_however_it_grows(home, table, content, encoding):
    data = content.encode(encoding)
    path = table(data[:1])
    sizes = range(2, len(data) + 1, 5 if encoding == "utf-8" else 11)
    edits = [lambda size=size: path.write_bytes(data[:size]) for size in (*sizes, len(data))]
    same_as_at_once(home, path, followed(home, path, *edits))


def test_a_stop_that_is_requested_while_a_table_is_rewritten_is_kept(home, table, invoke):
    path = table("step,loss\n1,0.5\n")

    def stop() -> None:
        (run,) = (run.name for run in (home / "runs").iterdir())
        state = json.loads((home / "runs" / run / "state.json").read_text())
        (home / "runs" / run / "state.json").write_text(json.dumps({**state, "stop_requested_at": 1.0}))
        table("step,loss,acc\n1,0.5,0.1\n")

    writer = followed(home, path, stop)
    assert writer.run.read_state().stop_requested_at == 1.0 and writer.status == "stopped"
    assert points_of(writer) == {1: {"loss": 0.5, "acc": 0.1}}


# -- what the user sees --------------------------------------------------------------------------


def test_what_is_left_out_is_told_with_an_example_and_in_json(invoke, table):
    path = table("step,loss,note\n1,0.5,warm\n2,0.4,\n1,0.3,\n")
    done = invoke("import", str(path), "--json")
    assert (
        f"  skipped: texts (1; line 2: note warm), {A_REPLACED} (2; line 2: loss 0.5 at step 1)" in done.stderr
    )
    (row,) = json.loads(done.stdout)
    assert row["notes"] == [] and row["skipped"] == [
        {"what": "texts", "n": 1, "example": "line 2: note warm"},
        {"what": A_REPLACED, "n": 2, "example": "line 2: loss 0.5 at step 1"},
    ]
    shown = json.loads(invoke("show", row["id"], "--json").stdout)
    assert shown["metrics"] == {"loss": 0.3} and shown["step"] == 1
