"""Passwords that are guessed first: common words with a year behind them, runs of keys, repeats.

No list of leaked passwords, but rules over a few words: what guessing programs do with their lists,
done backwards.
"""

import re

# What people take where a password is asked for, in the languages of those who install this.
_TELLING = """
access admin administrator autumn baseball batman changeit changeme chest computer default demo
dicom doctor doktor dragon expert flower football freedom geheim guest hallo hello herbst home
hospital iloveyou images imaging install internet kennwort klinik clinic krankenhaus letmein login
love lovely master medical modality monkey mustang node operator orthanc pacs pass passwd passwort
password princess qwerty qwertz asdf azerty radiologe radiologie radiologist radiology reader root
schatz secret service shadow sommer spring start starwars summer sunshine super superman support
system temp temporary test tester testing trust user viewer welcome willkommen winter xray
"""
# They say nothing alone, and join others.
_JOINING = "the my our is this it me you with and der die das mein ist"
_JOINTS = frozenset(_JOINING.split())
_COMMON = _JOINTS.union(_TELLING.split())
_LONGEST = max(map(len, _COMMON))
_WRITTEN = str.maketrans("013457@$!|€", "oieastasile")
_RUNS = (
    "01234567890",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiop",
    "qwertzuiopü",
    "asdfghjklöä",
    "azertyuiop",
    "qsdfghjklm",
    "zxcvbnm",
    "yxcvbnm",
    "1qaz2wsx3edc4rfv5tgb",
    "1q2w3e4r5t6z7u8i9o0p",
    "1q2w3e4r5t6y7u8i9o0p",
)
_FEWEST_DIFFERENT = 5
_SHORTEST_RUN = 3


def weakness(password: str) -> str:
    """Return why a password is guessed soon; nothing where these rules find no reason."""
    lower = password.lower()
    if len(set(lower)) < _FEWEST_DIFFERENT:
        return f"it has fewer than {_FEWEST_DIFFERENT} different characters"
    if re.fullmatch(r"(.{1,8}?)\1+.?", lower):
        return "it repeats a few characters"
    if _is_made_of_runs(lower):
        return "it follows the alphabet or the keyboard"
    if _is_made_of_words(lower):
        return "it is made of words that are tried first"
    return ""


def _is_made_of_runs(lower: str) -> bool:
    """Whether nothing is left but a character or two when all runs of keys are taken away."""
    left = lower
    for run in (*_RUNS, *(each[::-1] for each in _RUNS)):
        for length in range(len(run), _SHORTEST_RUN - 1, -1):
            for start in range(len(run) - length + 1):
                left = left.replace(run[start : start + length], "")
    return len(left) * 5 <= len(lower)


def _is_made_of_words(lower: str) -> bool:
    """Whether it is common words, and otherwise digits and signs."""
    spellings = {lower, lower.translate(_WRITTEN)}
    core = lower.strip("0123456789!?.#*+-_ ")
    spellings |= {core, core.translate(_WRITTEN)}
    return any(_covered("".join(filter(str.isalpha, each))) for each in spellings)


def _covered(letters: str) -> bool:
    """Whether letters are common words one after the other, one of which says something."""
    reached: dict[int, bool] = {0: False}
    for end in range(1, len(letters) + 1):
        for start in range(max(0, end - _LONGEST), end):
            word = letters[start:end]
            if start in reached and word in _COMMON:
                says = reached[start] or word not in _JOINTS
                reached[end] = reached.get(end, False) or says
    return reached.get(len(letters), False)
