"""Line numbers that messages point to, on TOML that is hard to read by eye."""

import tomllib

import pytest

from engine.recipes.toml_lines import key_lines


def lines_of(text: str) -> dict[str, int]:
    tomllib.loads(text)  # the finder is only ever given valid TOML
    return {".".join(path): line for path, line in key_lines(text).items()}


def test_tables_and_keys():
    text = 'a = 1\n\n[t] # [not] = 1\n  b = "x"\n[ t . "u.v" ]\nc=2\n'
    assert lines_of(text) == {"a": 1, "t": 3, "t.b": 4, "t.u.v": 5, "t.u.v.c": 6}


@pytest.mark.parametrize(
    "value",
    ['"""\nb = 1\n[c]\n"""', "'''\nb = 1\n# \"\n'''", '[\n  1, # ]\n  "]",\n[2,\n3],\n]',
     '"""x\\"""y\\\\"""', '"""""x"""""', '"# [not]"', "'[not] = 1'", '{ x = 1, y = [1,\n2], z = "}" }'],
)  # fmt: skip
def test_what_stands_inside_a_value_is_not_a_key(value):
    text = f"a = {value}\nend = 1\n"
    assert lines_of(text) == {"a": 1, "end": text.count("\n")}


def test_dotted_keys_stand_where_each_part_was_said_first():
    text = "[quick]\ntrain.steps = 1\n\ntrain.ema = 0.5\n"
    assert lines_of(text) == {
        "quick": 1, "quick.train": 2, "quick.train.steps": 2, "quick.train.ema": 4,
    }  # fmt: skip


def test_arrays_of_tables_stand_where_the_first_one_does():
    assert lines_of("[[a]]\nx = 1\n[[a]]\nx = 2\ny = 3\n") == {"a": 1, "a.x": 2, "a.y": 5}


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment", "a = 1", "\t\n  [a]   \n\n"])
def test_small_documents(text):
    lines_of(text)


def test_every_key_of_a_long_document_is_found_on_its_line():
    text = "".join(f'[t{i}]\n# [x]\nk{i} = """\n{i} = 1\n"""\nl{i} = [\n1,\n]\n' for i in range(300))
    found = lines_of(text)
    rows = text.split("\n")
    for i in range(300):
        assert rows[found[f"t{i}"] - 1] == f"[t{i}]"
        assert rows[found[f"t{i}.k{i}"] - 1].startswith(f"k{i} =")
        assert rows[found[f"t{i}.l{i}"] - 1].startswith(f"l{i} =")
