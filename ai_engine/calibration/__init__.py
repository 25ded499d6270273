"""Calibration of a model for one device (paper 1, section IV): thresholds and probabilities.

Cases with an expert's verdict go in, a frozen `DeviceCalibration` comes out. Nothing here reads a
database or runs a model.
"""
