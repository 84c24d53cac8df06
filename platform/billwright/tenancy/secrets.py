"""Secrets at rest: AES-256-GCM under a key of the tenant's own, derived from the operator's master key.

Form: ``<key version>.<base64url of nonce and ciphertext>``. A sealed text of one tenant opens for no other, and a change
of a single bit is noticed. Source: NIST SP 800-38D (GCM), RFC 5869 (HKDF).
"""

import base64
import binascii
import os
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from billwright.kernel.errors import SettingsInvalidError

VERSION: Final = "1"
MASTER_KEY_CHARS_MIN: Final = 32
_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32


def seal(master_key: str, tenant_id: UUID, plaintext: str) -> str:
    """``plaintext`` for storage; the same text gives another result each time.

    Raises:
        SettingsInvalidError: the master key is too short to protect anything.
    """
    nonce = os.urandom(_NONCE_BYTES)
    sealed = _cipher(master_key, tenant_id, VERSION).encrypt(nonce, plaintext.encode(), _bound_to(tenant_id))
    return f"{VERSION}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"


def open_sealed(master_key: str, tenant_id: UUID, sealed: str) -> str:
    """The text that ``seal`` was given.

    Raises:
        SettingsInvalidError: another master key, another tenant, an unknown key version, or a damaged text.
    """
    version, _, body = sealed.partition(".")
    try:
        raw = base64.b64decode(body, altchars=b"-_", validate=True)
        if version != VERSION:
            raise ValueError(version)
        cipher = _cipher(master_key, tenant_id, version)
        return cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _bound_to(tenant_id)).decode()
    except (ValueError, binascii.Error, InvalidTag):
        raise SettingsInvalidError(
            "A stored secret cannot be opened: check BILLWRIGHT_MASTER_KEY, or enter the secret anew.",
            field="BILLWRIGHT_MASTER_KEY",
        ) from None


def _cipher(master_key: str, tenant_id: UUID, version: str) -> AESGCM:
    if len(master_key) < MASTER_KEY_CHARS_MIN:
        raise SettingsInvalidError(
            f"BILLWRIGHT_MASTER_KEY must have at least {MASTER_KEY_CHARS_MIN} characters; make one with "
            "`openssl rand -base64 48`.",
            field="BILLWRIGHT_MASTER_KEY",
        )
    info = f"billwright tenant secrets {version}".encode()
    derived = HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=tenant_id.bytes, info=info).derive(master_key.encode())
    return AESGCM(derived)


def _bound_to(tenant_id: UUID) -> bytes:
    return b"tenant:" + tenant_id.bytes
