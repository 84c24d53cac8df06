"""What each role may do: permissions are ``object:verb``, roles are sets, toxic pairs are refused.

A role holds in one tenant (or at one partner) only. Nothing here knows who has which role.
"""

from collections.abc import Iterable
from typing import Final

from billwright.identity.errors import RoleUnknownError, SegregationOfDutiesError

_READS: Final = frozenset(
    "message:read customer:read project:read contract:read item:read invoice:read exception:read receivable:read "
    "mailbox:read configuration:read connection:read job:read report:read".split()
)
_OWN_TOKENS: Final = frozenset({"token:write"})


def _may(words: str, *more: frozenset[str]) -> frozenset[str]:
    return frozenset(words.split()).union(*more)


TENANT_ROLES: Final[dict[str, frozenset[str]]] = {
    "project_operations": _may("message:write message:correct exception:mend waiver:request", _READS, _OWN_TOKENS),
    "contract_administrator": _may(
        "message:write message:correct message:decide contract:write item:adjust exception:mend exception:assign waiver:request",
        _READS,
        _OWN_TOKENS,
    ),
    "billing_clerk": _may(
        "message:write message:retry message:correct message:decide item:hold item:adjust invoice:write invoice:submit "
        "invoice:issue exception:mend exception:assign posting:retry delivery:retry payment:write dispute:write waiver:request",
        _READS,
        _OWN_TOKENS,
    ),
    "manager_approver": _may("invoice:approve_manager invoice:return waiver:decide", _READS, _OWN_TOKENS),
    "finance_approver": _may(
        "invoice:approve_finance invoice:return invoice:issue waiver:decide receivable:write_off", _READS, _OWN_TOKENS
    ),
    "collector": _may("payment:write dispute:write promise:write reminder:send", _READS, _OWN_TOKENS),
    "integration_administrator": _may(
        "message:write message:retry message:correct message:decide message:replay connection:write posting:retry "
        "delivery:retry payment:write job:retry",
        _READS,
        _OWN_TOKENS,
    ),
    "auditor": _may("audit:read user:read grant:read", _READS),
    "tenant_administrator": _may(
        "configuration:write connection:write user:read user:write grant:read grant:write audit:read job:retry",
        _READS,
        _OWN_TOKENS,
    ),
}

PARTNER_ROLES: Final[dict[str, frozenset[str]]] = {
    "owner": _may(
        "partner:read partner:write tenant:read tenant:create tenant:suspend tenant:enter user:read user:write "
        "grant:read grant:write token:write audit:read health:read metering:read job:read job:retry"
    ),
    "administrator": _may(
        "partner:read tenant:read tenant:create tenant:suspend tenant:enter user:read user:write grant:read grant:write "
        "token:write audit:read health:read metering:read job:read job:retry"
    ),
    "operator": _may("partner:read tenant:read tenant:enter grant:read token:write health:read job:read job:retry"),
    "support": _may("partner:read tenant:read tenant:enter grant:read health:read job:read"),
    "billing": _may("partner:read tenant:read metering:read"),
}

ALL_PERMISSIONS: Final = frozenset().union(*TENANT_ROLES.values(), *PARTNER_ROLES.values())
APPROVING: Final = frozenset({"invoice:approve_manager", "invoice:approve_finance", "waiver:decide"})
"""What takes a person of the firm; automation, operators and tokens of nobody never have it."""
GRANTABLE_ROLES: Final = frozenset(TENANT_ROLES) - {"tenant_administrator"}
"""What partner staff may be for a while; an administrator could make users that outlive the grant."""

_MAKING: Final = frozenset(
    {"message:write", "message:correct", "message:decide", "contract:write", "invoice:write", "invoice:submit"}
)
_CONFIGURING: Final = frozenset({"configuration:write", "connection:write", "user:write"})
TOXIC_PAIRS: Final = (
    ("make what is billed", _MAKING, "approve it", APPROVING),
    ("configure rules", _CONFIGURING, "approve what they let through", APPROVING),
    ("ask to let a finding pass", frozenset({"waiver:request"}), "decide about it", frozenset({"waiver:decide"})),
    ("record a payment", frozenset({"payment:write"}), "write off", frozenset({"receivable:write_off"})),
)


def check_permissions(permissions: frozenset[str]) -> None:
    """Refuse a set in which one person could do and cover up.

    Raises:
        SegregationOfDutiesError: the sentence names the pair.
    """
    for one, ones, other, others in TOXIC_PAIRS:
        if permissions & ones and permissions & others:
            raise SegregationOfDutiesError(
                f"Nobody may both {one} and {other}: give one of the roles to somebody else.",
                permissions=sorted(permissions & (ones | others)),
            )


def tenant_permissions(roles: Iterable[str]) -> frozenset[str]:
    """What ``roles`` may do in a tenant.

    Raises:
        RoleUnknownError: there is no such role.
        SegregationOfDutiesError: together they make a toxic pair.
    """
    permissions = frozenset().union(*(_role(TENANT_ROLES, role) for role in roles))
    check_permissions(permissions)
    return permissions


def partner_permissions(roles: Iterable[str]) -> frozenset[str]:
    """What ``roles`` may do at a partner; nothing inside a tenant.

    Raises:
        RoleUnknownError: there is no such role.
    """
    return frozenset().union(*(_role(PARTNER_ROLES, role) for role in roles))


def _role(roles: dict[str, frozenset[str]], name: str) -> frozenset[str]:
    if name not in roles:
        raise RoleUnknownError(f"There is no role {name!r}; use one of: {', '.join(roles)}.", field="role")
    return roles[name]
