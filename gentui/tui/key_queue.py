"""Keys that arrive together, pasted or over a slow line, are handled one after the other.

Textual passes each key at once to the widget that has the focus at that moment. Of ``/vae`` typed in one go the list
would get all four keys before the filter has the focus, and F5 would train before the text typed just before was read.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from textual import events
from textual.message_pump import MessagePump

from gentui.tui.textual_private import core

PATIENCE = 0.5
"""Seconds after which the next key no longer waits for the one before."""
ROUNDS = 2
"""Passes through the message queues of widget, screen and app: one for the key, one for the messages it caused."""


class KeyQueueApp(core.HookedApp):
    """An app that handles the next key once the one before has had its effect."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._pending: deque[events.Key | events.Paste] = deque()
        self._current = 0  # number of the key being handled; 0: none
        self._count = 0
        self._timeout: asyncio.TimerHandle | None = None

    @property
    def has_keys(self) -> bool:
        """Whether a key is being handled or waits."""
        return bool(self._current) or core.has_queued_messages(self)

    async def on_event(self, event: events.Event) -> None:
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            await super().on_event(event)
        elif self._current:
            self._pending.append(event)
        else:
            await self._handle_key(event)

    async def _handle_key(self, event: events.Key | events.Paste) -> None:
        self._count += 1
        number = self._current = self._count
        try:
            await super().on_event(event)
        finally:
            loop = asyncio.get_running_loop()
            self._timeout = loop.call_later(PATIENCE, self.call_later, self._finish_key, number)
            self._drain(number, ROUNDS)

    def _drain(self, number: int, rounds: int) -> None:
        """Send a callback through the queues from the focused widget up to the app. When it has come through, all
        messages queued before it were handled."""
        pumps: list[MessagePump] = []
        if self.screen_stack:
            pumps = [pump for pump in (self.focused or self.screen).ancestors_with_self if pump is not self]

        def pass_on(place: int) -> None:
            while place < len(pumps) and not pumps[place].call_later(pass_on, place + 1):
                place += 1  # that widget has been removed
            if place == len(pumps):
                self.call_later(arrived)

        async def arrived() -> None:
            if rounds > 1:
                self._drain(number, rounds - 1)
            else:
                await self._finish_key(number)

        pass_on(0)

    async def _finish_key(self, number: int) -> None:
        """Handle the next key, unless this one was given up meanwhile."""
        if number != self._current:
            return
        self._current = 0
        if self._timeout is not None:
            self._timeout.cancel()
        if self._pending:
            await self._handle_key(self._pending.popleft())
