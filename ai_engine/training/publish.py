def publish(*a): print(a[0].history, len(a[0].tensors))
