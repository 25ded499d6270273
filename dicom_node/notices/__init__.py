"""Being told: what stands is compared with what each channel was told, and the difference sent."""
