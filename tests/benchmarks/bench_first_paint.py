"""Time from exec to the first frame with recipes in it, in a pty, over that of a bare Textual app.

    python tests/benchmarks/bench_first_paint.py [--rounds 7] [--runs 1000] [--points 5000]

Prints one line per figure. All kinds are started in turn, round after round, so that a busy machine slows
them alike; the ratio is of medians. The frame is read from the terminal's side, by an emulator.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import sys
import tempfile
import termios
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

BARE = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("first frame")
Bare().run()
"""


ASKED, ANSWER = b"\x1b[c", b"\x1b[?62;22c"
"""What a terminal can do, as every one is asked and answers at once."""


def first_paint(argv: list[str], needle: bytes, env: dict[str, str], patience: float = 60.0) -> float:
    """Seconds from fork until ``needle`` has been written to the terminal."""
    began = time.perf_counter()
    pid, fd = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        os.execve(argv[0], argv, env)
    try:
        seen = b""
        while needle not in seen:
            ready, _, _ = select.select([fd], [], [], patience)
            if not ready:
                raise TimeoutError(f"{argv} painted nothing in {patience} s")
            try:
                seen += (read := os.read(fd, 1 << 16))
                if ASKED in read:
                    os.write(fd, ANSWER)
            except OSError:
                raise RuntimeError(f"{argv} ended: {seen[-2000:].decode(errors='replace')}") from None
        return time.perf_counter() - began
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(fd)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--points", type=int, default=5000, help="metric points per run")
    parser.add_argument("--home", type=Path, help="a home already filled, in place of a generated one")
    options = parser.parse_args()

    python = sys.executable
    command = [python, "-m", "gentui"]
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / "bare.py"
        bare.write_text(BARE)
        empty = Path(folder) / "empty"
        full = options.home or fill(Path(folder) / "full", options.runs, options.points)
        base = {k: v for k, v in os.environ.items() if k not in ("TMUX", "STY", "NO_COLOR")}
        base |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "COLUMNS": "80", "LINES": "24"}
        kinds = {
            "bare": ([python, str(bare)], b"first frame", base),
            "empty": (command, b"digits-unet", base | {"GENTUI_HOME": str(empty)}),
            "full": (command, b"digits-unet", base | {"GENTUI_HOME": str(full)}),
        }
        times: dict[str, list[float]] = {kind: [] for kind in kinds}
        for _ in range(options.rounds + 1):
            for kind, (argv, needle, env) in kinds.items():
                times[kind].append(first_paint(argv, needle, env))
    median = {
        kind: statistics.median(values[1:]) for kind, values in times.items()
    }  # the first warms the cache
    print(f"first_paint_bare_s {median['bare']:.3f}")
    print(
        f"first_paint_empty_s {median['empty']:.3f} ratio {median['empty'] / median['bare']:.2f} (at most 2.0)"
    )
    print(
        f"first_paint_full_s {median['full']:.3f} ratio {median['full'] / median['bare']:.2f} (at most 3.0) "
        f"runs {options.runs} points {options.runs * options.points}"
    )


def fill(home: Path, runs: int, points: int) -> Path:
    """A home with that many runs, ingested."""
    from gentui.index import Index
    from tests.benchmarks.bench_index import make_home

    make_home(home, runs, points)
    index = Index(home)
    while index.refresh(wait=1.0):
        pass
    return home


if __name__ == "__main__":
    main()
