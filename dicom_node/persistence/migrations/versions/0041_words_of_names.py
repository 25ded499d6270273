"""Words of names and their sounds, by which fuzzy matching finds them"""

import sqlalchemy as sa
from alembic import op

from dicom_node.query.folding import GROUP_SUFFIXES, WORDS_SUFFIX, known_by

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

_NAMES = ("patient_name", "referring_physician_name")
_AT_ONCE = 1000


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _beside_others()
        return
    for name in _NAMES:
        words = sa.Column(name + WORDS_SUFFIX, sa.Text, nullable=False, server_default="")
        op.add_column("study_attributes", words)
    connection = op.get_bind()
    last = ""
    while found := _fill(connection, last):
        last = found


def _beside_others() -> None:
    """Do the same while other hosts read and write, holding no lock on the table for long."""
    columns = ", ".join(
        f"ADD COLUMN IF NOT EXISTS {name}{WORDS_SUFFIX} TEXT NOT NULL DEFAULT ''" for name in _NAMES
    )
    with op.get_context().autocommit_block():
        op.execute(f"ALTER TABLE study_attributes {columns}")
        engine = op.get_bind().engine
        last: str | None = ""
        while last is not None:
            with engine.begin() as connection:
                last = _fill(connection, last)


def _fill(connection: sa.Connection, after: str) -> str | None:
    """Write the words of some studies, by their UIDs, and return the last; None at the end.

    What searches compare must be what this version's code makes, so it is made by that code.
    """
    studies = sa.table(
        "study_attributes",
        sa.column("study_instance_uid"),
        *(sa.column(each) for name in _NAMES for each in _columns(name)),
    )
    update = (
        sa.update(studies)
        .where(studies.c.study_instance_uid == sa.bindparam("uid"))
        .values({name + WORDS_SUFFIX: sa.bindparam(f"{name}_known") for name in _NAMES})
    )
    rows = _after(connection, studies, after)
    if not rows:
        return None
    connection.execute(update, [_known(row) for row in rows])
    return str(rows[-1]["study_instance_uid"])


def downgrade() -> None:
    for name in _NAMES:
        op.drop_column("study_attributes", name + WORDS_SUFFIX)


def _columns(name: str) -> tuple[str, ...]:
    return tuple(name + suffix for suffix in (*GROUP_SUFFIXES, WORDS_SUFFIX))


def _after(connection: sa.Connection, studies: sa.TableClause, last: str) -> "list[sa.RowMapping]":
    order = studies.c.study_instance_uid
    some = sa.select(studies).where(order > last).order_by(order).limit(_AT_ONCE)
    return list(connection.execute(some.with_for_update()).mappings())


def _known(row: sa.RowMapping) -> dict[str, str]:
    return {
        "uid": row["study_instance_uid"],
        **{
            f"{name}_known": known_by("=".join(row[name + each] for each in GROUP_SUFFIXES))
            for name in _NAMES
        },
    }
