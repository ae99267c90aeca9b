"""What was asked and answered, where the operator lets it be kept: as it is, or encrypted.

AES-256-GCM by ``cryptography``, the library that Python projects agree on, kept by the Python Cryptographic Authority
over OpenSSL. Each text has a random nonce of its own, and is bound to its request: moved to another row of the ledger,
it can no longer be read. The name of a key is stored with what it has sealed, so that keys may be changed: the new one
seals, the old ones are still read by.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from router.configured.secret import Secret
from router.database import Connection, Database
from router.errors import LedgerError, SettingsError
from router.ledger.reading import reading
from router.types import ChatRequest

KEY_BYTES = 32
_NONCE_BYTES = 12
_NAME_CHARS = 8

INSERT = "INSERT INTO prompts (request_id, sealed_by, body) VALUES (?, ?, ?) ON CONFLICT (request_id) DO NOTHING"
_SELECT = "SELECT sealed_by, body FROM prompts WHERE request_id = ?"


class Sealed(NamedTuple):
    """A text as the ledger keeps it. ``sealed_by``: the name of the key; empty where it is not encrypted."""

    sealed_by: str
    body: bytes


class Exchange(NamedTuple):
    """A question and its answer, both as they were."""

    request: ChatRequest
    answer: str


class PromptKeeper(Protocol):
    """What becomes of prompts."""

    @property
    def keeps(self) -> bool:
        """Whether they are kept at all."""
        ...

    def seal(self, request_id: str, exchange: Exchange) -> Sealed:
        """An exchange as it is to be stored. Takes some microseconds per kilobyte."""
        ...


class NoPrompts:
    """Keeps none."""

    keeps = False

    def seal(self, request_id: str, exchange: Exchange) -> Sealed:
        """Never asked for."""
        raise LedgerError("prompts are not kept; set `ledger_prompts` to keep them.")


class PlainPrompts:
    """Keeps them as they are: for who trusts everybody that can read the database and its backups."""

    keeps = True

    def seal(self, request_id: str, exchange: Exchange) -> Sealed:
        """As JSON."""
        return Sealed("", _written(exchange))


class EncryptedPrompts:
    """Keeps them so that only who has the key can read them.

    Args:
        key: from ``read_key``.
    """

    keeps = True

    def __init__(self, key: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._cipher = AESGCM(key)
        self._name = name_of(key)

    def seal(self, request_id: str, exchange: Exchange) -> Sealed:
        """As a nonce and what the cipher made of the JSON."""
        nonce = os.urandom(_NONCE_BYTES)
        return Sealed(self._name, nonce + self._cipher.encrypt(nonce, _written(exchange), request_id.encode()))


def prompt_keeper(*, keep: bool, key: Secret | None) -> PromptKeeper:
    """What the settings ask for.

    Raises:
        SettingsError: the key is none.
    """
    if not keep:
        return NoPrompts()
    return PlainPrompts() if key is None else EncryptedPrompts(read_key(key))


def new_key() -> str:
    """A random key, as the settings take it."""
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()


def read_key(text: Secret, *, setting: str = "ledger_prompts_key") -> bytes:
    """The bytes of a key.

    Raises:
        SettingsError: it is no key; the message does not tell it.
    """
    try:
        key = base64.b64decode(text.reveal().strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise SettingsError(f"{setting}: must be {KEY_BYTES} bytes in base64; `underdog ledger prompts key` makes one.")
    return key


def name_of(key: bytes) -> str:
    """What a key is called: the beginning of its digest, from which nothing can be told."""
    return hashlib.sha256(b"underdog prompts key\0" + key).hexdigest()[:_NAME_CHARS]


def read_prompt(database: Database, request_id: str, keys: Sequence[bytes]) -> dict[str, Any]:
    """What was kept of one request: its ``messages`` and the ``answer``.

    Args:
        database: with the ledger.
        request_id: which.
        keys: the one in use, and those that were before it.

    Raises:
        LedgerError: nothing is kept of it, or none of the keys opens it.
    """
    with reading(database) as connection:
        found = connection.execute(_SELECT, (request_id,)).fetchone()
    if found is None:
        raise LedgerError(
            f"ledger {database.name}: no prompt of request {request_id!r} is kept; was `ledger_prompts` on by then?"
        )
    return opened(request_id, Sealed(found[0], bytes(found[1])), keys)


def read_sealed(connection: Connection, request_ids: Sequence[str]) -> dict[str, Sealed]:
    """What was kept of a few requests, by their ids; those of which nothing was are left out."""
    if not request_ids:
        return {}
    # Only marks for values are put into SQL.
    select = (
        f"SELECT request_id, sealed_by, body FROM prompts WHERE request_id IN ({', '.join('?' * len(request_ids))})"  # noqa: S608
    )
    return {name: Sealed(by, bytes(body)) for name, by, body in connection.execute(select, request_ids)}


def opened(request_id: str, sealed: Sealed, keys: Sequence[bytes]) -> dict[str, Any]:
    """The text of ``sealed``. Raises ``LedgerError`` as ``read_prompt``."""
    body = sealed.body
    if sealed.sealed_by:
        body = _decrypted(request_id, sealed, keys)
    read: dict[str, Any] = msgspec.json.decode(body)
    return read


def _decrypted(request_id: str, sealed: Sealed, keys: Sequence[bytes]) -> bytes:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    key = next((key for key in keys if name_of(key) == sealed.sealed_by), None)
    if key is None:
        raise LedgerError(
            f"the prompt of request {request_id!r} was sealed by the key named {sealed.sealed_by}, which is not here; "
            "give it as `ledger_prompts_key`, or among `ledger_prompts_old_keys`."
        )
    nonce, text = sealed.body[:_NONCE_BYTES], sealed.body[_NONCE_BYTES:]
    try:
        return AESGCM(key).decrypt(nonce, text, request_id.encode())
    except (InvalidTag, ValueError):
        raise LedgerError(
            f"the prompt of request {request_id!r} is damaged, or was moved here from another request."
        ) from None


def _written(exchange: Exchange) -> bytes:
    messages = [
        {name: value for name, value in msgspec.structs.asdict(message).items() if value is not None}
        for message in exchange.request.messages
    ]
    return msgspec.json.encode({"messages": messages, "answer": exchange.answer})
