"""The operator's master key where a secret is sealed or opened."""

from dataclasses import dataclass
from uuid import UUID

from billwright.kernel.errors import SettingsInvalidError
from billwright.kernel.settings import Settings
from billwright.tenancy.secrets import open_sealed, seal


@dataclass(frozen=True, slots=True)
class Vault:
    """Seals and opens under a tenant's (or partner's) own key.

    Both raise ``SettingsInvalidError`` when the operator set no master key, or another one than at sealing.
    """

    master_key: str | None

    @classmethod
    def of(cls, settings: Settings) -> "Vault":
        return cls(settings.master_key)

    def seal(self, owner_id: UUID, text: str) -> str:
        return seal(self._key(), owner_id, text)

    def open(self, owner_id: UUID, sealed: str) -> str:
        return open_sealed(self._key(), owner_id, sealed)

    def _key(self) -> str:
        if self.master_key is None:
            raise SettingsInvalidError("Secrets need BILLWRIGHT_MASTER_KEY.", field="BILLWRIGHT_MASTER_KEY")
        return self.master_key
