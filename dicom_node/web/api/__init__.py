"""The administration as a REST API: what the pages do, for programs."""
