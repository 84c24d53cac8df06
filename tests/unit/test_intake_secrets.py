"""Secrets at rest open for their tenant and key alone."""

import pytest

from billwright.kernel.errors import SettingsInvalidError
from billwright.kernel.ids import new_id
from billwright.tenancy.secrets import open_sealed, seal

MASTER = "a-master-key-for-tests-of-48-characters-or-so-123"
TENANT = new_id()


def test_what_was_sealed_opens_and_looks_different_each_time() -> None:
    one, other = seal(MASTER, TENANT, "whsec_ü"), seal(MASTER, TENANT, "whsec_ü")
    assert one != other
    assert "whsec" not in one
    assert open_sealed(MASTER, TENANT, one) == open_sealed(MASTER, TENANT, other) == "whsec_ü"


@pytest.mark.parametrize("change", ["tenant", "master", "bit", "version", "short", "empty", "letters"])
def test_nothing_else_opens_it(change: str) -> None:
    sealed = seal(MASTER, TENANT, "secret")
    changed = {
        "bit": sealed[:-4] + ("A" if sealed[-4] != "A" else "B") + sealed[-3:],
        "version": f"2{sealed[1:]}",
        "short": sealed[:12],
        "empty": "",
        "letters": "1.???",
    }.get(change, sealed)
    with pytest.raises(SettingsInvalidError, match="BILLWRIGHT_MASTER_KEY"):
        open_sealed(
            "another" + MASTER if change == "master" else MASTER, new_id() if change == "tenant" else TENANT, changed
        )


def test_a_short_master_key_is_refused() -> None:
    with pytest.raises(SettingsInvalidError, match="32 characters"):
        seal("short", TENANT, "secret")
