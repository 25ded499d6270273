"""The audit trail (PS3.15 Section A.5): what is recorded, the chain on disk, the way to syslog."""
