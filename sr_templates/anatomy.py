"""Which body parts have a side (PS3.16 annex L), for Laterality (0020,0060)."""

# Laterality must not be sent for these and must (if only empty) for all others (PS3.3 C.7.3.1).
UNPAIRED_BODY_PARTS = frozenset(
    {
        *("ABDOMEN", "ABDOMENPELVIS", "AORTA", "BLADDER", "BRAIN", "CHEST", "CHESTABDOMEN"),
        *("CHESTABDPELVIS", "COCCYX", "COLON", "CSPINE", "CTSPINE", "ESOPHAGUS", "HEAD"),
        *("HEADNECK", "HEART", "JAW", "LIVER", "LSPINE", "LSSPINE", "MEDIASTINUM", "NECK"),
        *("NECKCHEST", "NECKCHESTABDOMEN", "NECKCHESTABDPELV", "NOSE", "PELVIS", "PROSTATE"),
        *("SKULL", "SPINE", "SSPINE", "STERNUM", "STOMACH", "TLSPINE", "TONGUE", "TRACHEA"),
        *("TSPINE", "UTERUS", "WHOLEBODY"),
    }
)
SIDES = frozenset({"L", "R", "U", "B"})
