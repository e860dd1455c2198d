"""Download a data set: ``python -P -m engine.data.fetch fashion-mnist``.

A separate program, because it needs torchvision and the network and the trainer needs neither. The set
appears whole in the data folder or not at all. Exit codes: 0 here now, 3 no such data set, 4 not possible.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path

from engine import registry
from engine.settings.datasets import FASHION_FILES, Data, FashionMNIST, data_root


def _fashion_mnist(into: Path) -> None:
    from torchvision.datasets import FashionMNIST as Published

    Published(str(into), download=True)
    raw, folder = into / "FashionMNIST" / "raw", data_root() / "fashion-mnist"
    folder.mkdir(exist_ok=True, mode=0o700)
    for name in FASHION_FILES.values():
        (raw / name).replace(folder / name)


_DOWNLOADS: dict[str, Callable[[Path], None]] = {FashionMNIST.model_fields["dataset"].default: _fashion_mnist}


def fetch(name: str) -> str:
    """Make data set ``name`` present; returns a sentence saying where it is.

    Raises KeyError for an unknown name, OSError or RuntimeError when it cannot be had.
    """
    settings = registry.find("dataset", name)
    if settings is None or not issubclass(settings, Data):
        raise KeyError(name)
    if settings.embedded:
        return f"{name} is embedded: nothing to download"
    if here := settings.locate():
        return f"{name} is already here: {here}"
    if name not in _DOWNLOADS:
        raise RuntimeError(f"gentui has no download for it; {settings.remedy()}")
    root = data_root()
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=root, prefix=".fetching-") as aside, redirect_stdout(sys.stderr):
        _DOWNLOADS[name](Path(aside))
    return f"{name} is here: {settings.locate()}"


def main(arguments: Sequence[str] | None = None) -> int:
    names = list(sys.argv[1:] if arguments is None else arguments)
    if len(names) != 1 or names[0].startswith("-"):
        return _say("usage: python -P -m engine.data.fetch NAME", 2)
    name = names[0]
    try:
        return _say(fetch(name), 0)
    except KeyError:
        return _say(f"no data set called {name!r}; known: {', '.join(registry.names('dataset'))}", 3)
    except (OSError, RuntimeError, ImportError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        by_hand = f"; without the network, put its files into {data_root() / name}"
        return _say(f"cannot fetch {name}: {reason}{by_hand}", 4)


def _say(sentence: str, code: int) -> int:
    print(sentence, file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
