"""A chest made of geometry: path lengths of tissue, air and bone along parallel X-rays.

Lengths are in centimetres. ``x`` runs to the right of the image (the patient's left), ``y`` down
from the top edge, ``z`` towards the patient's front.
"""
