"""Public weights of DenseNet-121 from elsewhere, brought into this engine's network and files."""
