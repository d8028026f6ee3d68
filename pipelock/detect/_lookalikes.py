# ruff: noqa: RUF001 - look-alikes are what this table holds
"""Letters of other scripts that a reader takes for Latin ones (UTS #39, Unicode confusables; our selection)."""

from __future__ import annotations

__all__ = ["LOOKALIKES"]

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

LOOKALIKES: dict[str, str] = {char: latin for latin, row in _ROWS.items() for char in row}
LOOKALIKES.update({chr(first + index): chr(0x61 + index) for first in _LETTER_BLOCKS for index in range(26)})
