"""What a simulated device has to tell: kept until it is delivered, in its order."""

from collections import Counter, deque
from dataclasses import dataclass, field, replace

from eaves.evapi.flows.report import Delivered, Dropped, Kept, report
from eaves.evapi.paths import Endpoint
from eaves.fleet.asking import Asking
from eaves.fleet.device import SoftDevice
from eaves.fleet.faults import Fault, FaultySigner
from eaves.fleet.figures import Figures
from eaves.fleet.run import drive_by
from eaves.ids import AppInstanceId

MOST_PENDING = 200  # messages; the oldest goes


@dataclass(frozen=True, slots=True)
class Message:
    endpoint: Endpoint
    payload: bytes = field(repr=False)
    kind: str  # by which acknowledgements are counted
    lines: int = 0
    app_id: str = ""


class Outbox:
    """`acknowledged` counts messages by kind, and lines of logs."""

    def __init__(self, device: SoftDevice, asking: Asking, figures: Figures) -> None:
        self.acknowledged: Counter[str] = Counter()
        self._device, self._asking, self._figures = device, asking, figures
        sender = device.identity.sender
        self._damaging = replace(sender, signer=FaultySigner(sender.signer))
        self._pending: deque[Message] = deque(maxlen=MOST_PENDING)

    def __bool__(self) -> bool:
        """Is anything left to tell?"""
        return bool(self._pending)

    def put(self, message: Message) -> None:
        self._pending.append(message)

    async def deliver_first(self) -> bool:
        """Send the oldest message; False: it was not taken and stays."""
        message = self._pending[0]
        if not await self.send(message):
            return False
        if self._pending and self._pending[0] is message:  # else it went as the oldest of too many
            self._pending.popleft()
        return True

    async def send(self, message: Message, *, damaged: bool = False) -> bool:
        """False: the message was not taken and is to be sent again."""
        asking = self._asking
        sender = self._damaging if damaged else self._device.identity.sender
        perform = asking.expecting(Fault.BAD_SIGNATURE) if damaged else asking.perform
        app_id = AppInstanceId(message.app_id) if message.app_id else None
        device_id = self._device.standing.device_id
        flow = report(sender, device_id, message.endpoint, message.payload, app_id)
        match await drive_by(flow, perform):
            case Delivered():
                for counted in (self.acknowledged, self._figures.acknowledged):
                    counted[message.kind] += 1
                    if message.lines:
                        counted["log lines"] += message.lines
                return True
            case Dropped():
                return True
            case Kept():
                return False
