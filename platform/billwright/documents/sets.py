"""Template sets: where they lie, their version, and the sandboxed Jinja that runs bundled and partner-written ones alike."""

from typing import Final

from jinja2 import FileSystemLoader, StrictUndefined, TemplateError
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from billwright.kernel.errors import InputInvalidError
from billwright_templates.versions import ROOT

INVOICE_SETS: Final = ("classic", "modern")
MAIL_SETS: Final = ("classic", "modern")
_FILTERS: Final = (
    "batch capitalize count d default e escape first groupby items join last length list lower map reject rejectattr "
    "replace reverse select selectattr slice sort title trim truncate unique upper wordcount"
)
FILTERS: Final = frozenset(_FILTERS.split())
GLOBALS: Final = frozenset({"range", "namespace"})
TEMPLATE_CHARS_MAX: Final = 200_000
PRINTED_CHARS_MAX: Final = 20_000_000


def environment(*, html: bool = True) -> ImmutableSandboxedEnvironment:
    """Jinja as templates get it: immutable sandbox, allow-listed filters, unknown names are errors, output escaped.

    ``safe`` is not among the filters: text from a customer can never become markup.
    """
    env = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(ROOT),
        autoescape=html,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters = {name: call for name, call in env.filters.items() if name in FILTERS}
    env.globals = {name: value for name, value in env.globals.items() if name in GLOBALS}
    return env


def check_set(name: str, known: tuple[str, ...] = INVOICE_SETS) -> str:
    """``name`` when it is a set that we ship.

    Raises:
        InputInvalidError: it is not; the sentence names those that are.
    """
    if name not in known:
        raise InputInvalidError(
            f"There is no template set {name!r}; choose one of {', '.join(known)}.", field="template_set"
        )
    return name


def fill(env: ImmutableSandboxedEnvironment, source: str, context: dict[str, object]) -> str:
    """A partner's template ``source`` filled with ``context``. It may extend or include the bundled templates.

    Raises:
        InputInvalidError: too long, malformed, uses what the sandbox forbids or a name that does not exist.
    """
    if len(source) > TEMPLATE_CHARS_MAX:
        raise refusal(f"The template has more than {TEMPLATE_CHARS_MAX} characters; move images into assets.")
    printed, size = [], 0
    try:
        for part in env.from_string(source).generate(context):
            size += len(part)
            if size > PRINTED_CHARS_MAX:
                raise refusal(
                    f"The template prints more than {PRINTED_CHARS_MAX} characters; look for a loop without end."
                )
            printed.append(part)
    except SecurityError as error:
        raise refusal(f"The template does what templates may not do: {error}.") from None
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        where = f" (line {line})" if line else ""
        raise refusal(f"The template is wrong{where}: {error.message}. See docs/documents.md for all fields.") from None
    except (
        TypeError,
        ValueError,
        ArithmeticError,
        LookupError,
        AttributeError,
        RecursionError,
        OverflowError,
    ) as error:
        raise refusal(f"The template cannot be filled: {error}.") from None
    return "".join(printed)


def refusal(detail: str) -> InputInvalidError:
    """A refusal that names the template as what to mend."""
    return InputInvalidError(detail, field="template")
