"""Fine-tuning from the Warehouse: cases, split, candidate, comparison.

Run by a command in a process of its own: it loads TensorFlow, which the node never does.
"""
