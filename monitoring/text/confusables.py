"""The tables of `monitoring.text.disguises`: look-alikes, and words that show an encoding.

The look-alikes are the common ones of Unicode Technical Standard 39 for Latin letters.
Compatibility forms (full-width, mathematical, circled letters) need no entry, because normalisation
undoes them.
"""

from __future__ import annotations

__all__ = ["CONFUSABLES", "INVISIBLE", "LEET", "LOOKS", "REVERSED_WORDS", "ROT13_WORDS"]


def _pairs(looks: str, plain: str) -> dict[str, str]:
    return dict(zip(looks, plain, strict=True))


CONFUSABLES: dict[str, str] = (
    # Cyrillic
    _pairs("АВСЕНІЈКМОРЅТХУҮԚԜӀ", "ABCEHIJKMOPSTXYYQWI")
    | _pairs("авсԁеһіјӏкмпоргԛѕтхуүԝѵҽ", "abcdehijlkmnoprqstxyywve")
    # Greek
    | _pairs("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX")
    | _pairs("αεικνορτυχγωϳϲϱ", "aeikvoptuxywjcp")
    # Armenian, Hebrew and Cherokee letters that occur in look-alike domains
    | _pairs("ԼՍՕհոսցօզ", "LUOhnugoq")
    | _pairs("ᎪᏴᏟᎠᎬᎻᏆᎫᏦᏞᎷᏢᎡᏚᎢᏙᎳᏃ", "ABCDEHIJKLMPRSTVWZ")
    # Latin letters beyond ASCII that have no decomposition
    | _pairs("ɑɡıłøđħɩʋꜱƄƅɪɴʀʏʟʜɢᴀᴄᴅᴇᴊᴋᴍᴏᴘᴛᴜᴠᴡᴢ", "agilodhivsbbinrylhgacdejkmoptuvwz")
)

LOOKS: dict[str, str] = _pairs("‘’‚‛′“”„‟″‐‑‒–—―−⁄∕", "'''''\"\"\"\"\"-------//")

# Squared and regional-indicator letters, which normalisation does not change.
LOOKS |= {chr(first + i): chr(65 + i) for first in (0x1F170, 0x1F1E6) for i in range(26)}

# Invisible characters: soft hyphen, joiners, direction marks, fillers, variation selectors, tags.
INVISIBLE: frozenset[str] = frozenset(
    map(
        chr,
        (
            0x00AD,
            0x034F,
            0x061C,
            0x115F,
            0x1160,
            0x17B4,
            0x17B5,
            0x3164,
            0xFEFF,
            0xFFA0,
            *range(0x180B, 0x1810),
            *range(0x200B, 0x2010),
            *range(0x202A, 0x202F),
            *range(0x2060, 0x2070),
            *range(0xFE00, 0xFE10),
            *range(0xE0000, 0xE0080),
            *range(0xE0100, 0xE01F0),
        ),
    )
)

LEET: dict[str, str] = _pairs("0134579@$!8", "oieastgasib")

# Frequent words of requests, written backwards; none of them is itself a word.
REVERSED_WORDS: tuple[str, ...] = (
    "eht", "dna", "uoy", "ruoy", "lla", "siht", "taht", "htiw", "tahw", "morf", "evah", "rof", "erongi",
    "tegrof", "suoiverp", "snoitcurtsni", "noitcurtsni", "selur", "metsys", "tpmorp", "laever", "wohs", "llet",
    "evoba", "erofeb", "drowssap", "terces", "tnod", "ekam", "etirw",
)  # fmt: skip

# ROT13 of words that are frequent in requests; none of them is itself a word.
ROT13_WORDS: tuple[str, ...] = (
    "gur",
    "naq",
    "lbh",
    "lbhe",
    "nyy",
    "guvf",
    "gung",
    "jvgu",
    "jung",
    "sebz",
    "unir",
    "ubj",
    "abg",
    "zl",
    "zr",
    "gryy",
    "jevgr",
    "cyrnfr",
    "vtaber",
    "sbetrg",
    "erirny",
    "cerivbhf",
    "vafgehpgvbaf",
    "flfgrz",
    "cebzcg",
    "cnffjbeq",
    "frperg",
    "znxr",
    "tvir",
    "nobhg",
)
