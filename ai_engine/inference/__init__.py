"""Running models: one Protocol, several back ends. None of them imports TensorFlow by itself."""
