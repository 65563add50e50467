"""A call in the terminal as it happens: one line per event, and below it who is speaking and how loud."""

from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from common.phone import mask
from sim.caller import SPEECH_DB, Doing
from sim.sound import SILENCE_DB, Pcm, level_db
from sim.speech import line
from sim.timeline import Happening

FLOOR_DB = -60.0
WIDTH = 46
LINES = {
    ("line", "start"): "the call is on the line",
    ("line", "first_sound"): "the caller hears the first sound",
    ("line", "clear"): "[red]relay: clear[/] ({detail})",
    ("line", "handshake_failed"): "[red]the line got no socket:[/] {detail}",
    ("agent", "metadata"): "agent ready ({detail})",
    ("agent", "says"): "[bold blue]agent[/]   {detail}",
    ("agent", "made_out"): "[dim]agent understood: {detail}[/]",
    ("agent", "told"): "[dim]agent was told: {detail}[/]",
    ("agent", "interrupted"): "[red]agent notices the caller and stops[/]",
    ("agent", "tool"): "[yellow]agent uses its tool {detail}[/]",
    ("agent", "tool_result"): "[yellow]relay answers the tool: {detail}[/]",
    ("agent", "fails"): "[red]agent fails:[/] {detail}",
    ("agent", "ended"): "[dim]conversation ended {detail}[/]",
    ("agent", "webhook"): "[magenta]{detail}[/]",
    ("flow", "passthru"): "[dim]Exotel passthru: {detail}[/]",
    ("flow", "connect"): "[yellow]Exotel asked whom to connect: {detail}[/]",
}
ENDINGS = {"bot": "relay hands the call over", "caller": "the caller hangs up"}
DIALLING = {
    "dial": "dialling",
    "ringing": "ringing",
    "answered": "connected to",
    "completed": "conversation over with",
    "busy": "busy:",
    "no-answer": "no answer from",
    "failed": "could not reach",
}


class LiveView:
    """Give `happened` to a Timeline and `overhear` to a World. Without a terminal only the lines are printed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=15, transient=True) if console.is_terminal else None
        self._began_at: float | None = None
        self._now_s = 0.0
        self._caller_db = self._heard_db = SILENCE_DB
        self._on_line = False

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def happened(self, happening: Happening) -> None:
        """Print what happened, if it is worth a line."""
        if (happening.who, happening.what) == ("line", "start"):
            self._began_at, self._on_line = happening.at, True
        if (happening.who, happening.what) == ("line", "ended"):
            self._on_line = False
        words = _words(happening)
        if words:
            at_s = 0.0 if self._began_at is None else happening.at - self._began_at
            self._console.print(f"[dim]{max(0.0, at_s):7.2f}[/]  {words}", highlight=False, soft_wrap=True)
        self._show()

    def overhear(self, at_ms: float, heard: Pcm, doing: Doing) -> None:
        """Every frame: take the levels; bars fall slowly."""
        self._now_s = at_ms / 1000
        self._heard_db = max(level_db(heard), self._heard_db - 1.5)
        said_db = SILENCE_DB if doing.pcm is None else level_db(doing.pcm)
        self._caller_db = max(said_db, self._caller_db - 1.5)
        self._show()

    def _show(self) -> None:
        if not self._live:
            return
        if not self._on_line:
            self._live.update(Text(""))
            return
        table = Table.grid(padding=(0, 2))
        table.add_row(
            "[dim]caller says[/]", _bar(self._caller_db, "green"), "speaking" if _is_speech(self._caller_db) else ""
        )
        heard = "agent" if _is_speech(self._heard_db) else "office"
        table.add_row("[dim]caller hears[/]", _bar(self._heard_db, "blue"), heard if self._heard_db > FLOOR_DB else "")
        self._live.update(Group(Text(f"{self._now_s:7.2f}  ● on the line", style="bold"), table))


def _is_speech(level: float) -> bool:
    return level >= SPEECH_DB


def _bar(level: float, color: str) -> Text:
    full = round(WIDTH * min(1.0, max(0.0, (level - FLOOR_DB) / (-6.0 - FLOOR_DB))))
    return Text("█" * full, style=color if _is_speech(level) else "bright_black") + Text(
        "·" * (WIDTH - full), style="dim"
    )


def _words(happening: Happening) -> str:
    """The line to print, with markup; empty for what is not worth one."""
    detail = escape(happening.detail)
    match happening.who, happening.what:
        case "line", "says":
            return f"[bold green]caller[/]  {escape(line(happening.detail).text)}"
        case "line", "presses":
            return f"[bold green]caller[/]  presses {detail}"
        case "line", "ended":
            return f"[bold]{ENDINGS.get(happening.detail, detail)}[/]"
        case "flow", step if step in DIALLING:
            return f"[bold yellow]Exotel:[/] {DIALLING[step]} {mask(happening.detail)}"
    return LINES.get((happening.who, happening.what), "").format(detail=detail)
