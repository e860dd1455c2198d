"""Images with attributes: the Cartoon Set's and CelebA's files, read as they are or refused with a reason."""

from __future__ import annotations

import pytest
import torch

from engine.data.attribute_files import read_attributes, read_partition
from engine.data.batches import Batches
from engine.data.dataset import DataError, open_dataset
from engine.settings.datasets.folders import AttributeFolder, Cartoon, CelebA


def opened(cls=AttributeFolder, **values):
    return open_dataset(cls.model_validate({"batch_size": 8, "image_size": 8} | values))


def rows(count, width=3):
    """Attribute rows of images 0…: bit k of the number is attribute k."""
    return [(f"{i:04d}.png", [i >> k & 1 for k in range(width)]) for i in range(count)]


def text(count=40, names="one two three", no="-1", number=True) -> str:
    lines = [f"{name} {' '.join('1' if v else no for v in values)}" for name, values in rows(count)]
    return "\n".join([*([str(count)] if number else []), names, *lines]) + "\n"


@pytest.fixture
def folder(tmp_path, cache, paint):
    paint(tmp_path / "set" / "images", 40)
    (tmp_path / "set" / "some_attr.txt").write_text(text())
    return tmp_path / "set"


def every(dataset):
    """(pixels, attributes) of every image of every split."""
    return {
        (image.numpy().tobytes(), tuple(row.tolist()))
        for split in dataset.splits.values()
        for image, row in zip(split.images, split.labels, strict=True)
    }


@pytest.mark.parametrize("no", ["-1", "0"])
def test_one_means_it_has_it_and_nought_or_minus_one_that_it_has_not(folder, no):
    (folder / "some_attr.txt").write_text(text(no=no))
    dataset = opened(path=str(folder))
    assert dataset.attributes == ("one", "two", "three") and dataset.groups == () and not dataset.warnings
    assert dataset.train.labels.dtype == torch.uint8 and dataset.train.labels.shape[1] == 3
    assert sum(split.labels.sum(0) for split in dataset.splits.values()).tolist() == [20, 20, 20]
    plain = opened(path=str(folder), file=str(folder / "some_attr.txt"))
    assert every(plain) == every(dataset)
    batch = Batches(dataset, 8, "cpu", seed=0).at(0)
    assert batch.labels.shape == (8, 3) and set(batch.labels.unique().tolist()) <= {0.0, 1.0}


def test_each_image_keeps_its_own_attributes(folder, cache):
    dataset = opened(path=str(folder))
    only = "\n".join(["1", "one two three", "0005.png 1 -1 1", *text(40).split("\n")[2:7]])
    (folder / "some_attr.txt").write_text(only)
    few = opened(path=str(folder), batch_size=1)
    assert every(few) <= every(dataset) and len(every(few)) == 6


def test_the_file_may_lie_beside_the_images_or_anywhere(folder, tmp_path):
    inside = opened(path=str(folder / "images"))
    (folder / "some_attr.txt").rename(tmp_path / "elsewhere.txt")
    with pytest.raises(DataError, match=r"name it with data\.file"):
        opened(path=str(folder))
    named = opened(path=str(folder), file="../elsewhere.txt")
    assert every(inside) == every(named)


def test_names_may_have_spaces_lack_their_suffix_or_be_paths(tmp_path, cache, paint):
    paint(tmp_path / "x" / "sub", 30)
    (tmp_path / "x" / "sub" / "0000.png").rename(tmp_path / "x" / "sub" / "a cat.png")
    lines = ["a cat.png 1 0", "0001 0 1", "sub/0002.png 1 1", *(f"{i:04d}.png 0 0" for i in range(3, 30))]
    (tmp_path / "x" / "attr.txt").write_text("\n".join(["30", "p q", *lines]))
    dataset = opened(path=str(tmp_path / "x"))
    assert sum(len(split) for split in dataset.splits.values()) == 30 and not dataset.warnings
    assert sum(split.labels.sum(0) for split in dataset.splits.values()).tolist() == [2, 2]


def test_comma_separated_files_are_read_too(folder):
    before = opened(path=str(folder))
    lines = [",".join([name, *map(str, values)]) for name, values in rows(40)]
    (folder / "some_attr.txt").unlink()
    (folder / "list_attr.csv").write_text("\r\n".join(["image_id,one,two,three", *lines]))
    assert every(opened(path=str(folder))) == every(before)


def test_images_without_a_line_and_lines_without_an_image_are_told(folder, paint):
    paint(folder / "images", 2, first=100)
    (folder / "images" / "0007.png").unlink()
    dataset = opened(path=str(folder))
    assert sum(len(split) for split in dataset.splits.values()) == 39
    first, second = dataset.warnings
    assert "2 images were not described" in first and "0100.png" in first and "left out" in first
    assert "describes 1 image" in second


def test_one_hot_groups_are_checked(folder):
    dataset = opened(path=str(folder), one_hot=[3], batch_size=4)
    assert dataset.groups == (3,)
    assert all((split.labels.sum(1) == 1).all() for split in dataset.splits.values())
    assert "not having exactly one of each group" in dataset.warnings[0]
    with pytest.raises(DataError, match=r"names 3 attributes and data\.one_hot groups 7"):
        opened(path=str(folder), one_hot=[3, 4])


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("", "names no attributes, or no images"),
        ("3\n", "names no attributes, or no images"),
        ("1\na b\nx.png 1 2\n", "line 3 of .* has '2' where"),
        ("1\na b\n\nx.png 1\n", "line 4 of .* has 1 values for 2 attributes"),
        ("1\na b\nx.png 1 yes\n", "has 'yes' where"),
        ("1\na b\nx\x1b[2J.png 1 \x1b[2J\n", "line 3"),
        ("1\na b\nnobody.png 1 0\n", "describes none of the 40 images"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_with_its_line(folder, content, what):
    (folder / "some_attr.txt").write_text(content)
    with pytest.raises(DataError, match=what) as caught:
        opened(path=str(folder))
    assert str(caught.value).isprintable()


def test_what_is_not_text_is_refused(folder):
    (folder / "some_attr.txt").write_bytes(bytes(range(256)) * 50)
    with pytest.raises(DataError):
        opened(path=str(folder))


def test_a_changed_file_of_attributes_is_read_again(folder):
    before = opened(path=str(folder))
    (folder / "some_attr.txt").write_text(text(names="uno due tre"))
    after = opened(path=str(folder))
    assert after.attributes == ("uno", "due", "tre")
    assert torch.equal(before.train.images, after.train.images)


def test_the_heading_counts_nothing_but_is_read(tmp_path):
    (tmp_path / "a.txt").write_text(text(5, number=False))
    found = read_attributes(tmp_path / "a.txt")
    assert found.names == ("one", "two", "three") and len(found.rows) == 5 and found.promised is None
    assert found.rows["0004.png"] == bytes([0, 0, 1])


# the Cartoon Set


def test_cartoon_faces_have_fifteen_attributes_in_four_groups(data, cache, paint):
    assert Cartoon.locate() is None and "attr" not in Cartoon.remedy()
    paint(data / "selected_cartoonset100k" / "images", 40)
    names = " ".join([*(f"hair{i}" for i in range(6)), *(f"eyes{i}" for i in range(4)),
                      *(f"face{i}" for i in range(3)), "glasses", "no_glasses"])  # fmt: skip
    lines = []
    for i in range(40):
        row = [0] * 15
        row[i % 6] = row[6 + i % 4] = row[10 + i % 3] = row[13 + i % 2] = 1
        lines.append(f"{i:04d}.png {' '.join(map(str, row))}")
    (data / "selected_cartoonset100k" / "cartoon_attr.txt").write_text("\n".join(["40", names, *lines]))
    assert Cartoon.locate() is not None
    dataset = opened(Cartoon)
    assert dataset.name == "cartoon" and dataset.groups == (6, 4, 3, 2) == Cartoon.groups
    assert len(dataset.attributes) == len(Cartoon.attributes) == 15 and not dataset.warnings
    assert open_dataset(Cartoon.model_validate({"batch_size": 8})).image_shape == (3, 128, 128)


# CelebA


@pytest.fixture
def celeba(data, cache, paint):
    paint(data / "celeba" / "img_align_celeba", 40, size=(18, 22))
    return data / "celeba"


def test_celeba_is_found_without_any_list(celeba):
    dataset = open_dataset(CelebA.model_validate({"batch_size": 8}))
    assert dataset.image_shape == (3, 64, 64) and dataset.attributes == () and dataset.train.labels is None
    assert len(dataset.train) + len(dataset.test) == 40


def test_celeba_has_its_published_splits_and_attributes(celeba, paint):
    (celeba / "list_attr_celeba.txt").write_text(text())
    (celeba / "list_eval_partition.txt").write_text(
        "\n".join(f"{i:04d}.png {0 if i < 25 else 1 if i < 32 else 2}" for i in range(40))
    )
    paint(celeba / "img_celeba", 9, first=500)  # the images that are not aligned are left alone
    dataset = opened(CelebA, validation=0.5)
    assert {name: len(split) for name, split in dataset.splits.items()} == {
        "train": 25,
        "test": 8,
        "validation": 7,
    }
    assert dataset.attributes == ("one", "two", "three")
    assert dataset.test.labels.sum(0).tolist() == [sum(i >> k & 1 for i in range(32, 40)) for k in range(3)]


def test_celeba_as_others_pack_it(celeba):
    (celeba / "list_eval_partition.csv").write_text(
        "image_id,partition\n" + "\n".join(f"{i:04d}.png,{2 * (i > 29)}" for i in range(40))
    )
    dataset = opened(CelebA)
    assert {name: len(split) for name, split in dataset.splits.items()} == {"train": 30, "test": 10}


def test_a_partition_that_is_none_is_refused(tmp_path):
    (tmp_path / "p.txt").write_text("0001.png 0\n0002.png seven\n")
    with pytest.raises(DataError, match=r"line 2 of .* has 'seven' where 0, 1 or 2 belongs"):
        read_partition(tmp_path / "p.txt")
