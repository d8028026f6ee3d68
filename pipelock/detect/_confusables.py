# Written by scripts/confusables.py; do not edit. Data: Unicode confusables (UTS #39), Unicode License v3.
# ruff: noqa: RUF001 - look-alikes are what this table holds
# fmt: off
"""Characters of all scripts that a reader takes for a Latin letter or a digit (UTS #39)."""

from __future__ import annotations

__all__ = ["BY_SCRIPT"]

# For each script pairs of a Latin character and those that pass for it.
BY_SCRIPT: dict[str, tuple[str, ...]] = {
    "AHOM": (
        "v𑜆", "w𑜊𑜎𑜏",
    ),
    "ARABIC": (
        "V٧", "lا١", "oه٥ھہە",
    ),
    "ARMENIAN": (
        "OՕ", "SՏ", "UՍ", "fք", "gց", "hհ", "nոռ", "oօ", "qգզ", "uս", "wա",
    ),
    "BAMUM": (
        "2ꛯ", "Vꛟ",
    ),
    "BENGALI": (
        "8৪", "9৭", "O০",
    ),
    "CANADIAN": (
        "2ᒿ", "Aᗅ", "Bᗷ", "Dᗞᗪ", "Fᖴ", "Hᕼ", "Jᒍ", "Lᒪ", "Mᗰ", "Pᑭ", "Rᖇ", "Uᑌ", "Vᐯ", "bᑲᖯ", "dᑯ", "xᕁᕽ",
    ),
    "CARIAN": (
        "A𐊠", "B𐊡", "C𐊢", "F𐊥", "H𐋏", "M𐊰", "O𐊫", "T𐊱", "X𐊴", "Y𐊲",
    ),
    "CHEROKEE": (
        "4Ꮞ", "6Ꮾ", "AᎪ", "BᏴ", "CᏟ", "DᎠ", "EᎬ", "GᏀᏳ", "HᎻ", "JᎫ", "KᏦ", "LᏞ", "MᎷ", "PᏢ", "RᎡᏒ", "SᏕᏚ",
        "TᎢ", "VᏙ", "WᎳᏔ", "YᎩᎽ", "ZᏃ", "bᏏ", "cꮯ", "dᏧ", "hᏂ", "iᎥꭵ", "rꮁ", "sꮪ", "vꮩ", "wꮃ", "zꮓ",
    ),
    "COPTIC": (
        "2Ϩ", "3Ⳍ", "6Ⳓ", "9Ⳋ", "CⲤ", "HⲎ", "KⲔ", "LⳐ", "MⲘ", "NⲚ", "OⲞ", "PⲢ", "TⲦ", "XⲬ", "YⲨ", "Z𐋵", "cⲥ",
        "lⲒ", "oⲟ", "pⲣ", "rⲅ",
    ),
    "CYRILLIC": (
        "2Ꙅ", "3ЗӠ", "6б", "AА", "BВ", "CС", "EЕ", "GԌ", "HН", "JЈ", "KК", "MМ", "OО", "PР", "SЅ", "TТ", "VѴ",
        "WԜ", "XХ", "YУҮ", "aа", "bЬ", "cс", "dԁ", "eеҽ", "hһ", "iіӏꙇ", "jј", "lІӀ", "oо", "pр", "qԛ", "rг",
        "sѕ", "vѵ", "wѡԝ", "xх", "yуү",
    ),
    "DESERET": (
        "C𐐕", "L𐐛", "O𐐄", "S𐐠", "c𐐽", "o𐐬", "s𐑈",
    ),
    "DEVANAGARI": (
        "o०",
    ),
    "ELBASAN": (
        "C𐔜", "F𐔥", "K𐔘", "L𐔦", "N𐔓", "O𐔖", "V𐔝", "X𐔧",
    ),
    "ETHIOPIC": (
        "Oዐ", "Uሀ",
    ),
    "EXTENDED": (
        "V۷", "l۱", "o۵",
    ),
    "GEORGIAN": (
        "oჿ", "yყ",
    ),
    "GREEK": (
        "AΑ", "BΒ", "EΕ", "FϜ", "HΗ", "JͿ", "KΚ", "MΜϺ", "NΝ", "OΟ", "PΡ", "TΤ", "XΧ", "YΥ", "ZΖ", "aα", "iι",
        "jϳ", "lΙ", "oοσ", "pρ", "rᴦ", "uυ", "vν", "yγ",
    ),
    "GUJARATI": (
        "o૦",
    ),
    "GURMUKHI": (
        "8੪", "9੧", "o੦",
    ),
    "HEBREW": (
        "lון", "oס", "vט",
    ),
    "IDEOGRAPHIC": (
        "O〇",
    ),
    "KANNADA": (
        "o೦",
    ),
    "LAO": (
        "o໐",
    ),
    "LATIN": (
        "2ƧꝚ", "3ƷȜꝪꞫ", "5Ƽ", "8Ȣȣ", "9Ꝯ", "BꞴ", "FꞘ", "JꞲ", "RƦ", "XꞳ", "aɑ", "bƄ", "cᴄ", "eꬲ", "fẝꞙꬵ",
        "gƍɡᶃ", "iıɩɪ", "lƖǀ", "oᴏᴑꬽ", "rꭇꭈ", "sƽꜱ", "uʋᴜꞟꭎꭒ", "vᴠ", "wɯᴡ", "yɣʏᶌỿꭚ", "zᴢ",
    ),
    "LISU": (
        "Aꓮ", "Bꓐ", "Cꓚ", "Dꓓ", "Eꓰ", "Fꓝ", "Gꓖ", "Hꓧ", "Jꓙ", "Kꓗ", "Lꓡ", "Mꓟ", "Nꓠ", "Oꓳ", "Pꓑ", "Rꓣ", "Sꓢ",
        "Tꓔ", "Uꓴ", "Vꓦ", "Wꓪ", "Xꓫ", "Yꓬ", "Zꓜ", "dꓒ", "lꓲ",
    ),
    "LYCIAN": (
        "B𐊂", "E𐊆", "F𐊇", "O𐊒", "P𐊕", "S𐊖", "T𐊗", "X𐊐", "l𐊊",
    ),
    "MALAYALAM": (
        "9൭", "oഠ൦",
    ),
    "MENDE": (
        "8𞣋", "l𞣇",
    ),
    "MIAO": (
        "3𖼻", "A𖽀", "L𖼖", "R𖼵", "S𖼺", "T𖼊", "U𖽂", "V𖼈", "Y𖽃", "l𖼨",
    ),
    "MYANMAR": (
        "oဝ၀",
    ),
    "NKO": (
        "O߀", "lߊ",
    ),
    "OLD": (
        "8𐌚", "B𐌁", "C𐌂", "M𐌑", "T𐌕", "X𐌗𐌢", "l𐌉𐌠",
    ),
    "ORIYA": (
        "9୨", "Oଠ୦",
    ),
    "OSAGE": (
        "7𐓒", "O𐓂", "R𐒴", "U𐓎", "o𐓪", "u𐓶",
    ),
    "RUNIC": (
        "Kᛕ", "Mᛖ", "Xᚷ", "lᛁ",
    ),
    "SIGN": (
        "3𝈆", "7𝈒", "C🝌", "E⋿", "F𝈓", "L𝈪", "R𝈖", "T⊤⟙🝨", "U∪⋃", "V𝈍", "X᙭╳", "a⍺", "e℮", "i⍳", "l∣⏽", "p⍴",
        "v∨⋁", "x×⤫⤬⨯",
    ),
    "TAMIL": (
        "o௦",
    ),
    "TELUGU": (
        "o౦",
    ),
    "THAI": (
        "o๐",
    ),
    "TIFINAGH": (
        "Eⴹ", "Oⵔ", "Qⵕ", "Vⴸ", "Xⵝ", "lⵏ",
    ),
    "TIRHUTA": (
        "O𑓐",
    ),
    "WARANG": (
        "3𑣊", "4𑢯", "5𑢻", "6𑣕", "7𑣆", "9𑢬𑣌𑣖", "C𑣩𑣲", "E𑢦𑢮", "F𑢢𑣂", "L𑢣𑢲", "O𑢵𑣠", "T𑢼", "U𑢸", "V𑢠", "W𑣦𑣯", "X𑣬",
        "Y𑢤", "Z𑢩𑣥", "i𑣃", "o𑣈𑣗", "s𑣁", "u𑣘", "v𑣀", "y𑣜", "z𑣄",
    ),
}
