"""Stop watching a job without stopping it: signals become a flag that the watcher checks."""

from __future__ import annotations

import signal
from typing import Any, Self


class Detach:
    """A context in which Ctrl-C or a closed terminal only sets ``requested``.

    A KeyboardInterrupt at an arbitrary point could leave a launch half done. A second Ctrl-C interrupts as usual.
    ``also``: further signals to handle in this way.
    """

    def __init__(self, *also: signal.Signals) -> None:
        self.requested = False
        self._signals = (signal.SIGINT, signal.SIGHUP, *also)
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        for sig in self._signals:
            if signal.getsignal(sig) is not signal.SIG_IGN:  # nohup ignores SIGHUP on purpose
                self._before[sig] = signal.signal(sig, self._request)
        return self

    def cancel(self) -> None:
        """Clear the request; the next signal sets it again."""
        self.requested = False
        for sig in self._before:
            signal.signal(sig, self._request)

    def __exit__(self, *_: object) -> None:
        for sig, handler in self._before.items():
            signal.signal(sig, handler)

    def _request(self, number: int, frame: object) -> None:
        self.requested = True
        signal.signal(number, self._before[signal.Signals(number)])
