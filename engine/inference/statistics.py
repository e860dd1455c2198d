"""Write the statistics of a recipe's real images: ``python -P -m engine.inference.statistics RECIPE FILE …``.

FILE.npy gets their features, FILE.npz the mean and covariance of them, as pytorch-fid and EDM read them. Exit codes: 0,
2 (bad argument, or a recipe with mistakes), 3 (no such recipe), 4 (no data or extractor, or FILE cannot be written).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from engine import devices, main_program
from engine.data.dataset import DataError, open_dataset
from engine.evaluation.extractors import ExtractorError
from engine.evaluation.frechet import Moments
from engine.evaluation.scorer import recipe_extractor
from engine.evaluation.statistics_file import SUFFIXES, write_statistics
from engine.inference.loading import enough_memory, exit_with
from engine.recipes.recipe import MissingData, Recipe, RecipeError, UnknownRecipe, load
from engine.settings.evaluation import FID

_REMEDY = "free some that other programs use, or compute on the CPU (CUDA_VISIBLE_DEVICES=)"


def main(arguments: list[str] | None = None) -> int:
    """Write the file that the command line asks for. Returns the exit code; errors exit with a message."""
    options = _parser().parse_args(arguments)
    if options.file.suffix not in SUFFIXES:
        exit_with(f"{options.file}: name a file that ends in {' or '.join(SUFFIXES)}", 2)
    try:
        recipe = load(options.recipe, options.overrides)
        if not isinstance(recipe.evaluate, FID):
            exit_with(f"{recipe.name} is not scored by features of images", 2)
        recipe.require_data(scores=False)
        with enough_memory(options.device, _REMEDY):
            count = _write(recipe, recipe.evaluate, options)
    except RecipeError as error:
        exit_with(str(error), 2)
    except UnknownRecipe as error:
        exit_with(str(error), 3)
    except (MissingData, DataError, ExtractorError, devices.DeviceError) as error:
        exit_with(str(error), 4)
    except OSError as error:
        exit_with(f"cannot write {options.file}: {error.strerror or error}", 4)
    print(f"{count:,} images", file=sys.stderr)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine.inference.statistics")
    parser.add_argument("recipe")
    parser.add_argument("file", type=Path)
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="KEY=VALUE")
    parser.add_argument("--split", choices=["train", "test"], help="default: the recipe's")
    parser.add_argument("--device", default="auto")
    return parser


def _write(recipe: Recipe, settings: FID, options: argparse.Namespace) -> int:
    """Embed the images of the split and write the file; returns their number."""
    device = devices.choose_device(options.device)
    devices.set_up(device)
    dataset = open_dataset(recipe.data)
    extractor = recipe_extractor(recipe, settings, dataset, device)
    images = dataset.split(options.split or settings.split).images
    features = torch.cat([extractor.features(chunk).cpu() for chunk in images.split(extractor.batch)])
    if len(features) < 2:
        raise DataError(f"statistics need two images, and this split of {dataset.name} has {len(features)}")
    write_statistics(options.file, features, Moments.of(features))
    return len(features)


if __name__ == "__main__":
    main_program.run(main)
