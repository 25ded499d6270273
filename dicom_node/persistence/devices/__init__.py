"""Devices' calibrations, observations and shadow runs."""
