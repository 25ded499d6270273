"""Which regions of the body a header names, whatever word, language or code it says it in.

Body Part Examined (0018,0015) has defined terms (PS3.16 Annex L), but modalities write what their
protocols are called: TORAX, CHEST_TO_PELVIS, "Thorax PA/LAT". A word that is not known says
nothing; it is never taken for a contradiction.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType


class BodyRegion(StrEnum):
    """Regions of the body, in the words of Body Part Examined (PS3.16 Annex L)."""

    HEAD = "HEAD"
    NECK = "NECK"
    CHEST = "CHEST"
    ABDOMEN = "ABDOMEN"
    PELVIS = "PELVIS"
    SPINE = "SPINE"
    BREAST = "BREAST"
    SHOULDER = "SHOULDER"
    ARM = "ARM"
    ELBOW = "ELBOW"
    HAND = "HAND"
    HIP = "HIP"
    LEG = "LEG"
    KNEE = "KNEE"
    FOOT = "FOOT"
    EXTREMITY = "EXTREMITY"
    """A limb, not said which."""


LIMBS = frozenset(
    {
        *(BodyRegion.SHOULDER, BodyRegion.ARM, BodyRegion.ELBOW, BodyRegion.HAND),
        *(BodyRegion.HIP, BodyRegion.LEG, BodyRegion.KNEE, BodyRegion.FOOT),
    }
)
_TRUNK = (BodyRegion.NECK, BodyRegion.CHEST, BodyRegion.ABDOMEN, BodyRegion.PELVIS)
_WHOLE = (BodyRegion.HEAD, *_TRUNK)
# From the head down: "A to B" names what lies between, too.
_ORDER = (*_WHOLE, BodyRegion.LEG, BodyRegion.FOOT)

# Words by region: English, German, French, Spanish, Italian, Portuguese, Romanian, Polish, Turkish,
# Dutch, Russian, Belarusian, Kazakh, and for the chest some more. Without accents, as `_plain`
# writes them; stems end with "-".
_WORDS: Mapping[BodyRegion, str] = MappingProxyType(
    {
        BodyRegion.CHEST: (
            "chest thorax torax thoracic thoracique torace toracico toracic toracica "
            "thoraxes toraks gogus gogsu lung lungs pulmo pulmon pulmonar pulmonary "
            "pulmones pulmoni poumon poumons polmone polmoni plaman plamani pluca pluco "
            "pulmao pulmoes lunge lungen longen borstkas brustkorb brust poitrine pecho "
            "peito petto klatka piers klp cxr thx hrct mediastinum mediastin- heart cardiac "
            "herz coeur corazon cuore inima serce hart kalp ribs rib rippen sternum грудь "
            "груди грудная грудной грудина огк ргк огп легкие легких легкое легкого "
            "флюорограф- клетка грудна- кеуде окпе лёгк- легк- грудн- "
            "piersiow- thoraks thoraxrontgen thoraxaufnahme lungrontgen mellkasrontgen brystkasse "
            "akciger- plauciai krutines kruskurvis plausas rindkere kopsud prsni nguc phoi dada "
            "paru chestpa chestap chestlat pcxr chst гръден гръдн- θωραξ θωρακος θωρακα πνευμον- "
            "صدر الصدر חזה החזה "
            "hrudnik plice bryst brost lunger lungor rintakeha keuhkot mellkas grudni θωρακας"
        ),
        BodyRegion.HEAD: (
            "head skull brain cranium cranial cranio crane tete schadel kopf schaedel "
            "cabeza craneo testa cranio encephal- cerebr- cerveau hirn gehirn cerebro "
            "cervello creier glowa mozg- kafa beyin hoofd schedel hersen- sinus sinuses "
            "orbit orbits face facial jaw mandible maxilla teeth tooth dental ear iac nose "
            "nasal opg panorama- orthopantomogra- голова головы череп черепа мозг мозга галава миы"
        ),
        BodyRegion.NECK: (
            "neck hals cou cuello collo pescoco gat szyja boyun nek larynx pharynx thyroid "
            "carotid шея шеи шыя мойын"
        ),
        BodyRegion.ABDOMEN: (
            "abdomen abdominal abdo abd bauch abdomene addome addominal brzuch karin batin "
            "buik stomach liver hepar kidney kidneys renal urinary kub colon bowel spleen "
            "pancreas живот живота брюшн- брюха жывот іш ишки почк- печен-"
        ),
        BodyRegion.PELVIS: (
            "pelvis pelvic pelv becken bassin pelvien pelvi bacino pelvico bazin miednica "
            "pelvik bekken bladder prostate uterus sacrum sacral coccyx таз таза жамбас"
        ),
        BodyRegion.SPINE: (
            "spine spinal tspine cspine lspine vertebra vertebrae vertebral vertebral- "
            "wirbelsaule rachis colonne columna colonna coluna coloana kregoslup omurga "
            "wervelkolom hws bws lws whole-spine scoliosis позвоноч- позвонк- хребет омыртк-"
        ),
        BodyRegion.BREAST: ("breast breasts mamma mammo mammary mammograph- seno mama молочн-"),
        BodyRegion.SHOULDER: (
            "shoulder schulter epaule hombro spalla ombro umar bark omuz schouder scapula "
            "clavicle clavicula acjoint schulter- плечо плеча плечев- ключиц- "
            "лопатк- иык"
        ),
        BodyRegion.ARM: ("arm humerus forearm radius ulna antebraz- unterarm oberarm avambraz-"),
        BodyRegion.ELBOW: (
            "elbow ellbogen ellenbogen- coude codo gomito cotovelo lokiec dirsek локоть локтев-"
        ),
        BodyRegion.HAND: (
            "hand hands wrist finger fingers thumb mano mao mana reka handgelenk poignet "
            "muneca polso mittelhand лучезапястн- кисть кисти палец пальц- запяст-"
        ),
        BodyRegion.HIP: (
            "hip hips hufte huft- hanche cadera anca quadril biodro kalca heup тазобедрен-"
        ),
        BodyRegion.LEG: (
            "leg legs femur tibia fibula thigh calf lowerleg upperleg oberschenkel "
            "unterschenkel бедро бедра голен- нога"
        ),
        BodyRegion.KNEE: (
            "knee knees knie knie- genou rodilla ginocchio joelho genunchi diz patella колено "
            "колена коленн- тизе"
        ),
        BodyRegion.EXTREMITY: (
            "extremity extremities limb limbs extremitat extremidad extremite estremita "
            "extremitate конечност-"
        ),
        BodyRegion.FOOT: (
            "foot feet ankle toe toes heel calcaneus fuss pied pie piede picior stopa ayak "
            "voet fussgelenk vorfuss mittelfuss ruckfuss sprunggelenk- osg knochel "
            "cheville tobillo caviglia стопа стопы голеностоп- пяточн-"
        ),
    }
)
# Words that name several regions at once.
_COMPOUNDS: Mapping[str, tuple[BodyRegion, ...]] = MappingProxyType(
    {
        **dict.fromkeys(("wholebody", "body", "ganzkorper", "polytrauma", "panscan"), _WHOLE),
        **dict.fromkeys(("tap", "cap"), _TRUNK[1:]),
        "babygram": (BodyRegion.CHEST, BodyRegion.ABDOMEN),
        # The upper arm, and in everyday words the shoulder.
        **dict.fromkeys(("плечо", "плечевая"), (BodyRegion.SHOULDER, BodyRegion.ARM)),
        **dict.fromkeys(("ncap", "ntap", "trunk", "torso"), _TRUNK),
    }
)
# Of scripts that leave no spaces between words: Chinese and Japanese, Korean, Thai.
_UNSPACED: Mapping[BodyRegion, str] = MappingProxyType(
    {
        BodyRegion.CHEST: "胸 肺 肋骨 心脏 心臓 흉부 가슴 폐 ทรวงอก ปอด",
        BodyRegion.HEAD: "头部 頭部 头颅 頭蓋 두부 두개골",
        BodyRegion.ABDOMEN: "腹部 복부",
        BodyRegion.PELVIS: "骨盆 骨盤 골반",
        BodyRegion.SPINE: "颈椎 頸椎 頚椎 胸椎 腰椎 脊柱 脊椎 경추 흉추 요추 척추",
        BodyRegion.SHOULDER: "肩 어깨",
        BodyRegion.ELBOW: "肘 팔꿈치",
        BodyRegion.HAND: "手部 手指 左手 右手 手腕 腕关节 手関節 손목 수부",
        BodyRegion.HIP: "髋 股関節 고관절",
        BodyRegion.KNEE: "膝 무릎",
        BodyRegion.FOOT: "足部 左足 右足 足趾 足関節 踝 발목 족부",
        BodyRegion.BREAST: "乳腺 乳房 유방",
    }
)
# Beside a word for the spine these say which part of it, not which region.
_OF_THE_SPINE = frozenset(BodyRegion) - {BodyRegion.SPINE}

_SCT: Mapping[str, tuple[BodyRegion, ...]] = MappingProxyType(
    {
        "816094009": (BodyRegion.CHEST,),  # Chest
        "51185008": (BodyRegion.CHEST,),  # Thoracic structure
        "39607008": (BodyRegion.CHEST,),  # Lung
        "78904004": (BodyRegion.CHEST,),  # Chest wall
        "80891009": (BodyRegion.CHEST,),  # Heart
        "113197003": (BodyRegion.CHEST,),  # Rib
        "56873002": (BodyRegion.CHEST,),  # Sternum
        "417437006": (BodyRegion.NECK, BodyRegion.CHEST),
        "416319003": _TRUNK,
        "416152001": (BodyRegion.NECK, BodyRegion.CHEST, BodyRegion.ABDOMEN),
        "416775004": (BodyRegion.CHEST, BodyRegion.ABDOMEN, BodyRegion.PELVIS),
        "416550000": (BodyRegion.CHEST, BodyRegion.ABDOMEN),
        "38266002": _WHOLE,  # Entire body
        "69536005": (BodyRegion.HEAD,),
        "774007": (BodyRegion.HEAD, BodyRegion.NECK),
        "45048000": (BodyRegion.NECK,),
        "818981001": (BodyRegion.ABDOMEN,),
        "818982008": (BodyRegion.ABDOMEN, BodyRegion.PELVIS),
        "12921003": (BodyRegion.PELVIS,),
        "421060004": (BodyRegion.SPINE,),  # Spine
        "122494005": (BodyRegion.SPINE,),  # Cervical spine
        "122495006": (BodyRegion.SPINE,),  # Thoracic spine
        "122496007": (BodyRegion.SPINE,),  # Lumbar spine
        "85562004": (BodyRegion.HAND,),
        "8205005": (BodyRegion.HAND,),  # Wrist
        "53120007": (BodyRegion.EXTREMITY,),  # Upper limb
        "40983000": (BodyRegion.ARM,),
        "14975008": (BodyRegion.ARM,),  # Forearm
        "51299004": (BodyRegion.SHOULDER,),  # Clavicle
        "16982005": (BodyRegion.SHOULDER,),
        "79601000": (BodyRegion.SHOULDER,),  # Scapula
        "85050009": (BodyRegion.ARM,),  # Humerus
        "16953009": (BodyRegion.ELBOW,),  # Elbow joint
        "74670003": (BodyRegion.HAND,),  # Wrist joint
        "7569003": (BodyRegion.HAND,),  # Finger
        "76505004": (BodyRegion.HAND,),  # Thumb
        "24136001": (BodyRegion.HIP,),  # Hip joint
        "344001": (BodyRegion.FOOT,),  # Ankle
        "70258002": (BodyRegion.FOOT,),  # Ankle joint
        "29707007": (BodyRegion.FOOT,),  # Toe
        "80144004": (BodyRegion.FOOT,),  # Calcaneus
        "76752008": (BodyRegion.BREAST,),
        "661005": (BodyRegion.HEAD,),  # Jaw region
        "29836001": (BodyRegion.HIP,),
        "71341001": (BodyRegion.LEG,),  # Femur
        "61685007": (BodyRegion.EXTREMITY,),  # Lower limb
        "72696002": (BodyRegion.KNEE,),
        "56459004": (BodyRegion.FOOT,),
    }
)
# The same concepts in SNOMED-RT, as older systems write them (PS3.16 Annex O).
_SRT: Mapping[str, str] = MappingProxyType(
    {
        "T-D3000": "51185008",
        "T-28000": "39607008",
        "T-D3050": "78904004",
        "T-32000": "80891009",
        "T-11300": "113197003",
        "T-11210": "56873002",
        "R-FAB52": "417437006",
        "R-FAB54": "416319003",
        "R-FAB53": "416152001",
        "R-FAB56": "416775004",
        "R-FAB55": "416550000",
        "T-D0010": "38266002",
        "T-D1100": "69536005",
        "T-D1000": "774007",
        "T-D1600": "45048000",
        "T-D4000": "818981001",
        "T-D6000": "12921003",
        "T-D04FF": "421060004",
        "T-11501": "122494005",
        "T-11502": "122495006",
        "T-11503": "122496007",
        "T-D8700": "85562004",
        "T-D8600": "8205005",
        "T-D8000": "53120007",
        "T-D8200": "40983000",
        "T-D8500": "14975008",
        "T-12310": "51299004",
        "T-D2500": "29836001",
        "T-12710": "71341001",
        "T-D9000": "61685007",
        "T-D9200": "72696002",
        "T-D9700": "56459004",
    }
)
_LETTERS = str.maketrans({"ł": "l", "ı": "i", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe"})
_LONGEST = 256
_SHORTEST_JOINED = 3


def regions_named(text: str | None) -> frozenset[BodyRegion]:
    """Return the regions that free text names; none where it names none that is known.

    Case, accents, separators and language don't matter; words may be run together, as in
    CHESTABDPELVIS, and "A to B" includes what lies between.
    """
    plain = _plain((text or "")[:_LONGEST])
    words = re.findall(r"[^\W\d_]+", plain)
    named = [_of_word(word) for word in words]
    found = frozenset(_IDEOGRAMS[each] for each in _IDEOGRAM.findall(plain)).union(*named)
    if BodyRegion.SPINE in found:
        return found - _OF_THE_SPINE
    if any(word in {"to", "bis", "a", "do", "до"} for word in words[1:-1]):
        found |= _between(found)
    return found


def regions_coded(value: str, scheme: str, meaning: str = "") -> frozenset[BodyRegion]:
    """Return the regions of an Anatomic Region code (CID 4, CID 4031), or of its meaning."""
    code = value.strip().upper()
    if scheme.strip().upper() in {"SRT", "SNM3", "99SDM"}:
        code = _SRT.get(code, "")
    return frozenset(_SCT.get(code, ())) or regions_named(meaning)


def may_agree(one: frozenset[BodyRegion], other: frozenset[BodyRegion]) -> bool:
    """Whether two that name regions may mean one: a limb may be any, and a pelvis shows hips."""
    return bool(one & other or _wider(one) & other or one & _wider(other))


def _wider(regions: frozenset[BodyRegion]) -> frozenset[BodyRegion]:
    of_limbs = {BodyRegion.EXTREMITY} if regions & LIMBS else set[BodyRegion]()
    of_hips = {BodyRegion.PELVIS} if BodyRegion.HIP in regions else set[BodyRegion]()
    return frozenset(of_limbs | of_hips)


def _plain(text: str) -> str:
    """Lower case without accents, those included that Unicode takes for part of a letter."""
    apart = unicodedata.normalize("NFKD", text.casefold()).translate(_LETTERS)
    return "".join(each for each in apart if not unicodedata.combining(each))


def _of_word(word: str) -> frozenset[BodyRegion]:
    if (found := _known(word)) is not None:
        return found
    return frozenset[BodyRegion]().union(*(_known(each) or () for each in _joined(word)))


def _known(word: str) -> frozenset[BodyRegion] | None:
    if found := _WHOLE_WORDS.get(word):
        return found
    for stem, region in _STEMS:
        if word.startswith(stem):
            return frozenset({region})
    return None


def _joined(word: str) -> list[str]:
    """Take a word that is several run together apart, the longest known one first."""
    for end in range(len(word) - 1, _SHORTEST_JOINED - 1, -1):
        head, tail = word[:end], word[end:]
        if head not in _WHOLE_WORDS:
            continue
        if tail in _WHOLE_WORDS:
            return [head, tail]
        tail = tail.removeprefix("to") if tail.startswith("to") and len(tail) > 4 else tail
        rest = [tail] if tail in _WHOLE_WORDS else _joined(tail)
        if rest:
            return [head, *rest]
    return []


def _between(found: Iterable[BodyRegion]) -> frozenset[BodyRegion]:
    places = sorted(_ORDER.index(each) for each in found if each in _ORDER)
    return frozenset(_ORDER[places[0] : places[-1] + 1]) if places else frozenset()


def _words() -> Iterator[tuple[str, BodyRegion]]:
    for region, words in _WORDS.items():
        for word in words.split():
            yield _plain(word), region


_WHOLE_WORDS: Mapping[str, frozenset[BodyRegion]] = MappingProxyType(
    {
        **{word: frozenset({region}) for word, region in _words() if not word.endswith("-")},
        **{word: frozenset(regions) for word, regions in _COMPOUNDS.items()},
    }
)
_STEMS = tuple((word[:-1], region) for word, region in _words() if word.endswith("-"))
_IDEOGRAMS: Mapping[str, BodyRegion] = MappingProxyType(
    {_plain(word): region for region, words in _UNSPACED.items() for word in words.split()}
)
# The longest first: of the thoracic spine, the first is the chest's.
_IDEOGRAM = re.compile("|".join(sorted(_IDEOGRAMS, key=len, reverse=True)))
