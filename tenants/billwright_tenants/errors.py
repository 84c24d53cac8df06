"""Refusals of onboarding."""

from collections.abc import Sequence

from billwright.kernel.errors import ConflictError, InputInvalidError

SHOWN_MAX = 5


class BlueprintInvalidError(InputInvalidError):
    """A blueprint has problems; ``problems`` lists all of them, each with its path. 422."""

    code = "blueprint-invalid"

    def __init__(self, problems: Sequence[str]) -> None:
        shown = " ".join(problems[:SHOWN_MAX])
        more = f" And {len(problems) - SHOWN_MAX} more." if len(problems) > SHOWN_MAX else ""
        field = problems[0].partition(":")[0]
        super().__init__(
            f"The blueprint has {len(problems)} problem(s): {shown}{more}", field=field, problems=list(problems)
        )


class BlueprintConflictError(ConflictError):
    """The blueprint asks for a change that an existing tenant cannot make. 409."""

    code = "blueprint-conflict"
