"""The architecture's tables on a narrow screen."""

from gentui.tui.widgets.architecture import squeezed

TABLE = [
    "model: DANN, 9,352 parameters",
    "",
    "layer        kind                                              output   parameters",
    "extractor.0  Conv2d(3, 8, kernel_size=(4, 4), stride=(1, 1))   8×25×25         392",
    "extractor.2  ReLU(inplace=True)                                8×25×25",
    "",
    "a sentence that is longer than the screen is wide, and no table at all: it is left alone",
]


def test_a_table_that_fits_is_left_alone():
    assert squeezed(TABLE, 100) == TABLE


def test_on_a_narrow_screen_shapes_and_parameters_stay_in_their_columns():
    shown = squeezed(TABLE, 60)
    assert shown[:2] + shown[5:] == TABLE[:2] + TABLE[5:]
    assert all(len(line) <= 60 for line in shown[2:5])
    assert shown[3].endswith("8×25×25         392") and "Conv2d(3, 8" in shown[3] and "…" in shown[3]
    assert {line.index("8×25×25") for line in shown[3:5]} == {shown[2].index("output")}


def test_a_kind_is_never_squeezed_away():
    assert "Conv2d" in squeezed(TABLE, 10)[3]


def test_no_text_is_no_crash():
    assert squeezed([], 80) == [] and squeezed(["layer kind output parameters"], 5)
