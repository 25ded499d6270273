"""An index of the SOP Classes in each study"""

from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_instance_attributes_classes",
        "instance_attributes",
        ["study_instance_uid", "sop_class_uid"],
    )


def downgrade() -> None:
    op.drop_index("ix_instance_attributes_classes", "instance_attributes")
