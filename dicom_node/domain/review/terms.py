"""Terms that a reader may name what no label of the model says: by typing, with their codes.

The findings of the labels that models here are trained on, and those of PS3.16: chest findings and
features (CID 6101, 6103 to 6106), and objects seen on chest images (CID 6138). The Standard's lists
use SNOMED CT and the Standard's own scheme DCM, and nothing of RadLex. What SNOMED CT has beyond
them needs a licence of one's own, so it is not here.
"""

from collections.abc import Mapping

from ai_engine.prediction import Code

_TERMS = (
    ("112063", "DCM", "Abnormal calcifications"),
    ("112004", "DCM", "Abnormal interstitial pattern"),
    ("112061", "DCM", "Abnormal lines (1D)"),
    ("112062", "DCM", "Abnormal lucency"),
    ("112033", "DCM", "Abnormal opacity"),
    ("112064", "DCM", "Abnormal texture"),
    ("112070", "DCM", "Air bronchiologram"),
    ("112071", "DCM", "Air bronchogram"),
    ("112072", "DCM", "Air crescent"),
    ("112104", "DCM", "Air-fluid level"),
    ("76171001", "SCT", "Air-trapping"),
    ("46621007", "SCT", "Atelectasis"),
    ("112066", "DCM", "Beaded septum sign"),
    ("86122002", "SCT", "Bullet"),
    ("14106009", "SCT", "Cardiac pacemaker"),
    ("360129009", "SCT", "Cardiac pacemaker lead"),
    ("8186001", "SCT", "Cardiomegaly"),
    ("19923001", "SCT", "Catheter"),
    ("112174", "DCM", "Central line"),
    ("112173", "DCM", "Chest tube"),
    ("308689002", "SCT", "Coin lesion"),
    ("112105", "DCM", "Corona radiata"),
    ("112119", "DCM", "Dependent opacity"),
    ("39839004", "SCT", "Diaphragmatic hernia"),
    ("26412008", "SCT", "Endotracheal tube"),
    ("cxr-enlarged-mediastinum", "99AINODE", "Enlarged cardiomediastinum"),
    ("25062003", "SCT", "Feeding tube"),
    ("51615001", "SCT", "Fibrosis of lung"),
    ("112171", "DCM", "Fiducial mark"),
    ("112107", "DCM", "Fleischner's line(s)"),
    ("125605004", "SCT", "Fracture of bone"),
    ("112128", "DCM", "Granular pattern"),
    ("112120", "DCM", "Ground glass opacity"),
    ("112073", "DCM", "Halo sign"),
    ("25510005", "SCT", "Heart valve prosthesis"),
    ("112106", "DCM", "Honeycomb pattern"),
    ("112108", "DCM", "Intralobular lines"),
    ("112109", "DCM", "Kerley A line"),
    ("112110", "DCM", "Kerley B line"),
    ("112111", "DCM", "Kerley C lines"),
    ("95436008", "SCT", "Lung consolidation"),
    ("cxr-lung-lesion", "99AINODE", "Lung lesion"),
    ("309529002", "SCT", "Lung mass"),
    ("cxr-lung-opacity", "99AINODE", "Lung opacity"),
    ("112122", "DCM", "Micronodule"),
    ("112129", "DCM", "Miliary pattern"),
    ("112130", "DCM", "Mosaic pattern"),
    ("79068005", "SCT", "Needle"),
    ("112067", "DCM", "Nodular pattern"),
    ("786838002", "SCT", "Nodule of lung"),
    ("cxr-pleural-other", "99AINODE", "Other pleural abnormality"),
    ("112112", "DCM", "Parenchymal band"),
    ("112123", "DCM", "Phantom tumor (pseudotumor)"),
    ("77444004", "SCT", "Pin"),
    ("40779009", "SCT", "Plate-like atelectasis"),
    ("60046008", "SCT", "Pleural effusion"),
    ("cxr-pleural-thickening", "99AINODE", "Pleural thickening"),
    ("16838000", "SCT", "Pneumomediastinum"),
    ("233604007", "SCT", "Pneumonia"),
    ("36118008", "SCT", "Pneumothorax"),
    ("112172", "DCM", "Portacath"),
    ("112059", "DCM", "Primary complex"),
    ("53350007", "SCT", "Prosthesis"),
    ("112068", "DCM", "Pseudoplaque"),
    ("19242006", "SCT", "Pulmonary edema"),
    ("59282003", "SCT", "Pulmonary embolism"),
    ("87433001", "SCT", "Pulmonary emphysema"),
    ("409609008", "SCT", "Radiologic infiltrate of lung"),
    ("112113", "DCM", "Reticular pattern"),
    ("112065", "DCM", "Reticulonodular pattern"),
    ("12402003", "SCT", "Scar tissue"),
    ("112114", "DCM", "Septal line(s)"),
    ("112069", "DCM", "Signet-ring sign"),
    ("112125", "DCM", "Small irregular opacities"),
    ("112126", "DCM", "Small rounded opacities"),
    ("56353002", "SCT", "Staple"),
    ("112115", "DCM", "Subpleural line"),
    ("cxr-support-devices", "99AINODE", "Support devices"),
    ("27065002", "SCT", "Suture"),
    ("48387007", "SCT", "Tracheotomy"),
    ("112116", "DCM", "Tramline shadow"),
    ("112127", "DCM", "Tree-in-bud sign"),
    ("112117", "DCM", "Tubular shadow"),
    ("257409000", "SCT", "Vena cava filter"),
)
TERMS: Mapping[str, Code] = {
    meaning.casefold(): Code(value=value, scheme=scheme, meaning=meaning)
    for value, scheme, meaning in _TERMS
}
"""The terms by their names without case, in alphabetical order."""


def term_of(words: str) -> Code | None:
    """Return the term that somebody's words are, alone or before a colon and more words."""
    named = words.partition(":")[0]
    return TERMS.get(" ".join(named.split()).rstrip(" .").casefold())
