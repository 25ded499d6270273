"""Calibration, drift and shadow runs of each device."""
