"""The checks of ``gentui doctor``: whether this machine can train and show runs, and how to fix what it cannot."""

from __future__ import annotations

import locale
import os
import shlex
import shutil
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from engine.runs.directory import list_runs
from engine.runs.precisions import PrecisionMemory
from gentui.cli.survey import Survey, survey
from gentui.text.numbers import gib, plural, used_of_total

if TYPE_CHECKING:
    from gentui.index import Index

TORCH_TIMEOUT_S = 90.0
LOW_DISK_BYTES = 2 << 30

NEEDED = frozenset({"python", "home", "disk", "index", "recipes", "torch"})
"""Checks that must pass before anything can be trained."""
OPTIONAL = ("data ", "extractor ")
"""Beginnings of the names of checks of what only some recipes or scores need."""

_TORCH = """
import gc, torch
from engine import devices
gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
tf32 = gpus and devices.uses_tf32(torch.device("cuda:0"))
print(torch.__version__, torch.get_num_threads(), "|".join(gpus), "TF32" if tf32 else "", sep="\\n")
gc.freeze()
"""


@dataclass(frozen=True)
class Check:
    """The result of one check. ``fix`` says what to do if it failed."""

    name: str
    ok: bool
    detail: str
    fix: str = ""


def is_optional(check: Check) -> bool:
    """Whether only some recipes or scores need what a check looks for."""
    return check.name.startswith(OPTIONAL)


def summary(checks: Sequence[Check]) -> list[str]:
    """What follows from the checks: whether this machine can train, and what is missing for some recipes or scores."""
    failed = [check.name for check in checks if check.name in NEEDED and not check.ok]
    lines = [f"can train: no, because of {', '.join(failed)}" if failed else "can train: yes"]
    absent = [
        check.name.removeprefix("data ") for check in checks if check.name.startswith("data ") and not check.ok
    ]
    if absent:
        lines.append(f"data sets not here: {', '.join(absent)}; `gentui data NAME` says how to get one")
    for check in checks:
        if check.name.startswith("extractor ") and not check.ok:
            name = check.name.removeprefix("extractor ")
            lost = (
                "published FIDs cannot be repeated"
                if name == "inception"
                else "scores in its features cannot be made"
            )
            lines.append(f"{name} missing: {lost}; {check.fix}")
    others = [
        check.name for check in checks if not check.ok and not is_optional(check) and check.name not in NEEDED
    ]
    if others:
        lines.append(f"worth a look: {', '.join(dict.fromkeys(others))}")
    return lines


def examine(home: Path) -> Iterator[Check]:
    """Run every check, in order, and yield its results as they come. A check that raises is reported as failed."""
    looked = cache(partial(survey, home))
    probes: list[tuple[str, Callable[[], list[Check]]]] = [
        ("python", _python),
        ("home", lambda: _home(home, looked())),
        ("index", lambda: _index(home)),
        ("runs", lambda: _runs(home, looked())),
        ("recipes", _recipes),
        ("torch", _torch),
        ("precision", lambda: _precision(home)),
        ("machine", lambda: _machine(home)),
        ("data", _data),
        ("extractors", _extractors),
        ("keys", _keys),
        ("terminal", _terminal),
    ]
    for name, probe in probes:
        try:
            yield from probe()
        except Exception as error:
            yield Check(name, False, f"{type(error).__name__}: {error}", "please report this")


def _python() -> list[Check]:
    version = ".".join(map(str, sys.version_info[:3]))
    return [Check("python", True, f"{version}, {sys.executable}")]


def _home(home: Path, found: Survey) -> list[Check]:
    checks = []
    writable = os.access(home, os.W_OK | os.X_OK)
    checks.append(
        Check(
            "home", writable, f"{home}" + ("" if writable else " cannot be written to"),
            "" if writable else "choose another with --home or GENTUI_HOME",
        )
    )  # fmt: skip
    return [*checks, _private(home, found), _file_system(home), _disk(home)]


def _private(home: Path, found: Survey) -> Check:
    """Whether the home is closed to other users, and so is what lies in it, as far as it was looked through."""
    for path in (home, *sorted(home.iterdir())):
        mode, owner = stat.S_IMODE(path.lstat().st_mode), path.lstat().st_uid
        if owner not in (os.getuid(), 0):
            return Check("home private", False, f"{path} belongs to another user", "choose another home")
        if mode & 0o077 and not path.is_symlink():
            mend = f"chmod {mode & 0o700:o} {shlex.quote(str(path))}"
            return Check("home private", False, f"mode {mode:04o} of {path}", mend)
    if found.opened:
        (path, mode), *others = found.opened
        told = f"mode {mode:04o} of {path}"
        if not others:
            return Check("home private", False, told, f"chmod {mode & 0o700:o} {shlex.quote(str(path))}")
        place = os.path.commonpath([path for path, _ in found.opened])
        told += f"; {len(others):,} more in {place} can be used by others, too"
        return Check("home private", False, told, f"chmod -R go= {shlex.quote(place)}")
    return Check("home private", True, f"mode {stat.S_IMODE(home.stat().st_mode):04o}")


def _file_system(home: Path) -> Check:
    """What file system the home is on, and whether locks and links work there as gentui needs them."""
    from engine.runs.filesystems import has_own_locks, is_shared, kind_of
    from gentui.index.elsewhere import own_place

    kind, shared = kind_of(home) or "unknown", is_shared(home)
    name = "home file system"
    remedy = "choose a home on another file system with --home or GENTUI_HOME"
    try:
        fault = _fault_of_locks(home)
    except OSError as error:
        return Check(name, not os.access(home, os.W_OK), f"{kind}; {error.strerror or error}", remedy)
    if fault:
        return Check(name, False, f"{kind}; {fault}", remedy)
    if not shared:
        return Check(name, True, kind)
    place = own_place(home)
    kept = "the index is kept in it, too" if place.parent == home else f"this machine's index is {place}"
    locks = (
        "locks of files are this machine's only, and lock files keep order"
        if has_own_locks(home)
        else "locks work"
    )
    return Check(name, place.parent != home, f"{kind}, which other machines share; {kept}; {locks}",
        "name a folder on a disk of this machine in TMPDIR, for the index")  # fmt: skip


def _fault_of_locks(home: Path) -> str:
    """What does not work in the home that gentui relies on; "" if all does. Raises OSError."""
    import fcntl
    import tempfile

    with tempfile.TemporaryDirectory(dir=home, prefix=".doctor-") as folder:
        place = Path(folder)
        first, second = (os.open(place / "lock", os.O_RDWR | os.O_CREAT, 0o600) for _ in range(2))
        try:
            fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return "two processes can hold one lock"
            except BlockingIOError:
                pass
            written = os.open(place / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(written, b"a line")
                if (place / "log").read_bytes() != b"a line":
                    return "what is appended to a file is not there at once"
            finally:
                os.close(written)
            os.link(place / "log", place / "link")
            (place / "to").symlink_to("log")
            (place / "to").replace(place / "link")
            return "" if (place / "link").is_symlink() else "a file cannot be replaced by another"
        finally:
            os.close(first)
            os.close(second)


def _disk(home: Path) -> Check:
    from gentui.machine import disk

    free = shutil.disk_usage(home).free
    refused = disk.refusal(home)
    if refused is not None and refused.errno in disk.FULL:  # also a quota, or the number of files
        return Check("disk", False, f"full, {gib(free)} GiB free", disk.why(refused, home))
    if free > LOW_DISK_BYTES:
        return Check("disk", True, f"{gib(free)} GiB free")
    return Check(
        "disk", False, f"{gib(free)} GiB free", f"checkpoints and samples need room: {disk.what_fills(home)}"
    )


def _index(home: Path) -> list[Check]:
    from gentui.index import Index

    index: Index = Index(home)
    try:
        index.refresh(wait=2.0)
        indexed = len(index.runs())
    except Exception as error:
        return [Check("index", False, f"{error}", "gentui index rebuild")]
    stored = len(list_runs(home))
    ok = indexed == stored
    where = f", read into {index.path.parent}" if index.note else ""
    return [
        Check("index", ok, f"{indexed} of {stored} runs{where}", "" if ok else "gentui index rebuild"),
    ]


def _runs(home: Path, found: Survey) -> list[Check]:
    from gentui import jobs

    jobs.reconcile(home)
    states: dict[str, int] = {}
    for run in list_runs(home):
        state = jobs.settled(run)
        status = "unreadable" if state is None else state.status
        states[status] = states.get(status, 0) + 1
    detail = ", ".join(f"{count} {status}" for status, count in sorted(states.items())) or "none yet"
    return [
        Check(
            "runs", "unreadable" not in states, detail, "" if "unreadable" not in states else "gentui rm RUN"
        ),
        *_run_files(found),
    ]


def _run_files(found: Survey) -> list[Check]:
    """The runs that hold what is neither a plain file nor a real folder, which no command opens."""
    checks = [
        Check("run files", False, f"{first} is a link, a FIFO or a device"
              + (f", as are {len(others):,} more of this run" if others else ""), f"gentui rm {run}")
        for run, (first, *others) in sorted(found.odd.items())
    ]  # fmt: skip
    if found.whole < found.stored:
        told = f"all files of {found.whole:,} of {plural(found.stored, 'run')} were looked at, of others some"
        checks.append(Check("run files", True, told))
    return checks


def _recipes() -> list[Check]:
    from engine.recipes.recipe import menu
    from engine.runs import paths
    from engine.settings import registry

    recipes, problems = menu()
    checks = [Check("recipes", bool(recipes), f"{len(recipes)} recipes", "" if recipes else "reinstall gentui")]
    mend = f"correct or remove it in {paths.config_dir()}"
    checks += [Check("recipe", False, str(problem), mend) for problem in problems]
    return checks + [Check("plug-in", False, failure, mend) for failure in registry.failures]


def _torch() -> list[Check]:
    fix = "install a build of PyTorch that fits this machine: https://pytorch.org/get-started/locally"
    try:
        # In a separate process: gentui never imports torch, and a broken build may crash.
        result = subprocess.run(
            [sys.executable, "-P", "-c", _TORCH], capture_output=True, text=True, check=False,
            timeout=TORCH_TIMEOUT_S, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return [Check("torch", False, f"its import took more than {TORCH_TIMEOUT_S:.0f} s", fix)]
    if result.returncode:
        last = (result.stderr.strip().splitlines() or ["it crashed"])[-1]
        return [Check("torch", False, last, fix)]
    version, threads, gpus, tf32 = [*result.stdout.split("\n"), "", "", "", ""][:4]
    names = [name for name in gpus.split("|") if name]
    tf32 = f"; products of fp32 in {tf32}" if tf32 else ""
    return [
        Check("torch", True, f"{version}, {threads} CPU threads"),
        Check("gpu", True, (", ".join(names) + tf32) if names else "none found: runs use the CPU"),
    ]


def _precision(home: Path) -> list[Check]:
    """The precisions that ``train.precision = "auto"`` has settled on, by kind of device."""
    memory = PrecisionMemory(home)
    counts = Counter((choice["device"], choice["precision"]) for choice in memory.choices())
    chosen = [
        f"{precision} for {plural(count, 'net')} on {device}"
        for (device, precision), count in sorted(counts.items())
    ]
    if not chosen:
        return [Check("precision", True, "none chosen yet")]
    return [Check("precision", True, f"{', '.join(chosen)}; forgotten when deleted: {memory.folder}")]


def _machine(home: Path) -> list[Check]:
    """The same readings as on the app's Machine screen."""
    from gentui.jobs.launchers.local.slot_queues import queue_by_slot, queue_summary
    from gentui.machine.gpus import gpu_summary
    from gentui.machine.monitor import sample

    now = sample(home, queue_by_slot(home))
    checks = [Check(f"gpu {gpu.number}", True, f"{gpu.name}: {gpu_summary(gpu)}") for gpu in now.gpus]
    return [
        *(checks or [Check("gpu driver", True, now.no_gpus)]),
        Check("cpu", True, f"{now.cpus} cores, load {now.load:.1f}"),
        Check("memory", True, f"{used_of_total(now.memory)} used"),
        *(Check(f"queue {slot}", True, queue_summary(jobs)) for slot, jobs in now.queues.items()),
    ]


def _data() -> list[Check]:
    from engine.recipes.recipe import datasets

    checks = []
    for name, cls in datasets().items():
        if cls.user_supplied:
            continue  # a folder that the user names: nothing to look for
        place = cls.locate()
        here = "embedded" if cls.embedded else f"{place}"
        checks.append(
            Check(f"data {name}", place is not None, here if place is not None else "not here",
                  "" if place is not None else cls.remedy())
        )  # fmt: skip
    return checks


def _extractors() -> list[Check]:
    from engine.recipes.recipe import extractors

    checks = []
    for name, cls in extractors().items():
        place = cls.locate()
        checks.append(
            Check(f"extractor {name}", place is not None, f"{place}" if place else "weights not here",
                  "" if place else cls.remedy())
        )  # fmt: skip
    return checks


def _keys() -> list[Check]:
    from gentui.config import keymap

    mapping, troubles = keymap.read()
    mend = f"correct {keymap.path()}"
    if troubles:
        return [Check("keys", False, trouble, mend) for trouble in troubles]
    return [Check("keys", True, f"{plural(len(mapping), 'key')} remapped" if mapping else "default keys")]


def _terminal() -> list[Check]:
    interactive = sys.stdin.isatty() and sys.stdout.isatty()
    size = shutil.get_terminal_size()
    term = os.environ.get("TERM", "")
    encoding = locale.getpreferredencoding(False)
    unicode = encoding.lower().replace("-", "") == "utf8"
    wide = not interactive or (size.columns >= 80 and size.lines >= 24)
    around = {"TMUX": "tmux", "STY": "screen", "SSH_TTY": "ssh"}
    inside = ", ".join(name for variable, name in around.items() if os.environ.get(variable))
    here = f"TERM={term or 'unset'}" + (f", inside {inside}" if inside else "")
    return [
        Check("terminal", True, here if interactive else f"{here}; not a terminal, so the app would not start"),
        Check("terminal size", wide, f"{size.columns}×{size.lines}", "" if wide else "the app needs 80×24"),
        Check("unicode", unicode, f"{encoding}, {_locale()}", "" if unicode else "set a UTF-8 locale: LANG=C.UTF-8"),
        _colour(term),
        Check("images", True, _images(term)),
        *(_tmux() if os.environ.get("TMUX") else []),
    ]  # fmt: skip


def _locale() -> str:
    """The environment variable that decides the character encoding."""
    name = next((name for name in ("LC_ALL", "LC_CTYPE", "LANG") if os.environ.get(name)), "")
    return f"{name}={os.environ[name]}" if name else "no locale is set"


def _colour(term: str) -> Check:
    colours = _colours(term)
    poor = "16" in colours or colours == "none"
    fix = "set TERM to your terminal's type, such as xterm-256color; and COLORTERM=truecolor if it has 24-bit colour"
    return Check("colour", not poor, colours, fix if poor else "")


TMUX = {
    "allow-passthrough": (("on", "all"), "on", "kitty graphics reach the terminal"),
    "default-terminal": (("256color", "direct"), "tmux-256color", "there are enough colours"),
    "focus-events": (("on",), "on", "the app stops redrawing when it is not in view"),
    "set-clipboard": (("on", "external"), "on", "copying reaches the terminal"),
}
"""tmux option -> (accepted values, value to set, purpose)."""


def _tmux() -> list[Check]:
    checks = []
    for option, (accepted, advised, purpose) in TMUX.items():
        try:
            answer = subprocess.run(
                ["tmux", "show-options", "-Agqv", option], capture_output=True, text=True, check=False, timeout=5,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            return [Check("tmux", False, f"tmux does not answer: {error}", "is tmux on the PATH?")]
        value = answer.stdout.strip()
        ok = any(value == word or value.endswith(word) for word in accepted)
        fix = "" if ok else f"in ~/.tmux.conf: set -g {option} {advised}  (so that {purpose})"
        checks.append(Check(f"tmux {option}", ok, value or "unknown to this tmux", fix))
    return checks


def _colours(term: str) -> str:
    if os.environ.get("NO_COLOR"):
        return "off: NO_COLOR is set"
    if os.environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return "24 bits"
    if "256color" in term:
        return "256 colours; set COLORTERM=truecolor if the terminal has more"
    return "16 colours or fewer" if term not in ("", "dumb") else "none"


def _images(term: str) -> str:
    """What the environment variables suggest. The app itself asks the terminal."""
    if os.environ.get("KITTY_WINDOW_ID") or "kitty" in term or "ghostty" in term:
        return "kitty graphics" + (" (in tmux only with allow-passthrough)" if os.environ.get("TMUX") else "")
    if os.environ.get("TERM_PROGRAM") in ("WezTerm", "iTerm.app"):
        return f"{os.environ['TERM_PROGRAM']}: sixel or kitty graphics"
    return "half blocks, unless the terminal answers otherwise; --images overrides"
