"""Follows the agents' file while the relay runs: a new version is checked as a whole and used for new calls.

A version that can't be used is refused and changes nothing; it is logged at ERROR once and reported to the functions.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from common.agent_version import AgentVersion, File, VersionError
from common.env import SettingError
from relay.agents import VENDORS
from relay.agents.agents_file import parse_agents_file
from relay.agents.routes_file import FILE_SUFFIX, read_from_disk
from relay.agents_source import AgentsSource, SourceError, Standing
from relay.audio.files import SoundFileError, seconds_of
from relay.lineup import Lineup
from relay.logs import log
from relay.metrics import Metrics
from relay.settings import Settings

PATIENCE_AT_START_S: Final = 5.0  # no call can arrive before this
LONGEST_SOUNDS_S: Final = 900.0  # all sounds of a version together; they are in memory at every rate


def lineup_of(
    version: AgentVersion, contents: dict[str, bytes], settings: Settings, before: Lineup | None = None
) -> Lineup:
    """The Lineup of a version, as the relay builds it; blocking. Raises SettingError or SoundFileError."""
    settings = replace(settings, agents_file=version.name, pushed=contents)
    length_s = sum(seconds_of(name, content) for name, content in contents.items() if not name.endswith(FILE_SUFFIX))
    if length_s > LONGEST_SOUNDS_S:
        raise SoundFileError(f"sounds: expected {LONGEST_SOUNDS_S:g} s at most together, got {length_s:.0f}")

    def read_file(name: str) -> bytes:
        return contents[name] if name in contents else read_from_disk(name)  # the image may contain it

    roster = parse_agents_file(version.text.encode(), version.name, VENDORS, read_file)
    return Lineup(settings, roster, version.name, before)


class AgentUpdates:
    """`serve` gets each new lineup, on the event loop."""

    def __init__(
        self,
        source: AgentsSource,
        settings: Settings,
        metrics: Metrics,
        lineup: Lineup,
        serve: Callable[[Lineup], None],
    ) -> None:
        self._source = source
        self._settings = settings
        self._metrics = metrics
        self._lineup = lineup
        self._serve = serve
        self._contents: dict[File, bytes] = {}
        self._unreachable = False
        self.refused = ""
        """The name of a version that can't be used, if that is the one that counts."""
        self.problem = ""

    async def begin(self) -> None:
        """Ask before the first call, for a short time; if that fails, `follow` asks again."""
        try:
            async with asyncio.timeout(PATIENCE_AT_START_S):
                await self._look()
        except TimeoutError:
            self._not_reached("no answer in time")

    async def follow(self) -> None:
        """Ask regularly while the relay runs."""
        while True:
            await asyncio.sleep(self._settings.agents_every_s)
            await self._look()

    async def _look(self) -> None:
        """One request, and a second one that reports the outcome of the first."""
        if await self._ask():
            await self._ask()

    async def _ask(self) -> bool:
        """Whether something has changed that the functions don't know yet."""
        standing = Standing(self._lineup.version, self.refused, self.problem)
        try:
            newest = await self._source.newest(standing)
            version = newest.version
            contents = {name: await self._content(file) for name, file in version.files.items()} if version else {}
        except SourceError as error:
            self._not_reached(str(error))
            return False
        except VersionError as error:
            if self.problem != str(error):
                self._refuse("", str(error))
            return False
        self._unreachable = False
        if version is None:
            if newest.name == self._lineup.version:  # the refused version has been rolled back
                self.refused = self.problem = ""
            return False
        await self._take(version, contents)
        return True

    async def _content(self, file: File) -> bytes:
        known = self._contents.get(file)
        return await self._source.content(file) if known is None else known

    async def _take(self, version: AgentVersion, contents: dict[str, bytes]) -> None:
        before = self._lineup
        try:
            lineup = await asyncio.to_thread(lineup_of, version, contents, self._settings, before)
        except (SettingError, SoundFileError) as error:
            self._refuse(version.name, str(error))
        except Exception as error:  # noqa: BLE001 - a vendor's or a bot's code, which is the user's
            self._refuse(version.name, f"{type(error).__name__}: {error}")
        else:
            self._contents = {file: contents[name] for name, file in version.files.items()}
            self._lineup, self.refused, self.problem = lineup, "", ""
            self._serve(lineup)
            self._tell(version, before)

    @staticmethod
    def _tell(version: AgentVersion, before: Lineup) -> None:
        fields = {"event": "agents_changed", "agents_version": version.name, "before": before.version, "by": version.by}
        log.info("new calls get version %s of the agents", version.name, extra=fields)

    def _refuse(self, name: str, problem: str) -> None:
        self.refused, self.problem = name, problem
        self._metrics.agents_refused.inc()
        fields = {"event": "agents_refused", "agents_version": name, "problem": problem}
        fields["serving"] = self._lineup.version
        log.error("version %s of the agents can't be used: %s", name, problem, extra=fields)

    def _not_reached(self, problem: str) -> None:
        if not self._unreachable:
            self._unreachable = True
            fields = {"event": "agents_unknown", "problem": problem, "serving": self._lineup.version}
            log.warning("can't ask for a newer version of the agents: %s", problem, extra=fields)
