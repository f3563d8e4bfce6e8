"""GET certs: what devices verify and encrypt against.  EVE API v2, section 5."""

from eaves.controller.keys import KeyStore, Ring
from eaves.controller.keys.published import published_list
from eaves.controller.southbound.http import Answer
from eaves.evapi.certs import encode_z_controller_cert
from eaves.evapi.envelope import seal


class Published:
    """The answer to `certs`, signed once for each set of certificates: anybody may ask."""

    def __init__(self, keys: KeyStore) -> None:
        self._keys = keys
        self._made: tuple[Ring, Answer] | None = None

    def answer(self) -> Answer:
        ring = self._keys.ring
        if self._made is None or self._made[0] is not ring:
            listed = encode_z_controller_cert(published_list(ring))
            answer = Answer(200, seal(listed, self._keys.sender))
            if self._keys.ring is not ring:  # renewed meanwhile: signed by the next, so not kept
                return answer
            self._made = (ring, answer)
        return self._made[1]
