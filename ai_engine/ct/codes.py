"""The coded concepts of CT results (PS3.16 and SNOMED CT).

What no standard scheme has (the percentage of inhomogeneity, its grades, a type that wasn't
decided) stands in the node's own scheme.
"""

from ai_engine.prediction import Code

PRIVATE_SCHEME = "99AINODE"

LUNG = Code(value="39607008", scheme="SCT", meaning="Lung")
RIGHT_LUNG = Code(value="3341006", scheme="SCT", meaning="Right lung")
LEFT_LUNG = Code(value="44029006", scheme="SCT", meaning="Left lung")

VOLUME = Code(value="118565006", scheme="SCT", meaning="Volume")
MEAN_ATTENUATION = Code(value="112181", scheme="DCM", meaning="Mean Attenuation Coefficient")
HIGH_ATTENUATION_PERCENTAGE = Code(
    value="ct-haa", scheme=PRIVATE_SCHEME, meaning="High attenuation area (-600 to -250 HU)"
)

MILLILITRE = Code(value="ml", scheme="UCUM", meaning="milliliter")
PERCENT = Code(value="%", scheme="UCUM", meaning="percent")
HOUNSFIELD_UNIT = Code(value="[hnsf'U]", scheme="UCUM", meaning="Hounsfield unit")

GROUND_GLASS = Code(value="1217294009", scheme="SCT", meaning="Ground glass opacity")
CONSOLIDATION = Code(value="95436008", scheme="SCT", meaning="Lung consolidation")
NODULE = Code(value="786838002", scheme="SCT", meaning="Nodule of lung")
ATELECTASIS = Code(value="46621007", scheme="SCT", meaning="Atelectasis")
UNDECIDED = Code(
    value="ct-undecided", scheme=PRIVATE_SCHEME, meaning="Lung inhomogeneity, type not decided"
)
