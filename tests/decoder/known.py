# SPDX-License-Identifier: MIT
"""Where the decoder and objdump differ, and why neither needs to be changed."""

import re

ALL = (16, 32, 64)
PREFIX = r"(?:26|2e|36|3e|64|65|66|67|f0|f2|f3|4[0-9a-f])"  # 40..4F: only 64-bit lines get here
REFUSED = None  # in place of objdump's text: the decoder has refused it

# (modes, pattern of the bytes in hex, pattern of objdump's text, reason)
KNOWN = (
    (ALL, rf"{PREFIX}*9b", "", "FWAIT is an instruction of its own; objdump joins the next to it"),
    (ALL, rf"{PREFIX}*(?:66|f0|f2|f3|4[0-9a-f]){PREFIX}*(?:c4|c5|62)", REFUSED,
     "VEX and EVEX after 66, F0, F2, F3 or REX are undefined"),
    ((64,), rf"{PREFIX}*d5", REFUSED, "REX2 is of APX, which no guest has: XCR0 does not let it"),
    ((64,), rf"{PREFIX}*4[0-9a-f]{PREFIX}", r"\|",
     "a REX before a prefix is ignored; objdump forgets the prefixes before it, too"),
    ((64,), rf"{PREFIX}*66{PREFIX}*4[89a-f]63", r"movsxd",
     "66 means nothing beside REX.W; objdump has it read 16 bits"),
    (ALL, rf"{PREFIX}*8f", r"^(?:\S+ )*[vbl]\w+", "XOP, which only some AMD processors had"),
    (ALL, rf"{PREFIX}*0f0[ef]", "", "3DNow!, which only some AMD processors had"),
    (ALL, rf"{PREFIX}*0f2[4-7]", r"\btr[0-7]", "test registers, which ended with the 486"),
    (ALL, rf"{PREFIX}*0fa[67]", "", "VIA's PadLock"),
    (ALL, rf"{PREFIX}*0f(?:04|0a|0c|36|39|3[b-f]|7[ab])", "", "not in the manual's opcode map"),
)


def reason(mode, line, insn):
    """The reason, or None."""
    for modes, code, text, why in KNOWN:
        fits = insn.length == 0 if text is REFUSED else re.search(text, line.text)
        if mode in modes and fits and re.match(code, line.hex):
            return why
    return None
