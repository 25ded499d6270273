"""Lung inhomogeneity on chest CT (paper 5): volumes, lungs, measurement, patterns, explanation.

The way through is ``analysis.analyse_ct``: slices, `CtVolume`, `LungMasks`, inhomogeneity mask,
`CtAnalysis`. Whatever can't be measured rightly is refused with a `CtRefusedError`.
"""
