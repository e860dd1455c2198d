"""Every mistake is reported at once, where it stands, with what was probably meant."""

import pytest

from engine.recipes import recipe
from engine.recipes.axes import parse_axis
from engine.recipes.recipe import RecipeError, load


def test_unknown_key_wrong_type_and_impossible_value_are_reported_together(text, problems):
    bad = (
        text.replace("lr = 1e-3", "lrr = 1e-3")
        .replace("channels = 16", 'channels = "many"')
        .replace("steps = 10", "steps = -1")
    )
    found = problems(bad)
    assert "r.toml:12: optim.lrr: unknown key (did you mean 'lr'?)" in found
    assert "r.toml:8: model.channels: should be a whole number, not 'many'" in found
    assert "r.toml:17: train.steps: should be greater than or equal to 1, not -1" in found
    assert len(found) == 3


def test_a_wrong_family_is_reported_with_mistakes_inside_tables(text, problems):
    found = problems(text.replace('"diffusion"', '"gan"').replace("channels = 16", "channels = 0"))
    assert any(
        "family: this method belongs to family 'diffusion'" in p and p.startswith("r.toml:3:") for p in found
    )
    assert any(p.startswith("r.toml:8: model.channels") for p in found)


def test_header_mistakes_are_reported_with_mistakes_inside_tables(text, problems):
    found = problems(text.replace('title = "A small one"', "title = 3").replace("lr = 1e-3", "lr = 0"))
    assert any(p.startswith("r.toml:2: title") for p in found)
    assert any(p.startswith("r.toml:12: optim.lr") for p in found)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "true", '"1"', "[1]", "1e400"])
def test_a_float_must_be_a_finite_number(text, problems, value):
    (problem,) = problems(text.replace("lr = 1e-3", f"lr = {value}"))
    assert problem.startswith("r.toml:12: optim.lr:")


@pytest.mark.parametrize("value", ["true", "1.0", "9999999999999999999999999", '"3"', "nan", "1979-05-27"])
def test_a_whole_number_must_be_one_in_range(text, problems, value):
    (problem,) = problems(text.replace("steps = 10", f"steps = {value}"))
    assert problem.startswith("r.toml:17: train.steps:")


def test_epochs_too_many_to_count_are_refused(text, problems):
    (problem,) = problems(text.replace("steps = 10", "epochs = 1e308"))
    assert "train.epochs" in problem


@pytest.mark.parametrize(
    ("key", "suggestion"),
    [("[optin]\nlr = 1", "optim"), ("[traain]\nsteps = 1", "train"), ("[evaluat]\nmetric = 'fid'", "evaluate")],
)
def test_an_unknown_table_has_a_suggestion(text, problems, key, suggestion):
    found = problems(text + key + "\n")
    assert any(f"did you mean {suggestion!r}?" in p and p.startswith("r.toml:22:") for p in found)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (('net = "unet"', 'net = "unett"'), "r.toml:7: model.net: unknown net 'unett' (did you mean 'unet'?)"),
        (('net = "unet"', "net = ['unet']"), "r.toml:7: model.net: unknown net ['unet'] (one of: "),
        (('dataset = "digits"', 'dataset = "digit"'), "r.toml:5: data.dataset: unknown dataset 'digit' (did"),
        (('sampler = "heun"', 'sampler = "hen"'), "r.toml:19: sample.sampler: unknown sampler 'hen' (did"),
        (('net = "unet"\n', ""), "r.toml:6: model.net: is required (one of: "),
    ],
)  # fmt: skip
def test_an_unknown_part_lists_or_suggests_the_known(text, problems, change, expected):
    assert any(p.startswith(expected) for p in problems(text.replace(*change)))


def test_more_levels_than_the_images_can_be_halved_are_refused(text, problems):
    (problem,) = problems(text.replace("channels = 16", "channels = 16\nmultipliers = [1, 1, 1, 1, 1]"))
    assert "r.toml:9: model.multipliers: 5 levels halve 8×8 images below one pixel" in problem


def test_a_list_with_one_bad_item_names_it(text, problems):
    (problem,) = problems(text.replace("channels = 16", "channels = 16\nmultipliers = [1, 'a']"))
    assert problem == "r.toml:9: model.multipliers.1: should be a whole number, not 'a'"


@pytest.mark.parametrize("name", ["", "A", "a b", "../x", "a\\n", "x" * 65, "é", "-a", "\\u202ex"])
def test_a_name_must_be_a_plain_word(text, problems, name):
    (problem,) = problems(text.replace('name = "small"', f'name = "{name}"'))
    assert problem.startswith("r.toml:1: name:")


@pytest.mark.parametrize(
    "change",
    [
        "data = 1\n", "model = [1]\n", "quick = 3\n", "reference = 'x'\n", "optim = true\n", "train = nan\n",
        "[[data]]\ndataset = 'digits'\n", "[[quick]]\nx = 1\n", "name = 1\n", "order = true\n", "order = inf\n",
    ],
)  # fmt: skip
def test_a_value_of_the_wrong_shape_is_a_problem_and_never_a_crash(problems, change):
    assert problems(change)


def test_an_empty_file_says_all_that_is_required(problems):
    found = problems("")
    for key in ("name", "title", "family", "data.dataset", "model.net", "method.name", "sample.sampler"):
        assert any(f": {key}: is required" in p for p in found)


def test_a_mistake_in_quick_is_found_before_somebody_uses_it(text, problems):
    (problem,) = problems(text.replace("train.steps = 3", "train.steps = 0"))
    assert problem == "r.toml:21: quick.train.steps: should be greater than or equal to 1, not 0"
    (problem,) = problems(text.replace("train.steps = 3", "train.stepz = 3"))
    assert problem == "r.toml:21: quick.train.stepz: unknown key (did you mean 'steps'?)"


@pytest.mark.parametrize(
    "line", ['name = "other"', "order = 3", "bogus.x = 1", "quick.train.steps = 1", 'family = "gan"']
)
def test_quick_changes_settings_and_nothing_else(text, problems, line):
    (problem,) = problems(text + line + "\n")
    assert problem.startswith("r.toml:22: quick.")
    assert "unknown key" in problem


def test_an_unknown_stand_in_is_refused(text, problems):
    (problem,) = problems(text + 'stand_in = "digitz"\n')
    assert problem == "r.toml:22: quick.stand_in: unknown dataset 'digitz' (did you mean 'digits'?)"
    (problem,) = problems(text + "stand_in = [1]\n")
    assert problem.startswith("r.toml:22: quick.stand_in: unknown dataset [1]")


@pytest.mark.parametrize("number", ["9" * 5000, "-" + "9" * 5000, "0x" + "f" * 5000, "0b" + "1" * 20_000])
def test_a_number_too_large_for_toml_is_one_sentence(problems, number):
    said = ["r.toml:2: not valid TOML: a whole number of thousands of digits"]
    assert problems(f"name = 'x'\nx = {number}\n") == said
    assert problems(f"name = 'x'\nx = [1, {{ y = {number} }}]\n") == said
    with pytest.raises(RecipeError) as caught:
        load("digits-unet", [f"data.batch_size={number}"])
    assert "data.batch_size: " in str(caught.value) and len(str(caught.value)) < 500
    with pytest.raises(RecipeError):
        load("digits-unet", [f"train.seed={value}" for value in parse_axis(f"seed=0..{number}").values])


def test_what_is_not_toml_says_where(problems):
    assert problems("name = 'x'\ntitle = \n") == ["r.toml:2: not valid TOML: Invalid value"]
    assert problems("x = " + "[" * 5000) == ["r.toml: not valid TOML: nested too deeply"]
    assert "not valid TOML" in problems("\x00\x01")[0]


def test_what_is_not_text_says_where(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_bytes(b'name = "x"\ntitle = "\xff\xfe"\n')
    with pytest.raises(recipe.RecipeError, match=r"bad\.toml:2: is not UTF-8 text"):
        recipe.load(path)


def test_a_file_too_large_to_be_a_recipe_is_not_read_whole(tmp_path):
    path = tmp_path / "huge.toml"
    with path.open("wb") as file:
        file.truncate(1 << 34)
    with pytest.raises(recipe.RecipeError, match="not a recipe"):
        recipe.load(path)


def test_windows_line_ends_and_a_byte_order_mark_are_read(tmp_path, text):
    path = tmp_path / "windows.toml"
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert recipe.load(path).name == "small"
    path.write_bytes(text.replace("lr = 1e-3", "lr = 0").replace("\n", "\r\n").encode())
    with pytest.raises(recipe.RecipeError, match=r"windows\.toml:12: "):
        recipe.load(path)


@pytest.mark.parametrize(
    "reference", ["no/such/file.toml", "missing.toml", "x" * 5000 + ".toml", "/dev/null/x.toml", "./"]
)
def test_a_path_without_a_recipe_is_unknown(reference):
    with pytest.raises(recipe.UnknownRecipe, match="no recipe at"):
        recipe.load(reference)


def test_an_unknown_name_has_a_suggestion():
    with pytest.raises(recipe.UnknownRecipe, match="did you mean 'digits-unet'"):
        recipe.load("digits-unett")


def test_hostile_text_is_data(text):
    """A title may hold anything TOML can say; what shows it to a terminal cleans it."""
    hostile = text.replace("A small one", "\\u001b]0;x\\u0007\\u202eevil [red]markup[/red]")
    assert recipe.loads(hostile).title == "\x1b]0;x\x07\u202eevil [red]markup[/red]"
