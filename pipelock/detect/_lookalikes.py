# ruff: noqa: RUF001 - look-alikes are what this table holds
"""Letters of other scripts that a reader takes for Latin ones: Unicode's confusables (UTS #39), and our own additions.

Of scripts whose every letter carries meaning of its own for many readers (Arabic, Devanagari, Han…) a look-alike
counts only inside a word that has Latin letters as well: those are `IN_LATIN_WORDS`.
"""

from __future__ import annotations

from pipelock.detect._confusables import BY_SCRIPT

__all__ = ["IN_LATIN_WORDS", "LOOKALIKES"]

# For each Latin letter the characters that pass for it. Upper- and lower-case shapes share a row: matching ignores
# case anyway. Forms that NFKC folds (full-width, mathematical, circled, superscript) need no row.
_ROWS = {
    "a": "аАαΑɑᎪᴀɐӕ",
    "b": "ьЬВβΒᏴʙƄвҍ",
    "c": "сСϲϹᏟᴄⅽՇ",
    "d": "ԁԀᎠᴅđĐɗⅾժ",
    "e": "еЕεΕᎬᴇєЄɛҽɇ",
    "f": "ϜғҒꜰƒᎰք",
    "g": "ԍԌɡᏀɢցց",
    "h": "һНΗᎻʜհħĦнҺ",
    "i": "іІιΙᎥɪıӏⅰɩ",
    "j": "јЈϳᎫᴊյ",
    "k": "кКκΚᏦᴋҝқ",
    "l": "ⅼӀᏞʟłŁɭլ",
    "m": "мМΜᎷᴍⅿ",
    "n": "ηΝпПɴոռηñ",
    "o": "оОοΟσᴏօՕøØθӨᎾ",
    "p": "рРρΡᏢᴘƿ",
    "q": "ԛԚզգ",
    "r": "гᎡʀɼᴦГ",
    "s": "ѕЅᏚꜱʂՏ",
    "t": "тТτΤᎢᴛŧŦҭ",
    "u": "υμʋᴜսՍցυ",
    "v": "ѵѴνᏙᴠⅴ",
    "w": "ԝԜωᎳᴡшա",
    "x": "хХχΧⅹҳ",
    "y": "уУγΥʏүҮу",
    "z": "ᏃᴢʐΖ",
}
# Emoji letters: negative squared and circled, and the regional indicators that make flags.
_LETTER_BLOCKS = (0x1F130, 0x1F150, 0x1F170, 0x1F1E6)

# Scripts that are used beside or instead of Latin in disguises far more than for writing, or that look like it anyway.
_ALWAYS = frozenset({
    "AHOM", "ARMENIAN", "BAMUM", "CANADIAN", "CARIAN", "CHEROKEE", "COPTIC", "CYRILLIC", "DESERET", "ELBASAN", "GREEK",
    "LATIN", "LISU", "LYCIAN", "MIAO", "OLD", "OSAGE", "RUNIC", "TIFINAGH", "WARANG",
})  # fmt: skip

LOOKALIKES: dict[str, str] = {}
IN_LATIN_WORDS: dict[int, str] = {}
for _script, _cells in BY_SCRIPT.items():
    for _cell in _cells:
        for _char in _cell[1:]:
            if _script in _ALWAYS:
                LOOKALIKES[_char] = _cell[0].lower()
            else:
                IN_LATIN_WORDS[ord(_char)] = _cell[0]
LOOKALIKES.update({char: latin for latin, row in _ROWS.items() for char in row})
LOOKALIKES.update({chr(first + index): chr(0x61 + index) for first in _LETTER_BLOCKS for index in range(26)})
