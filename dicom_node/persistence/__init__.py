"""SQLAlchemy tables, the stores on top of them, and Alembic migrations."""
