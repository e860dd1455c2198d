"""Keys that come together, as pasted ones and those of a slow line do, are taken one after the other.

Textual hands every key at once to what has the focus at that moment, so of ``/`` and ``vae`` the list would get all
four, and F5 would train before what was typed in front of it was read.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from textual import events
from textual.message_pump import MessagePump

from gentui.tui.textual_private import core

PATIENCE = 0.5
"""Seconds after which a key waits no longer for the one before it."""
ROUNDS = 2
"""Through the widget, its screen and the app: once for the key, once for what it set off."""


class KeyQueueApp(core.HookedApp):
    """The next key is given out when the one before has had its effect."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._ahead: deque[events.Key | events.Paste] = deque()
        self._taking = 0  # the number of the key that is being taken; 0: none
        self._taken = 0
        self._patience: asyncio.TimerHandle | None = None

    @property
    def has_keys(self) -> bool:
        """Whether a key is being taken, or waits."""
        return bool(self._taking) or core.has_queued_messages(self)

    async def on_event(self, event: events.Event) -> None:
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            await super().on_event(event)
        elif self._taking:
            self._ahead.append(event)
        else:
            await self._take(event)

    async def _take(self, event: events.Key | events.Paste) -> None:
        self._taken += 1
        number = self._taking = self._taken
        try:
            await super().on_event(event)
        finally:
            loop = asyncio.get_running_loop()
            self._patience = loop.call_later(PATIENCE, self.call_later, self._go_on, number)
            self._walk(number, ROUNDS)

    def _walk(self, number: int, rounds: int) -> None:
        """Follow the way of the key: what is in the queues before us has happened when we are through."""
        way: list[MessagePump] = []
        if self.screen_stack:
            way = [pump for pump in (self.focused or self.screen).ancestors_with_self if pump is not self]

        def on(place: int) -> None:
            while place < len(way) and not way[place].call_later(on, place + 1):
                place += 1  # that one has gone
            if place == len(way):
                self.call_later(arrived)

        async def arrived() -> None:
            if rounds > 1:
                self._walk(number, rounds - 1)
            else:
                await self._go_on(number)

        on(0)

    async def _go_on(self, number: int) -> None:
        """The next key, where this one is still the one that is taken."""
        if number != self._taking:
            return
        self._taking = 0
        if self._patience is not None:
            self._patience.cancel()
        if self._ahead:
            await self._take(self._ahead.popleft())
