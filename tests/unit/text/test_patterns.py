"""Words, globs and regular expressions that pick names and lines."""

import pytest

from gentui.text.matching import matcher

NAMES = ["loss", "val_loss", "loss_d_real", "lr", "grad_norm", "health/diversity", "Epoch"]


@pytest.mark.parametrize(
    ("text", "picked"),
    [
        ("", NAMES),
        ("loss", ["loss", "val_loss", "loss_d_real"]),
        ("LOSS real", ["loss_d_real"]),
        ("loss -val", ["loss", "loss_d_real"]),
        ("val_*", ["val_loss"]),
        ("l?ss", ["loss", "val_loss", "loss_d_real"]),
        ("^loss$", ["loss"]),
        ("^l(r|oss)$ -oss", ["lr"]),
        ("epoch|grad", ["grad_norm", "Epoch"]),
        ("health/", ["health/diversity"]),
        ("-", []),
        ("nothing", []),
    ],
)
def test_what_is_picked(text, picked):
    picks, mistake = matcher(text)
    assert [name for name in NAMES if picks(name)] == picked
    assert mistake == ""


def test_what_is_no_expression_is_told_and_taken_as_it_stands():
    picks, mistake = matcher("los( loss")
    assert mistake.startswith("los( is not a regular expression: ")
    assert picks("los( loss") and not picks("loss")


def test_only_the_beginning_of_a_very_long_line_is_looked_at():
    assert not matcher("end")[0]("x" * 10_000_000 + "end")
