"""Work on what nobody trusts, in processes that may die of it: warm workers, deadlines, limits.

Knows nothing of DICOM. What works in a worker (its *desk*) is made there, once, by a factory.
"""
