"""The AI engine: models, preprocessing, inference, explanation, training and evaluation.

It knows pixels and models, and nothing of DICOM networking or databases.
"""
