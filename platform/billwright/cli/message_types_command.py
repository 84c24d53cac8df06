"""``billwright message-types``: the catalogue of messages that can be sent. Needs no database."""

import click
import msgspec

from billwright.extension.loading import available_connectors
from billwright.intake.catalogue import catalogue, markdown


@click.command("message-types")
@click.option("--json", "as_json", is_flag=True, help="With a JSON Schema for each version.")
@click.option("--markdown", "as_page", is_flag=True, help="As the page docs/message-types.md.")
def command(*, as_json: bool, as_page: bool) -> None:
    """List the types of messages, their versions and what changed."""
    types = catalogue(available_connectors())
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(types), indent=2).decode())
    elif as_page:
        click.echo(markdown(types), nl=False)
    else:
        for kind in types:
            click.echo(f"{kind.versions[-1].type:<34} {kind.read_by:<12} {kind.summary}")
