"""The pages of devices: how each is calibrated, and whether it drifts."""
