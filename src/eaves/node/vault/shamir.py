"""A secret in shares, any `needed` of which give it back and fewer say nothing.  Pure.

Each byte of the secret is the value at 0 of a polynomial over GF(2^8) (the field of AES, modulus
x^8 + x^4 + x^3 + x + 1) of degree `needed - 1` with random coefficients; the share with number x
holds its values at x.  With `needed` 1 every share is the secret itself.

No table is indexed and no branch is taken by a secret: the field is computed with masks.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import reduce

from eaves.errors import Rejected

NUMBERS = range(1, 256)  # of shares; 0 is where the secret stands
_MODULUS = 0x1B  # without x^8


class SharesUnusable(Rejected):
    def __init__(self, reason: str) -> None:
        super().__init__(f"the shares of the key do not fit together: {reason}")


def split(
    secret: bytes, needed: int, numbers: Iterable[int], random: Callable[[int], bytes]
) -> dict[int, bytes]:
    """One share, as long as `secret`, for each number.  Raises SharesUnusable for a bad plan."""
    chosen = tuple(numbers)
    if len(set(chosen)) != len(chosen) or any(x not in NUMBERS for x in chosen):
        raise SharesUnusable(f"numbers {chosen} are not different ones of 1 to 255")
    if not 1 <= needed <= len(chosen):
        raise SharesUnusable(f"{needed} of {len(chosen)} shares cannot be asked for")
    coefficients = [secret, *(random(len(secret)) for _ in range(needed - 1))]
    return {x: _value(coefficients, x) for x in chosen}


def share_at(shares: Mapping[int, bytes], number: int) -> bytes:
    """What the polynomial through `shares` is at `number`; at 0 it is the secret.

    `shares` must be exactly as many as the secret needs: with others the result is noise, which
    only who knows a check of the secret can tell.
    """
    if not shares or any(x not in NUMBERS for x in shares):
        raise SharesUnusable(f"numbers {sorted(shares)} are not some of 1 to 255")
    if len({len(share) for share in shares.values()}) != 1:
        raise SharesUnusable("they differ in length")
    weights = {x: _weight(x, shares.keys(), number) for x in shares}
    columns = zip(*([_times(weights[x], byte) for byte in shares[x]] for x in shares), strict=True)
    return bytes(reduce(_plus, column) for column in columns)


def join(shares: Mapping[int, bytes]) -> bytes:
    return share_at(shares, 0)


def _plus(a: int, b: int) -> int:
    return a ^ b


def _times(a: int, b: int) -> int:
    product = 0
    for bit in range(8):
        product ^= a & -(b >> bit & 1)
        a = (a << 1 ^ (_MODULUS & -(a >> 7))) & 0xFF
    return product


def _inverse(a: int) -> int:
    """a^254: the group has 255 elements."""
    power, result = a, 1
    for _ in range(7):
        power = _times(power, power)
        result = _times(result, power)
    return result


def _value(coefficients: list[bytes], x: int) -> bytes:
    """Horner's rule, for each byte of the coefficients, lowest first."""
    found = bytes(len(coefficients[0]))
    for coefficient in reversed(coefficients):
        found = bytes(
            _times(before, x) ^ added for before, added in zip(found, coefficient, strict=True)
        )
    return found


def _weight(x: int, numbers: Iterable[int], at: int) -> int:
    """The polynomial that is 1 at `x` and 0 at the other numbers, at `at` (Lagrange)."""
    weight = 1
    for other in numbers:
        if other != x:
            weight = _times(weight, _times(at ^ other, _inverse(x ^ other)))
    return weight
