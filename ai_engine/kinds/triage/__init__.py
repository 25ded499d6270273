"""Normal or abnormal first (paper 3)."""
