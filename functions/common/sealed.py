"""Raw webhooks as RAW_BODIES=encrypted keeps them: AES-256-GCM, in an envelope of JSON (docs/contracts.md).

Keys are derived from RAW_BODIES_KEY. The first value encrypts and every value decrypts, so that the secret can be
rotated. The key in the store is authenticated with the bytes: a moved envelope can't be decrypted.
"""

import base64
import binascii
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from common.documents import Document, encode, number, readable, text
from common.env import Env

METHOD: Final = "aes-256-gcm"
_BEGINS: Final = b'{"sealed":'
_PURPOSE: Final = b"raw bodies of webhooks"
_NONCE_BYTES, _KEY_BYTES = 12, 32


class SealedError(ValueError):
    """A body that can't be decrypted, with a sentence that says why."""


def is_sealed(body: bytes) -> bool:
    """Whether `body` is an envelope."""
    return body.startswith(_BEGINS)


def size_of(body: bytes) -> int:
    """Length in bytes of the encrypted body, or of `body` itself if it is not encrypted."""
    return round(number(readable(body), "bytes") or 0) if is_sealed(body) else len(body)


@dataclass(frozen=True, slots=True)
class Sealing:
    """`secrets`: the values of RAW_BODIES_KEY, newest first; without one, nothing can be encrypted or decrypted."""

    secrets: Sequence[str] = ()

    def seal(self, place: str, body: bytes) -> bytes:
        """`body` encrypted, bound to its key in the store. Needs a secret."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        key = _derived(self.secrets[0])
        nonce = os.urandom(_NONCE_BYTES)
        envelope: Document = {
            "sealed": METHOD,
            "key": _name(key),
            "nonce": base64.b64encode(nonce).decode(),
            "bytes": len(body),
            "data": base64.b64encode(AESGCM(key).encrypt(nonce, body, place.encode())).decode(),
        }
        return encode(envelope)

    def open(self, place: str, body: bytes) -> bytes:
        """The decrypted body; a body that is no envelope is returned as it is. Raises SealedError."""
        if not is_sealed(body):
            return body
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        envelope = readable(body)
        if text(envelope, "sealed") != METHOD:
            raise SealedError(f"{place} is encrypted in a way that this version does not know")
        keys = {_name(key): key for key in map(_derived, self.secrets)}
        key = keys.get(text(envelope, "key"))
        if key is None:
            why = "does not hold its key" if keys else "is not set"
            raise SealedError(f"{place} is encrypted, and RAW_BODIES_KEY {why} (key {text(envelope, 'key')[:16]})")
        try:
            nonce, data = (base64.b64decode(text(envelope, name), validate=True) for name in ("nonce", "data"))
            return AESGCM(key).decrypt(nonce, data, place.encode())
        except (binascii.Error, InvalidTag, ValueError):
            raise SealedError(f"{place} is encrypted, and damaged or moved from another key") from None


def _derived(secret: str) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), _KEY_BYTES, salt=None, info=_PURPOSE).derive(secret.encode())


def _name(key: bytes) -> str:
    """An id of a secret that does not reveal it."""
    return sha256(_PURPOSE + key).hexdigest()[:16]


def sealing_of(environ: Mapping[str, str]) -> Sealing:
    """With the secrets of RAW_BODIES_KEY. Raises SettingError."""
    return Sealing(Env(environ).secrets("RAW_BODIES_KEY"))
