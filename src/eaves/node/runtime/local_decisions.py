"""Where what was decided on the spot is kept."""

from eaves.evapi.config import EdgeDevConfig
from eaves.node.checkpoint import Checkpoint
from eaves.node.local.overlay import localised
from eaves.node.local.state import LocalState, decode_local_state, encode_local_state

DOCUMENT = "local-decisions"


class LocalDecisions:
    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        self.state = decode_local_state(checkpoint.documents(DOCUMENT))
        self._made: tuple[EdgeDevConfig, LocalState, EdgeDevConfig] | None = None

    def keep(self, state: LocalState) -> bool:
        """On disk before it counts; False: nothing new.  Raises StateNotWritable."""
        if state == self.state:
            return False
        self._checkpoint.save(DOCUMENT, encode_local_state(state))
        self.state = state
        return True

    def localise(self, config: EdgeDevConfig) -> EdgeDevConfig:
        """The same object as long as neither changes: the engine asks every other second."""
        made = self._made
        if made is None or made[0] is not config or made[1] is not self.state:
            made = self._made = (config, self.state, localised(config, self.state))
        return made[2]
