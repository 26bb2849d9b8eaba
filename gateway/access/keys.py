"""API keys of machines: their text, their hash, and the check of one.

A key is ``rfk_``, ten characters of its id, 43 of its secret and six of a checksum. The prefix and
the checksum let a scanner of repositories find a leaked one without asking anybody.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.access.principal import Principal, unauthenticated
from schemas.access import AccessKey

PREFIX = "rfk_"
ALPHABET = string.digits + string.ascii_letters
ID_LENGTH = 10
SECRET_LENGTH = 43  # 62 ** 43 is more than 2 ** 256
CHECKSUM_LENGTH = 6
KEY = re.compile(
    rf"{PREFIX}([0-9A-Za-z]{{{ID_LENGTH}}})[0-9A-Za-z]{{{SECRET_LENGTH}}}"
    rf"([0-9A-Za-z]{{{CHECKSUM_LENGTH}}})"
)


@dataclass(frozen=True)
class NewKey:
    """A key that has just been drawn; its text is shown once and never stored."""

    key_id: str
    text: str

    @property
    def digest(self) -> str:
        """What is stored of it."""
        return digest(self.text)


def draw_key() -> NewKey:
    """Return a new key of 256 random bits."""
    key_id, secret = _draw(ID_LENGTH), _draw(SECRET_LENGTH)
    body = f"{PREFIX}{key_id}{secret}"
    return NewKey(key_id, body + checksum(body))


def digest(text: str) -> str:
    """Return the SHA-256 of a key.

    A slow hash protects what people choose. Nobody can guess 256 random bits, however fast he
    hashes, and every request of a machine pays for the hash.
    """
    return hashlib.sha256(text.encode()).hexdigest()


def checksum(body: str) -> str:
    """Return the CRC-32 of a key's text, in base 62."""
    number, characters = zlib.crc32(body.encode()), ""
    for _ in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        characters = ALPHABET[digit] + characters
    return characters


def check_key(text: str, keys: Mapping[str, AccessKey], now_ms: int) -> Principal:
    """Return who has a key; raises ``Denied`` for one that does not count now."""
    shape = KEY.fullmatch(text)
    if shape is None or not hmac.compare_digest(checksum(text[:-CHECKSUM_LENGTH]), shape[2]):
        raise unauthenticated("it is no API key of this system")
    record = keys.get(shape[1])
    stored = record.secret_sha256 if record is not None else "0" * 64
    # An unknown id is compared too: the time tells nothing of which ids exist.
    same = hmac.compare_digest(digest(text), stored)
    if record is None or not same:
        raise unauthenticated("the API key is unknown")
    if record.revoked_ms is not None:
        raise unauthenticated("the API key is revoked")
    principal = Principal.of_key(record)
    if principal.expired(now_ms):
        raise unauthenticated("the API key has expired")
    return principal


def _draw(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
