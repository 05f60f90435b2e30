# SPDX-License-Identifier: MIT
"""objdump's listing (Intel syntax) and the output of list.c, made comparable."""

import re
import subprocess

# In the order of enum insn_op.
OPS = ("other load load_zx load_sx cmov mov set xchg xadd cmpxchg imul add or adc sbb and sub xor cmp "
       "test not neg inc dec rol ror rcl rcr shl shr sal sar bt bts btr btc push pop flush movs cmps "
       "stos lods scas ins outs").split()
STRINGS = ("movs", "cmps", "stos", "lods", "scas", "ins", "outs")
SHIFTS = ("rol", "ror", "rcl", "rcr", "shl", "shr", "sal", "sar")
CONDITIONS = {name: number for number, names in enumerate(
    ("o", "no", "b nae c", "ae nb nc", "e z", "ne nz", "be na", "a nbe", "s", "ns", "p pe", "np po",
     "l nge", "ge nl", "le ng", "g nle")) for name in names.split()}
MACHINES = {16: "i8086", 32: "i386", 64: "x86-64,intel64"}  # not amd64: 66 before branches
SIZES = {"BYTE": 1, "WORD": 2, "DWORD": 4, "QWORD": 8}
SEGMENTS = ("es", "cs", "ss", "ds", "fs", "gs")
NO_REG = 255

LOW = "ax cx dx bx sp bp si di".split()
NAMES = {
    1: "al cl dl bl spl bpl sil dil".split() + [f"r{n}b" for n in range(8, 16)],
    2: LOW + [f"r{n}w" for n in range(8, 16)],
    4: ["e" + name for name in LOW] + [f"r{n}d" for n in range(8, 16)],
    8: ["r" + name for name in LOW] + [f"r{n}" for n in range(8, 16)],
}
HIGH = "ah ch dh bh".split()
REGISTERS = {name: number for names in NAMES.values() for number, name in enumerate(names)}
NO_INDEX = ("eiz", "riz")

PREFIX = r"(?:lock|repn?z|repn?e|rep|data16|data32|addr16|addr32|[c-gs]s|rex(?:\.[WRXB]+)?|bnd|" \
         r"notrack|xacquire|xrelease)"
ONLY_PREFIXES = re.compile(rf"{PREFIX}(?: {PREFIX})*$")
LEADING_PREFIXES = re.compile(rf"^(?:{PREFIX} )+")
LINE = re.compile(r"^ *([0-9a-f]+):\t([0-9a-f ]+?) *(?:\t(.*))?$", re.M)
MEMORY = re.compile(r"(?:(\w+) PTR )?(?:(%s):)?(?:\[(.*)\]|(0x[0-9a-f]+))$" % "|".join(SEGMENTS))


class Line:
    """One instruction as objdump sees it; one whose prefixes it lists apart has `split` set."""

    def __init__(self, at, hexadecimal, text):
        self.at, self.hex = at, hexadecimal.replace(" ", "")
        self.text = re.sub(r"\s*#.*", "", text or "").strip()
        self.text = re.sub(r"\s+", " ", self.text)
        self.split = bool(ONLY_PREFIXES.match(self.text))

    @property
    def length(self):
        return len(self.hex) // 2

    @property
    def bad(self):
        return "(bad)" in self.text

    def join(self, following):
        self.hex += following.hex
        self.text += " | " + following.text


class Decoded:
    """One line of list.c."""

    def __init__(self, text):
        numbers = [int(word) for word in text.split()] + [0] * 18
        (self.length, op, self.memory_size, self.operand_size, self.address_size, self.reg,
         self.reg_high, self.segment, self.base, self.index, self.scale, self.rip_relative,
         self.displacement, self.has_immediate, self.immediate, self.condition, self.rep,
         self.has_memory) = numbers[:18]
        self.op = OPS[op]

    def register(self):
        if self.reg_high:
            return HIGH[self.reg]
        size = self.memory_size if self.op in ("stos", "scas", "lods") else self.operand_size
        return NAMES[size][self.reg]


def disassemble(mode, path):
    run = subprocess.run(["objdump", "-D", "-w", "-b", "binary", "-m", "i386", "-M",
                          f"intel,{MACHINES[mode]}", path], capture_output=True, text=True,
                         check=True)
    lines = [Line(int(at, 16), code, text) for at, code, text in LINE.findall(run.stdout)]
    whole, at = [], 0
    while at < len(lines):
        line = lines[at]
        at += 1
        while line.split and at < len(lines) and lines[at - 1].split:
            line.join(lines[at])
            at += 1
        whole.append(line)
    return whole


# ---- one instruction --------------------------------------------------------------------------
def address_of(mode, inside, absolute):
    """(base, index, scale, rip_relative, displacement) of what stands in the brackets."""
    base = index = NO_REG
    scale, relative, displacement = 1, False, 0
    if absolute:
        return base, index, scale, relative, int(absolute, 16)
    for sign, word in re.findall(r"([+-]?)([^+-]+)", inside):
        name, _, factor = word.partition("*")
        if name in ("rip", "eip"):
            relative = True
        elif name in NO_INDEX:
            scale = int(factor or 1)
        elif name in REGISTERS:
            if factor or (mode == 16 or name in LOW) and base != NO_REG:
                index, scale = REGISTERS[name], int(factor or 1)
            else:
                base = REGISTERS[name]
        else:
            displacement = int(word, 16) * (-1 if sign == "-" else 1)
    return base, index, scale, relative, displacement


def memory_differs(mode, match, insn):
    size, segment, inside, absolute = match.groups()
    if size and insn.op != "flush" and SIZES.get(size) != insn.memory_size:
        return f"memory of {insn.memory_size} bytes"
    base, index, scale, relative, displacement = address_of(mode, inside, absolute)
    mask = (1 << 8 * insn.address_size) - 1
    if (base, index, relative) != (insn.base, insn.index, bool(insn.rip_relative)):
        return f"base {insn.base}, index {insn.index}, relative {insn.rip_relative}"
    if index != NO_REG and scale != insn.scale:
        return f"scale {insn.scale}"
    if (displacement ^ insn.displacement) & mask:
        return f"displacement {insn.displacement:#x}"
    if segment is None:
        segment = "ss" if base in (4, 5) else "ds"
    if (mode != 64 or segment in ("fs", "gs")) and segment != SEGMENTS[insn.segment]:
        return f"segment {SEGMENTS[insn.segment]}"
    return None


def other_differs(operand, insn):
    """The operand that is not memory: a register, an immediate."""
    if insn.op in SHIFTS and operand == "cl":
        return None if insn.reg == 1 and not insn.has_immediate else "count is not CL"
    if operand in NAMES[1] + NAMES[2] + NAMES[4] + NAMES[8] + HIGH:
        if insn.reg == NO_REG or insn.register() != operand:
            return f"register {insn.reg}, operand size {insn.operand_size}"
        return None
    counts = insn.op in SHIFTS or insn.op in ("bt", "bts", "btr", "btc")
    mask = 0xff if counts else (1 << 8 * insn.operand_size) - 1
    if not insn.has_immediate or (insn.immediate ^ int(operand, 16)) & mask:
        return f"immediate {insn.immediate:#x}"
    return None


def wanted_op(name, operands, memory_at):
    """The decoder's word for objdump's; None: it should not understand this one."""
    if name in STRINGS:
        return name
    if memory_at is None:
        return None
    if name in ("mov", "movabs", "movbe", "movnti"):
        other = operands[1 - memory_at]
        if other in (*SEGMENTS, "?"):
            return None
        return "mov" if memory_at == 0 else "load"
    if name in ("movzx", "movsx", "movsxd"):
        return "load_zx" if name == "movzx" else "load_sx"
    if name in ("clflush", "clflushopt", "clwb"):
        return "flush"
    if name.startswith("cmov") and name[4:] in CONDITIONS:
        return "cmov"
    if name.startswith("set") and name[3:] in CONDITIONS:
        return "set"
    if name == "imul" and len(operands) == 1:
        return None
    return name if name in OPS and name not in ("other", "flush") else None


def difference(mode, line, insn):
    """None, or what is different in the decoder's opinion."""
    if line.bad:
        return None  # whatever the decoder says: the processor gets there first
    if insn.length != line.length:
        return f"length {insn.length} not {line.length}" if insn.length else "refused"
    if line.split or "|" in line.text:
        return None
    text = LEADING_PREFIXES.sub("", line.text)
    name, _, rest = text.partition(" ")
    operands = re.split(r",(?![^\[]*\])", rest) if rest else []
    matches = [MEMORY.match(operand) for operand in operands]
    places = [n for n, match in enumerate(matches)
              if match and (match[3] is not None or match[2] is not None)]
    want = wanted_op(name, operands, places[0] if places else None)
    if want in ("sal", "shl") and insn.op in ("sal", "shl"):
        want = insn.op
    if insn.op != (want or "other"):
        return f"operation {insn.op}"
    if want is None:
        return None
    return details_differ(mode, insn, name, operands, matches, places)


def details_differ(mode, insn, name, operands, matches, places):
    if name in STRINGS:
        sizes = {SIZES[match[1]] for match in matches if match and match[1]}
        return None if sizes == {insn.memory_size} else f"elements of {insn.memory_size} bytes"
    condition = name[4:] if insn.op == "cmov" else name[3:] if insn.op == "set" else None
    if condition and CONDITIONS[condition] != insn.condition:
        return f"condition {insn.condition}"
    found = memory_differs(mode, matches[places[0]], insn)
    for number, operand in enumerate(operands):
        if not found and number not in places:
            found = other_differs(operand, insn)
    return found
