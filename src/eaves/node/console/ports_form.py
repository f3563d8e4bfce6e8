"""Settings of the ports of a device, on its screen: one port at a time.

What is written goes to the node, which says what it does with it.  As all of the console it leads
to no shell: it starts nothing, and knows no other file than the node's socket.
"""

from collections.abc import Awaitable, Callable
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Checkbox, Input, Label, Static

from eaves.node.console.page import clean
from eaves.node.uplinks.hand import Answer, Ask, PortByHand, Set, Settable, Show, Withdraw

Hand = Callable[[Ask], Awaitable[Answer]]

FIELDS: Final = {
    "address": "Address/length",
    "gateway": "Gateway",
    "dns": "DNS servers",
    "proxy": "Proxy host:port",
}
BY_DHCP: Final = ("address", "gateway", "dns")
KEYS: Final = "Tab: next   F2: set   F3: other port   F4: undo what was set here   Esc: back"
LONGEST_FIELD: Final = 300


class PortsForm(Screen[None]):
    CSS = """
    PortsForm { background: black; color: white; }
    #port { height: 1; text-style: reverse; width: 100%; }
    #fields { height: 1fr; }
    .row { height: 1; }
    .row Label { width: 18; }
    Input { height: 1; border: none; padding: 0; width: 1fr; background: #000080; color: white; }
    Input:focus { border: none; background: #008080; }
    Checkbox { height: 1; width: 24; border: none; padding: 0; background: black; }
    Checkbox:focus { border: none; }
    #answer { height: auto; width: 100%; margin-top: 1; }
    #help { height: 1; width: 100%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back"),
        Binding("f2", "set"),
        Binding("f3", "other"),
        Binding("f4", "undo"),
    ]

    def __init__(self, hand: Hand) -> None:
        super().__init__()
        self._hand = hand
        self._ports: tuple[Settable, ...] = ()
        self._number = 0

    def compose(self) -> ComposeResult:
        yield Static("Settings of a port", id="port", markup=False)
        with VerticalScroll(id="fields", can_focus=False):
            with Horizontal(classes="row"):
                yield Label("Address by DHCP", markup=False)
                yield Checkbox("", id="dhcp")
            for name, label in FIELDS.items():
                with Horizontal(classes="row"):
                    yield Label(label, markup=False)
                    yield Input(id=name, max_length=LONGEST_FIELD, select_on_focus=False)
            yield Static(id="answer", markup=False)
        yield Static(KEYS, id="help", markup=False)

    async def on_mount(self) -> None:
        await self._ask(Show(), "")

    def on_checkbox_changed(self, _event: Checkbox.Changed) -> None:
        self._enable()

    async def action_set(self) -> None:
        if self._ports and not self._ports[self._number].refused:
            done = "Set. It is tested now: page 2 tells whether the controller answers over it."
            await self._ask(Set(self._wish()), done)

    async def action_undo(self) -> None:
        await self._ask(Withdraw(), "What was set here is undone within a minute.")

    def action_other(self) -> None:
        if self._ports:
            self._number = (self._number + 1) % len(self._ports)
            self._fill()

    def action_back(self) -> None:
        self.dismiss()

    async def _ask(self, ask: Ask, done: str) -> None:
        answer = await self._hand(ask)
        if answer.ports and not isinstance(ask, Withdraw):
            self._ports = answer.ports
            self._number = min(self._number, len(self._ports) - 1)
            self._fill()
        self._say(f"NOT DONE: {answer.refused}" if answer.refused else done)

    def _fill(self) -> None:
        port = self._ports[self._number]
        now = port.now
        of = f"  ({self._number + 1} of {len(self._ports)})" if len(self._ports) > 1 else ""
        whose = "set here" if port.by_hand else "as configured"
        self.query_one("#port", Static).update(
            Content(clean(f"Settings of port {now.port}{of}: {whose}", 78))
        )
        self.query_one("#dhcp", Checkbox).value = now.dhcp
        texts = {"address": now.address, "gateway": now.gateway, "dns": ", ".join(now.dns)}
        for name in FIELDS:
            self.query_one(f"#{name}", Input).value = clean(texts.get(name, now.proxy))
        self._enable()
        self._say(port.refused)

    def _enable(self) -> None:
        """What cannot be written now is passed over by Tab."""
        refused = not self._ports or bool(self._ports[self._number].refused)
        dhcp = self.query_one("#dhcp", Checkbox)
        dhcp.disabled = refused
        dhcp.label = "yes (Space: no)" if dhcp.value else "no (Space: yes)"
        for name in FIELDS:
            self.query_one(f"#{name}", Input).disabled = refused or (dhcp.value and name in BY_DHCP)

    def _wish(self) -> PortByHand:
        told = {name: self.query_one(f"#{name}", Input).value.strip() for name in FIELDS}
        dhcp = self.query_one("#dhcp", Checkbox).value
        if dhcp:
            told.update(dict.fromkeys(BY_DHCP, ""))
        servers = told["dns"].replace(",", " ").split()
        return PortByHand(
            self._ports[self._number].now.port,
            dhcp=dhcp,
            address=told["address"],
            gateway=told["gateway"],
            dns=tuple(servers),
            proxy=told["proxy"],
        )

    def _say(self, text: str) -> None:
        self.query_one("#answer", Static).update(Content(clean(text)))
