"""The text console: pages of sentences on a screen or a serial line of 80x24.

It reads, and starts nothing; on the screen of a device it asks the node to set a port.  There is no
palette of commands, no link, no selection, and where it stands before a machine no key ends it: the
way to a shell is not shut here, it was never made.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Final

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from eaves.node.console.page import NETWORK, Line, Page, clean, heading, pages, shut
from eaves.node.console.readings import Readings
from eaves.node.console.voice import Level, Voice, level_of

if TYPE_CHECKING:
    from eaves.node.console.ports_form import Hand

REFRESH_S: Final = 2.0
SHUT_AGAIN: Final = "It is opened there, or by a new installation."


class Console(App[None], inherit_bindings=False):
    """`stays`: it stands on a device, and nobody leaves it."""

    CSS = """
    Screen { background: black; color: white; }
    #heading, #tabs, #keys { height: 1; width: 100%; }
    #heading { text-style: reverse; }
    #body { height: 1fr; scrollbar-size-vertical: 1; }
    #text { width: 100%; height: auto; }
    """
    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key, f"show({number})") for number, key in enumerate("1234")),
        Binding("right", "turn(1)"),
        Binding("left", "turn(-1)"),
        Binding("e", "set_ports"),
        Binding("q", "leave"),
    ]

    def __init__(
        self,
        read: Callable[[], Readings],
        line: Line,
        *,
        stays: bool,
        hand: "Hand | None" = None,
        voice: Voice | None = None,
    ) -> None:
        """`hand`: sets ports; none where nobody stands before the machine."""
        super().__init__()
        self._read = read
        self._line = line
        self._stays = stays
        self._hand = hand if line is Line.SCREEN else None
        self._number = 0
        self._pages: tuple[Page, ...] = ()
        self._drawn: dict[str, str] = {}
        self._voice = voice or Voice()
        self._said: tuple[str, ...] = ()

    def compose(self) -> ComposeResult:
        yield Static(id="heading", markup=False)
        yield Static(id="tabs", markup=False)
        with VerticalScroll(id="body"):
            yield Static(id="text", markup=False)
        yield Static(id="keys", markup=False)

    def on_mount(self) -> None:
        self.query_one("#body").focus()
        self.refresh_pages()
        self.set_interval(REFRESH_S, self.refresh_pages)

    def refresh_pages(self) -> None:
        """Read again, and draw what is new."""
        seen = self._read()
        why = shut(seen, self._line)
        self._tell(seen, why)
        self._pages = () if why else pages(seen)
        if why and len(self.screen_stack) > 1:
            self.pop_screen()  # what may not be seen may not be changed either
        self._put("heading", "Eaves edge node" if why else heading(seen))
        if why:
            self._put("tabs", "")
            self._put("text", f"{why}\n{SHUT_AGAIN}")
            self._put("keys", "")
            return
        self._draw()

    def _tell(self, seen: Readings, why: str) -> None:
        """Into the journal; what stays as it is, once."""
        if seen.status is not None:
            self._voice.level = level_of(seen.status.device.console_level)
        said = (why, *seen.damaged)
        if said != self._said:
            self._said = said
            for text in seen.damaged:
                self._voice.say(Level.WARN, text)
            self._voice.say(Level.INFO, why or f"shown on the {self._line}")
        self._voice.say(Level.TRACE, "read again")

    def action_show(self, number: int) -> None:
        if number < len(self._pages):
            self._number = number
            self._voice.say(Level.DEBUG, f"page {self._pages[number].title}")
            self._draw()
            self.query_one("#body").scroll_home(animate=False)

    def action_turn(self, by: int) -> None:
        if self._pages:
            self.action_show((self._number + by) % len(self._pages))

    def _sets_ports(self) -> bool:
        shown = self._pages[self._number].title if self._pages else ""
        return self._hand is not None and shown == NETWORK

    def action_set_ports(self) -> None:
        if self._hand is not None and self._sets_ports():
            from eaves.node.console.ports_form import PortsForm  # noqa: PLC0415 - seldom shown

            self._voice.say(Level.INFO, "settings of ports opened")
            self.push_screen(PortsForm(self._hand))

    def action_leave(self) -> None:
        if not self._stays:
            self.exit()

    def _draw(self) -> None:
        page = self._pages[self._number]
        marks = (
            f"[{p.key} {p.title}]" if p is page else f" {p.key} {p.title} " for p in self._pages
        )
        self._put("tabs", " ".join(marks))
        self._put("text", "\n".join(page.lines))
        leave = "" if self._stays else "   q leave"
        change = "   e settings of ports" if self._sets_ports() else ""
        self._put("keys", f"1-4 or arrows: page   up, down: more{change}{leave}")

    def _put(self, name: str, text: str) -> None:
        """What stands there already is not drawn again: a small processor has other work."""
        lines = text.split("\n")
        plain = "\n".join(clean(line, len(line)) for line in lines)
        if self._drawn.get(name) == plain:
            return
        self._drawn[name] = plain
        pages = self.screen_stack[0]  # whatever stands before it
        pages.query_one(f"#{name}", Static).update(Content(plain))
