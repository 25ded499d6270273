"""Readers for data sets to train and evaluate on."""
