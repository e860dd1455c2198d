"""gentui in a pty, for benchmarks."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import sys
import termios
from collections.abc import Sequence
from pathlib import Path

_UNWANTED = ("NO_COLOR", "TMUX", "STY", "COLUMNS", "LINES")


class PtyApp:
    """The app over ``home`` in a terminal of that size. The tour of the first start is not measured."""

    def __init__(self, home: Path, columns: int, rows: int, images: str, command: Sequence[str] = ()):
        config = home / "config"
        config.mkdir(exist_ok=True)
        (config / "app.json").write_text('{"toured": true}')
        env = {k: v for k, v in os.environ.items() if k not in _UNWANTED}
        env |= {
            "TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8", "GENTUI_HOME": str(home),
            "GENTUI_CONFIG": str(config),
        }  # fmt: skip
        words = [*(command or (sys.executable, "-m", "gentui")), "--images", images]
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execvpe(words[0], words, env)

    def cpu(self) -> float:
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)
