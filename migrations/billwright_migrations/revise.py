"""``python -m billwright_migrations.revise control|tenant "what"``: a new revision from the tables' difference.

Needs DATABASE_OWNER_URL of an empty scratch database. For the tenant tree it also writes ``head.sql`` anew.
"""

import sys
from importlib.resources import files
from pathlib import Path
from uuid import uuid4

from alembic import command
from sqlalchemy import create_engine, text

from billwright.kernel.settings import read_settings
from billwright.tenancy.database import normalise_url
from billwright_migrations.run import config_for, tenant_script, upgrade_control


def write_head() -> None:
    Path(str(files("billwright_migrations.tenant").joinpath("head.sql"))).write_text(tenant_script(), encoding="utf-8")


def main(kind: str, message: str) -> None:
    url = read_settings().database_url
    if url is None:
        raise SystemExit("Set DATABASE_URL to an empty scratch database.")
    engine = create_engine(normalise_url(url))
    config = config_for(kind)
    if kind == "tenant":
        upgrade_control(engine)
    number = len(list(Path(config.get_main_option("script_location") or "").glob("versions/[0-9]*.py"))) + 1
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        if kind == "tenant":
            schema = f"t_{uuid4().hex}"
            config.attributes["schema"] = schema
            connection.execute(text(f'CREATE SCHEMA "{schema}"'))
        else:
            connection.execute(text("CREATE SCHEMA IF NOT EXISTS control"))
        command.upgrade(config, "head")
        command.revision(config, message, autogenerate=True, rev_id=f"{number:04d}")
        connection.rollback()
    if kind == "tenant":
        write_head()


if __name__ == "__main__":
    main(*sys.argv[1:3])
